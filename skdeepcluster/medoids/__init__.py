"""Clusters around medoids: swap searches for k-medoids and for the medoid silhouette."""

from skdeepcluster.medoids._kmedoids import KMedoids

__all__ = ["KMedoids"]
