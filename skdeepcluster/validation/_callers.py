"""Where the package was called."""

import sys

# joblib runs the fits of a search.
_INSIDE = {"skdeepcluster", "sklearn", "joblib"}


def caller_level():
    """The `stacklevel` with which a warning points at the code that called the package.

    Numbers written down go wrong with each method that calls the one of a base.
    """
    level, frame = 1, sys._getframe(1)
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        level, frame = level + 1, frame.f_back
    return level
