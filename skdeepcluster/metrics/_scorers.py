"""Scorers for model selection, with and without classes."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    make_scorer,
    silhouette_score,
)
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, safe_indexing, validate_params
from skdeepcluster.metrics._matching import clustering_accuracy
from skdeepcluster.validation import as_table, embed

# Lower than any index, yet finite with a finite square: a search can average it and take its
# standard deviation, which infinity would turn into NaN.
_LOWEST = float(np.finfo(np.float32).min)


class _UnsupervisedScorer:
    """A callable of (estimator, X, y=None); see :func:`make_unsupervised_scorer`."""

    def __init__(self, metric, on, sample_size, random_state, greater_is_better, worst_score):
        self.metric = metric
        self.on = on
        self.sample_size = sample_size
        self.random_state = random_state
        self.greater_is_better = greater_is_better
        self.worst_score = worst_score

    def __repr__(self):
        name = getattr(self.metric, "__name__", repr(self.metric))
        return f"make_unsupervised_scorer({name}, on={self.on!r})"

    def __call__(self, estimator, X, y=None):
        if hasattr(estimator, "predict"):
            labels = np.asarray(estimator.predict(X))
        else:
            # `labels_` belong to the rows of `fit`, which may be others.
            labels = np.asarray(clone(estimator).fit_predict(X))
        rows = np.flatnonzero(labels != -1)
        if self.sample_size is not None and self.sample_size < len(rows):
            rng = check_random_state(self.random_state)
            rows = np.sort(rng.choice(rows, self.sample_size, replace=False))
        labels = labels[rows]
        if not 2 <= len(np.unique(labels)) < len(labels):
            return self.worst_score
        X = safe_indexing(X, rows)
        space = embed(estimator, X) if self.on == "embedding" else as_table(X)
        score = float(self.metric(space, labels))
        return score if self.greater_is_better else -score


@validate_params(
    {
        "metric": [callable],
        "on": [StrOptions({"input", "embedding"})],
        "sample_size": [Interval(Integral, 2, None, closed="left"), None],
        "random_state": ["random_state"],
        "greater_is_better": ["boolean"],
        "worst_score": [Interval(Real, None, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def make_unsupervised_scorer(
    metric,
    *,
    on="input",
    sample_size=None,
    random_state=0,
    greater_is_better=True,
    worst_score=_LOWEST,
):
    """Make a scorer from an internal index of clusterings, which needs no classes.

    Parameters
    ----------
    metric : callable
        ``metric(X, labels)`` returns a float, as :func:`sklearn.metrics.silhouette_score` does.
        Further arguments are set by :func:`functools.partial`.

    on : {"input", "embedding"}, default="input"
        Where distances are measured: between the rows given to the scorer, or between their
        embeddings by the clusterer (its `transform`; the rows it receives if it has none, or if its
        `transform` returns distances to its centers, as that of k-means does).

        Indices of different embeddings are not comparable: an embedding that collapses each cluster
        to a point has a perfect index whatever the clusters are. The default therefore evaluates
        all candidates of a search in the same space. Use ``"embedding"`` where all candidates share
        one embedding, for example to choose the number of clusters on frozen features.

    sample_size : int, default=None
        Number of rows to sample at random; all by default.

    random_state : int, RandomState instance or None, default=0
        Draws the sample.

    greater_is_better : bool, default=True
        Whether the metric is higher for better clusterings; else the score is its negative.

    worst_score : float, default=-3.4e38
        The score where the index is undefined, for fewer than two clusters or for clusters of one
        row only: the candidate ranks last and the search continues.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None)``, for the parameter ``scoring`` of
        :class:`~sklearn.model_selection.GridSearchCV` and similar searches. It can be pickled if
        the metric can.

    Notes
    -----
    Rows labeled -1 are noise and excluded, so a clustering that keeps only the easiest rows scores
    high. An estimator without `predict` cannot label new rows: a clone of it is fitted to the rows
    of the scorer instead.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.metrics import silhouette_score
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdeepcluster.metrics import make_unsupervised_scorer
    >>> X, _ = make_blobs(200, centers=4, cluster_std=0.5, random_state=0)
    >>> scorer = make_unsupervised_scorer(silhouette_score, sample_size=100, worst_score=-1)
    >>> search = GridSearchCV(KMeans(random_state=0), {"n_clusters": [1, 2, 4, 8]}, scoring=scorer)
    >>> search.fit(X).best_params_
    {'n_clusters': 4}
    """
    return _UnsupervisedScorer(
        metric, on, sample_size, random_state, greater_is_better, worst_score
    )


# The silhouette compares all pairs of rows; the other two indices are linear in their number.
silhouette_scorer = make_unsupervised_scorer(silhouette_score, sample_size=5000, worst_score=-1)
calinski_harabasz_scorer = make_unsupervised_scorer(calinski_harabasz_score, worst_score=0)
davies_bouldin_scorer = make_unsupervised_scorer(davies_bouldin_score, greater_is_better=False)
clustering_accuracy_scorer = make_scorer(clustering_accuracy)
