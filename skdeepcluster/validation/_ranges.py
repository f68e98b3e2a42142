"""Ranges of values in which squared differences neither overflow nor underflow."""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils.extmath import row_norms

# Squared differences of values in this range fit float32.
FLOAT32_RANGE = 1e-15, 1e15
# The same for float64.
FLOAT64_RANGE = 1e-140, 1e140
# How many times farther than the farthest training row new rows may be.
FAR = 2.0**40


def largest_value(X):
    """The largest absolute value of an array or sparse matrix, ignoring NaN."""
    values = X.data if issparse(X) else X
    return float(
        max(
            np.fmax.reduce(values, axis=None, initial=0),
            -np.fmin.reduce(values, axis=None, initial=0),
        )
    )


def in_range(X, *, scale=None):
    """X in a dtype that can hold its squared differences.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features), float32 or float64
    scale : float, optional
        The largest absolute value, if it is known, of X and of what it is compared with.

    Returns
    -------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        float32 rows of very large or very small values become float64.

    Raises
    ------
    ValueError
        If squares overflow or vanish in float64 too.
    """
    scale = largest_value(X) if scale is None else scale
    return X.astype(dtype_in_range(X.dtype, scale, X.shape[1]), copy=False)


def dtype_in_range(dtype, scale, n_features):
    """The dtype in which squared distances of rows with values up to `scale` can be computed.

    See `in_range`, which casts to it.
    """
    dtype = np.dtype(dtype)
    low, high = FLOAT32_RANGE
    if dtype == np.float32 and scale > 0 and not low < scale < high:
        dtype = np.dtype(np.float64)
    # Differences have up to twice the largest value in each of the features, sums of norms more.
    largest = np.sqrt(np.finfo(dtype).max / max(1, n_features)) / 4
    if scale > largest or 0 < scale < FLOAT64_RANGE[0]:
        fault = "overflow" if scale > largest else "vanish"
        raise ValueError(
            f"Squared distances {fault}: X has values up to {scale:.3g}. Scale X, for example by "
            "StandardScaler."
        )
    return dtype


def scaled_to_range(X):
    """X divided by a power of two if its squared differences would overflow or underflow.

    The division is exact, so distances that are homogeneous in X are only scaled by the factor.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features), float32 or float64

    Returns
    -------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        X itself if no scaling is needed; always of its own dtype.
    factor : float
        The factor that scales the result back to X.
    """
    scale = largest_value(X)
    low, high = FLOAT32_RANGE if X.dtype == np.float32 else FLOAT64_RANGE
    high = min(high, float(np.sqrt(np.finfo(X.dtype).max / max(1, X.shape[1])) / 4))
    if scale == 0 or low < scale < high:
        return X, 1.0
    # Both dtypes can represent the factor.
    exponent = int(np.frexp(scale)[1]) - 1
    return times_power_of_two(X, -exponent), float(np.ldexp(1.0, exponent))


def within_reach(X, largest):
    """Rows for a model whose own values are at most `largest`, as near as squares require.

    Rows may be 2 ** 40 times as far as these; farther ones move nearer along their direction, so
    that squared distances do not overflow.
    """
    limit = FAR * max(largest, np.finfo(X.dtype).tiny)
    size = np.abs(X).max(axis=1, keepdims=True)
    return np.where(size > limit, X * (limit / np.maximum(size, limit)), X)


def times_power_of_two(X, exponent):
    """A dense or sparse array times a power of two, exact if the dtype can hold the result."""
    if not issparse(X):
        return np.ldexp(X, exponent)
    X = X.copy()
    X.data = np.ldexp(X.data, exponent)
    return X


def rows_of_size_one(X):
    """Rows divided by powers of two, such that their largest values are between 1/2 and 1.

    Directions do not change, and squares of long and short rows neither overflow nor underflow.
    """
    largest = abs(X).max(axis=1)
    exponents = np.frexp(largest.toarray().ravel() if issparse(X) else largest)[1]
    if not issparse(X):
        return np.ldexp(X, -exponents[:, np.newaxis])
    X = csr_array(X, copy=True)
    X.data = np.ldexp(X.data, -np.repeat(exponents, np.diff(X.indptr)))
    return X


def unit_rows(X, *, zeros="refuse"):
    """Rows divided by their lengths, in their own dtype.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    zeros : {"refuse", "keep"}, default="refuse"
        What becomes of rows of zeros.

    Raises
    ------
    ValueError
        If a row is zero and they are refused.
    """
    X = rows_of_size_one(X)
    norms = np.sqrt(row_norms(X.astype(np.float64, copy=False), squared=True))
    if zeros == "keep":
        norms = np.where(norms > 0, norms, 1)
    if not norms.all():
        raise ValueError(
            'X has rows of zeros, which have no direction. Remove them or use metric="euclidean".'
        )
    if issparse(X):
        X.data = (X.data / np.repeat(norms, np.diff(X.indptr))).astype(X.dtype, copy=False)
        return X
    return (X / norms[:, np.newaxis]).astype(X.dtype, copy=False)
