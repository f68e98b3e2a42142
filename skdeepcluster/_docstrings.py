"""Docstrings that describe each parameter once, where it is declared."""

import inspect
import re

import skdeepcluster

# numpydoc's sections in their order, as far as they occur.
_SECTIONS = (
    "Parameters",
    "Attributes",
    "Returns",
    "See Also",
    "Notes",
    "References",
    "Examples",
)
# What is said of a parameter and of a method's result where nobody says anything else.
_PARAMETERS = {"y": "y : Ignored\n    Not used, present for API consistency by convention."}
_RESULTS = {"fit": "self : object\n    The fitted estimator."}
# Methods that take the rows to be learned from; all others take new ones.
_TRAINING = {"fit", "fit_predict", "partial_fit"}


def documented(cls):
    """Complete the docstrings of a class's methods, which describe only what its bases do not.

    Parameters
    ----------
    cls : type

    Returns
    -------
    cls : type
    """
    for name, member in vars(cls).items():
        function = _function(member)
        if not name.startswith("_") and function is not None and function.__doc__:
            function.__doc__ = _complete_method(cls, name, function)
    return cls


def complete_docstring(cls, names):
    """The docstring of a class with the parameters and attributes that it inherits.

    That of a public method also links to its page of the user guide, and has the example of its
    family (`_example`) unless it has one of its own.

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
    docs = [doc, *(inspect.cleandoc(vars(base).get("__doc__") or "") for base in _ours(cls))]
    known = _known("Parameters", docs)
    doc = _with_section(doc, "Parameters", [known[name] for name in names if name in known])
    doc = _with_section(doc, "Attributes", _known("Attributes", docs).values())
    file = cls.__module__.removeprefix("skdeepcluster.")
    if cls.__name__ in skdeepcluster._FILES.get(file, ()):
        page = f"user_guide_{file.rpartition('.')[2]}"
        doc = _inserted(doc, _place(doc), f"Read more in the :ref:`User Guide <{page}>`.")
        if _span(doc, "Examples") is None and hasattr(cls, "_example"):
            example = inspect.cleandoc(cls._example.format(name=cls.__name__))
            doc = _with_section(doc, "Examples", [example])
    return doc + "\n"


def _complete_method(cls, name, function):
    """A method's docstring with what others say of its parameters and its result.

    Parameters are described by the method itself, by the same method of a base class, or by another
    method that takes rows of the same kind: by `fit`, or by any that takes new ones.
    """
    doc = inspect.cleandoc(function.__doc__)
    bases = _ours(cls)
    same = [_method_doc(base, name) for base in bases]
    others = [
        _method_doc(base, other)
        for base in bases
        for other in (["fit"] if name in _TRAINING else sorted(vars(base), key=_rank))
        if not other.startswith("_") and (other in _TRAINING) == (name in _TRAINING)
    ]
    known = _PARAMETERS | _known("Parameters", [doc, *same, *others])
    names = [
        str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
        for parameter in inspect.signature(function).parameters.values()
    ]
    doc = _with_section(doc, "Parameters", [known[name] for name in names if name in known])
    if name.startswith("from_"):
        same += [_method_doc(base, "from_estimator") for base in bases]
    results = [_section(source, "Returns") for source in (doc, *same)]
    result = next(filter(None, [*results, _RESULTS.get(name)]), None)
    return _with_section(doc, "Returns", result and [result]) + "\n"


def _rank(name):
    """Of methods that describe the same parameter, `plot` describes what others pass on to it."""
    return name != "plot"


def _ours(cls):
    """The class and its bases, without those of other packages."""
    return [base for base in cls.__mro__ if base.__module__.partition(".")[0] == "skdeepcluster"]


def _function(member):
    """The function behind a method, a class method or one that is only there at times, or None."""
    member = getattr(member, "__func__", getattr(member, "fn", member))
    return member if inspect.isfunction(member) else None


def _method_doc(cls, name):
    return inspect.cleandoc(getattr(_function(vars(cls).get(name)), "__doc__", None) or "")


def _span(doc, section):
    """Where a section stands, with its title, or None."""
    match = re.search(rf"^{section}\n-+\n.*?(?=^\S[^\n]*\n---+\n|\Z)", doc, re.M | re.S)
    return match and match.span()


def _section(doc, section):
    """The text of a section without its title, empty if it is not there."""
    span = _span(doc, section)
    return doc[slice(*span)].split("\n", 2)[2].strip() if span else ""


def _place(doc, section=None):
    """Where a section is to be inserted: before those that follow it."""
    later = _SECTIONS[_SECTIONS.index(section) + 1 :] if section else _SECTIONS
    spans = [_span(doc, other) for other in later]
    return min((span[0] for span in spans if span), default=len(doc))


def _known(section, docs):
    """Entries of a section by name, by the first docstring that has them."""
    known = {}
    for doc in docs:
        for entry in re.findall(r"^\S.*\n?(?:^(?!\S).*\n?)*", _section(doc, section), re.M):
            for name in entry.partition(" :")[0].split(", "):
                known.setdefault(name.strip(), entry.strip())
    return known


def _with_section(doc, section, entries):
    """The docstring with these entries in a section, which it may have or not."""
    if not entries:
        return doc
    begin, end = _span(doc, section) or (_place(doc, section),) * 2
    # An entry may describe several names.
    text = "\n\n".join(dict.fromkeys(entries))
    return _inserted(doc[:begin] + doc[end:], begin, f"{section}\n{'-' * len(section)}\n{text}")


def _inserted(doc, place, text):
    return f"{doc[:place].rstrip()}\n\n{text}\n\n{doc[place:].lstrip()}".strip()
