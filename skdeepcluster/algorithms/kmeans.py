"""K-means on an embedding in memory."""

import itertools

import numpy as np
from scipy.sparse import csr_array
from sklearn.cluster import kmeans_plusplus

from skdeepcluster._kernels._distance import argmin_sqeuclidean, kmeans_runs, lloyd_step
from skdeepcluster._sklearn import effective_n_threads

# Restarts are compared on this many rows; the best continues on all rows.
SAMPLE_ROWS = 20_000


def kmeans(
    Z,
    n_clusters,
    *,
    start=None,
    n_init=20,
    max_iter=300,
    tol=1e-4,
    seed=0,
    refill=False,
    weights=None,
    share=None,
    total=None,
    n_threads=None,
):
    r"""Centers and labels of the best of several k-means runs.

    .. math:: \min_\mu \sum_i \min_j \|z_i - \mu_j\|^2

    Parameters
    ----------
    Z : array of shape (n, n_components)
        float32 or float64.
    n_clusters : int
    start : array of shape (n_clusters, n_components), optional
        Initial centers of a single run.
    n_init : int, default=20
        Runs from k-means++ starts.
    max_iter : int, default=300
    tol : float, default=1e-4
        A run ends when the centers' squared movement is below this share of the mean variance.
    seed : int
    refill : bool, default=False
        Whether centers without rows finally move to the rows farthest from their own centers.
    weights : array of shape (n,), optional
        Weights of the rows in the sum. All processes then do the same, on all rows.
    share : slice, optional
        The rows of this process; by default all.
    total : callable (array) -> array, optional
        Sum over processes.
    n_threads : int, optional
        By default as many as OpenMP would use; the result does not depend on it.

    Returns
    -------
    centers : array of shape (n_clusters, n_components)
    labels : array of shape (n,), int32
    """
    random_state = np.random.RandomState(seed)
    Z = np.ascontiguousarray(Z)
    n_threads = effective_n_threads(n_threads)
    if weights is not None:
        best = _weighted_runs(
            Z, weights, n_clusters, start, n_init, max_iter, tol, random_state, n_threads
        )
        return _labeled(Z, best, refill, n_threads)
    tol = tol * Z.var(axis=0).mean()
    rows = random_state.permutation(len(Z))[:SAMPLE_ROWS] if len(Z) > SAMPLE_ROWS else slice(None)
    sample = np.ascontiguousarray(Z[rows])
    best = start
    if start is None:
        best = best_runs(sample, n_clusters, 1, n_init, max_iter, tol, random_state, n_threads)[0]
    if len(sample) < len(Z) or share is not None or start is not None:
        mine = np.ascontiguousarray(Z[share or slice(None)])
        best, _ = lloyd(mine, best, max_iter, tol, n_threads, total)
    return _labeled(Z, best, refill, n_threads)


def _labeled(Z, centers, refill, n_threads):
    """Centers and labels; those without rows move if it is asked for."""
    labels = nearest_center(Z, centers, n_threads)
    if refill:
        centers = replace_empty(Z, centers, labels)
        labels = nearest_center(Z, centers, n_threads)
    return centers, labels


def _weighted_runs(Z, weights, n_clusters, start, n_init, max_iter, tol, random_state, n_threads):
    """Centers of the best of several runs for rows with weights."""
    counted = np.flatnonzero(weights > 0)
    X, weights = Z[counted].astype(np.float64), np.asarray(weights[counted], np.float64)
    variance = np.average(
        np.square(X - np.average(X, axis=0, weights=weights)).mean(axis=1), weights=weights
    )
    rest = (max_iter, tol * variance, n_threads)
    if start is None:
        rows = random_state.permutation(len(X))[:SAMPLE_ROWS]
        draws = itertools.repeat(random_state, n_init)
        start = best_weighted_run(X[rows], weights[rows], n_clusters, draws, *rest)[0]
    return weighted_lloyd(X, weights, start.astype(np.float64), *rest)[0].astype(Z.dtype)


def best_weighted_run(X, weights, n_clusters, random_states, max_iter, tol, n_threads):
    """The run of `weighted_lloyd` of the lowest inertia, of one from k-means++ for each state.

    Parameters
    ----------
    X, weights, max_iter, tol, n_threads
        As in `weighted_lloyd`.
    n_clusters : int
    random_states : iterable of RandomState

    Returns
    -------
    centers, labels, inertia
        As of `weighted_lloyd`.
    """
    found = []
    for random_state in random_states:
        start, _ = kmeans_plusplus(X, n_clusters, sample_weight=weights, random_state=random_state)
        found.append(weighted_lloyd(X, weights, start, max_iter, tol, n_threads))
    return min(found, key=lambda run: run[2])


def best_runs(Z, n_clusters, n_best, n_init, max_iter, tol, random_state, n_threads):
    """Centers of the best of several k-means runs, from those of the lowest inertia on.

    Runs begin where those of scikit-learn's `kmeans_plusplus` would, with this random state.

    Parameters
    ----------
    Z : array of shape (n, n_components)
        float32 or float64, C-contiguous.
    n_clusters, n_best, n_init, max_iter : int
    tol : float
        A run ends when the centers' squared movement is below this.
    random_state : RandomState
    n_threads : int
        The result does not depend on it.

    Returns
    -------
    centers : array of shape (n_best, n_clusters, n_components)
    """
    n, n_trials = len(Z), 2 + int(np.log(n_clusters))
    chances = np.full(n, 1 / n)
    first, draws = np.empty(n_init, np.intp), np.empty((n_init, n_clusters - 1, n_trials))
    for run in range(n_init):
        first[run] = random_state.choice(n, p=chances)
        draws[run] = random_state.uniform(size=draws.shape[1:])
    centers = np.empty((n_init, n_clusters, Z.shape[1]), Z.dtype)
    inertia = kmeans_runs(Z, first, draws, max_iter, tol, centers, n_threads)
    return centers[np.argsort(inertia, kind="stable")[:n_best]]


