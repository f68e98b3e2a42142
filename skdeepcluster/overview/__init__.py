"""The first and the last step of a clustering: which methods to try, and a page about a result."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["overview"])
