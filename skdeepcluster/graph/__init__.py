"""Clustering of graphs, given or of nearest neighbors."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["graph"])
