"""Docstrings that describe each parameter once, where it is declared."""

import inspect
import re
from dataclasses import fields


def _entries(doc, section):
    """Descriptions of a numpydoc section by name, and where the section stands."""
    match = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", doc, re.M | re.S)
    if match is None:
        return {}, None
    parts = re.split(r"^(?=\S)", match[1], flags=re.M)
    entries = {part.split(" :")[0].strip(): part.strip() for part in parts if part.strip()}
    return entries, match.span(1)


def complete_docstring(cls, root):
    """The docstring of a class with the parameters and attributes that it inherits.

    Parameters
    ----------
    cls : type
        A dataclass; its fields order the parameters.
    root : type
        The most basic class to inherit descriptions from.

    Returns
    -------
    doc : str
    """
    doc = inspect.cleandoc(cls.__doc__)
    for section in ("Parameters", "Attributes"):
        known = {}
        for base in reversed(cls.__mro__):
            if issubclass(base, root) and base.__doc__ and base is not cls:
                known |= _entries(inspect.cleandoc(base.__doc__), section)[0]
        own, span = _entries(doc, section)
        known |= own
        if section == "Parameters":
            known = {f.name: known[f.name] for f in fields(cls) if f.name in known}
        if span is not None:
            text = "\n\n".join(known.values())
            doc = f"{doc[: span[0]]}{text}\n\n{doc[span[1] :]}"
    return doc.rstrip() + "\n"
