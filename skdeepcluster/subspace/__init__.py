"""Subspace clustering: networks whose clusters span different directions, by coding rates."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["subspace"])
