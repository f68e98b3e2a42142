"""The documentation and the code say the same."""

import csv
import doctest
import importlib
import re
import sys
from pathlib import Path

import pytest

import skdeepcluster
from skdeepcluster._discovery import (
    all_constraints,
    all_displays,
    all_estimators,
    all_functions,
    all_graphs,
    all_views,
)

ROOT = Path(__file__).parents[1]
PAGES = [page for page in sorted(ROOT.glob("doc/**/*.rst")) if ">>>" in page.read_text()]
FAMILIES = {
    family: [file.lstrip("_") for file in files] for family, files in skdeepcluster._METHODS.items()
}


@pytest.fixture(scope="module")
def generate():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "doc"))
        yield importlib.import_module("_generate")
    for name in ("_generate", "_results"):
        del sys.modules[name]


def test_tables_of_results_are_those_of_the_data_files(generate):
    shown = set()
    for page, text in generate.pages():
        assert page.read_text() == text, f"{page}: run python doc/_generate.py"
        shown.update(generate._results.shown_results(text))
    stored = {file.stem for file in (ROOT / "benchmarks" / "results").glob("*.csv")}
    assert shown - set(generate._results.SELECTIONS) == stored


def test_stored_results_name_their_command_and_method(generate):
    for file in (ROOT / "benchmarks" / "results").glob("*.csv"):
        for line in generate._results.read_results(file.stem):
            python, script = line["command"].split()[:2]
            assert python == "python" and (ROOT / script).exists()
            assert line["data"] and line["method"] and line["metric"]
            # Empty: not recorded. Of all figures only the ARI has values below 0.
            least = -0.5 if line["metric"].endswith("ARI") else 0
            assert float(line["value"] or 0) >= least


def test_tables_of_benchmarks_are_stored_as_the_documentation_reads_them(
    generate, monkeypatch, tmp_path, capsys
):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    common = importlib.import_module("_common")
    del sys.modules["_common"]
    monkeypatch.setenv(common.RESULTS_VARIABLE, str(tmp_path / "new.csv"))
    monkeypatch.setattr(sys, "argv", [str(ROOT / "benchmarks" / "bench_new.py"), "--fast"])
    table = common.Table(data="", method="", seed="d", accuracy=".2f", seconds=".1f")
    table.row("digits", "DEC", 0, 0.5, None)
    table.row("digits", "DEC", 1, 0.75, 2.0)
    table.row("digits", "DEC mean", None, 0.625, 2.0, stored=False)
    monkeypatch.setattr(generate._results, "RESULTS", tmp_path)
    monkeypatch.setitem(generate._results.LAYOUTS, "new", (("method",), ("metric",)))
    lines = generate._results.read_results("new")
    assert [(line["seed"], line["metric"], line["value"]) for line in lines] == [
        ("0", "accuracy", "0.50"),
        ("1", "accuracy", "0.75"),
        ("1", "seconds", "2.0"),
    ]
    text = generate._results.table("new")
    assert "- DEC\n     - 0.625 (0.500 to 0.750)\n     - 2.0\n" in text
    assert "python benchmarks/bench_new.py --fast" in text and common.processor() in text


def test_each_family_and_method_has_a_page_of_the_guide():
    for family, files in FAMILIES.items():
        folder = ROOT / "doc" / "user_guide" / family
        assert (folder / "index.rst").exists(), family
        for file in files:
            page = folder / f"{file}.rst"
            assert page.exists() and f".. _user_guide_{file}:" in page.read_text(), page


def test_the_overview_of_methods_has_them_all_and_says_which_predict():
    with open(ROOT / "doc" / "user_guide" / "methods.csv", newline="") as file:
        lines = {re.match(r":ref:`(\w+) ", line["Method"]): line for line in csv.DictReader(file)}
    methods = {match[1]: line for match, line in lines.items() if match}
    estimators = dict(all_estimators())
    assert methods.keys() == estimators.keys()
    for name, line in methods.items():
        assert (line["Predicts"] == "yes") == hasattr(estimators[name], "predict"), name
        accepted = estimators[name]._parameter_constraints.get("n_clusters", [])
        if line["Number"] == "found":
            assert "n_clusters" not in estimators[name]._parameter_constraints, name
        elif None in accepted:
            assert line["Number"] == "either", name


def test_each_folder_of_the_gallery_is_a_family_and_has_its_place():
    folders = {header.parent.name for header in ROOT.glob("doc/examples/*/GALLERY_HEADER.rst")}
    assert folders == {page.parent.name for page in ROOT.glob("doc/examples/*/*.py")}
    assert folders <= {*FAMILIES, "assignment"}
    assert not list(ROOT.glob("doc/examples/*.py"))
    conf = (ROOT / "doc" / "conf.py").read_text()
    assert all(f'"{folder}"' in conf for folder in folders)


def test_the_table_of_methods_is_that_of_the_code(generate):
    text = generate.README.read_text()
    assert generate.BEGIN in text and generate.END in text
    assert generate.with_methods_table(text) == text, "run: python doc/_generate.py"


def test_the_table_follows_the_code(generate, monkeypatch):
    class NewMethod(skdeepcluster.KMedoids):
        """A method that is not there yet."""

    NewMethod.__module__ = "skdeepcluster.medoids.new"
    found = [*all_estimators(), ("NewMethod", NewMethod)]
    monkeypatch.setattr(generate, "all_estimators", lambda: found)
    before = generate.README.read_text()
    after = generate.with_methods_table(before)
    assert "``NewMethod``" in after and "A method that is not there yet." in after
    # Outside of the marks nothing changes.
    assert after.startswith(before[: before.index(generate.BEGIN)])
    assert after.endswith(before[before.index(generate.END) :])


def test_the_reference_lists_everything_public(generate):
    lines = {line.strip() for line in generate.api_page().splitlines()}
    for name, _ in [
        *all_estimators(), *all_displays(), *all_functions(), *all_graphs(), *all_views(),
        *all_constraints(),
    ]:  # fmt: skip
        assert name in lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "doc")))
def test_examples_of_the_guide(page):
    failed, tried = doctest.testfile(
        str(page),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert tried and not failed
