"""Torch modules and losses, independent of scikit-learn."""

from skdeepcluster.nn._autoencoder import (
    CONSTRAINTS,
    Autoencoder,
    Encoder,
    code_width,
    conv_autoencoder,
    mlp_autoencoder,
)
from skdeepcluster.nn._average import follow, follower
from skdeepcluster.nn._bags import AttentionLayer, BagEncoder
from skdeepcluster.nn._blocks import clusterability_penalty
from skdeepcluster.nn._contrast import contrast
from skdeepcluster.nn._encoder import (
    conv_encoder,
    conv_trunk,
    dense_encoder,
    linear,
    pooled_conv_encoder,
)
from skdeepcluster.nn._heads import Heads
from skdeepcluster.nn._label_maps import (
    LabelMaps,
    first_weights,
    learned_classifier,
    linear_cross_entropy,
    mean_of,
    separability,
)
from skdeepcluster.nn._losses import (
    RECONSTRUCTION_LOSSES,
    cosine_dissimilarity,
    directions,
    kl_divergence,
    mean_over_rows,
    mean_triplet_loss,
    triplet_loss,
)
from skdeepcluster.nn._rates import coding_rate, membership_rate
from skdeepcluster.nn._scale import ColumnScale

__all__ = [
    "CONSTRAINTS",
    "RECONSTRUCTION_LOSSES",
    "AttentionLayer",
    "Autoencoder",
    "BagEncoder",
    "ColumnScale",
    "Encoder",
    "Heads",
    "LabelMaps",
    "clusterability_penalty",
    "code_width",
    "coding_rate",
    "contrast",
    "conv_autoencoder",
    "conv_encoder",
    "conv_trunk",
    "cosine_dissimilarity",
    "dense_encoder",
    "first_weights",
    "follow",
    "follower",
    "directions",
    "kl_divergence",
    "mean_over_rows",
    "learned_classifier",
    "linear",
    "linear_cross_entropy",
    "mean_of",
    "membership_rate",
    "mean_triplet_loss",
    "mlp_autoencoder",
    "pooled_conv_encoder",
    "separability",
    "triplet_loss",
]
