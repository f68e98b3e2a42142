"""Hierarchies of clusters, and samples that are spread evenly over them."""

from skdeepcluster.hierarchy._hierarchical_kmeans import HierarchicalKMeans
from skdeepcluster.hierarchy._sampling import balanced_sample

__all__ = ["HierarchicalKMeans", "balanced_sample"]
