"""Entropic optimal transport between rows and clusters, and doubly stochastic matrices."""

import lazy_loader as _lazy

# Only `sinkhorn` needs torch.
__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_assign": ["transport_assign"],
        "_doubly_stochastic": ["doubly_stochastic"],
        "_result": ["TransportResult"],
        "_sinkhorn": ["sinkhorn"],
    },
)
