"""Rows of features, from whatever holds them to the arrays that kernels take."""

import sys
from contextlib import contextmanager

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

FLOATS = [np.float64, np.float32]


def as_array(X):
    """X as a NumPy array if it is a torch tensor, on any device and of any type; else X itself."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(X, torch.Tensor):
        return X
    X = X.detach().cpu()
    # NumPy has no such type.
    return (X.float() if X.dtype == torch.bfloat16 else X).numpy()


@contextmanager
def numbers_within_floats():
    """What is larger than any float, as Python's integers may be, is a wrong value like others."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"X has a number that is too large for float64 ({error})") from error


def check_rows(estimator, X, *, reset, dtype=FLOATS, order="C", accept_sparse="csr", **kwargs):
    """Rows in a type and layout that kernels take.

    Parameters
    ----------
    estimator : estimator
        Its `n_features_in_` and `feature_names_in_` are set, or compared with X.
    X : array-like, data frame, sparse matrix or tensor of shape (n_samples, n_features)
    reset : bool
        True in `fit`. Otherwise pass the dtype that was fitted, so that new rows are cast to it.
    dtype : dtype or list of dtypes, default=[float64, float32]
        Those that stay as they are; any other becomes the first.
    order : {"C", "F"} or None, default="C"
    accept_sparse : str, list of str or bool, default="csr"
    **kwargs : dict
        Further arguments of :func:`sklearn.utils.validation.validate_data`.

    Returns
    -------
    X : ndarray or sparse matrix
        Indices of sparse rows are sorted, without duplicates, and of 32 bits where that is enough.
    """
    # What is too large for the type is infinite, and said to be too large; and the sum by which
    # infinite values are looked for may be infinity less infinity.
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


def _canonical(X):
    """A CSR matrix as compiled code expects it; the user's own is left as it is.

    SciPy keeps what it once found of the indices, which may have been changed since, and looks at
    their range only when asked.
    """
    # A new object over the same arrays: nothing is known of it.
    try:
        X = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
        X.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"X is not a valid sparse matrix: {error}.") from error
    narrow = X.indices.dtype != np.int32 and max(X.nnz, *X.shape) <= np.iinfo(np.int32).max
    if X.has_canonical_format and not narrow:
        return X
    X = X.copy()
    X.sum_duplicates()
    if narrow:
        X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X
