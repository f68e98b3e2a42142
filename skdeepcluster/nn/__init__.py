"""Torch modules and losses that know nothing of scikit-learn."""

from skdeepcluster.nn._autoencoder import (
    CONSTRAINTS,
    Autoencoder,
    Encoder,
    conv_autoencoder,
    mlp_autoencoder,
)
from skdeepcluster.nn._losses import (
    RECONSTRUCTION_LOSSES,
    cosine_dissimilarity,
    kl_divergence,
    mean_triplet_loss,
    triplet_loss,
)

__all__ = [
    "CONSTRAINTS",
    "RECONSTRUCTION_LOSSES",
    "Autoencoder",
    "Encoder",
    "conv_autoencoder",
    "cosine_dissimilarity",
    "kl_divergence",
    "mean_triplet_loss",
    "mlp_autoencoder",
    "triplet_loss",
]
