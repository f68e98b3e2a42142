"""The package as a whole: what importing costs, what is public, what is shipped."""

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import skdeepcluster
from skdeepcluster._discovery import (
    all_displays,
    all_estimators,
    all_functions,
    all_graphs,
    all_views,
)

ROOT = Path(__file__).parents[1]


def run_python(code, **kwargs):
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, **kwargs
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def imported_by(module):
    code = f"import sys, {module}; print(*sys.modules)"
    return set(run_python(code).split())


def test_importing_the_package_imports_nothing_heavy():
    imported = imported_by("skdeepcluster")
    ours = {name for name in imported if name.startswith("skdeepcluster.")}
    assert ours == {"skdeepcluster._moved"}
    assert imported.isdisjoint({"torch", "sklearn", "scipy", "numpy", "matplotlib"})


@pytest.mark.parametrize("module", ["metrics", "displays"])
def test_what_does_not_train_does_not_import_torch(module):
    assert "torch" not in imported_by(f"skdeepcluster.{module}")


WITHOUT_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoTorch())
"""


def test_classical_methods_work_without_torch_and_deep_ones_say_what_they_need():
    code = (
        WITHOUT_TORCH
        + """
import numpy as np
import skdeepcluster
from skdeepcluster import HDBSCAN, KMedoids, NeighborClusterer, suggest
X = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0, 0], [9, 9]], 30, axis=0)
for model in (HDBSCAN(), KMedoids(2), NeighborClusterer(2)):
    assert len(set(model.fit_predict(X))) >= 2
assert len(suggest(X, n_clusters=2)) == 3
loaded, refused = [], []
for name in skdeepcluster.__all__:
    try:
        getattr(skdeepcluster, name)
        loaded.append(name)
    except ImportError as error:
        assert "pip install torch" in str(error) and name in str(error)
        refused.append(name)
try:
    from skdeepcluster.autoencoder import DEC
except ImportError as error:
    print("DEC" in str(error) and "PyTorch" in str(error))
