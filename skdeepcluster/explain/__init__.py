"""Explanations of clusters: layouts and descriptions of a given clustering."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["explain"])
