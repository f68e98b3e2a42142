"""Scores of clusterings by what is known of them: pairs, or the labels of some rows."""

import numpy as np
from sklearn.base import clone

from skdeepcluster._sklearn import MetadataRequester, validate_params
from skdeepcluster.constraints._labels import is_missing
from skdeepcluster.constraints._pairs import PairwiseConstraints
from skdeepcluster.validation import as_array


def _labels_of(estimator, X):
    """Labels by `predict`, or of a clone fitted to the rows."""
    if hasattr(estimator, "predict"):
        return np.asarray(estimator.predict(X))
    return np.asarray(clone(estimator).fit_predict(X))


@validate_params(
    {
        "labels": ["array-like"],
        "constraints": [PairwiseConstraints],
        "sample_ids": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def constraint_satisfaction(labels, constraints, *, sample_ids=None):
    r"""Shares of the pairs that a clustering satisfies.

    .. math:: s = \frac{1}{|M| + |C|} \Big( \sum_{(i, j) \in M} [\ell_i = \ell_j]
        + \sum_{(i, j) \in C} [\ell_i \ne \ell_j] \Big)

    Random labels in :math:`k` clusters satisfy one in :math:`k` must-links and all but one in
    :math:`k` cannot-links. Pairs that were drawn at random are mostly cannot-links, so the mean of
    both shares says more than the share of all.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Clusters of the rows. Noise, -1, shares no cluster.

    constraints : PairwiseConstraints
        The pairs.

    sample_ids : array-like of shape (n_samples,), default=None
        The id of each row; pairs with an end outside are left out. None: the rows are those that
        the constraints were written for.

    Returns
    -------
    shares : dict of str to float
        "must_link", "cannot_link", "all", the share of all pairs, and "balanced", the mean of the
        first two, or the one of them that has pairs. NaN where there are no pairs.

    Examples
    --------
    >>> from skdeepcluster.constraints import PairwiseConstraints, constraint_satisfaction
    >>> known = PairwiseConstraints([[0, 1], [1, 2]], [[2, 4]])
    >>> constraint_satisfaction([0, 0, 1, 1, 2], known)["balanced"]
    0.75
    """
    labels = np.asarray(as_array(labels))
    return constraints.rows(len(labels), sample_ids).satisfaction(labels)


class _SatisfactionScorer(MetadataRequester):
    """A callable of (estimator, X, y=None, constraints=None, sample_ids=None)."""

    __metadata_request__score = {"constraints": True, "sample_ids": True}

    def score(self, estimator, X, y=None, constraints=None, sample_ids=None):
        """Mean of the shares of satisfied must-links and cannot-links; see `__call__`."""
        if constraints is None:
            raise ValueError(
                "The scorer needs constraints=, as metadata of cross_validate or of the search's "
                "fit: sklearn.set_config(enable_metadata_routing=True)."
            )
        pairs = constraints.rows(len(X), sample_ids)
        if not pairs.n_pairs:
            return np.nan
        return pairs.satisfaction(_labels_of(estimator, X))["balanced"]

    def __call__(self, estimator, X, y=None, constraints=None, sample_ids=None):
        return self.score(estimator, X, y, constraints=constraints, sample_ids=sample_ids)

    def __repr__(self):
        return "constraint_satisfaction_scorer"


# Balanced satisfaction of the pairs that have both ends among the rows of the scorer.
constraint_satisfaction_scorer = _SatisfactionScorer()


class _MaskedScorer:
    """A callable of (estimator, X, y); see :func:`make_masked_scorer`."""

    def __init__(self, metric, greater_is_better):
        self.metric = metric
        self.greater_is_better = greater_is_better

    def __repr__(self):
        return f"make_masked_scorer({getattr(self.metric, '__name__', self.metric)!s})"

    def __call__(self, estimator, X, y):
        y = np.asarray(as_array(y))
        known = np.array([not is_missing(v) and v != -1 for v in y.tolist()], dtype=bool)
        if not known.any():
            raise ValueError(
                f"{self!r} has no row with a known label: all of y are -1 or missing. Stratify the "
                "folds, as PartialLabelKFold does."
            )
        score = float(self.metric(y[known], _labels_of(estimator, X)[known]))
        return score if self.greater_is_better else -score


@validate_params(
    {"metric": [callable], "greater_is_better": ["boolean"]}, prefer_skip_nested_validation=True
)
def make_masked_scorer(metric, *, greater_is_better=True):
    """Make a scorer that compares clusters and classes on the labeled rows only.

    Metrics of scikit-learn take the -1 of unlabeled rows for a class. This scorer leaves these rows
    out.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, labels)`` returns a float, as
        :func:`sklearn.metrics.adjusted_rand_score` does.

    greater_is_better : bool, default=True
        Whether the metric is higher for better clusterings; else the score is its negative.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``, for the parameter ``scoring`` of searches and of
        :func:`~sklearn.model_selection.cross_validate`. An estimator without `predict` is fitted to
        the rows of the scorer, without labels.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster.constraints import make_masked_scorer
    >>> X = [[0.0], [0.1], [5.0], [5.1], [0.2], [5.2]]
    >>> model = KMeans(2, random_state=0).fit(X)
    >>> make_masked_scorer(adjusted_rand_score)(model, X, [0, 0, 1, 1, -1, -1])
    1.0
    """
    return _MaskedScorer(metric, greater_is_better)
