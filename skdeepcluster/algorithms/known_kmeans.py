"""Pieces of k-means for rows of which something is known."""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.cluster import kmeans_plusplus
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.extmath import row_norms

from skdeepcluster._kernels._kmeans import sum_by_label
from skdeepcluster.algorithms.kmeans import SAMPLE_ROWS, lloyd


def squared_distances(X, centers, norms=None):
    """Squared distances of dense or sparse rows to centers, in float64.

    Parameters
    ----------
    X : {array, sparse matrix} of shape (n, d)
    centers : array of shape (k, d)
    norms : array of shape (n,), optional
        Squared norms of the rows.

    Returns
    -------
    squares : array of shape (n, k)
    """
    norms = None if norms is None else norms[:, np.newaxis]
    return euclidean_distances(X, centers, squared=True, X_norm_squared=norms)


def squared_norms(X):
    """Squared norms of dense or sparse rows."""
    return row_norms(X, squared=True)


def variance_of(X, norms):
    """Mean squared distance of dense or sparse rows, of these squared norms, to their mean."""
    mean = np.asarray(X.mean(axis=0)).ravel()
    # Not below 0 by rounding.
    return max(norms.mean() - np.square(mean).sum(), 0.0)


def sums_of(X, labels, n_labels, weights=None):
    """Sums of the rows of each label, and their number or weight; rows labeled -1 are left out."""
    labels = np.asarray(labels)
    known = labels >= 0
    if issparse(X) or weights is not None or not known.all():
        rows = np.flatnonzero(known)
        w = np.ones(len(rows)) if weights is None else np.asarray(weights)[rows]
        member = csr_array((w, (labels[rows], rows)), shape=(n_labels, X.shape[0]))
        sums = member @ X
        return (sums.toarray() if issparse(sums) else sums), member.sum(axis=1)
    sums = np.zeros((n_labels, X.shape[1]))
    counts = sum_by_label(np.ascontiguousarray(X), labels.astype(np.int32), sums, 1)
    return sums, counts.astype(np.float64)


def means_of(X, labels, n_labels, weights=None, empty=None):
    """Means of the rows of each label; `empty`, or 0, where there is none."""
    sums, counts = sums_of(X, labels, n_labels, weights)
    means = sums / np.maximum(counts, np.finfo(float).tiny)[:, np.newaxis]
    if empty is not None:
        means = np.where(counts[:, np.newaxis] > 0, means, empty)
    return means


def dense_rows(X, index):
    """Some rows of dense or sparse ones, dense."""
    rows = X[index]
    return rows.toarray() if issparse(rows) else np.asarray(rows)


def drawn_centers(X, known, n_new, rng, *, power=2.0, norms=None, weights=None):
    """Centers and further ones drawn among rows far from them: k-means++ with a given beginning.

    A row is drawn with a probability in proportion to the `power` of its distance to the nearest
    center so far.

    Parameters
    ----------
    X : {array, sparse matrix} of shape (n, d)
    known : array of shape (n_known, d)
        The centers that are there; with none the first is drawn uniformly.
    n_new : int
    rng : RandomState
    power : float, default=2
    norms : array of shape (n,), optional
        Squared norms of the rows.
    weights : array of shape (n,), optional

    Returns
    -------
    centers : array of shape (n_known + n_new, d)
    """
    n = X.shape[0]
    norms = squared_norms(X) if norms is None else norms
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    centers = [row[np.newaxis] for row in np.asarray(known, dtype=np.float64)]
    near = np.full(n, np.inf)
    if centers:
        near = squared_distances(X, np.concatenate(centers), norms).min(axis=1)
    for _ in range(n_new):
        chance = weights if not centers else weights * near ** (power / 2)
        total = np.cumsum(chance)
        if not total[-1] > 0:  # all rows are centers already
            total = np.cumsum(weights)
        row = min(int(np.searchsorted(total, rng.uniform() * total[-1], side="right")), n - 1)
        center = dense_rows(X, [row]).astype(np.float64)
        centers.append(center)
        near = np.minimum(near, squared_distances(X, center, norms)[:, 0])
    return np.concatenate(centers) if centers else np.empty((0, X.shape[1]))


