"""What all clusterers around medoids share: input, distances, rounds, prediction."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import is_valid_y
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state, gen_batches

from skdeepcluster._sklearn import (
    StrOptions,
    check_sample_weight,
    fit_context,
    get_chunk_n_rows,
)
from skdeepcluster.base import (
    Clusterer,
    FloatTransformerMixin,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.medoids._distances import (
    Condensed,
    Euclidean,
    Matrix,
    Metric,
    exact_euclidean,
    nearest_center,
)
from skdeepcluster.medoids._init import one_medoid
from skdeepcluster.validation import (
    FLOATS,
    METRICS,
    as_array,
    caller_level,
    check_distance_matrix,
    check_distances,
    check_rows,
    check_weights,
    complete_metric,
    in_range,
    metric_distances,
    metric_rows,
    scaled_to_range,
)

# Metrics of the Euclidean kernels, and whether their distances are squared.
EUCLIDEAN = {"euclidean": False, "l2": False, "sqeuclidean": True}
PRECOMPUTED = "Precomputed distances"


class Solution(NamedTuple):
    """The result of a search."""

    loss: float
    medoids: np.ndarray
    n_iter: int
    n_swaps: int
    done: bool
    path: tuple = ()  # losses for all numbers of clusters
    n_small: int = 0  # number of clusters that are smaller than they should be

    def is_better(self, other):
        return (self.n_small, self.loss) < (other.n_small, other.loss)


def single_medoid(source, weights):
    """The solution for one cluster."""
    return Solution(0.0, one_medoid(source, weights), n_iter=1, n_swaps=0, done=True)


class BaseMedoids(
    RandomStateMixin,
    ThreadsMixin,
    CallbackSupportMixin,
    FloatTransformerMixin,
    Clusterer,
):
    """Base of the clusterers whose centers are objects of the data, the medoids.

    Parameters
    ----------
    metric : str or callable, default="euclidean"
        The distance: any of :func:`sklearn.metrics.pairwise_distances`, a function of two rows, or
        "precomputed", where `fit` takes a symmetric matrix of distances, or its upper triangle as
        :func:`scipy.spatial.distance.pdist` returns it.

    metric_params : dict, default=None
        Keyword arguments of the metric.

    Attributes
    ----------
    medoid_indices_ : ndarray of shape (n_clusters,)
        Indices of the medoids in the training data.

    cluster_centers_ : {ndarray, sparse matrix} of shape (n_clusters, n_features) or None
        The medoids; None for precomputed distances.

    labels_ : ndarray of shape (n_samples,)
        Cluster of each object.

    inertia_ : float
        The loss: the sum of the distances to the nearest medoids, weighted by the sample weights.
    """

    metric: str | Callable = param("euclidean", StrOptions(METRICS | {"precomputed"}), callable)
    metric_params: dict | None = param(None, dict, None)

    # ---------------------------------------------------------------- input

    def _validate(self, X, reset):
        if self.metric != "precomputed":
            return check_rows(
                self,
                X,
                reset=reset,
                dtype=FLOATS if reset else self.cluster_centers_.dtype,
                ensure_all_finite="allow-nan" if self.metric == "nan_euclidean" else True,
            )
        X = as_array(X)
        if reset and not issparse(X) and np.ndim(X) == 1:
            X = check_array(X, ensure_2d=False, dtype=FLOATS, input_name="X")
            is_valid_y(X, throw=True, name="X")
            check_distances(X, PRECOMPUTED)
            return X
        # The entries are checked together with the symmetry.
        X = check_rows(self, X, reset=reset, accept_sparse=False, ensure_all_finite=not reset)
        if not reset:
            check_distances(X, PRECOMPUTED)
        return X

    def _source(self, X):
        """Where the distances among the rows of X come from."""
        n_threads = self._n_threads()
        if self.metric == "precomputed" and X.ndim == 1:
            source = Condensed(X, n_threads)
            self.n_features_in_ = source.n
            return source
        if self.metric == "precomputed":
            check_distance_matrix(X, PRECOMPUTED, n_threads=n_threads)
            return Matrix(X, n_threads)
        if self._is_euclidean(X):
            squared = EUCLIDEAN[self.metric]
            # Distances are in units of X, which may be small or large; squared ones have to fit.
            X, self._unit = (in_range(X), 1.0) if squared else scaled_to_range(X)
            return Euclidean(X, squared, n_threads)
        X = metric_rows(X, self.metric)
        self._metric_params = complete_metric(self.metric, self.metric_params, X)
        return Metric(X, self.metric, self._metric_params, n_threads)

    def _is_euclidean(self, X):
        return self.metric in EUCLIDEAN and not self.metric_params and not issparse(X)

    def _fewest_clusters(self):
        """Least number of clusters, which is also that of objects, and its parameter."""
        return self.n_clusters, "n_clusters"

    # ---------------------------------------------------------------- fit

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the medoids.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data. With `metric="precomputed"`, the distances, of shape (n_samples, n_samples) or
            (n_samples * (n_samples - 1) / 2,).

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the objects in the loss. None: all are 1. An object of weight 0 cannot be a
            medoid.
        """
        fewest = self._fewest_clusters()
        random_state = check_random_state(self.random_state)
        X = self._validate(X, reset=True)
        with self._limited_threads():
            source = self._source(X)
            weights = check_weights(sample_weight, source.n, *fewest)
            source, *search = self._search(X, source, weights, random_state)
            best = self._best_of(X, *search)
            self._finish(X, source, best, weights)
        return self

    def _search(self, X, source, weights, random_state):
        """Distances, and the arguments of `_best_of` that search for the best medoids."""
        raise NotImplementedError

    def _improve(self, X, search, rounds, context, objects=None):
        """Run the rounds of a search, among `objects` if they are given, until it is done."""
        n_iter = n_swaps = 0
        done = stop = False
        while n_iter < self.max_iter and not done and not stop:
            task = context.subcontext(task_name="round")
            task.call_on_fit_task_begin(estimator=self, X=X)
            swaps, done = next(rounds)
            n_iter += 1
            n_swaps += swaps
            medoids = search.medoids.copy() if objects is None else objects[search.medoids]
            stop = task.call_on_fit_task_end(
                estimator=self,
                X=X,
                reconstruction_attributes=partial(self._described_by, X, medoids),
            )
        return Solution(
            search.loss(), medoids, n_iter, n_swaps, done or stop, n_small=search.n_small()
        )

    def _best_of(self, X, n_init, max_subtasks, solve):
        """The best of `n_init` solutions.

        `solve` takes the best solution so far and a callback context for `max_subtasks` subtasks.
        """
        context = self._init_callback_context(max_subtasks=n_init)
        context.call_on_fit_task_begin(estimator=self, X=X)
        best = None
        for _ in range(n_init):
            task = context.subcontext(task_name="start", max_subtasks=max_subtasks)
            task.call_on_fit_task_begin(estimator=self, X=X)
            solution = solve(best, task)
            if best is None or solution.is_better(best):
                best = solution
            if task.call_on_fit_task_end(
                estimator=self,
                X=X,
                reconstruction_attributes=partial(self._described_by, X, best.medoids),
            ):
                break
        context.call_on_fit_task_end(estimator=self, X=X)
        if not best.done:
            warnings.warn(
                f"The search did not end within max_iter={self.max_iter} rounds. Increase max_iter "
                "or tol.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        self.n_iter_ = best.n_iter
        self.n_swaps_ = best.n_swaps
        return best

    def _described_by(self, X, medoids):
        """Fitted attributes that predictions need."""
        centers = None if self.metric == "precomputed" else X[medoids]
        return {"medoid_indices_": medoids, "cluster_centers_": centers}

    def _finish(self, X, source, best, weights):
        """Set the fitted attributes of the best solution."""
        medoids = best.medoids
        for name, value in self._described_by(X, medoids).items():
            setattr(self, name, value)
        if self.metric == "precomputed":
            self.labels_, distances = source.nearest(medoids)
        else:
            self.labels_, distances = self._nearest(X)
        # Every cluster has its medoid, even where another medoid is a copy of it.
        self.labels_[medoids] = np.arange(len(medoids))
        self.inertia_ = float(np.dot(weights, distances.astype(np.float64)))
        self._n_features_out = len(medoids)
        if self.inertia_ == 0 and len(medoids) > 1:
            # Copies are at distance 0 of each other.
            apart = source.between(medoids, medoids) > 0
            n_distinct = len(np.unique(apart.argmin(axis=1)))
            if n_distinct < len(medoids):
                warnings.warn(
                    f"Number of distinct clusters ({n_distinct}) found smaller than n_clusters "
                    f"({len(medoids)}). Possibly due to duplicate points in X.",
                    ConvergenceWarning,
                    stacklevel=caller_level(),
                )

    # ---------------------------------------------------------------- use

    def _for_kernel(self, X):
        """Rows and medoids as the Euclidean kernels take them, and the kernels' other arguments."""
        X = X.toarray() if issparse(X) else X
        centers = self.cluster_centers_
        if self._unit != 1:
            X, centers = (rows.astype(np.float64) / self._unit for rows in (X, centers))
        X = metric_rows(X, self.metric, centers)
        n_threads = self._n_threads()
        return X, centers.astype(X.dtype, copy=False), EUCLIDEAN[self.metric], n_threads

    def _to_medoids_by_blocks(self, X):
        """Distances of all rows to the medoids, block by block."""
        n, n_features = X.shape
        row_bytes = 8 * max(n_features, self.cluster_centers_.shape[0])
        for rows in gen_batches(n, get_chunk_n_rows(row_bytes, max_n_rows=n)):
            yield self._to_medoids(X[rows])

    def _to_medoids(self, X):
        """Distances to the medoids, in the type of X if they are sure to fit."""
        dtype = None if self.metric == "sqeuclidean" else X.dtype
        if self._is_euclidean(self.cluster_centers_):
            X, centers, *options = self._for_kernel(X)
            D = self._unit * exact_euclidean(centers, X, *options).T
            return np.ascontiguousarray(D, dtype)
        X = metric_rows(X, self.metric, self.cluster_centers_)
        n_threads = self._n_threads()
        return metric_distances(
            X,
            self.cluster_centers_.astype(X.dtype, copy=False),
            self.metric,
            self._metric_params,
            n_jobs=n_threads,
            dtype=dtype,
        )

    def _nearest(self, X):
        """Labels and distances of new rows: features, or distances to the training objects."""
        if self.metric == "precomputed":
            D = X[:, self.medoid_indices_]
            labels = D.argmin(axis=1).astype(np.int32)
            return labels, D[np.arange(len(D)), labels]
        if self._is_euclidean(self.cluster_centers_) and not issparse(X):
            labels, distances = nearest_center(*self._for_kernel(X))
            return labels, self._unit * distances
        found = []
        for D in self._to_medoids_by_blocks(X):
            labels = D.argmin(axis=1)
            found.append((labels.astype(np.int32), D[np.arange(len(D)), labels]))
        return tuple(map(np.concatenate, zip(*found, strict=True)))

    def predict(self, X):
        """Assign each row to the cluster of its nearest medoid.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data. With `metric="precomputed"`, distances to the objects seen in `fit`, of shape
            (n_samples, n_samples_fit).

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the cluster of each row.
        """
        return self._nearest(self._new_rows(X))[0]

    def transform(self, X):
        """Distances to the medoids.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            Distance of each row to each medoid.
        """
        X = self._new_rows(X)
        if self.metric == "precomputed":
            return X[:, self.medoid_indices_]
        return np.concatenate(list(self._to_medoids_by_blocks(X)))

    def score(self, X, y=None, sample_weight=None):
        """Negative sum of the distances to the nearest medoids.

        Returns
        -------
        score : float
            Higher is better, 0 is best.
        """
        X = self._new_rows(X)
        weights = check_sample_weight(as_array(sample_weight), X, dtype=np.float64)
        return -float(np.dot(weights, self._nearest(X)[1].astype(np.float64)))

    def __setstate__(self, state):
        # Models of version 0.1.0.dev0 have rows in their own units, and only the user's parameters.
        older = {"_unit": 1.0, "_metric_params": state.get("metric_params") or {}}
        super().__setstate__(older | state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.sparse = self.metric != "precomputed"
        tags.input_tags.allow_nan = self.metric == "nan_euclidean"
        return tags
