"""Clusterers that learn an embedding with an autoencoder."""

from skdeepcluster import _METHODS, _attach

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["autoencoder"])
