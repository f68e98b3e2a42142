"""The contract of deep estimators: rows to a network, training, and the way back to labels."""

from skdeepcluster.deep._autoencoder import AutoencoderMixin, check_unit_interval
from skdeepcluster.deep._centers import CenteredAutoencoder
from skdeepcluster.deep._clusterer import DeepClusterer, PartitionMixin
from skdeepcluster.deep._encoder import EncoderMixin, NormalizedEncoderMixin, layer_widths
from skdeepcluster.deep._estimator import DeepEstimator
from skdeepcluster.deep._known import (
    KnownMixin,
    known_classes,
    note_labels,
    note_pairs,
    row_pairs,
)
from skdeepcluster.deep._predict import (
    EmbeddingMixin,
    LabelMixin,
    ProbabilityMixin,
    mean_and_labels,
    most_probable,
)
from skdeepcluster.deep._projection import ProjectionMixin
from skdeepcluster.deep._random import seeded
from skdeepcluster.deep._self_training import (
    SelfTrainingMixin,
    StudentTMixin,
    sharpen_target,
    smoothed,
)
from skdeepcluster.deep._streams import StreamMixin
from skdeepcluster.deep._views import ViewsMixin, view_of

__all__ = [
    "AutoencoderMixin",
    "CenteredAutoencoder",
    "DeepClusterer",
    "DeepEstimator",
    "EmbeddingMixin",
    "EncoderMixin",
    "KnownMixin",
    "LabelMixin",
    "NormalizedEncoderMixin",
    "PartitionMixin",
    "ProbabilityMixin",
    "ProjectionMixin",
    "SelfTrainingMixin",
    "StreamMixin",
    "StudentTMixin",
    "ViewsMixin",
    "check_unit_interval",
    "known_classes",
    "layer_widths",
    "mean_and_labels",
    "most_probable",
    "note_labels",
    "note_pairs",
    "row_pairs",
    "seeded",
    "sharpen_target",
    "smoothed",
    "view_of",
]
