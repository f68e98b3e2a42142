"""Settings of Sphinx: `make doc` builds doc/_build/html."""

import inspect
import os
import re
import sys
from pathlib import Path

# The gallery's figures and numbers are those of one thread, on any machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, os.path.dirname(__file__))

from _generate import api_page

import skdeepcluster

project = "skdeepcluster"
author = "skdeepcluster developers"
copyright = author
version = release = skdeepcluster.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
    "numpydoc",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples", "_templates"]
default_role = "literal"
# Docstrings may list what they do not cite.
suppress_warnings = ["ref.citation"]

autodoc_typehints = "none"
autodoc_default_options = {"members": True, "inherited-members": True}
autosummary_generate = True
numpydoc_show_class_members = False

extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
    "doi": ("https://doi.org/%s", "doi:%s"),
}

html_theme = "pydata_sphinx_theme"
html_title = "skdeepcluster"
html_sidebars = {"changelog": [], "getting_started": []}
html_show_sourcelink = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [
        f"examples/{family}"
        for family in (
            "overview",
            "autoencoder",
            "selfsupervised",
            "semantic",
            "subspace",
            "density",
            "medoids",
            "graph",
            "hierarchy",
            "partition",
            "mixture",
            "ensemble",
            "selection",
            "constrained",
            "discovery",
            "explain",
            "assignment",
        )
    ],
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("skdeepcluster",),
    "reference_url": {"skdeepcluster": None},
    "abort_on_example_error": True,
    # The last expression of a cell is shown only where it is printed.
    "capture_repr": (),
    "show_memory": False,
    "remove_config_comments": True,
    # As many at once as `make doc` has processes.
    "parallel": True,
}


def _skip_foreign(app, what, name, obj, skip, options):
    """Of a class, document what this package defines; scikit-learn's own is documented there."""
    code = obj.fget if isinstance(obj, property) else inspect.unwrap(getattr(obj, "fn", obj))
    module = getattr(code, "__module__", None) or ""
    return skip or not (inspect.isroutine(code) and module.startswith("skdeepcluster"))


def _name_attributes_in_types(app, what, name, obj, options, lines):
    """``x : array of shape (n_clusters_,)`` speaks of an attribute; to docutils it is a link."""
    lines[:] = [
        re.sub(r"(?<=\w)_(?=[,)])", r"\\_", line) if re.match(r"\w+ : ", line) else line
        for line in lines
    ]


def _write_api_page(app):
    page = Path(app.srcdir, "api", "generated", "index.rst")
    page.parent.mkdir(parents=True, exist_ok=True)
    text = api_page()
    # Pages of what is public no more.
    for old in page.parent.glob("skdeepcluster.*.rst"):
        if f"   {old.stem.partition('.')[2]}\n" not in text:
            old.unlink()
    if not page.exists() or page.read_text() != text:
        page.write_text(text)


def setup(app):
    app.connect("autodoc-skip-member", _skip_foreign)
    app.connect("autodoc-process-docstring", _name_attributes_in_types, priority=100)
    # Now, since autosummary goes over the pages that Sphinx finds next.
    _write_api_page(app)
