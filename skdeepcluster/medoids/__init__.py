"""Clusters around medoids: swap searches for k-medoids and for the medoid silhouette."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["medoids"])
