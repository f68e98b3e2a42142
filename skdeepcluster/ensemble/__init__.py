"""Several clusterings together."""

from lazy_loader import attach as _attach

from skdeepcluster import _METHODS

__getattr__, __dir__, __all__ = _attach(__name__, submod_attrs=_METHODS["ensemble"])
