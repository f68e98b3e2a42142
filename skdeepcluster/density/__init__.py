"""Clustering by density: clusters of any shape and number, and noise."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["density"])
