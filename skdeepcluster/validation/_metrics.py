"""Metrics that users choose: their parameters, and checked distances."""

import warnings
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import euclidean_distances, pairwise_distances
from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS

from skdeepcluster._sklearn import VALID_METRICS
from skdeepcluster.validation._callers import caller_level
from skdeepcluster.validation._distances import check_distances
from skdeepcluster.validation._ranges import in_range, largest_value, rows_of_size_one

# SciPy has removed wminkowski, which is minkowski with the parameter w.
METRICS = frozenset(VALID_METRICS) - {"wminkowski"}
# Those that take sparse rows, besides functions. Scikit-learn's haversine would take the stored
# values for latitude and longitude.
SPARSE_METRICS = frozenset(
    {"cityblock", "cosine", "euclidean", "l1", "l2", "manhattan", "sqeuclidean"}
)
# Those that square values.
_SQUARES = {"euclidean", "l2", "sqeuclidean", "nan_euclidean", "correlation"}
_SQUARES |= {"minkowski", "seuclidean", "mahalanobis"}


def complete_metric(metric, metric_params, X):
    """Keyword arguments of a metric, including those that are computed from the rows.

    Parameters
    ----------
    metric : str or callable
        One of `METRICS`, or a function of two rows.
    metric_params : dict or None
        Keyword arguments from the user.
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The rows of `fit`.

    Returns
    -------
    params : dict
        Also the variances `V` for "seuclidean" and the inverse `VI` of the covariances for
        "mahalanobis". Store them: distances of other rows need the same ones.

    Raises
    ------
    ValueError
        If the metric cannot be computed for such rows, or not with these arguments.

    Warns
    -----
    DataConversionWarning
        If the metric is for booleans and X has other values.
    """
    params = dict(metric_params or {})
    if callable(metric):
        return params
    name = f"metric={metric!r}"
    n, n_features = X.shape
    if issparse(X) and metric not in SPARSE_METRICS:
        raise ValueError(
            f"{name} takes dense rows only; use X.toarray(), a function of two rows, or one of "
            f"{sorted(SPARSE_METRICS)}."
        )
    if metric in PAIRWISE_BOOLEAN_FUNCTIONS and not ((X == 0) | (X == 1)).all():
        warnings.warn(
            f"{name} is for booleans: all values of X that are not 0 count as True.",
            DataConversionWarning,
            stacklevel=caller_level(),
        )
    if metric == "haversine" and n_features != 2:
        raise ValueError(
            f"{name} takes rows of 2 features, latitude and longitude in radians; X has "
            f"{n_features}."
        )
    w = params.get("w")
    if w is not None and not (np.asarray(w) >= 0).all():
        raise ValueError(f"{name} takes weights that are not negative; metric_params has w={w!r}.")
    if metric == "minkowski":
        p = params.get("p", 2)
        if not (isinstance(p, Real) and p >= 1):
            raise ValueError(f"{name} is a metric for p >= 1 only; metric_params has p={p!r}.")
    elif metric == "seuclidean" and params.get("V") is None:
        if n < 2:
            raise ValueError(f"{name} takes the variances of 2 samples at least; n_samples={n}.")
        params["V"] = np.var(X, axis=0, ddof=1, dtype=np.float64)
        constant = np.flatnonzero(X.max(axis=0) == X.min(axis=0))
        if len(constant):
            raise ValueError(
                f"{name} divides by the variances of the features, and those at {constant} are "
                'constant. Leave them out, or pass metric_params={"V": variances}.'
            )
    elif metric == "mahalanobis" and params.get("VI") is None:
        V = params.pop("V", None)
        if V is None and n < 2:
            raise ValueError(f"{name} takes the covariances of 2 samples at least; n_samples={n}.")
        V = np.atleast_2d(np.cov(X.T, dtype=np.float64) if V is None else V)
        params["VI"] = _inverse(V, name)
    return params


def _inverse(V, name):
    """Inverse of a matrix of covariances."""
    deviations = np.sqrt(np.diag(V))
    scale = np.outer(deviations, deviations)
    # Scaled, since scales of features do not affect the rank.
    if not (deviations > 0).all() or np.linalg.matrix_rank(V / scale, hermitian=True) < len(V):
        raise ValueError(
            f"{name} inverts the covariances of the features, and these are singular: features are "
            "constant or depend on each other, or there are no more samples than features. Leave "
            'features out, or pass metric_params={"VI": inverse}.'
        )
    return np.linalg.inv(V / scale).T / scale


def metric_rows(X, metric, fitted=None):
    """Rows in a dtype in which the metric can be computed.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features), float32 or float64
    metric : str or callable
    fitted : {ndarray, sparse matrix} of shape (n_fitted, n_features), optional
        Rows that they are compared with, if not themselves.

    Returns
    -------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        float32 rows become float64 where squares would overflow or vanish.

    Raises
    ------
    ValueError
        If the metric squares values, and squares overflow or vanish in float64 too.
    """
    if metric not in _SQUARES:
        return X
    return in_range(X, scale=max(largest_value(rows) for rows in (X, fitted) if rows is not None))


def metric_distances(X, Y, metric, params, *, n_jobs=None, dtype=None, infinite=False):
    """Distances by a metric, checked not to be negative or NaN.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples_X, n_features)
    Y : {ndarray, sparse matrix} of shape (n_samples_Y, n_features)
        Rows of `fit`: if only one of both is sparse, functions get rows of the kind of Y.
    metric : str or callable
    params : dict
        Result of `complete_metric` in `fit`.
    n_jobs : int, default=None
        Number of threads; functions are called in a single one.
    dtype : dtype, optional
        Of the distances.
    infinite : bool, default=False
        Whether distances may be infinite.

    Returns
    -------
    D : C-contiguous ndarray of shape (n_samples_X, n_samples_Y)

    Raises
    ------
    ValueError
        If the metric gives anything else for a pair of rows.
    """
    same = Y is X
    X, Y = _alike(X, Y, metric)
    if metric in PAIRWISE_BOOLEAN_FUNCTIONS:
        X = X.astype(bool)
        Y = X if same else Y.astype(bool)
    if metric == "cosine":
        X = rows_of_size_one(X)
        Y = X if same else rows_of_size_one(Y)
    if metric == "sqeuclidean" and issparse(X):
        D = euclidean_distances(X, Y, squared=True, **params)
    else:
        n_jobs = None if callable(metric) else n_jobs
        # Undefined distances are found below.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            D = pairwise_distances(X, Y, metric=metric, n_jobs=n_jobs, **params)
    with np.errstate(over="ignore"):
        D = np.ascontiguousarray(D, dtype)
    least = D.min(initial=0)
    if least < 0:
        # A distance of 0 may be negative by rounding.
        rounding = 16 * np.finfo(D.dtype).eps * D.max()
        D[(D < 0) & (D >= -rounding)] = 0
    check_distances(
        D,
        f"Distances by metric={metric!r}",
        infinite=infinite,
        remedy="Leave out rows for which it is not defined, or use another metric.",
    )
    return D


def _alike(X, Y, metric):
    """Both dense or both sparse: what the metric supports and takes less memory."""
    if issparse(X) and not issparse(Y):
        if isinstance(metric, str) and metric in SPARSE_METRICS:
            return X, type(X)(Y)
        return X.toarray(), Y
    if issparse(Y) and not issparse(X):
        return (type(Y)(X), Y) if callable(metric) else (X, Y.toarray())
    return X, Y
