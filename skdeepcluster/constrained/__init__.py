"""Clusters that respect what is known: pairs, labels, sizes."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["constrained"])
