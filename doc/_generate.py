"""What the documentation says from the code and from measurements: tables of methods and results.

Run as a script, it brings README.rst and the pages of the guide up to date.
"""

import inspect
from importlib import import_module
from pathlib import Path

import _results

from skdeepcluster._discovery import (
    all_constraints,
    all_datasets,
    all_displays,
    all_estimators,
    all_functions,
    all_graphs,
    all_views,
)

README = Path(__file__).parents[1] / "README.rst"
GUIDE = Path(__file__).parent / "user_guide"
BEGIN = ".. methods: written by doc/_generate.py from the code\n\n"
END = "\n.. end of methods\n"


def _summary(obj):
    return inspect.getdoc(obj).partition("\n\n")[0].replace("\n", " ")


def by_family(objects):
    """Pairs of a module below the package and the (name, object) pairs that it holds."""
    families = {}
    for name, obj in objects:
        module = ".".join(obj.__module__.split(".")[:2])
        families.setdefault(module, []).append((name, obj))
    return [(import_module(module), members) for module, members in sorted(families.items())]


def methods_table():
    """The public estimators, what they are and what they offer beside `fit_predict`."""
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - Method",
        "     - What it does",
        "     - Beside ``fit_predict``",
    ]
    for family, members in by_family(all_estimators()):
        lines += [f"   * - *{family.__name__.partition('.')[2]}*", f"     - *{_summary(family)}*"]
        lines.append("     -")
        for name, cls in members:
            methods = ("predict", "predict_proba", "transform", "inverse_transform")
            offered = ", ".join(f"``{method}``" for method in methods if hasattr(cls, method))
            lines += [f"   * - ``{name}``", f"     - {_summary(cls)}", f"     - {offered}".rstrip()]
    return "\n".join(lines) + "\n"


def with_methods_table(text):
    """README's text with the table of the code as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{methods_table()}{END}{after}"


def pages():
    """Pairs of a page that holds generated tables and its text as it ought to be."""
    for page in [README, *sorted(GUIDE.rglob("*.rst"))]:
        text = _results.with_results(page.read_text())
        yield page, with_methods_table(text) if page == README else text


def api_page():
    """The page that lists everything public, each with a page of its own."""
    lines = ["API reference", "=============", "", ".. currentmodule:: skdeepcluster", ""]
    found = [
        *all_estimators(), *all_displays(), *all_functions(), *all_graphs(), *all_views(),
        *all_constraints(), *all_datasets(),
    ]  # fmt: skip
    for family, members in by_family(found):
        title = family.__name__.partition(".")[2]
        lines += [title.capitalize(), "-" * len(title), "", inspect.getdoc(family), ""]
        lines += [".. autosummary::", "   :toctree:", ""]
        lines += [f"   {name}" for name, _ in members] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    for page, text in pages():
        if page.read_text() != text:
            page.write_text(text)
