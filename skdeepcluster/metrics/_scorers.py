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
from sklearn.utils import check_array, check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, safe_indexing, validate_params
from skdeepcluster.metrics._matching import clustering_accuracy
from skdeepcluster.validation import as_table, embed, last_step

# Lower than any index, yet finite with a finite square: a search can average it and take its
# standard deviation, which infinity would turn into NaN.
_LOWEST = float(np.finfo(np.float32).min)

# What `on` stands for, in messages.
_SPACES = {
    "last_step": "the rows as they enter the last step of the estimator",
    "input": "the rows given to the scorer",
    "embedding": "the embeddings of the rows",
}


def _is_numeric(X):
    """Whether rows are numbers, missing ones included, or can be read as such."""
    try:
        check_array(X, accept_sparse=True, ensure_all_finite=False)
    except (TypeError, ValueError):
        return False
    return True


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
            estimator = clone(estimator)
            labels = np.asarray(estimator.fit_predict(X))
        rows = np.flatnonzero(labels != -1)
        if self.sample_size is not None and self.sample_size < len(rows):
            rng = check_random_state(self.random_state)
            rows = np.sort(rng.choice(rows, self.sample_size, replace=False))
        labels = labels[rows]
        if not 2 <= len(np.unique(labels)) < len(labels):
            return self.worst_score
        space = self._space(estimator, safe_indexing(X, rows))
        try:
            score = float(self.metric(space, labels))
        except (TypeError, ValueError) as error:
            if _is_numeric(space):
                raise
            remedy = (
                'on="last_step" takes them after the other steps of a Pipeline'
                if self.on == "input"
                else "encode them in a Pipeline, in steps before the clusterer"
            )
            raise TypeError(
                f"{self!r} measures distances between {_SPACES[self.on]}, which are not numbers: "
                f"{error}. For text or categories, {remedy}."
            ) from error
        return score if self.greater_is_better else -score

    def _space(self, estimator, X):
        """What distances are measured between."""
        if self.on == "embedding":
            return embed(estimator, X)
        return as_table(X if self.on == "input" else last_step(estimator, X)[1])


@validate_params(
    {
        "metric": [callable],
        "on": [StrOptions(set(_SPACES))],
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
    on="last_step",
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

    on : {"last_step", "input", "embedding"}, default="last_step"
        What distances are measured between.

        - "last_step": the rows as they enter the last step of a
          :class:`~sklearn.pipeline.Pipeline`, after its other steps have scaled, encoded or
          reduced them; also of nested pipelines, and of the best estimator of a search. For an
          estimator that is no pipeline these are the rows given to the scorer.
        - "input": the rows given to the scorer, whatever the steps do with them. They must be
          numbers, and columns in larger units count more.
        - "embedding": the embeddings of the rows by the clusterer, as its `transform` returns them;
          the rows it receives if it has none, or if its `transform` returns distances to its
          centers, as that of k-means does.

        Indices of different spaces are not comparable: an embedding that collapses each cluster to
        a point has a perfect index whatever the clusters are. The default evaluates all candidates
        of a search in the same space as long as they differ in the clusterer only. Where they
        differ in the steps before it, use ``"input"`` after scaling the columns yourself. Use
        ``"embedding"`` where all candidates share one embedding, for example to choose the number
        of clusters on frozen features.

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
        the metric can. It raises TypeError where distances would have to be measured between
        text or other values that are not numbers.

    Notes
    -----
    Rows labeled -1 are noise and excluded, so a clustering that keeps only the easiest rows scores
    high. An estimator without `predict` cannot label new rows: a clone of it is fitted to the rows
    of the scorer instead.

    A search with the default ``error_score=np.nan`` turns any error of any scorer into a warning
    and a score of NaN, and if all are NaN, its first candidate becomes the best one. A scorer sees
    one candidate at a time and cannot prevent that. ``error_score="raise"`` stops the search with
    the error.

    Searches take these scorers as objects, ``scoring=silhouette_scorer``: the names that
    `scoring` may have instead are a fixed list of scikit-learn.

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