def moved_from_empty(X, centers, labels, costs, movable):
    """Centers, of which those without rows move to the movable rows of the largest costs.

    Parameters
    ----------
    X : {array, sparse matrix} of shape (n, d)
    centers : array of shape (k, d)
    labels : array of shape (n,)
    costs : array of shape (n,)
        Of each row in its cluster.
    movable : array of bool of shape (n,)

    Returns
    -------
    centers : array of shape (k, d)
    """
    empty = np.flatnonzero(np.bincount(labels, minlength=len(centers)) == 0)
    if not len(empty):
        return centers
    farthest = np.argsort(np.where(movable, -costs, np.inf), kind="stable")[: len(empty)]
    farthest = farthest[movable[farthest] & (costs[farthest] > 0)]
    centers = centers.copy()
    centers[empty[: len(farthest)]] = dense_rows(X, farthest)
    return centers


def known_kmeans(X, centers, fixed, *, max_iter=300, tol=1e-4, norms=None, moving=None):
    """K-means in which some rows keep their clusters.

    Parameters
    ----------
    X : {array, sparse matrix} of shape (n, d), float64
    centers : array of shape (k, d)
        Initial centers.
    fixed : array of shape (n,)
        Clusters that rows keep, -1 for none.
    max_iter : int, default=300
    tol : float, default=1e-4
        The run ends when the squared movements of the centers sum up to at most this, or when no
        row changes its cluster.
    norms : array of shape (n,), optional
        Squared norms of the rows.
    moving : array of bool of shape (k,), optional
        Which centers move; all by default.

    Returns
    -------
    centers : array of shape (k, d)
        Means of their rows; one without rows stays where it is.
    labels : array of shape (n,), int32
        For these centers, not those that were known.
    inertia : float
        Sum of squared distances.
    n_iter : int
    """
    k = len(centers)
    norms = squared_norms(X) if norms is None else norms
    index = np.arange(X.shape[0])

    def assign(centers):
        squares = squared_distances(X, centers, norms)
        labels = np.where(fixed >= 0, fixed, squares.argmin(axis=1)).astype(np.int32)
        return labels, squares[index, labels].sum()

    labels, inertia = assign(centers)
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        moved = means_of(X, labels, k, empty=centers)
        if moving is not None:
            moved = np.where(moving[:, np.newaxis], moved, centers)
        movement = np.square(moved - centers).sum()
        centers, before = moved, labels
        labels, inertia = assign(centers)
        if movement <= tol or np.array_equal(labels, before):
            break
    return centers, labels, float(inertia), n_iter


def best_start(X, known, fixed, n_clusters, n_init, rng, tol):
    """Centers of the best of some runs of k-means in which known rows stay.

    Parameters
    ----------
    X : {array, sparse matrix} of shape (n, d), float64
    known : array of shape (n_known, d)
        Where the first centers begin in each run.
    fixed : array of shape (n,)
        Clusters that rows keep, -1 for none.
    n_clusters, n_init : int
    rng : RandomState
    tol : float
        Of the squared movements of the centers.

    Returns
    -------
    centers : array of shape (n_clusters, d)
        Many rows are compared by a sample of them, if no cluster is known.
    """
    n, n_new = X.shape[0], n_clusters - len(known)
    if n > SAMPLE_ROWS and not len(known):
        rows = rng.permutation(n)[:SAMPLE_ROWS]
        X, fixed = X[rows], fixed[rows]
    best, least = None, np.inf
    for _ in range(n_init):
        if len(known):
            weights = (fixed < 0).astype(float) if (fixed < 0).any() else None
            centers = drawn_centers(X, known, n_new, rng, weights=weights)
        else:
            centers, _ = kmeans_plusplus(X, n_clusters, random_state=rng)
            centers = centers.toarray() if issparse(centers) else centers
        if len(known) or issparse(X):
            centers, _, inertia, _ = known_kmeans(X, centers, fixed, tol=tol)
        else:
            centers, inertia = lloyd(X, centers, 300, tol, 1)
        if best is None or inertia < least:
            best, least = centers, inertia
    return best
