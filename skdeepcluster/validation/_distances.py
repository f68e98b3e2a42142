"""Checks of distances from users or from their metrics."""

import numpy as np
from scipy.sparse import csr_array, issparse

from skdeepcluster._kernels import _medoids

# Rows of a matrix that are checked at a time.
_BLOCK_ROWS = 512


def check_distances(D, name="Distances", *, infinite=False, remedy=""):
    """Raise if entries are not distances.

    Parameters
    ----------
    D : ndarray of any shape or sparse matrix
    name : str, default="Distances"
        What they are called, at the beginning of a sentence.
    infinite : bool, default=False
        Whether distances may be infinite.
    remedy : str, default=""
        Remedy, a sentence at the end of the message.

    Raises
    ------
    ValueError
        If an entry is negative, NaN, or infinite.
    """
    entries = D.data if issparse(D) else D
    # NaN is not >= 0.
    least, largest = entries.min(initial=0), entries.max(initial=0)
    if not least >= 0:
        problem = f"negative or nan; found {least:.3g}"
    elif largest == np.inf and not infinite:
        problem = "infinite"
    else:
        return
    raise ValueError(f"{name} must not be {problem}. {remedy}".rstrip())


def check_distance_matrix(D, name="Distances", *, infinite=False, n_threads=1):
    """Raise if a matrix cannot be a distance matrix.

    Parameters
    ----------
    D : ndarray or sparse matrix of shape (n_samples, n_samples)
        Entries that a sparse matrix does not store are not checked.
    name : str, default="Distances"
        What they are called, at the beginning of a sentence.
    infinite : bool, default=False
        Whether distances may be infinite.
    n_threads : int, default=1

    Raises
    ------
    ValueError
        If the matrix is not square and symmetric with zeros on the diagonal, or has entries that
        are negative, NaN, or infinite.
    """
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        raise ValueError(f"{name} must be square; got shape {D.shape}.")
    largest, asymmetry, diagonal = _sizes(D, n_threads)
    # Some entries are negative, NaN or infinite.
    if not largest < np.inf:
        check_distances(D, name, infinite=infinite)
        entries = D.data if issparse(D) else D
        largest = entries[np.isfinite(entries)].max(initial=0)
        asymmetry = _sparse_asymmetry(D) if issparse(D) else _asymmetry(D)
    tolerance = 10 * np.sqrt(np.finfo(D.dtype).eps) * largest
    if diagonal > tolerance:
        raise ValueError(f"{name} must be 0 on the diagonal; found {diagonal:.3g}.")
    if asymmetry > tolerance:
        raise ValueError(
            f"{name} must be symmetric; entries (i, j) and (j, i) differ by {asymmetry:.3g}. "
            "Take the larger or the smaller of both."
        )


def _sizes(D, n_threads):
    """The largest entry, or nan if not all are distances; the asymmetry; the largest diagonal."""
    if not issparse(D):
        return _medoids.inspect(np.ascontiguousarray(D), n_threads)
    largest = D.data.max(initial=0) if D.data.min(initial=0) >= 0 else np.nan
    return largest, _sparse_asymmetry(D), D.diagonal().max(initial=0)


def _asymmetry(D):
    largest = 0.0
    for begin in range(0, len(D), _BLOCK_ROWS):
        rows, columns = (
            D[begin : begin + _BLOCK_ROWS, begin:],
            D[begin:, begin : begin + _BLOCK_ROWS],
        )
        with np.errstate(invalid="ignore"):
            differences = np.abs(rows - columns.T)
        # NaN is infinity minus infinity: other NaN are refused before.
        largest = max(largest, np.nanmax(differences, initial=0))
    return largest


def _sparse_asymmetry(D):
    D = csr_array(D)
    D.sum_duplicates()
    T = csr_array(D.T)
    T.sort_indices()
    if not (np.array_equal(D.indptr, T.indptr) and np.array_equal(D.indices, T.indices)):
        return np.inf
    with np.errstate(invalid="ignore"):
        return np.nanmax(np.abs(D.data - T.data), initial=0)
