"""Plots of clusterings, as scikit-learn displays.

A display stores the numbers it draws as attributes and draws them in `plot`, which alone needs
matplotlib.
"""

from ._circle_map import CircleMapDisplay
from ._cluster_size import ClusterSizeDisplay
from ._confusion import MatchedConfusionDisplay
from ._embedding import EmbeddingDisplay
from ._loss_curve import LossCurveDisplay
from ._silhouette import SilhouetteDisplay
from ._trees import CondensedTreeDisplay, DendrogramDisplay

__all__ = [
    "CircleMapDisplay",
    "ClusterSizeDisplay",
    "CondensedTreeDisplay",
    "DendrogramDisplay",
    "EmbeddingDisplay",
    "LossCurveDisplay",
    "MatchedConfusionDisplay",
    "SilhouetteDisplay",
]