def spherical_kmeans(Z, n_clusters, *, max_iter=10, seed=0):
    """Spherical k-means of rows of length one: centers and labels of a single run from random rows.

    Parameters
    ----------
    Z : array of shape (n, n_components)
    n_clusters : int
    max_iter : int, default=10
        Steps; a center without rows stays where it is.
    seed : int

    Returns
    -------
    centers : array of shape (n_clusters, n_components)
    labels : array of shape (n,), int32
    """
    Z = np.ascontiguousarray(Z)
    n_threads = effective_n_threads()
    centers = Z[np.random.RandomState(seed).permutation(len(Z))[:n_clusters]]
    for _ in range(max_iter):
        moved, _ = lloyd(Z, centers, 1, 0.0, n_threads)
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        centers = np.where(lengths > 0, moved / np.maximum(lengths, 1e-12), centers)
    return centers, nearest_center(Z, centers, n_threads)


def replace_empty(Z, centers, labels):
    """Centers, of which those without rows move to the rows farthest from their own centers."""
    empty = np.flatnonzero(np.bincount(labels, minlength=len(centers)) == 0)
    distances = np.square(Z - centers[labels]).sum(axis=1)
    farthest = np.argsort(-distances, kind="stable")[: len(empty)]
    centers = centers.copy()
    centers[empty] = Z[farthest]
    return centers


def nearest_center(Z, centers, n_threads, *, return_squares=False):
    """Labels of the nearest centers and, with `return_squares`, the squared distances to them."""
    labels = np.empty(len(Z), dtype=np.int32)
    squares = np.empty(len(Z), Z.dtype) if return_squares else None
    argmin_sqeuclidean(Z, centers, labels, squares, n_threads)
    return (labels, squares) if return_squares else labels


def move_to_means(centers, sums, counts, dtype, *, unit=False):
    """Centers at the means of their rows; one without rows stays where it is.

    Parameters
    ----------
    centers : array of shape (k, d)
    sums : array of shape (k, d), float64
        Of the rows of each center.
    counts : array of shape (k,)
        Their numbers.
    dtype : dtype of the centers returned
    unit : bool, default=False
        Whether means are scaled to length one; a center whose mean is 0 stays where it is.

    Returns
    -------
    centers : array of shape (k, d)
    movement : float
        Sum of the squared distances to the centers before.
    """
    means = sums / np.maximum(counts, 1)[:, None]
    if unit:
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        counts = counts * (lengths[:, 0] > 0)
        means /= np.where(lengths > 0, lengths, 1)
    moved = np.where(counts[:, None] > 0, means, centers).astype(dtype)
    return moved, np.square(moved.astype(np.float64) - centers).sum()


def lloyd(Z, centers, max_iter, tol, n_threads, total=None):
    """Move centers to the means of their rows until they hardly move; an empty one stays."""
    k, d = centers.shape
    labels = np.empty(len(Z), dtype=np.int32)
    for _ in range(max_iter):
        sums, counts = np.zeros((k, d)), np.zeros(k, dtype=np.int64)
        inertia = lloyd_step(Z, centers, labels, sums, counts, n_threads)
        if total is not None:
            joined = total(np.concatenate([sums.ravel(), counts, [inertia]]))
            sums, counts, inertia = joined[: k * d].reshape(k, d), joined[k * d : -1], joined[-1]
        centers, movement = move_to_means(centers, sums, counts, Z.dtype)
        if movement <= tol:
            break
    return centers, inertia


def weighted_lloyd(X, weights, centers, max_iter, tol, n_threads):
    """Lloyd's algorithm for rows with weights, to the means of their labels; an empty center stays.

    Parameters
    ----------
    X : C-contiguous array of shape (n, d), float64
    weights : array of shape (n,), float64
    centers : array of shape (k, d), float64
    max_iter : int
    tol : float
        Largest sum of squared movements of the centers at which it ends.
    n_threads : int

    Returns
    -------
    centers : array of shape (k, d)
    labels : array of shape (n,), int32
        Of the nearest centers.
    inertia : float
    """
    n, k = len(X), len(centers)
    weighted = weights[:, np.newaxis] * X
    for _ in range(max_iter):
        labels = nearest_center(X, centers, n_threads)
        of_cluster = csr_array((np.ones(n), labels, np.arange(n + 1)), shape=(n, k)).T
        totals = np.bincount(labels, weights, k)
        means = (of_cluster @ weighted) / np.where(totals > 0, totals, 1)[:, np.newaxis]
        moved = np.where(totals[:, np.newaxis] > 0, means, centers)
        movement, centers = np.square(moved - centers).sum(), moved
        if movement <= tol:
            break
    labels, squares = nearest_center(X, centers, n_threads, return_squares=True)
    return centers, labels, float(weights @ squares)
