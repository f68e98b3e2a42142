"""Measures of clusters against classes, on a graph, of probabilities and embeddings, and scorers.

What :mod:`sklearn.metrics` has (mutual information, Rand index, silhouette) is used from there.
"""

from skdeepcluster.metrics._calibration import expected_calibration_error
from skdeepcluster.metrics._graphs import (
    conductance,
    connectedness,
    coverage,
    modularity,
    normalized_cut,
)
from skdeepcluster.metrics._matching import best_match, clustering_accuracy, purity
from skdeepcluster.metrics._probes import knn_score, linear_probe_score
from skdeepcluster.metrics._scorers import (
    calinski_harabasz_scorer,
    clustering_accuracy_scorer,
    davies_bouldin_scorer,
    make_unsupervised_scorer,
    silhouette_scorer,
)

__all__ = [
    "best_match",
    "calinski_harabasz_scorer",
    "clustering_accuracy",
    "clustering_accuracy_scorer",
    "conductance",
    "connectedness",
    "coverage",
    "davies_bouldin_scorer",
    "expected_calibration_error",
    "knn_score",
    "linear_probe_score",
    "make_unsupervised_scorer",
    "modularity",
    "normalized_cut",
    "purity",
    "silhouette_scorer",
]
