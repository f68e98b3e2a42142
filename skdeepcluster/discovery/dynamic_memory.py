"""DynamicClusterMemory: clusters of a stream, kept by a memory of its newest rows."""

from numbers import Integral, Real

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.utils import check_random_state, gen_batches

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.known_kmeans import means_of, squared_distances
from skdeepcluster.algorithms.neighbors import nearest_by_blocks
from skdeepcluster.assignment import transport_assign
from skdeepcluster.base import (
    CentersMixin,
    Clusterer,
    NumberOfClustersMixin,
    RandomStateMixin,
    param,
)
from skdeepcluster.validation import check_n_samples, largest_value, unit_rows

# Rows of each cluster, and batches, that the memory has room for by default.
ROWS_PER_CLUSTER, BATCHES = 40, 4
# Rows for each cluster that a transport should have: equal shares of fewer say little.
LEAST_PER_CLUSTER = 10


class DynamicClusterMemory(CentersMixin, NumberOfClustersMixin, RandomStateMixin, Clusterer):
    r"""Clusters of a stream, kept by a memory of its newest rows.

    The memory holds the last rows and their clusters (DyCE) [1]_. A batch is assigned to the
    centers in equal shares by entropic transport, joins the memory in the place of the oldest
    rows, and each center becomes the mean of its rows in the memory. Use it for embeddings that
    drift: old rows are forgotten, no cluster stays empty as each has its share of a batch, and a
    step costs the same however many rows there were. `kneighbors` looks up similar rows of the
    same cluster. Where nothing drifts, k-means is as good; clusters of very different sizes need
    ``balance="kl"``.

    A batch of :math:`b` rows is assigned to the largest entries of the plan

    .. math:: \min_{P \ge 0} \sum_{ij} P_{ij} \|x_i - \mu_j\| - \varepsilon H(P), \quad
        \sum_j P_{ij} = \frac{1}{b}, \quad \sum_i P_{ij} = \frac{1}{k} ;

    with ``balance="kl"`` the shares of clusters are only encouraged, by a penalty
    :math:`\lambda \, \mathrm{KL}(P^\top 1 \,\|\, \tfrac{1}{k} 1)` in the place of the last
    condition.

    Parameters
    ----------
    metric : {"cosine", "euclidean"}, default="cosine"
        The space of the rows. With "cosine" rows and centers have unit length, and rows of zeros
        are as near to all; with "euclidean" distances in the transport are divided by the standard
        deviation of the memory.

    memory_size : int, default=None
        Number of rows that the memory has room for, at least `n_clusters`; by default 40 for each
        cluster, or four batches if that is more.

    balance : {"uniform", "kl"}, default="uniform"
        Whether clusters have equal shares of each batch, or are only encouraged to.

    reg : float, default=0.05
        Strength :math:`\varepsilon` of the entropy.

    reg_cluster : float, default=0.05
        Strength :math:`\lambda` of the penalty of "kl".

    inner_iter : int, default=10
        Number of Sinkhorn iterations for a batch.

    momentum : float, default=0.0
        Share of a center that a step leaves as it was.

    recluster_interval : int, default=None
        Number of batches after which the memory is clustered by k-means again. By default that
        happens only when it is full for the first time, and when one cluster has all of its rows.

    n_init : int, default=10
        Number of starts of this k-means.

    max_epochs : int, default=5
        Passes of `fit` over the rows.

    batch_size : int, default=256
        Number of rows in a step.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The cluster with the nearest center, of each row of the last call of `fit` or `partial_fit`.
        These clusters have any sizes.

    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Means of the clusters in the memory, with "cosine" of unit length.

    memory_ : ndarray of shape (n_remembered, n_features)
        The newest rows, from the oldest on; with "cosine" of unit length.

    memory_labels_ : ndarray of shape (n_remembered,)
        The clusters that these rows were assigned to when they came.

    sizes_ : ndarray of shape (n_clusters,)
        Number of rows of each cluster in the memory.

    n_steps_ : int
        Number of batches that were assigned.

    See Also
    --------
    BalancedKMeans : Clusters of equal size of all rows at once.
    SwAV : Trains a network by assignments in equal shares.

    Notes
    -----
    Differences from the paper: the memory may be of any size; a batch of fewer than ten rows for
    each cluster is assigned together with the newest rows of the memory; the first rows are
    clustered at once, and again when the memory is full; clusters keep their numbers when k-means
    runs again; rows are stored with unit length, so each counts the same in its center. In the code
    published with the paper batches are assigned by distances with the wrong sign, to far centers.

    References
    ----------
    .. [1] S. Poulakakis-Daktylidis, H. Jamali-Rad (2024). BECLR: batch enhanced contrastive
           few-shot learning. *ICLR*. :arxiv:`2402.02444`

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import DynamicClusterMemory
    >>> centers = [[9, 0], [0, 9], [-9, -9]]
    >>> X, _ = make_blobs(600, centers=centers, random_state=0)
    >>> model = DynamicClusterMemory(3, memory_size=120, random_state=0).partial_fit(X[:200])
    >>> model.partial_fit(X[200:]).memory_.shape
    (120, 2)
    >>> distances, indices = model.kneighbors(X[:1], n_neighbors=4)
    >>> bool((model.memory_labels_[indices] == model.predict(X[:1])).all())
    True
    """

    metric: str = param("cosine", StrOptions({"cosine", "euclidean"}))
    memory_size: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    balance: str = param("uniform", StrOptions({"uniform", "kl"}))
    reg: float = param(0.05, Interval(Real, 0, None, closed="neither"))
    reg_cluster: float = param(0.05, Interval(Real, 0, None, closed="neither"))
    inner_iter: int = param(10, Interval(Integral, 1, None, closed="left"))
    momentum: float = param(0.0, Interval(Real, 0, 1, closed="left"))
    recluster_interval: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))
    max_epochs: int = param(5, Interval(Integral, 1, None, closed="left"))
    batch_size: int = param(256, Interval(Integral, 1, None, closed="left"))
    _takes_sparse = False

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Pass over rows in random order.

        If there are fewer rows than the memory has room for, it holds each of them once.
        """
        X = self._validate(X, reset=True)
        room = min(self._begin(X), len(X))
        order = self._random_state.permutation(len(X))
        self._remember(X[order[:room]])
        self._stream(X[order[room:]], room)
        for _ in range(1, self.max_epochs):
            self._stream(X[self._random_state.permutation(len(X))], room)
        return self._end(X)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Continue with new rows, in their order.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; the first call needs as many as there are clusters.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if hasattr(self, "memory_"):
            X = self._validate(X, reset=False)
            if self.metric == "euclidean" and X.dtype != self.memory_.dtype:
                raise ValueError(
                    f"X has values up to {largest_value(X):.3g}, of which the memory of "
                    f"{self.memory_.dtype} cannot hold squares. Scale X, or begin with float64."
                )
            self._stream(X, self._room())
        else:
            X = self._validate(X, reset=True)
            room = self._begin(X)
            self._remember(X[:room])
            self._stream(X[room:], room)
        return self._end(X)

    def kneighbors(self, X, n_neighbors=5, return_distance=True):
        """Rows of the memory that are nearest to others, in the same cluster.

        Of a cluster with fewer rows than that, the neighbors are sought in the whole memory.

        Parameters
        ----------
        n_neighbors : int, default=5
            Number of neighbors, at most that of the rows in the memory.
        return_distance : bool, default=True
            Whether distances are returned too.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            Increasing, with "cosine" of rows of unit length; only if `return_distance`.
        indices : ndarray of shape (n_samples, n_neighbors)
            Positions in `memory_`.

        Raises
        ------
        ValueError
            If the memory has fewer rows than `n_neighbors`.
        """
        X = self._new_rows(X)
        n_remembered = len(self.memory_)
        if not 1 <= n_neighbors <= n_remembered:
            raise ValueError(
                f"n_neighbors={n_neighbors} should be from 1 to {n_remembered}, the number of rows "
                "in the memory."
            )
        labels = self._nearest(X)
        distances = np.empty((len(X), n_neighbors), self.memory_.dtype)
        indices = np.empty((len(X), n_neighbors), dtype=np.int64)
        for j in np.unique(labels):
            rows, own = np.flatnonzero(labels == j), np.flatnonzero(self.memory_labels_ == j)
            if len(own) < n_neighbors:
                own = np.arange(n_remembered)
            queries, others = X[rows], self.memory_[own].astype(X.dtype, copy=False)
            squares, near = nearest_by_blocks(
                lambda some, queries=queries, others=others: squared_distances(
                    queries[some], others
                ),
                len(rows),
                n_neighbors,
                len(own),
            )
            distances[rows], indices[rows] = np.sqrt(squares), own[near]
        return (distances, indices) if return_distance else indices

    def _room(self):
        """Number of rows that the memory has room for."""
        k = self.n_clusters
        if self.memory_size is not None and self.memory_size < k:
            raise ValueError(f"memory_size={self.memory_size} should be >= n_clusters={k}.")
        return self.memory_size or max(ROWS_PER_CLUSTER * k, BATCHES * self.batch_size)

    def _begin(self, X):
        """Prepare for a stream that begins with rows; how many the memory has room for."""
        room = self._room()
        check_n_samples(len(X), self.n_clusters)
        self._random_state = check_random_state(self.random_state)
        self.n_steps_ = 0
        return room

    def _remember(self, X):
        """The first rows of the memory, and their clusters."""
        self.memory_ = X.copy()
        centers, self.memory_labels_ = self._clusters_of_memory()
        self._set_centers(self._on_sphere(centers, centers), X.dtype)

    def _stream(self, X, room):
        for batch in gen_batches(len(X), min(self.batch_size, room)):
            self._step(X[batch], room)

    def _step(self, X, room):
        """A batch joins the memory, and the oldest rows leave it."""
        self.n_steps_ += 1
        fills = len(self.memory_) < room <= len(self.memory_) + len(X)
        labels = np.concatenate([self.memory_labels_, self._assign(X)])
        self.memory_ = np.concatenate([self.memory_, X.astype(self.memory_.dtype)])[-room:]
        self.memory_labels_ = labels[-room:]
        k, interval = self.n_clusters, self.recluster_interval
        due = interval is not None and self.n_steps_ % interval == 0
        if k > 1 and (fills or due or len(np.unique(self.memory_labels_)) == 1):
            self._recluster()
        before = self.cluster_centers_.astype(np.float64)
        rows = self.memory_.astype(np.float64)
        means = means_of(rows, self.memory_labels_, k, empty=before)
        moved = (1 - self.momentum) * means + self.momentum * before
        self._set_centers(self._on_sphere(moved, before), self.memory_.dtype)

    def _assign(self, X):
        """Clusters of a batch, in about equal shares."""
        missing = max(0, LEAST_PER_CLUSTER * self.n_clusters - len(X))
        newest = self.memory_[max(0, len(self.memory_) - missing) :] if missing else X[:0]
        rows = np.concatenate([X, newest]).astype(np.float64)
        distances = np.sqrt(squared_distances(rows, self.cluster_centers_.astype(np.float64)))
        unit = 1.0
        if self.metric == "euclidean":
            unit = np.sqrt(self.memory_.var(axis=0, dtype=np.float64).sum()) or 1.0
        found = transport_assign(
            distances / unit,
            row_mass=1.0,
            col="eq" if self.balance == "uniform" else "kl",
            reg=self.reg,
            reg_col=self.reg_cluster,
            init="columns",
            tol=None,
            max_iter=self.inner_iter,
            output="labels",
        )
        return found.labels[: len(X)].astype(np.int32)

    def _clusters_of_memory(self):
        """Centers and labels of the memory by k-means."""
        seed = self._random_state.randint(2**31 - 1)
        rows = self.memory_.astype(np.float64)
        return kmeans(rows, self.n_clusters, n_init=self.n_init, seed=seed)

    def _recluster(self):
        """Clusters of the memory by k-means, under the numbers of those that are most alike."""
        centers, labels = self._clusters_of_memory()
        if len(np.unique(labels)) < self.n_clusters:
            return  # as many rows are the same: what there is has more clusters
        before = self.cluster_centers_.astype(np.float64)
        found, number = linear_sum_assignment(squared_distances(centers, before))
        numbers = np.empty(self.n_clusters, dtype=np.int32)
        numbers[found] = number
        self.memory_labels_ = numbers[labels]

    def _on_sphere(self, centers, before):
        """Centers of unit length, for the cosine; one whose rows cancel out stays."""
        if self.metric == "euclidean":
            return centers
        norms = np.linalg.norm(centers, axis=1, keepdims=True)
        return np.where(norms > 1e-12, centers / np.maximum(norms, 1e-12), before)

    def _end(self, X):
        self.sizes_ = np.bincount(self.memory_labels_, minlength=self.n_clusters)
        self.labels_ = self._nearest(X)
        return self

    def _validate(self, X, reset):
        X = super()._validate(X, reset)
        return unit_rows(X, zeros="keep") if self.metric == "cosine" else X
