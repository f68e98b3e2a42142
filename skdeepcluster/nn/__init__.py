"""Torch modules and losses, independent of scikit-learn."""

from skdeepcluster.nn._autoencoder import (
    CONSTRAINTS,
    Autoencoder,
    Encoder,
    conv_autoencoder,
    mlp_autoencoder,
)
from skdeepcluster.nn._average import follow, follower
from skdeepcluster.nn._contrast import contrast
from skdeepcluster.nn._encoder import (
    conv_encoder,
    conv_trunk,
    dense_encoder,
    linear,
    pooled_conv_encoder,
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
    "contrast",
    "conv_autoencoder",
    "conv_encoder",
    "conv_trunk",
    "cosine_dissimilarity",
    "dense_encoder",
    "follow",
    "follower",
    "kl_divergence",
    "linear",
    "mean_triplet_loss",
    "mlp_autoencoder",
    "pooled_conv_encoder",
    "triplet_loss",
]
