"""Docstrings that describe each parameter once, where it is declared."""

import inspect
import re
import textwrap
from functools import cache

import skdeepcluster

# The order of numpydoc's sections, after the summary.
_SECTIONS = (
    "",
    "Parameters",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "See Also",
    "Notes",
    "References",
    "Examples",
)
# Of more parameters than this, those that matter first are named.
MANY = 15
FIRST = (
    "n_clusters", "n_prototypes", "views", "encoder", "n_components", "pretrain_epochs",
    "max_epochs", "random_state",
)  # fmt: skip
# Parameters and results of methods that nothing else describes.
_PARAMETERS = {
    "y": "y : Ignored\n    Not used, present for API consistency by convention.",
    "sample_weight": "sample_weight : array-like of shape (n_samples,), default=None\n"
    "    Weights of the rows. None: all are 1.",
}
_ROWS = "X : array-like of shape (n_samples, n_features)\n    {} rows."
_RESULTS = {
    "fit": "self : object\n    The fitted estimator.",
    "predict": "labels : ndarray of shape (n_samples,)\n    Cluster of each row.",
}
# Methods that take the rows to be learned from; all others take new ones.
_TRAINING = {"fit", "fit_predict", "fit_transform", "partial_fit"}


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
    sections = dict(_sections(cls))
    docs = [_sections(base) for base in cls.__mro__ if base is cls or _is_ours(base)]
    known = _known("Parameters", docs)
    sections["Parameters"] = _joined(known[name] for name in names if name in known)
    sections["Attributes"] = _joined(_known("Attributes", docs).values())
    file = cls.__module__.removeprefix("skdeepcluster.")
    if cls.__name__ in skdeepcluster._FILES.get(file, ()):
        page = f"user_guide_{file.rpartition('.')[2]}"
        first = [f"`{name}`" for name in FIRST if name in names]
        if len(names) > MANY and len(first) > 2:
            listed = f"{', '.join(first[:-1])} and {first[-1]}"
            text = f"Of the {len(names)} parameters, {listed} matter first; the others have "
            text += "defaults for most data."
            sections[""] += "\n\n" + textwrap.fill(text, 96)
        sections[""] += f"\n\nRead more in the :ref:`User Guide <{page}>`."
        if "Examples" not in sections and hasattr(cls, "_example"):
            sections["Examples"] = inspect.cleandoc(cls._example.format(name=cls.__name__))
    return _rendered(sections)


def described_by(function):
    """Decorator of a method whose parameters and result are those of a function."""

    def decorate(method):
        method.described_by = function
        return method

    return decorate


def documented(cls):
    """Complete the docstrings of a class's methods, which describe only what others do not.

    A method's parameters are described by itself, by the same method of a base class, by the
    function of `described_by`, or by another method that takes rows of the same kind: by `fit`, or
    by any that takes new ones.

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


def _complete_method(cls, name, function):
    bases = [vars(base) for base in cls.__mro__ if base is cls or _is_ours(base)]
    same = [_sections(base.get(name)) for base in bases]
    same.append(_sections(getattr(function, "described_by", None)))
    others = [
        _sections(base.get(other))
        for base in bases
        for other in (["fit"] if name in _TRAINING else sorted(base, key=_rank))
        if not other.startswith("_") and (other in _TRAINING) == (name in _TRAINING)
    ]
    rows = {"X": _ROWS.format("Training" if name in _TRAINING else "New")}
    known = rows | _PARAMETERS | _known("Parameters", [*same, *others])
    names = [
        str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
        for parameter in inspect.signature(function).parameters.values()
    ]
    if name.startswith("from_"):
        same += [_sections(base.get("from_estimator")) for base in bases]
    results = [sections["Returns"] for sections in same if "Returns" in sections]
    sections = dict(same[0])
    sections["Parameters"] = _joined(known[name] for name in names if name in known)
    sections["Returns"] = next(iter(results), _RESULTS.get(name))
    return _rendered(sections)


def _rank(name):
    """Of methods that describe the same parameter, `plot` describes what others pass on to it."""
    return name != "plot"


def _is_ours(cls):
    return cls.__module__.partition(".")[0] == "skdeepcluster"


def _function(member):
    """The function behind a method, a class method or one that is only there at times, or None."""
    member = getattr(member, "__func__", getattr(member, "fn", member))
    return member if inspect.isfunction(member) else None


def _sections(member):
    """The docstring of a class or method, as its sections by title."""
    described = member if inspect.isclass(member) else _function(member)
    return _parsed(getattr(described, "__doc__", None) or "")


@cache
def _parsed(doc):
    summary, *rest = re.split(r"^(\S.*)\n---+\n", inspect.cleandoc(doc), flags=re.M)
    bodies = (body.strip() for body in rest[1::2])
    return {"": summary.strip(), **dict(zip(rest[::2], bodies, strict=True))}


@cache
def _entries(section):
    """Entries of a section by name; one may describe several names."""
    found = {}
    for entry in re.split(r"^(?=\S)", section, flags=re.M):
        for name in entry.partition(" :")[0].split(", "):
            if entry.strip():
                found[name.strip()] = entry.strip()
    return found


def _known(title, docs):
    """Entries of a section by name, by the first docstring that has them."""
    known = {}
    for sections in docs:
        known |= {n: e for n, e in _entries(sections.get(title, "")).items() if n not in known}
    return known


def _joined(entries):
    return "\n\n".join(dict.fromkeys(entries))


def _rendered(sections):
    order = {title: position for position, title in enumerate(_SECTIONS)}
    titles = sorted((t for t in sections if sections[t]), key=lambda t: order.get(t, len(order)))
    parts = [f"{t}\n{'-' * len(t)}\n{sections[t]}" if t else sections[t] for t in titles]
    return "\n\n".join(parts) + "\n"
