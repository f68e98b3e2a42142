"""KMeansSDP: k-means by a semidefinite program, with a lower bound of the loss."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.linalg import eigh, svd
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.kmeans import (
    best_weighted_run,
    kmeans,
    nearest_center,
    weighted_lloyd,
)
from skdeepcluster.algorithms.kmeans_sdp import (
    bound_of_duals,
    certified_bound,
    solve_low_rank,
    solve_sdp,
)
from skdeepcluster.base import (
    Clusterer,
    NumberOfClustersMixin,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.partition._standardized import StandardizedCentersMixin
from skdeepcluster.validation import (
    FLOATS,
    caller_level,
    check_rows,
    check_weights,
    largest_value,
    scaled_to_range,
)

# Means that stand for many rows: so many for each cluster, and within these limits.
MEANS_PER_CLUSTER, FEWEST_MEANS, MOST_MEANS = 50, 200, 1000
LLOYD_ITERATIONS = 300
STARTS = 10


class KMeansSDP(
    NumberOfClustersMixin, RandomStateMixin, ThreadsMixin, StandardizedCentersMixin, Clusterer
):
    r"""K-means by a semidefinite program, with a lower bound that certifies the loss.

    With the matrix :math:`A` of the inner products of the centered rows, k-means is the program

    .. math:: \max_Z \; \langle A, Z \rangle \quad \text{s.t.} \quad Z \succeq 0, \; Z \ge 0, \;
        \mathrm{tr} Z = k, \; Z 1 = 1

    over the matrices :math:`Z = \sum_k 1_{G_k} 1_{G_k}^\top / |G_k|` of partitions. Without that
    restriction it is convex [1]_, needs no start, and finds the partition exactly where clusters
    are separate enough [2]_. The solution is rounded by its leading eigenvectors and improved by
    Lloyd's steps, and a point of the dual program gives a number that no partition's loss is below:
    a `gap_` of 0 proves that the clusters are optimal.

    Ten starts of k-means compete with the rounded solution, as programs are not solved to the end.
    Use it where k-means with many starts leaves doubts. It is slower than k-means, and where
    clusters overlap the bound says little; then the clusters are no worse than those of k-means.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.

    solver : {"low_rank", "admm"}, default="low_rank"
        "low_rank" factors the matrix, in memory linear in the rows [3]_. "admm" is the method of
        multipliers on the matrix itself, of n_samples ** 2 entries: meant for a few hundred rows,
        where it finds the tightest bound also if clusters overlap.

    rank : int, default=None
        Number of columns of the factor. None means twice the number of clusters.

    max_samples : int, default=2000
        From more rows on, the program is solved for the means of many small clusters, with their
        numbers as weights [4]_. Lloyd's steps and the bound are those of all rows.

    max_iter : int, default=500
        Largest number of steps of the solver.

    tol : float, default=1e-5
        Tolerance of the solver.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Means of the clusters.

    inertia_ : float
        Weighted sum of the squared distances to the nearest centers.

    lower_bound_ : float
        No partition into that many clusters has a lower loss, up to rounding.

    gap_ : float
        Share of the loss above the bound; 0 where the clusters are proved to be optimal.

    n_iter_ : int
        Steps of the solver.

    See Also
    --------
    ILASDP : The same for clusters of different shapes.
    IntervalClustering : The optimum for one feature.
    sklearn.cluster.KMeans : Local optima, faster.

    Notes
    -----
    *Differences from the papers:* the bound does not rest on the convergence of the solver, but is
    computed from the partition, by multipliers under which it is optimal if clusters are separate.
    The step sizes of the factored program follow the scale of the data.

    References
    ----------
    .. [1] J. Peng, Y. Wei (2007). Approximating k-means-type clustering via semidefinite
           programming. *SIAM Journal on Optimization* 18(1), 186-205.
    .. [2] X. Chen, Y. Yang (2021). Cutoff for exact recovery of Gaussian mixture models. *IEEE
           Transactions on Information Theory* 67(6), 4223-4238.
    .. [3] Y. Zhuang, X. Chen, Y. Yang, R. Y. Zhang (2024). Statistically optimal k-means clustering
           via nonnegative low-rank semidefinite programming. *ICLR*.
    .. [4] Y. Zhuang, X. Chen, Y. Yang (2022). Sketch-and-lift: scalable subsampled semidefinite
           program for k-means clustering. *AISTATS*.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import KMeansSDP
    >>> X, _ = make_blobs(300, centers=4, cluster_std=0.5, random_state=2)
    >>> model = KMeansSDP(n_clusters=4, random_state=0).fit(X)
    >>> model.lower_bound_ <= model.inertia_, model.gap_ < 1e-4
    (True, True)
    """

    solver: str = param("low_rank", StrOptions({"low_rank", "admm"}))
    rank: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    max_samples: int = param(2000, Interval(Integral, 10, None, closed="left"))
    max_iter: int = param(500, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-5, Interval(Real, 0, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Solve the program, round it and bound the loss.

        Parameters
        ----------
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss. None: all are 1.
        """
        X = self._validate(X, reset=True)
        weights = check_weights(sample_weight, len(X), self.n_clusters)
        generator = self._generator()
        with self._limited_threads():
            Z = self._standardized(X, weights)
            counted = weights > 0
            rows, w = np.ascontiguousarray(Z[counted]), weights[counted]
            candidates, bound = self._solved(rows, w, generator)
            found = [
                weighted_lloyd(rows, w, centers, LLOYD_ITERATIONS, 0.0, self._n_threads())
                for centers in candidates
            ]
            centers, labels, _ = min(found, key=lambda one: one[2])
            labels = self._filled(rows, w, labels)
            if len(np.unique(labels)) == self.n_clusters:
                bound = max(bound, certified_bound(rows, w, self.n_clusters, labels))
            centers = self._means(rows, w, labels, centers)
            self._centers = centers
            self.labels_, squares = nearest_center(
                Z, centers, self._n_threads(), return_squares=True
            )
            loss = float(weights @ squares)
        bound = min(bound, loss)
        unit = (self._scale * self._unit) ** 2
        self.inertia_, self.lower_bound_ = loss * unit, bound * unit
        self.gap_ = (loss - bound) / loss if loss > 0 else 0.0
        self.cluster_centers_ = self._in_units(centers).astype(X.dtype)
        self._n_features_out = self.n_clusters
        n_found = len(np.unique(self.labels_))
        if n_found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_found}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        return self

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self.cluster_centers_.dtype
        return check_rows(self, X, reset=reset, dtype=dtype, accept_sparse=False)

    def _standardized(self, X, weights):
        """Rows around 0 with a mean variance of 1."""
        X, self._unit = scaled_to_range(X)
        X = X.astype(np.float64, copy=False)
        self._shift = np.average(X, axis=0, weights=weights)
        centered = X - self._shift
        variance = np.average(np.square(centered), axis=0, weights=weights)
        self._scale = float(np.sqrt(variance.mean())) or 1.0
        Z = np.ascontiguousarray(centered / self._scale)
        self._largest = max(largest_value(Z), 1.0)
        return Z

    def _solved(self, rows, w, generator):
        """Centers to begin with, first those of the program, and its own bound, if it has one."""
        k = self.n_clusters
        if k == 1:
            self.n_iter_ = 0
            return [np.zeros((1, rows.shape[1]))], 0.0
        whole = len(rows) <= self.max_samples
        if not whole:
            n_means = int(np.clip(MEANS_PER_CLUSTER * k, FEWEST_MEANS, MOST_MEANS))
            n_means = min(n_means, self.max_samples)
            seed = int(generator.integers(2**31))
            means, place = kmeans(rows, n_means, n_init=1, max_iter=20, seed=seed)
            totals = np.bincount(place, w, n_means)
            rows, w = means[totals > 0], totals[totals > 0]
        equal = np.ptp(w) == 0
        if self.solver == "admm" and equal:
            vectors, bound = self._by_multipliers(rows, float(w[0]), whole)
        else:
            vectors, bound = self._by_factor(rows, w, generator), 0.0
        # Rows of one cluster have equal coordinates, up to the roots of their weights.
        coordinates = np.ascontiguousarray(vectors / np.sqrt(w)[:, np.newaxis])
        _, labels = kmeans(coordinates, k, n_init=10, seed=int(generator.integers(2**31)))
        labels = self._filled(rows, w, labels)
        rounded = self._means(rows, w, labels, np.zeros((k, rows.shape[1])))
        return [rounded, self._started(rows, w, generator)], bound

    def _started(self, rows, w, generator):
        """Centers of the best of several k-means runs, for programs not solved to the end."""
        draws = (np.random.RandomState(int(generator.integers(2**31))) for _ in range(STARTS))
        options = LLOYD_ITERATIONS, 0.0, self._n_threads()
        return best_weighted_run(rows, w, self.n_clusters, draws, *options)[0]

    def _by_multipliers(self, rows, weight, whole):
        A = rows @ rows.T
        found = solve_sdp(A[np.newaxis], self.n_clusters, max_iter=self.max_iter, tol=self.tol)
        Z, duals, slack, self.n_iter_, _ = found
        value = bound_of_duals(A, self.n_clusters, duals[0], slack[0])
        n = len(rows)
        vectors = eigh(Z[0], subset_by_index=[n - self.n_clusters, n - 1])[1]
        # Of means, the bound is not one of the rows.
        return vectors, weight * max(np.trace(A) - value, 0.0) if whole else 0.0

    def _by_factor(self, rows, w, generator):
        s = np.sqrt(w)
        scaled = s[:, np.newaxis] * (rows - np.average(rows, axis=0, weights=w))
        rank = self.rank or 2 * self.n_clusters
        U = np.abs(generator.normal(size=(1, len(rows), rank)))
        U *= np.sqrt(self.n_clusters) / np.linalg.norm(U)
        U, self.n_iter_ = solve_low_rank(
            lambda U: (scaled @ (scaled.T @ U[0]))[np.newaxis],
            s / np.linalg.norm(s),
            U,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        return svd(U[0], full_matrices=False)[0][:, : self.n_clusters]

    def _filled(self, rows, w, labels):
        """Labels of which none is missing, where there are distinct rows enough."""
        labels = labels.copy()
        missing = np.setdiff1d(np.arange(self.n_clusters), labels)
        for label in missing:
            centers = self._means(rows, w, labels, np.zeros((self.n_clusters, rows.shape[1])))
            squares = w * np.square(rows - centers[labels]).sum(axis=1)
            farthest = squares.argmax()
            if squares[farthest] <= 0:
                break
            labels[farthest] = label
        return labels

    def _means(self, rows, w, labels, otherwise):
        """Means of clusters; those of empty ones are given."""
        centers = otherwise.copy()
        for label in np.unique(labels):
            inside = labels == label
            centers[label] = np.average(rows[inside], axis=0, weights=w[inside])
        return centers

    def predict(self, X):
        """The nearest center of each row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row, for a training row the one in `labels_`.
        """
        Z = self._coordinates(self._new_rows(X))
        return nearest_center(Z, self._centers, self._n_threads())
