"""LaplacianPrototypeClustering: prototypes, and neighbors that agree on their clusters."""

import warnings
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.known_kmeans import drawn_centers, means_of, squared_distances
from skdeepcluster.base import (
    CentersMixin,
    Clusterer,
    NumberOfClustersMixin,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.constraints import PartialLabelMixin
from skdeepcluster.validation import caller_level, check_n_samples

# Steps of a mean shift.
_SHIFTS = 200


@dataclass
class _Found:
    """What a start has found."""

    energy: float
    labels: np.ndarray
    soft: np.ndarray
    centers: np.ndarray
    medoids: np.ndarray | None
    n_iter: int
    damped: bool


class LaplacianPrototypeClustering(
    PartialLabelMixin,
    CentersMixin,
    NumberOfClustersMixin,
    RandomStateMixin,
    ThreadsMixin,
    Clusterer,
):
    r"""Clusters around prototypes, in which nearest neighbors agree.

    .. math:: \min_{z, m} \; \sum_p \sum_k z_{pk} \, a_{pk}
        + \frac{\lambda}{2} \sum_{p, q} w_{pq} \|z_p - z_q\|^2
        \quad \text{subject to} \quad z_p = e_{y_p} \text{ for labeled rows}

    with the symmetric graph :math:`w` of nearest neighbors. For means
    :math:`a_{pk} = \|x_p - m_k\|^2 / (2 s)`, where :math:`s` is the variance of the rows;
    for modes and medoids :math:`a_{pk} = -\exp(-\|x_p - m_k\|^2 / (2 \sigma^2))`. All rows are
    updated at once,

    .. math:: z_p \leftarrow \mathrm{softmax}_k \Big(-a_{pk} + \lambda \sum_q w_{pq} z_{qk}\Big),

    which descends the relaxed objective if :math:`w` is positive semi-definite, and prototypes
    follow [1]_ [2]_. Labels spread through the graph: a few per class move whole neighborhoods.

    Use it for embeddings with a given number of clusters and, if there are some, labels. It is a
    prototype method: it does not follow clusters that wind around each other, such as two moons.

    Parameters
    ----------
    prototype : {"mean", "mean_shift", "medoid"}, default="mean"
        What stands for a cluster: its mean, a mode of its density, or the row with the largest soft
        label.

    laplacian_weight : float, default=1.0
        The weight :math:`\lambda` of the agreement; 0 is k-means, for means.

    n_neighbors : int, default=5
        Number of nearest neighbors of a row, without the row itself.

    sigma : float, default=None
        Width :math:`\sigma` for modes and medoids; None is the root of the mean squared distance of
        neighbors.

    n_init : int, default=10
        Number of starts, of which the one with the lowest objective is kept.

    max_iter : int, default=100
        Maximum number of updates of the prototypes.

    inner_iter : int, default=200
        Maximum number of updates of all rows for fixed prototypes.

    tol : float, default=1e-5
        Relative change of the objective below which a start ends.

    inner_tol : float, default=1e-6
        Relative change of the relaxed objective below which updates for fixed prototypes end.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row. `predict` looks up neighbors among the training rows, of which
        a training row is its own nearest, so that it may differ for a row between clusters.

    soft_labels_ : ndarray of shape (n_samples, n_clusters)
        The soft labels z.

    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The prototypes.

    medoid_indices_ : ndarray of shape (n_clusters,)
        Rows that are prototypes, only for medoids.

    energy_ : float
        The objective of the labels.

    sigma_ : float
        The width.

    affinity_matrix_ : csr_array of shape (n_samples, n_samples)
        The graph.

    n_iter_ : int
        Updates of the prototypes in the best start.

    See Also
    --------
    ConstrainedKMeans : Takes pairs, and needs no graph.

    Notes
    -----
    Differences from the papers: the graph is symmetric, squared distances are in units of the
    variance, and labeled rows keep their labels in each update. If the relaxed objective rises, as
    it may where the graph is not positive semi-definite, updates are halved, with a warning.

    References
    ----------
    .. [1] I. M. Ziko, E. Granger, I. Ben Ayed (2018). Scalable Laplacian K-modes. *NeurIPS*.
    .. [2] I. M. Ziko et al. (2021). Transductive few-shot learning: clustering is all you need?
           arXiv:2106.09516.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import LaplacianPrototypeClustering
    >>> X, y = make_blobs(200, centers=3, random_state=0)
    >>> partial = np.where(np.arange(200) < 20, y, -1)
    >>> model = LaplacianPrototypeClustering(3, random_state=0).fit(X, partial)
    >>> bool(np.mean(model.labels_ == y) > 0.85)
    True
    """

    prototype: str = param("mean", StrOptions({"mean", "mean_shift", "medoid"}))
    laplacian_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    n_neighbors: int = param(5, Interval(Integral, 1, None, closed="left"))
    sigma: float | None = param(None, Interval(Real, 0, None, closed="neither"), None)
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(100, Interval(Integral, 1, None, closed="left"))
    inner_iter: int = param(200, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-5, Interval(Real, 0, None, closed="left"))
    inner_tol: float = param(1e-6, Interval(Real, 0, None, closed="left"))
    _takes_sparse = False

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster rows.

        Parameters
        ----------
        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown. Without any -1 they are ignored.
        """
        X = self._validate(X, reset=True)
        n, k = len(X), self.n_clusters
        check_n_samples(n, k)
        labels = self._partial_labels(y, n, k)
        fixed = np.full(n, -1) if labels is None else labels
        rows = X.astype(np.float64)
        self._neighbors = NearestNeighbors(n_neighbors=min(self.n_neighbors, max(n - 1, 1)))
        self._neighbors.set_params(n_jobs=self.n_jobs).fit(X)
        graph = self._graph(X)
        squares = np.square(rows[graph.row] - rows[graph.col]).sum(axis=1)
        self.affinity_matrix_ = csr_array(graph)
        tiny = np.finfo(float).tiny ** 0.25
        self.sigma_ = self.sigma or max(float(np.sqrt(squares.mean())) if len(squares) else 0, tiny)
        self._variance = max(float(rows.var(axis=0).sum()), tiny)
        rng = check_random_state(self.random_state)
        known = means_of(rows, fixed, len(self.classes_))
        best = None
        for _ in range(self.n_init):
            start = drawn_centers(rows, known, k - len(known), rng)
            found = self._run(rows, start, fixed)
            if best is None or found.energy < best.energy:
                best = found
        if best.damped:
            warnings.warn(
                "The relaxed objective rose, and updates were halved: the graph is not positive "
                "semi-definite. A lower laplacian_weight avoids this.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        self.labels_ = best.labels.astype(np.int32)
        self.soft_labels_ = best.soft.astype(X.dtype)
        self.energy_, self.n_iter_ = best.energy, best.n_iter
        if self.prototype == "medoid":
            self.medoid_indices_ = best.medoids
        self._set_centers(best.centers, X.dtype)
        return self

    def _graph(self, X):
        n = len(X)
        if n == 1:
            return csr_array((1, 1)).tocoo()
        # The rows of the fit: a row is not its own neighbor.
        graph = csr_array(self._neighbors.kneighbors_graph())
        return ((graph + graph.T) / 2).tocoo()

    def _unary(self, rows, centers):
        squares = squared_distances(rows, centers)
        if self.prototype == "mean":
            return squares / (2 * self._variance)
        return -np.exp(-squares / (2 * self.sigma_**2))

    def _relaxed(self, unary, known, labels):
        """Soft labels for fixed prototypes, and whether updates were halved."""
        W, weight = self.affinity_matrix_, self.laplacian_weight
        z = softmax(-unary, axis=1)
        z[known] = np.eye(unary.shape[1])[labels[known]]
        before, damped = np.inf, False
        for _ in range(self.inner_iter):
            agreement = W @ z
            entropy = np.sum(z * np.log(np.maximum(z, np.finfo(float).tiny)))
            value = entropy + np.sum(z * unary) - 0.5 * weight * np.sum(z * agreement)
            rises = value > before + 1e-9 * max(1.0, abs(value))
            damped |= rises
            if abs(value - before) <= self.inner_tol * abs(value):
                break
            before = value
            new = softmax(-unary + weight * agreement, axis=1)
            new[known] = z[known]
            z = (z + new) / 2 if damped else new
        return z, damped

    def _energy(self, unary, labels):
        W = self.affinity_matrix_.tocoo()
        apart = W.data @ (labels[W.row] != labels[W.col])
        return float(unary[np.arange(len(labels)), labels].sum() + self.laplacian_weight * apart)

    def _run(self, rows, centers, fixed):
        """Descend from initial prototypes."""
        known = fixed >= 0
        labels = np.where(known, fixed, squared_distances(rows, centers).argmin(axis=1))
        soft, medoids, best, damped = None, None, None, False
        n_iter = 0
        while n_iter < self.max_iter:
            n_iter += 1
            centers, medoids = self._prototypes(rows, centers, labels, soft)
            unary = self._unary(rows, centers)
            if self.laplacian_weight > 0:
                soft, halved = self._relaxed(unary, known, labels)
                damped |= halved
            else:
                soft = softmax(-unary, axis=1)
                soft[known] = np.eye(len(centers))[fixed[known]]
            labels = np.where(known, fixed, soft.argmax(axis=1))
            energy = self._energy(unary, labels)
            if best is not None and len(np.unique(labels)) < len(np.unique(best.labels)):
                break  # a cluster lost all its rows: what was before is kept
            change = np.inf if best is None else abs(best.energy - energy)
            if best is None or energy <= best.energy:
                best = _Found(energy, labels, soft, centers, medoids, n_iter, damped)
            if change <= self.tol * abs(energy):
                break
        best.damped = damped
        return best

    def _prototypes(self, rows, centers, labels, soft):
        """Prototypes of clusters, and the rows that are."""
        k = len(centers)
        means = means_of(rows, labels, k, empty=centers)
        if self.prototype == "mean":
            return means, None
        if self.prototype == "medoid" and soft is not None:
            medoids = soft.argmax(axis=0)
            return rows[medoids], medoids
        modes = np.array([self._mode(rows[labels == j], means[j]) for j in range(k)])
        if self.prototype == "mean_shift":
            return modes, None
        medoids = squared_distances(modes, rows).argmin(axis=1)
        return rows[medoids], medoids

    def _mode(self, rows, mode):
        """The mode of a density that mean shifts lead to."""
        for _ in range(_SHIFTS if len(rows) else 0):
            weights = np.exp(-np.square(rows - mode).sum(axis=1) / (2 * self.sigma_**2))
            if not weights.sum() > 0:
                break
            moved = weights @ rows / weights.sum()
            shift, mode = np.abs(moved - mode).max(), moved
            if shift <= 1e-5 * np.abs(mode).max():
                break
        return mode

    def _soft(self, X):
        rows, centers = X.astype(np.float64), self.cluster_centers_.astype(np.float64)
        unary = self._unary(rows, centers)
        near = self._neighbors.kneighbors(X, return_distance=False)
        agreement = self.soft_labels_[near].astype(np.float64).sum(axis=1)
        return softmax(-unary + self.laplacian_weight * agreement, axis=1)

    def _nearest(self, X):
        return self._soft(X).argmax(axis=1).astype(np.int32)

    def predict_proba(self, X):
        """Soft labels: one update from the prototypes and the nearest training rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1.
        """
        X = self._new_rows(X)
        return self._soft(X).astype(self.cluster_centers_.dtype)
