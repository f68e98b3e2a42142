"""What data are: rows, tables, texts, images, graphs or distances, and how many."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import check_array

from skdeepcluster._sklearn import num_samples
from skdeepcluster.algorithms.read_outs import mixes_two_valued
from skdeepcluster.displays._images import is_items
from skdeepcluster.overview._rows import is_text
from skdeepcluster.validation import as_adjacency, as_array, is_missing

# Rows that are looked at.
MAX_LOOKED_AT = 5000
# Standard deviations further apart than this are those of different units.
UNITS_APART = 10
# Columns of one kind, such as pixels and counts, have their least value in common.
SHARE_OF_MINIMA = 0.9
# Rows with more zeros are treated as sparse.
SHARE_OF_ZEROS = 0.9


class Data(NamedTuple):
    """What data are.

    Attributes
    ----------
    kind : str
        "rows", "column", "sparse", "table", "texts", "images", "items", "graph" or "distances".
    n : int
        Number of rows.
    d : int
        Number of columns, or of pixels; 0 where there are none.
    units : bool
        Whether columns differ in their units.
    two_valued : bool
        Whether columns of two values, such as one-hot ones, are mixed with others.
    counts : bool
        Whether all values are counts.
    n_parts : int
        Number of connected components of a graph.
    numeric, categorical : lists
        Names or indices of the columns of a table.
    facts : list of str
        What was seen, in words.
    """

    kind: str
    n: int
    d: int = 0
    units: bool = False
    two_valued: bool = False
    counts: bool = False
    n_parts: int = 0
    numeric: list = []
    categorical: list = []
    facts: list = []


def look(X):
    """What data are.

    Parameters
    ----------
    X : anything that an estimator takes

    Returns
    -------
    data : Data
    """
    X = as_adjacency(as_array(X))
    if is_items(X):
        return Data("items", len(X), facts=[f"{len(X)} items of a {type(X).__name__}"])
    if num_samples(X) == 0:
        raise ValueError("X has no rows.")
    if is_text(X):
        return _texts(X)
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        return _table(X)
    if issparse(X):
        return _sparse(X)
    X = X if isinstance(X, np.ndarray) else np.asarray(X)
    if X.ndim in (3, 4):
        facts = [f"{len(X)} images, {' x '.join(map(str, X.shape[1:]))}"]
        return Data("images", len(X), int(np.prod(X.shape[1:])), facts=facts)
    if X.ndim == 1:
        raise ValueError(
            f"X has shape {X.shape}; rows of one feature have shape (n, 1): X.reshape(-1, 1)."
        )
    if X.dtype.kind not in "biuf":
        return _objects(X)
    if X.dtype.kind == "f" and np.isnan(X).any():
        return _with_gaps(X)
    some = check_array(X[:: -(-len(X) // MAX_LOOKED_AT)], dtype=np.float64)
    return _square(X) or _rows(X, some)


def text_vectorizer():
    """How texts become rows: by the words that more than one has, and not most."""
    return TfidfVectorizer(sublinear_tf=True, min_df=2, max_df=0.5)


def _texts(X):
    some = list(X[:MAX_LOOKED_AT])
    words = np.median([len(text.split()) for text in some])
    try:
        n_words = text_vectorizer().fit_transform(some).shape[1]
    except ValueError as error:
        raise ValueError("The texts of X have no words in common.") from error
    facts = [f"{len(X)} texts of {words:.0f} words (median)"]
    return Data("texts", len(X), n_words, facts=facts)


def _square(X):
    """Distances of pairs; None for other rows."""
    n, d = X.shape
    if n != d or n < 3:
        return None
    some = np.arange(min(n, 500))
    part = X[np.ix_(some, some)]
    if (part < 0).any() or np.diagonal(X).any() or not np.allclose(part, part.T):
        return None
    return Data("distances", n, facts=[f"distances of {n} objects: symmetric, 0 on the diagonal"])


def _rows(X, some):
    n, d = X.shape
    if d == 1:
        return Data("column", n, 1, facts=[f"{n} values of one feature"])
    zeros = np.mean(some == 0)
    if zeros > SHARE_OF_ZEROS and (some >= 0).all():
        counts = bool(np.all(some == np.round(some)))
        facts = [f"{n} rows, {d} columns, {zeros:.0%} zeros"]
        return Data("sparse", n, d, counts=counts, facts=facts)
    units = differ_in_units(some)
    facts = [f"{n} rows, {d} columns"] + ["columns in different units"] * units
    scales = some.std(axis=0)
    scaled = some / np.where(scales > 0, scales, 1) if units else some
    two_valued = bool(mixes_two_valued(scaled))
    facts += ["columns of two values beside others"] * two_valued
    return Data("rows", n, d, units=units, two_valued=two_valued, facts=facts)


def differ_in_units(X):
    """Whether the columns of rows differ in their units.

    They do if their standard deviations do, unless they have their least value in common: pixels,
    shares and counts are of one kind, however rare some of them are.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    differ : bool
    """
    scales = X.std(axis=0)
    varies = scales > 0
    if not varies.any():
        return False
    low, high = np.quantile(scales[varies], [0.1, 0.9])
    minima = X[:, varies].min(axis=0)
    _, counts = np.unique(minima, return_counts=True)
    return bool(high > UNITS_APART * low and counts.max() < SHARE_OF_MINIMA * len(minima))


def _sparse(X):
    n, d = X.shape
    if n == d and n > 2 and abs(X - X.T).max() <= 1e-6 * max(abs(X).max(), 1):
        edges = (X.nnz + (X.diagonal() != 0).sum()) // 2
        n_parts = connected_components(X, directed=False, return_labels=False)
        facts = [f"a graph of {n} nodes and {edges} edges", f"{n_parts} connected components"]
        return Data("graph", n, n_parts=int(n_parts), facts=facts)
    values = X.data
    counts = bool(len(values) and (values >= 0).all() and (values == np.round(values)).all())
    kind = "counts" if counts else "sparse rows"
    return Data("sparse", n, d, counts=counts, facts=[f"{n} rows of {d} columns, {kind}"])


def _table(X):
    numeric, categorical, gaps = [], [], False
    for name in X.columns:
        column = np.asarray(X[name])
        if column.dtype.kind in "iuf":
            numeric.append(name)
            gaps |= bool(np.isnan(column).any()) if column.dtype.kind == "f" else False
        else:
            missing = np.array([is_missing(value) for value in column.tolist()])
            (numeric if _is_number(column[~missing]) else categorical).append(name)
            gaps |= bool(missing.any())
    if not categorical and not gaps:
        n, d = X.shape
        some = check_array(X[:: -(-n // MAX_LOOKED_AT)], dtype=np.float64)
        return _rows(np.empty((n, d)), some)
    return _mixed(X, numeric, categorical, gaps)


def _is_number(values):
    return len(values) > 0 and all(
        isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))
        for value in values.tolist()
    )


def _mixed(X, numeric, categorical, gaps):
    n, d = X.shape
    facts = [f"{n} rows, {len(numeric)} columns of numbers, {len(categorical)} of categories"]
    facts += ["missing values"] * gaps
    return Data("table", n, d, numeric=numeric, categorical=categorical, facts=facts)


def _objects(X):
    numeric, categorical, gaps = [], [], False
    for j, column in enumerate(X.T):
        missing = np.array([is_missing(value) for value in column.tolist()])
        (numeric if _is_number(column[~missing]) else categorical).append(j)
        gaps |= bool(missing.any())
    return _mixed(X, numeric, categorical, gaps)


def _with_gaps(X):
    return _mixed(X, list(range(X.shape[1])), [], True)
