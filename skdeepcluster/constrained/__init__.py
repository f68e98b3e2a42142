"""Clusters that respect what is known: pairs, labels, sizes."""

from lazy_loader import attach as _attach

from skdeepcluster import _METHODS

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["constrained"])
