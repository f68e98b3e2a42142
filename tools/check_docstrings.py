"""Check the docstrings of everything public against the numpydoc standard.

Functions, classes and their methods are found through the package's discovery. Exit status 1 when
one does not comply.
"""

import sys

from numpydoc.validate import validate

from skdeepcluster._discovery import (
    all_constraints,
    all_datasets,
    all_displays,
    all_estimators,
    all_functions,
)

CODES = {
    "GL03",  # double blank lines
    "GL06",  # unknown section
    "GL07",  # sections in another order than the standard's
    "GL08",  # no docstring
    "SS01",  # no summary
    "SS02",  # summary does not start with a capital letter
    "SS03",  # summary does not end with a period
    "SS04",  # summary starts with blanks
    "SS06",  # summary longer than a line
    "PR01",  # parameter not documented
    "PR02",  # documented parameter unknown
    "PR03",  # parameters in another order than the signature's
    "PR04",  # parameter without type
    "PR07",  # parameter without description
    "PR10",  # no space before the colon
    "RT01",  # no Returns section
    "RT03",  # return value without description
    "RT04",  # description of a return value without capital letter
    "YD01",  # no Yields section
    "SA04",  # See Also entry without description
}
EXAMPLES = "EX01"  # no Examples section: asked of classes and functions, not of methods


def methods_of(cls):
    """Names of the public methods and properties that this package, not a dependency, defines."""
    for name in dir(cls):
        member = getattr(cls, name, None)
        code = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and getattr(code, "__module__", "").startswith("skdeepcluster"):
            yield name


def public_objects():
    """Pairs of import path and the codes that its docstring must satisfy."""
    for name, _ in all_functions():
        yield f"skdeepcluster.{name}", CODES | {EXAMPLES}
    for name, cls in all_estimators() + all_displays() + all_constraints() + all_datasets():
        examples = set() if issubclass(cls, Warning) else {EXAMPLES}
        yield f"skdeepcluster.{name}", CODES | examples
        for method in methods_of(cls):
            yield f"skdeepcluster.{name}.{method}", CODES


def main():
    n_checked = 0
    n_errors = 0
    for path, codes in public_objects():
        n_checked += 1
        result = validate(path)
        for code, message in result["errors"]:
            if code in codes:
                n_errors += 1
                print(f"{result['file']}:{result['file_line']}: {path}: {code} {message}")
    print(f"docstrings: {n_checked} checked, {n_errors} errors")
    return int(n_errors > 0)


if __name__ == "__main__":
    sys.exit(main())
