"""Clustering of graphs, given or of nearest neighbors."""

from skdeepcluster.graph._degree_linkage import GraphDegreeLinkage

__all__ = ["GraphDegreeLinkage"]
