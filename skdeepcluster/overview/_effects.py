r"""What distinguishes a cluster: differences of its rows from all others, by effect size.

Of numbers Cohen's :math:`d`, the difference of the means over the pooled standard deviation; of
shares, such as those of a category or of texts with a word, Cohen's
:math:`h = 2 \arcsin \sqrt{p} - 2 \arcsin \sqrt{q}`. Both count 0.2 as small, 0.5 as medium and 0.8
as large [1]_.

References
----------
.. [1] J. Cohen (1988). *Statistical Power Analysis for the Behavioral Sciences*, 2nd edition.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.feature_extraction.text import CountVectorizer

from skdeepcluster.validation import is_missing

# Words that the texts have most often.
MAX_WORDS = 5000
# Categories of one column that are compared; rarer ones say little.
MAX_CATEGORIES = 30


class Effects(NamedTuple):
    """Features of clusters.

    Attributes
    ----------
    names : list of str
        Of each feature, or of each category of one.
    columns : list of int
        The column of each feature.
    kinds : list of str
        "mean", or "share" between 0 and 1.
    inside, outside : ndarrays of shape (n_clusters, n_features)
        Means or shares of the rows in a cluster, and of all others.
    sizes : ndarray of shape (n_clusters, n_features)
        Effect sizes; NaN where nothing is known, infinite where neither the rows of the cluster nor
        the others differ among themselves.
    """

    names: list
    columns: list
    kinds: list
    inside: np.ndarray
    outside: np.ndarray
    sizes: np.ndarray

    def strongest(self, cluster, n=5):
        """Indices of the features that distinguish a cluster most, the strongest first."""
        strength = np.nan_to_num(np.abs(self.sizes[cluster]), nan=0.0, posinf=np.inf)
        order = np.argsort(-strength, kind="stable")[:n]
        return order[strength[order] > 0]


def _joined(parts):
    """Features of each column in turn."""
    names, columns, kinds, arrays = [], [], [], []
    for j, part in enumerate(parts):
        names += part.names
        columns += [j] * len(part.names)
        kinds += part.kinds
        arrays.append((part.inside, part.outside, part.sizes))
    return Effects(names, columns, kinds, *map(np.hstack, zip(*arrays, strict=True)))


def _ratio(difference, spread):
    """A difference over a spread, where rounding errors are not a spread."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0 * difference, difference / spread)


def effects_of_numbers(X, member, n_clusters, names):
    """Cohen's d of the columns of numbers; missing ones are left out.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    member : ndarray of shape (n_samples,)
        Index of the cluster of each row, -1 for noise, which counts among the others.
    n_clusters : int
    names : list of str

    Returns
    -------
    effects : Effects
    """
    inside = (member[:, np.newaxis] == np.arange(n_clusters)).astype(np.float64).T
    if issparse(X):
        X = X.tocsr().astype(np.float64)
        squares, known = X.multiply(X), np.ones(X.shape[1])
        count = np.repeat(inside.sum(axis=1)[:, np.newaxis], X.shape[1], axis=1)
        center = np.zeros(X.shape[1])
        total = known * X.shape[0]
        in_cluster = [np.asarray(inside @ part) for part in (X, squares)]
        in_all = [np.asarray(part.sum(axis=0)).ravel() for part in (X, squares)]
    else:
        X = np.asarray(X, dtype=np.float64)
        present = np.isfinite(X)
        total = present.sum(axis=0)
        # Sums of squares of centered numbers do not cancel.
        center = np.where(present, X, 0).sum(axis=0) / np.maximum(total, 1)
        X = np.where(present, X - center, 0)
        squares = X * X
        count = inside @ present
        in_cluster = [inside @ part for part in (X, squares)]
        in_all = [part.sum(axis=0) for part in (X, squares)]
    means, sums_of_squares = [], []
    for n, (sums, squares) in (
        (count, in_cluster),
        (total - count, [a - c for a, c in zip(in_all, in_cluster, strict=True)]),
    ):
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums / n
        means.append(mean)
        sums_of_squares.append(np.maximum(squares - n * np.square(mean), 0))
    freedom = np.maximum(total - 2, 1)
    # Less than what rounding leaves of a sum of squares is none.
    rounding = 8 * np.finfo(np.float64).eps * np.maximum(in_all[1], 0)
    pooled = sum(sums_of_squares)
    spread = np.sqrt(np.where(pooled > rounding, pooled, 0) / freedom)
    difference = means[0] - means[1]
    return Effects(
        list(names),
        list(range(len(names))),
        ["mean"] * len(names),
        means[0] + center,
        means[1] + center,
        _ratio(difference, spread),
    )


