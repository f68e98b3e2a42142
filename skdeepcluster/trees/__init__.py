"""Tree objects that clusterings, displays and other methods share."""

from skdeepcluster.trees._condense import (
    condensed_tree,
    exemplars,
    flat_clusters,
    outlier_scores,
    persistence,
)
from skdeepcluster.trees._trees import CondensedTree, MinimumSpanningTree, SingleLinkageTree

__all__ = [
    "CondensedTree",
    "MinimumSpanningTree",
    "SingleLinkageTree",
    "condensed_tree",
    "exemplars",
    "flat_clusters",
    "outlier_scores",
    "persistence",
]
