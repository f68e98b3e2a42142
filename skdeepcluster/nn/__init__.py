"""Torch modules and losses that know nothing of scikit-learn."""

from skdeepcluster.nn._autoencoder import (
    CONSTRAINTS,
    Autoencoder,
    conv_autoencoder,
    mlp_autoencoder,
)
from skdeepcluster.nn._losses import RECONSTRUCTION_LOSSES, cosine_dissimilarity, kl_divergence

__all__ = [
    "CONSTRAINTS",
    "RECONSTRUCTION_LOSSES",
    "Autoencoder",
    "conv_autoencoder",
    "cosine_dissimilarity",
    "kl_divergence",
    "mlp_autoencoder",
]