def effects_of_shares(has, member, n_clusters, names, known=None):
    """Cohen's h of features that a row has or has not.

    Parameters
    ----------
    has : ndarray or sparse matrix of shape (n_samples, n_features)
        1 where a row has the feature, 0 elsewhere.
    member : ndarray of shape (n_samples,)
    n_clusters : int
    names : list of str
    known : ndarray of shape (n_samples,), default=None
        Of which rows it is known; None means of all.

    Returns
    -------
    effects : Effects
    """
    known = np.ones(len(member), dtype=bool) if known is None else known
    inside = ((member[:, np.newaxis] == np.arange(n_clusters)) & known[:, np.newaxis]).astype(float)
    counts = np.asarray(inside.T @ has)
    total = np.asarray(has[known].sum(axis=0)).ravel()
    n = inside.sum(axis=0)[:, np.newaxis]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / n, (total - counts) / (known.sum() - n)
    angles = [2 * np.arcsin(np.sqrt(np.clip(share, 0, 1))) for share in shares]
    return Effects(
        list(names),
        list(range(len(names))),
        ["share"] * len(names),
        *shares,
        angles[0] - angles[1],
    )


def effects_of_texts(texts, member, n_clusters):
    """Cohen's h of the words of texts; None where they have no words in common."""
    vectorizer = CountVectorizer(binary=True, min_df=2, max_features=MAX_WORDS)
    try:
        has = vectorizer.fit_transform(texts)
    except ValueError:
        return None
    return effects_of_shares(has, member, n_clusters, vectorizer.get_feature_names_out().tolist())


def effects_of_table(columns, names, member, n_clusters):
    """Effect sizes of the columns of a table: numbers, or categories, each value by itself.

    Parameters
    ----------
    columns : list of ndarray of shape (n_samples,)
    names : list of str
    member : ndarray of shape (n_samples,)
    n_clusters : int

    Returns
    -------
    effects : Effects
    """
    parts = []
    for column, name in zip(columns, names, strict=True):
        if column.dtype == bool:
            parts.append(effects_of_shares(column[:, np.newaxis], member, n_clusters, [name]))
            continue
        try:
            # What is read as objects may be numbers with gaps.
            numbers = np.asarray(
                [np.nan if is_missing(v) else v for v in column]
                if column.dtype.kind == "O"
                else column
            )
            if numbers.dtype.kind not in "biuf":
                raise ValueError(name)
        except (TypeError, ValueError):
            parts.append(_effects_of_categories(column, name, member, n_clusters))
            continue
        parts.append(effects_of_numbers(numbers[:, np.newaxis], member, n_clusters, [name]))
    return _joined(parts)


def _effects_of_categories(column, name, member, n_clusters):
    missing = np.array([is_missing(value) for value in column], dtype=bool)
    known = column[~missing].astype(str)
    values, counts = np.unique(known, return_counts=True)
    values = values[np.sort(np.argsort(-counts, kind="stable")[:MAX_CATEGORIES])]
    has = np.zeros((len(column), len(values)))
    has[~missing] = known[:, np.newaxis] == values
    return effects_of_shares(
        has, member, n_clusters, [f"{name} = {value}" for value in values], ~missing
    )
