"""Scores to labels: transport of rows to clusters, soft assignments, anchors and votes."""

import lazy_loader as _lazy

# Resolved on first use: most of transport needs no torch, soft assignments do.
__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "_anchors": ["grouped_anchors", "moved_anchors"],
        "_student_t": ["sharpen", "sharpening_loss", "student_t"],
        "transport": ["TransportResult", "doubly_stochastic", "sinkhorn", "transport_assign"],
        "_vote": ["neighbor_vote"],
    },
)

# Public names; the others serve the families.
__all__ = ["doubly_stochastic", "transport_assign"]
