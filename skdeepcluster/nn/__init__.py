"""Torch modules and losses, independent of scikit-learn."""

from skdeepcluster.nn._attention import AttentionPooling
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
from skdeepcluster.nn._contrast import contrast, contrast_of_classes
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
    active_triplet_loss,
    cosine_dissimilarity,
    directions,
    kl_divergence,
    mean_over_rows,
    mean_triplet_loss,
    triplet_loss,
)
from skdeepcluster.nn._margin import margin_loss, with_margin
from skdeepcluster.nn._pair_losses import (
    PAIR_DISTANCES,
    PAIR_LOSSES,
    centered,
    log_energy,
    unit_row_penalty,
    zero_mean_penalty,
)
from skdeepcluster.nn._rates import coding_rate, membership_rate
from skdeepcluster.nn._scale import ColumnScale

__all__ = [
    "CONSTRAINTS",
    "PAIR_DISTANCES",
    "PAIR_LOSSES",
    "RECONSTRUCTION_LOSSES",
    "AttentionLayer",
    "AttentionPooling",
    "Autoencoder",
    "BagEncoder",
    "ColumnScale",
    "Encoder",
    "Heads",
    "LabelMaps",
    "active_triplet_loss",
    "centered",
    "clusterability_penalty",
    "code_width",
    "coding_rate",
    "contrast",
    "contrast_of_classes",
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
    "margin_loss",
    "log_energy",
    "mean_of",
    "membership_rate",
    "mean_triplet_loss",
    "mlp_autoencoder",
    "pooled_conv_encoder",
    "separability",
    "triplet_loss",
    "unit_row_penalty",
    "with_margin",
    "zero_mean_penalty",
]
