"""The package as a whole: what importing costs, what is public, what is shipped."""

import importlib
import os
import re
import subprocess
import sys
import tarfile
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
