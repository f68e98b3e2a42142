"""Rows of features: any input becomes arrays that kernels can take."""

import sys
from contextlib import contextmanager

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from skdeepcluster._sklearn import check_sample_weight

FLOATS = [np.float64, np.float32]


def as_array(X):
    """X as a NumPy array if it is a torch tensor, on any device and of any dtype; else X itself."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(X, torch.Tensor):
        return X
    X = X.detach().cpu()
    # NumPy has no bfloat16.
    return (X.float() if X.dtype == torch.bfloat16 else X).numpy()


@contextmanager
def numbers_within_floats():
    """Raise a ValueError for numbers larger than any float, which Python's integers can be."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"X has a number that is too large for float64 ({error})") from error


def check_rows(estimator, X, *, reset, dtype=FLOATS, order="C", accept_sparse="csr", **kwargs):
    """Rows in a dtype and memory layout that kernels can take.

    Parameters
    ----------
    estimator : estimator
        Its `n_features_in_` and `feature_names_in_` are set, or compared with X.
    X : array-like, data frame, sparse matrix or tensor of shape (n_samples, n_features)
    reset : bool
        True in `fit`. Otherwise pass the dtype of the fit, so that new rows are cast to it.
    dtype : dtype or list of dtypes, default=[float64, float32]
        Dtypes that are kept; any other is cast to the first.
    order : {"C", "F"} or None, default="C"
    accept_sparse : str, list of str or bool, default="csr"
    **kwargs : dict
        Further arguments of :func:`sklearn.utils.validation.validate_data`.

    Returns
    -------
    X : ndarray or sparse matrix
        Indices of sparse rows are sorted, without duplicates, and of 32 bits if that is enough.
    """
    # Values too large for the dtype become infinite and are then reported; and the sum that detects
    # infinite values may be infinity minus infinity.
    with np.errstate(over="ignore", invalid="ignore"), numbers_within_floats():
        X = validate_data(
            estimator,
            as_array(X),
            reset=reset,
            dtype=dtype,
            order=order,
            accept_sparse=accept_sparse,
            **kwargs,
        )
    return _canonical(X) if issparse(X) and X.format == "csr" else X


def check_n_samples(n_samples, n_clusters, name="n_clusters", of_weight=""):
    """Raise if there are fewer rows than clusters."""
    if n_samples < n_clusters:
        raise ValueError(f"n_samples={n_samples}{of_weight} should be >= {name}={n_clusters}.")


def check_weights(sample_weight, n_samples, n_clusters, name="n_clusters"):
    """Weights of rows, not negative, and positive for as many rows as there are clusters.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    n_samples, n_clusters : int
    name : str, default="n_clusters"
        The parameter that `n_clusters` comes from.

    Returns
    -------
    weights : array of shape (n_samples,), float64
    """
    weights = check_sample_weight(
        as_array(sample_weight),
        np.empty((n_samples, 1)),
        dtype=np.float64,
        ensure_non_negative=True,
    )
    n_counted = np.count_nonzero(weights)
    of_weight = " of positive weight" if n_counted < n_samples else ""
    check_n_samples(n_counted, n_clusters, name, of_weight)
    return weights


def _canonical(X):
    """A CSR matrix as compiled code expects it; the user's own is not changed.

    SciPy caches what it knows of the indices, which may have changed since, and checks their range
    only on request.
    """
    # A new object over the same arrays has no such cache.
    try:
        X = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
        X.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"X is not a valid sparse matrix: {error}.") from error
    narrow = X.indices.dtype != np.int32 and max(X.nnz, *X.shape) <= np.iinfo(np.int32).max
    if X.has_canonical_format and not narrow:
        return X
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    if narrow:
        X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X
