"""The documentation and the code say the same."""

import doctest
import importlib.util
from pathlib import Path

import pytest

import skdeepcluster
from skdeepcluster._discovery import all_displays, all_estimators, all_functions, all_views

ROOT = Path(__file__).parents[1]
PAGES = [page for page in sorted(ROOT.glob("doc/**/*.rst")) if ">>>" in page.read_text()]


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("_generate", ROOT / "doc" / "_generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    for name, _ in all_estimators() + all_displays() + all_functions() + all_views():
        assert name in lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_of_the_guide(page):
    failed, tried = doctest.testfile(
        str(page),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert tried and not failed
