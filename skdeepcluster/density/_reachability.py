"""The way to the mutual reachability of rows or distances."""

from scipy.sparse import issparse

from skdeepcluster.density._approximate import ApproximateReachability
from skdeepcluster.density._graph_reach import GraphReachability
from skdeepcluster.density._metrics import (
    ALIASES,
    TREE_METRICS,
    PrecomputedMetric,
    TreeMetric,
    row_metric,
    zero_rows,
)
from skdeepcluster.density._spanning import (
    BlockReachability,
    PrecomputedReachability,
    TreeReachability,
)


def reachability(X, metric, metric_params, min_samples, alpha, algorithm, n_threads, weight=None):
    """The mutual reachability of `X`, by the fastest exact way where `algorithm` says no other."""
    if algorithm == "approximate" and (metric == "precomputed" or issparse(X)):
        raise ValueError(
            "algorithm='approximate' needs dense rows, got "
            f"{'a sparse matrix' if issparse(X) else 'distances'}; use algorithm='auto'."
        )
    if metric == "precomputed":
        if issparse(X):
            return GraphReachability(X, min_samples, alpha, weight)
        return PrecomputedReachability(
            X, PrecomputedMetric(X), min_samples, alpha, n_threads, weight
        )
    of_rows = row_metric(X, metric, metric_params)
    by_tree = (
        isinstance(of_rows, TreeMetric)
        and not issparse(X)
        # A row of zeros has no direction.
        and not (of_rows.unit_rows and len(zero_rows(X)))
    )
    if algorithm == "kd_tree" and not by_tree:
        raise ValueError(
            f"algorithm='kd_tree' needs dense rows and one of the metrics "
            f"{sorted([*TREE_METRICS, *ALIASES])}, got metric={metric!r}; use algorithm='auto'."
        )
    if algorithm == "approximate":
        if not by_tree or of_rows.metric != "euclidean":
            raise ValueError(
                "algorithm='approximate' needs rows other than zero and one of the metrics "
                f"'euclidean', 'sqeuclidean', 'cosine' and 'correlation', got metric={metric!r}; "
                "use algorithm='auto'."
            )
        return ApproximateReachability(X, of_rows, min_samples, alpha, n_threads, weight)
    way = TreeReachability if by_tree and algorithm != "brute" else BlockReachability
    return way(X, of_rows, min_samples, alpha, n_threads, weight)
