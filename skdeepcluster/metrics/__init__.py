"""Measures of clusters: against classes, on graphs, of probabilities, embeddings, blocks; scorers.

What :mod:`sklearn.metrics` has (mutual information, Rand index, silhouette) is used from there.
"""

from skdeepcluster.metrics._calibration import (
    cluster_calibration_errors,
    expected_calibration_error,
    reliability_curve,
)
from skdeepcluster.metrics._clusterability import clusterability_score
from skdeepcluster.metrics._coding import coding_length, coding_rate, rate_reduction
from skdeepcluster.metrics._density import density_validity
from skdeepcluster.metrics._diversity import clustering_diversity
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
from skdeepcluster.metrics._signal_to_noise import snr_distances

__all__ = [
    "best_match",
    "calinski_harabasz_scorer",
    "cluster_calibration_errors",
    "clusterability_score",
    "clustering_accuracy",
    "clustering_accuracy_scorer",
    "clustering_diversity",
    "coding_length",
    "coding_rate",
    "conductance",
    "connectedness",
    "coverage",
    "davies_bouldin_scorer",
    "density_validity",
    "expected_calibration_error",
    "knn_score",
    "linear_probe_score",
    "make_unsupervised_scorer",
    "modularity",
    "normalized_cut",
    "purity",
    "rate_reduction",
    "reliability_curve",
    "silhouette_scorer",
    "snr_distances",
]
