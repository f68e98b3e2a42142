"""Plots of clusterings, as scikit-learn displays.

A display stores the numbers it draws as attributes and draws them in `plot`, which alone needs
matplotlib.
"""

from skdeepcluster.displays._circle_map import CircleMapDisplay
from skdeepcluster.displays._cluster_images import ClusterImageDisplay
from skdeepcluster.displays._cluster_size import ClusterSizeDisplay
from skdeepcluster.displays._community_hierarchy import CommunityHierarchyDisplay
from skdeepcluster.displays._condensed_tree import CondensedTreeDisplay
from skdeepcluster.displays._confusion import MatchedConfusionDisplay
from skdeepcluster.displays._dendrogram import DendrogramDisplay
from skdeepcluster.displays._embedding import EmbeddingDisplay
from skdeepcluster.displays._graph import GraphDisplay
from skdeepcluster.displays._loss_curve import LossCurveDisplay
from skdeepcluster.displays._n_clusters import NClustersDisplay
from skdeepcluster.displays._prototypes import PrototypeDisplay
from skdeepcluster.displays._reliability import ReliabilityDisplay
from skdeepcluster.displays._silhouette import SilhouetteDisplay

__all__ = [
    "CircleMapDisplay",
    "ClusterImageDisplay",
    "ClusterSizeDisplay",
    "CommunityHierarchyDisplay",
    "CondensedTreeDisplay",
    "DendrogramDisplay",
    "EmbeddingDisplay",
    "GraphDisplay",
    "LossCurveDisplay",
    "MatchedConfusionDisplay",
    "NClustersDisplay",
    "PrototypeDisplay",
    "ReliabilityDisplay",
    "SilhouetteDisplay",
]