print(*loaded)
print(*refused)
"""
    )
    family, loaded, refused = run_python(code).splitlines()
    assert family == "True"
    classical = {"CLARA", "ConstrainedKMeans", "GraphDegreeLinkage", "Leiden", "PPP", "report"}
    assert classical <= set(loaded.split())
    assert {"DEC", "SwAV", "SCAN"} <= set(refused.split())


def test_editors_learn_every_public_name_from_the_stub():
    path = ROOT / "tools" / "write_stubs.py"
    spec = importlib.util.spec_from_file_location("write_stubs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.STUB.read_text() == module.stub(), "run: python tools/write_stubs.py"
    tree = ast.parse(module.stub())
    names = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom)
             for alias in node.names}  # fmt: skip
    assert names == set(skdeepcluster.__all__)


def test_help_begins_with_where_to_begin_and_lists_every_method():
    doc = skdeepcluster.__doc__
    assert len(doc.splitlines()) < 40
    for names in skdeepcluster._FILES.values():
        assert all(re.search(rf"\b{name}\b", doc) for name in names)


def test_every_public_name_resolves():
    assert dir(skdeepcluster) == skdeepcluster.__all__
    for name in skdeepcluster.__all__:
        assert getattr(skdeepcluster, name) is not None
    with pytest.raises(AttributeError, match="KMedians"):
        skdeepcluster.KMedians  # noqa: B018


def test_public_objects_live_in_the_file_that_lists_them():
    for file, names in skdeepcluster._FILES.items():
        for name in names:
            assert getattr(skdeepcluster, name).__module__ == f"skdeepcluster.{file}"


@pytest.mark.parametrize("family", skdeepcluster._METHODS)
def test_families_are_lazy_and_offer_their_names(family):
    assert "torch" not in imported_by(f"skdeepcluster.{family}")
    module = importlib.import_module(f"skdeepcluster.{family}")
    assert module.__all__ == sorted(
        name for n in skdeepcluster._METHODS[family].values() for name in n
    )


def test_discovery_finds_what_is_public():
    found = {name for name, _ in all_estimators() + all_functions() + all_graphs()}
    assert found >= {name for names in skdeepcluster._FILES.values() for name in names}
    assert "metrics.clustering_accuracy" in found
    assert "displays.EmbeddingDisplay" in dict(all_displays())
    assert "views.ImageViews" in dict(all_views())


@pytest.mark.skipif(os.name != "posix", reason="names a compiler by CC")
def test_without_a_compiler_the_build_says_what_to_install(tmp_path):
    build = subprocess.run(
        [
            sys.executable, "setup.py", "build_ext",
            "--build-lib", str(tmp_path / "lib"), "--build-temp", str(tmp_path / "temp"),
        ],
        cwd=ROOT, env=os.environ | {"CC": str(tmp_path / "no-cc")}, capture_output=True, text=True,
    )  # fmt: skip
    assert build.returncode != 0
    for package in ("build-essential", "xcode-select --install", "Visual Studio", "c-compiler"):
        assert package in build.stderr


@pytest.mark.skipif(os.name != "posix", reason="stands in for the compiler with a shell script")
def test_distributions_install_and_run_without_openmp(tmp_path):
    """The sdist holds what the wheel is built from; the wheel works far from the source tree.

    The compiler is one without OpenMP, so that this way of building is tried as well; it saves
    time by not optimizing.
    """
    compiler = tmp_path / "cc"
    compiler.write_text(
        '#!/bin/sh\ncase "$*" in *fopenmp*) echo no OpenMP >&2; exit 1;; esac\nexec cc "$@" -O0\n'
    )
    compiler.chmod(0o755)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        env=os.environ | {"CC": str(compiler), "LDSHARED": f"{compiler} -shared"},
        check=True,
        capture_output=True,
    )
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    sources = {
        str(path.relative_to(ROOT))
        for suffix in ("py", "pyx", "pxd", "h")
        for path in ROOT.glob(f"skdeepcluster/**/*.{suffix}")
    }
    assert sources <= shipped
    assert {"LICENSE", "pyproject.toml", "setup.py", "tests/test_package.py"} <= shipped
    outputs = [name for name in shipped if name.endswith((".so", ".pyc"))]
    outputs += [name for name in shipped if re.match(r"skdeepcluster/.*\.c$", name)]
    assert not outputs

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.startswith(("tests", "tools"))]
        archive.extractall(tmp_path / "site")
    for library in (tmp_path / "site").glob("skdeepcluster/**/*.so"):
        assert not re.search(rb"GOMP_|__kmpc_", library.read_bytes())
    labels = run_python(
        "import numpy as np\n"
        "import skdeepcluster\n"
        "from skdeepcluster._kernels._distance import argmin_sqeuclidean\n"
        "X = np.eye(3)\n"
        "labels = np.empty(3, dtype=np.int32)\n"
        "argmin_sqeuclidean(X, X[::-1].copy(), labels, None, 2)\n"
        "print(skdeepcluster.__file__, *labels)\n",
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
    ).split()
    assert labels == [str(tmp_path / "site/skdeepcluster/__init__.py"), "2", "1", "0"]


def test_versions_and_requirements_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = (ROOT / "conda" / "meta.yaml").read_text()
    citation = (ROOT / "CITATION.cff").read_text()
    assert f'version = "{skdeepcluster.__version__}"' in recipe
    assert f"version: {skdeepcluster.__version__}\n" in citation
    names = {"torch": "pytorch", "lazy_loader": "lazy-loader"}
    run = recipe.partition("  run:\n")[2].partition("run_constrained")[0]
    for requirement in project["dependencies"]:
        name, *least = requirement.split(">=")
        assert " ".join([f"- {names.get(name, name)}", *(f">={v}" for v in least)]) + "\n" in run
    assert f"- python {project['requires-python']}\n" in run


def test_warnings_find_the_caller():
    # A level counted by hand points into the package as soon as one method calls another.
    for path in (ROOT / "skdeepcluster").rglob("*.py"):
        if path.name != "_moved.py":
            assert not re.search(r"stacklevel=\d", path.read_text()), path
