"""Mixtures: clusters as distributions, also of curves."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["mixture"])
