"""Classes that nobody has named yet: novel, shifted and hidden in others."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["discovery"])
