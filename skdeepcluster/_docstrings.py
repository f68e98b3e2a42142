"""Docstrings that describe each parameter once, where it is declared."""

import inspect
import re

SECTIONS = ("Parameters", "Attributes")


def _entries(doc, section):
    """Descriptions of a numpydoc section by name, and where the section stands."""
    match = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", doc, re.M | re.S)
    if match is None:
        return {}, None
    parts = re.split(r"^(?=\S)", match[1], flags=re.M)
    entries = {part.split(" :")[0].strip(): part.strip() for part in parts if part.strip()}
    return entries, match.span()


def _place(doc, section):
    """Where a section is to be inserted: before those that follow it in numpydoc's order."""
    later = ("Attributes",) if section == "Parameters" else ()
    titles = "|".join([*later, "See Also", "Notes", "References", "Examples"])
    match = re.search(rf"^(?:{titles})\n-+\n", doc, re.M)
    return match.start() if match else len(doc)


def complete_docstring(cls, names):
    """The docstring of a class with the parameters and attributes that it inherits.

    Parameters
    ----------
    cls : type
    names : iterable of str
        Parameters of its constructor, in order.

    Returns
    -------
    doc : str
    """
    doc = inspect.cleandoc(cls.__doc__)
    for section in SECTIONS:
        own, span = _entries(doc, section)
        known = dict(own)
        for base in cls.__mro__[1:]:
            inherited = vars(base).get("__doc__")
            if inherited and base.__module__.partition(".")[0] == "skdeepcluster":
                known = known | {
                    name: text
                    for name, text in _entries(inspect.cleandoc(inherited), section)[0].items()
                    if name not in known
                }
        if section == "Parameters":
            known = {name: known[name] for name in names if name in known}
        if not known:
            continue
        begin, end = span or (_place(doc, section),) * 2
        before, after = doc[:begin].rstrip(), doc[end:].lstrip()
        text = "\n\n".join(known.values())
        doc = f"{before}\n\n{section}\n{'-' * len(section)}\n{text}\n\n{after}".rstrip()
    return doc.rstrip() + "\n"
