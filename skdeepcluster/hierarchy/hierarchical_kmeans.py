"""HierarchicalKMeans: k-means of the centers of k-means."""

import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from skdeepcluster._sklearn import (
    Interval,
    StrOptions,
    fit_context,
)
from skdeepcluster.algorithms.bounded_kmeans import Rows, lloyd, seeds, settle
from skdeepcluster.algorithms.groups import rows_of_each
from skdeepcluster.base import (
    Clusterer,
    FloatTransformerMixin,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.hierarchy._levels import numbers_of_clusters, sample_sizes
from skdeepcluster.hierarchy._nearest import NearestCentersMixin
from skdeepcluster.validation import FLOATS, as_array, caller_level, check_rows, largest_value
from skdeepcluster.validation._inputs import is_on_disk


class HierarchicalKMeans(
    NearestCentersMixin,
    RandomStateMixin,
    ThreadsMixin,
    CallbackSupportMixin,
    FloatTransformerMixin,
    Clusterer,
):
    r"""K-means of the centers of k-means, with resampling.

    The first level clusters the rows, each further level the centers of the one before,

    .. math:: C^{(t)} = \arg\min_{|C| = k_t} \; \sum_{x \in C^{(t-1)}} \min_{c \in C} \|x - c\|^2,
        \qquad C^{(0)} = X, \quad k_1 > k_2 > \dots,

    where every center counts as one, however many rows it represents. So dense regions lose weight
    from level to level, and still more by resampling: each level is clustered again from a few
    members of each of its clusters. The coarse clusters become regions of about equal volume, from
    which :meth:`balanced_sample` draws rows evenly.

    Use it to thin out data with a long tail before training, to choose a spread subset, or for a
    taxonomy of millions of rows. With one number of clusters it is plain k-means, made for many
    clusters and for rows on disk. Coarse clusters are no natural groups: to find those, cluster the
    rows themselves.

    Parameters
    ----------
    n_clusters : "auto", int or array-like of int, default="auto"
        The numbers of clusters from the finest level to the coarsest, decreasing. "auto" has a
        cluster for 20 rows, and for 4 clusters of the level before, as long as there are 20. An
        int is plain k-means: one level, without resampling.

    n_resamples : int, default=10
        How often each level is clustered again from members of its clusters.

    sample_size : "auto", int, array-like of int or None, default="auto"
        Number of members of each cluster in a resample, for all levels or for each. "auto" means
        half the mean number of members. A level with None or 1 is not resampled.

    resample_strategy : {"closest", "random"}, default="closest"
        Which members are taken: the nearest to the center, or random ones.

    metric : {"euclidean", "cosine"}, default="euclidean"
        "cosine" scales rows and centers to unit length, and the loss of a row is one minus the
        cosine of its angle with the center (spherical k-means).

    max_iter : int, default=50
        Maximum number of passes of each k-means.

    tol : float, default=0
        A k-means ends when the squared movements of its centers sum up to at most this fraction of
        the mean variance of the features, or when no row changes its cluster.

    n_init : int, default=1
        Number of starts of each level, of which the best is kept.

    init : {"k-means++", "random"} or array-like, default="k-means++"
        Initial centers: "k-means++" on a sample of 10 rows per cluster and at least 10,000; random
        rows; or, on the finest level, given centers of shape (n_clusters, n_features).

    random_state : int, RandomState instance or None, default=None
        Determines starts and random members.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The cluster of each row on the coarsest level.

    labels_per_level_ : ndarray of shape (n_levels, n_samples)
        The clusters of each row, from the finest level to the coarsest.

    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centers of the coarsest level.

    centers_per_level_ : list of n_levels ndarrays of shape (n_clusters, n_features)
        The centers of each level.

    parents_ : list of n_levels - 1 ndarrays of shape (n_clusters,)
        For each cluster the one of the next level that it belongs to.

    tree_ : list of n_levels lists of ndarrays
        For each cluster of a level its children, which are clusters of the level before, or rows
        for those of the finest level.

    sizes_ : list of n_levels ndarrays of shape (n_clusters,)
        The number of rows of each cluster.

    distances_ : ndarray of shape (n_samples,)
        The distance of each row to its center of the finest level.

    inertia_per_level_ : ndarray of shape (n_levels,)
        The loss of each level: the sum of the squared distances of its members, rows or centers,
        to their nearest centers. With "cosine" the sum of the cosine distances.

    n_iter_ : int
        The number of passes over the rows of the k-means of the finest level.

    See Also
    --------
    balanced_sample : The same sampling from clusters of any origin.
    sklearn.cluster.BisectingKMeans : A hierarchy from the top, of natural groups.

    References
    ----------
    .. [1] H. V. Vo et al. (2024). Automatic data curation for self-supervised learning: a
           clustering-based approach. *Transactions on Machine Learning Research*.

    Examples
    --------
    A uniform sample of 120 rows would have one of the third group.

    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import HierarchicalKMeans
    >>> X, y = make_blobs([5000, 500, 50], random_state=0)
    >>> model = HierarchicalKMeans(n_clusters=[300, 30], random_state=0).fit(X)
    >>> model.labels_per_level_.shape
    (2, 5550)
    >>> rows = model.balanced_sample(120, random_state=0)
    >>> bool(np.sum(y[rows] == 2) > 8)
    True
    """

    n_clusters: int | str | np.ndarray = param(
        "auto",
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
        "array-like",
        positional=True,
    )
    n_resamples: int = param(10, Interval(Integral, 0, None, closed="left"))
    sample_size: int | str | np.ndarray | None = param(
        "auto", StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), "array-like", None
    )
    resample_strategy: str = param("closest", StrOptions({"closest", "random"}))
    metric: str = param("euclidean", StrOptions({"euclidean", "cosine"}))
    max_iter: int = param(50, Interval(Integral, 1, None, closed="left"))
    tol: float = param(0.0, Interval(Real, 0, None, closed="left"))
    n_init: int = param(1, Interval(Integral, 1, None, closed="left"))
    init: str | np.ndarray = param("k-means++", StrOptions({"k-means++", "random"}), "array-like")

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster the rows, then the centers, level by level.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. A memory-mapped array is read block by block, several times.
        """
        X = self._validate(X, reset=True)
        numbers = numbers_of_clusters(self.n_clusters, len(X))
        sizes = [1] * len(numbers)
        if not isinstance(self.n_clusters, Integral) and self.n_resamples:
            sizes = sample_sizes(self.sample_size, len(X), numbers)
        rng = self._generator()
        context = self._init_callback_context(max_subtasks=len(numbers))
        context.call_on_fit_task_begin(estimator=self, X=X)
        self.centers_per_level_, self.parents_, inertias = [], [], []
        dtype = X.dtype if X.dtype in FLOATS else np.float64
        with self._limited_threads():
            rows = self._rows(X)
            for level, (k, sample_size) in enumerate(zip(numbers, sizes, strict=True)):
                task = context.subcontext(
                    task_name="level", max_subtasks=self._n_init(level) + self.n_resamples
                )
                task.call_on_fit_task_begin(estimator=self, X=X)
                centers, labels, squares, n_iter = self._level(X, rows, k, sample_size, rng, task)
                inertias.append(self._loss(squares))
                # Empty clusters are dropped.
                present, labels = np.unique(labels, return_inverse=True)
                centers = centers[present]
                labels = labels.astype(np.int32)
                if level == 0:
                    self.n_iter_ = n_iter
                    self.distances_ = (squares / 2 if rows.unit else np.sqrt(squares)).astype(dtype)
                    labels_per_level = [labels]
                else:
                    self.parents_.append(labels)
                    labels_per_level.append(labels[labels_per_level[-1]])
                self.centers_per_level_.append(centers.astype(dtype, copy=False))
                rows = self._rows(centers)
                if task.call_on_fit_task_end(
                    estimator=self,
                    X=X,
                    reconstruction_attributes=partial(self._described_by, None),
                ):
                    break
        self.labels_per_level_ = np.array(labels_per_level)
        self.inertia_per_level_ = np.array(inertias)
        self.tree_ = [rows_of_each(part) for part in (labels_per_level[0], *self.parents_)]
        self.sizes_ = [np.bincount(part) for part in labels_per_level]
        self.labels_ = labels_per_level[-1]
        self.cluster_centers_ = self.centers_per_level_[-1]
        self._n_features_out = len(self.cluster_centers_)
        context.call_on_fit_task_end(estimator=self, X=X)
        for level, (k, centers) in enumerate(zip(numbers, self.centers_per_level_, strict=False)):
            if len(centers) < k:
                warnings.warn(
                    f"Level {level} has {len(centers)} clusters, fewer than the {k} asked for: "
                    "rows repeat. Use fewer clusters.",
                    ConvergenceWarning,
                    stacklevel=caller_level(),
                )
        return self

    def _validate(self, X, reset):
        X = as_array(X)
        on_disk = is_on_disk(X)
        # Rows on disk are checked and converted as they are read.
        return check_rows(
            self,
            X,
            reset=reset,
            dtype="numeric" if on_disk else FLOATS,
            order=None if on_disk else "C",
            accept_sparse=False,
            ensure_all_finite=not on_disk,
        )

    def _rows(self, X, centers=None):
        """Rows in a type that can hold their distances to each other, or to centers."""
        n_threads = self._n_threads()
        scale = 0.0 if centers is None else largest_value(centers)
        return Rows(X, n_threads, unit=self.metric == "cosine", scale=scale)

    def _n_init(self, level):
        return self.n_init if level or isinstance(self.init, str) else 1

    def _start(self, rows, k, rng, given=None):
        if given is not None:
            return given
        if isinstance(self.init, str) and self.init == "random":
            return rows.take(np.sort(rng.choice(rows.shape[0], k, replace=False)))
        return seeds(rows, k, rng)

    def _given_centers(self, k, n_features):
        """Given initial centers of the finest level, or None."""
        if isinstance(self.init, str):
            return None
        centers = check_array(as_array(self.init), dtype=FLOATS, input_name="init")
        if centers.shape != (k, n_features):
            raise ValueError(
                f"init has shape {centers.shape}, which should be ({k}, {n_features}): a center "
                "for each cluster of the finest level."
            )
        return centers

    def _level(self, X, rows, k, sample_size, rng, context):
        """Centers, labels, squared distances and the number of passes of one level."""
        level = len(self.centers_per_level_)
        given = self._given_centers(k, rows.shape[1]) if level == 0 else None
        k = min(k, rows.shape[0])

        def kmeans(rows, k, given=None):
            task = context.subcontext(task_name="k-means", max_subtasks=self.max_iter)
            task.call_on_fit_task_begin(estimator=self, X=X)

            def on_pass(centers):
                step = task.subcontext(task_name="pass")
                step.call_on_fit_task_begin(estimator=self, X=X)
                return step.call_on_fit_task_end(
                    estimator=self,
                    X=X,
                    reconstruction_attributes=partial(self._described_by, centers),
                )

            start = self._start(rows, k, rng, given)
            found = lloyd(rows, start, self.max_iter, self.tol, on_pass)
            stop = task.call_on_fit_task_end(
                estimator=self,
                X=X,
                reconstruction_attributes=partial(self._described_by, found[0]),
            )
            return found, stop

        best, least, stop = None, np.inf, False
        for _ in range(self._n_init(level)):
            found, stop = kmeans(rows, k, given)
            loss = self._loss(found[2])
            if best is None or loss < least:
                best, least = found, loss
            if stop:
                break
        centers, labels, squares, n_iter = best
        for _ in range(self.n_resamples if sample_size > 1 and not stop else 0):
            key = squares if self.resample_strategy == "closest" else rng.random(len(labels))
            order = np.lexsort((key, labels))
            counts = np.bincount(labels, minlength=len(centers))
            ranks = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
            pool = rows.subset(np.sort(order[ranks < sample_size]))
            (centers, *_), stop = kmeans(pool, min(k, pool.shape[0]))
            rows.choose_dimensions(centers)
            # The known labels belong to other centers.
            labels[:] = -1
            centers = settle(rows, centers, labels, squares)
            if stop:
                break
        return centers, labels, squares, n_iter

    def _loss(self, squares):
        """The loss, from squared distances."""
        return float(squares.sum(dtype=np.float64)) / (2 if self.metric == "cosine" else 1)

    def _described_by(self, centers):
        """Attributes that predictions need: of finished levels, or of the first in progress."""
        if centers is not None and not self.centers_per_level_:
            return {"centers_per_level_": [centers], "cluster_centers_": centers, "parents_": []}
        return {
            "centers_per_level_": list(self.centers_per_level_),
            "cluster_centers_": self.centers_per_level_[-1],
            "parents_": list(self.parents_),
        }
