"""Hierarchies of clusters, and samples that are spread evenly over them."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["hierarchy"])
