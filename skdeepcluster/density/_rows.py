"""Rows of samples in the form that the search for a hierarchy needs."""

import numpy as np
from scipy.sparse import csr_array, issparse

from skdeepcluster.validation import times_power_of_two


def scaled(values, exponent):
    """Values times two to some power, infinite or zero where the type cannot hold them."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(values, exponent)


def with_distances(X, metric):
    """The rows that have distances, and a mark of them.

    A row with an infinite value has none, and one with a missing value only by "nan_euclidean".
    """
    if metric == "precomputed":
        return X, np.ones(X.shape[0], bool)
    values = X.data if issparse(X) else X
    bad = np.isinf(values) if metric == "nan_euclidean" else ~np.isfinite(values)
    if issparse(X):
        bad = csr_array((bad, X.indices, X.indptr), X.shape)
    complete = np.asarray(bad.sum(axis=1)).ravel() == 0
    return X if complete.all() else X[complete], complete


def as_fitted(X, sparse, dtype, exponent):
    """Rows in the form and type of a fit's, in units of two to the power `exponent`."""
    if issparse(X) and not sparse:
        X = X.toarray()
    elif sparse and not issparse(X):
        X = csr_array(X)
    if exponent:
        with np.errstate(over="ignore", under="ignore"):
            X = times_power_of_two(X, -exponent)
    # Values too large for the type are clipped: such rows stay far from all others.
    largest = np.finfo(dtype).max
    values = X.data if issparse(X) else X
    values = np.clip(values, -largest, largest).astype(dtype, copy=False)
    return csr_array((values, X.indices, X.indptr), X.shape) if issparse(X) else values


def all_distances(X):
    """Distances as an array; those that a sparse matrix does not store are infinite."""
    if not issparse(X):
        return X
    X = X.tocoo()
    distances = np.full(X.shape, np.inf, X.dtype)
    distances[X.coords] = X.data
    return distances
