"""Tree objects that clusterings, displays and other methods share."""

from skdeepcluster.trees._condense import (
    condensed_tree,
    exemplars,
    flat_clusters,
    labels_of_points,
    outlier_scores,
    persistence,
    relative_validity,
)
from skdeepcluster.trees._linkage import check_linkage, labels_of_merges, node_sizes
from skdeepcluster.trees._trees import CondensedTree, MinimumSpanningTree, SingleLinkageTree

__all__ = [
    "CondensedTree",
    "MinimumSpanningTree",
    "SingleLinkageTree",
    "check_linkage",
    "condensed_tree",
    "exemplars",
    "flat_clusters",
    "labels_of_merges",
    "labels_of_points",
    "node_sizes",
    "outlier_scores",
    "persistence",
    "relative_validity",
]
