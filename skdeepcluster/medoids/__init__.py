"""Clusters around medoids: swap searches for k-medoids and for the medoid silhouette."""

from skdeepcluster.medoids._clara import CLARA
from skdeepcluster.medoids._clarans import CLARANS
from skdeepcluster.medoids._kmedoids import KMedoids
from skdeepcluster.medoids._medoid_silhouette import DynMSC, FasterMSC

__all__ = ["CLARA", "CLARANS", "DynMSC", "FasterMSC", "KMedoids"]
