"""Tree objects that clusterings, displays and other methods share."""

from skdeepcluster.trees._trees import CondensedTree, MinimumSpanningTree, SingleLinkageTree

__all__ = ["CondensedTree", "MinimumSpanningTree", "SingleLinkageTree"]
