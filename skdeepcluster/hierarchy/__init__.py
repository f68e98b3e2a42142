"""Hierarchies of clusters, and samples that are spread evenly over them."""

from lazy_loader import attach as _attach

from skdeepcluster import _METHODS

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["hierarchy"])
