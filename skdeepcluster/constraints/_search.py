"""Searches that compare candidates on hidden pairs or labels."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import ParameterGrid

from skdeepcluster.constraints._pairs import PairwiseConstraints
from skdeepcluster.constraints._splits import ConstraintKFold, PartialLabelKFold


def constraint_search(
    estimator,
    param_grid,
    X,
    y=None,
    *,
    constraints=None,
    cv=5,
    scoring=None,
    fit_params=None,
    random_state=0,
):
    """Choose parameters by what is known: fit with some of it, score by what was hidden.

    Clusterings are of the rows that they are fitted to, so all rows stay in every fit, and no class
    of an unlabeled row is needed. With pairs this is the model selection of [1]_; with labels and
    ``PartialLabelKFold(mode="classes")`` known classes are hidden, to tune the discovery of unknown
    ones [2]_.

    Parameters
    ----------
    estimator : estimator
        A clusterer, or a pipeline that ends with one, which takes `y` or `constraints`.

    param_grid : dict or list of dicts
        Values of parameters, as of :class:`~sklearn.model_selection.GridSearchCV`.

    X : array-like of shape (n_samples, n_features)
        Rows.

    y : array-like of shape (n_samples,), default=None
        Partial labels, -1 where unknown.

    constraints : PairwiseConstraints, default=None
        Pairs. If given, these are hidden in folds; otherwise labels are.

    cv : int, ConstraintKFold or PartialLabelKFold, default=5
        The folds. An int means that many folds of pairs, or of labels.

    scoring : callable, default=None
        ``scoring(y_hidden, labels)`` on the rows whose labels were hidden; the default is
        :func:`sklearn.metrics.adjusted_rand_score`. Hidden pairs are scored by the mean of the
        shares of satisfied must-links and cannot-links.

    fit_params : dict, default=None
        Further arguments of `fit`. In a pipeline the name of `constraints` is that of its last step
        with ``__constraints``, as found here.

    random_state : int, RandomState instance or None, default=0
        Of the folds, if `cv` is an int.

    Returns
    -------
    result : dict
        "best_estimator", fitted with all that is known; "best_params"; "best_score"; "params", a
        list of all candidates; "scores", an array of shape (n_candidates, n_folds).

    References
    ----------
    .. [1] M. Pourrajabi et al. (2014). Model selection for semi-supervised clustering. *EDBT*.
    .. [2] C. Troisemaine et al. (2024). A practical approach to novel class discovery in tabular
           data. *Data Mining and Knowledge Discovery* 38.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import ConstrainedKMeans
    >>> from skdeepcluster.constraints import PairwiseConstraints, constraint_search
    >>> X, y = make_blobs(90, centers=3, random_state=3)
    >>> known = PairwiseConstraints.from_labels(y, 60, random_state=0)
    >>> model = ConstrainedKMeans(random_state=0)
    >>> found = constraint_search(model, {"n_clusters": [2, 3, 6]}, X, constraints=known)
    >>> found["best_params"]
    {'n_clusters': 3}
    """
    if constraints is None and y is None:
        raise ValueError("Nothing is known to be hidden: give constraints= or partial labels y.")
    name = _argument(estimator, "constraints")
    known = dict(fit_params or {})
    if constraints is not None:
        if not isinstance(constraints, PairwiseConstraints):
            raise TypeError("constraints must be PairwiseConstraints.")
        cv = ConstraintKFold(cv, random_state=random_state) if isinstance(cv, int) else cv
        folds = [
            (y, known | {name: given}, hidden.satisfaction, "balanced")
            for given, hidden in cv.split(constraints)
        ]
        known[name] = constraints
    else:
        if isinstance(cv, int):
            cv = PartialLabelKFold(cv, mode="labels", random_state=random_state)
        if getattr(cv, "mode", None) == "rows":
            raise ValueError('cv leaves out rows; use mode="labels" or mode="classes".')
        scoring = scoring or adjusted_rand_score
        folds = [(given, known, hidden, None) for given, hidden in cv.split(X, y)]
    candidates = list(ParameterGrid(param_grid))
    scores = np.empty((len(candidates), len(folds)))
    for i, params in enumerate(candidates):
        for k, (given, arguments, hidden, key) in enumerate(folds):
            labels = clone(estimator).set_params(**params).fit_predict(X, given, **arguments)
            if key is None:
                rows = hidden != -1
                scores[i, k] = scoring(hidden[rows], labels[rows])
            else:
                scores[i, k] = hidden(labels)[key]
    best = int(np.argmax(scores.mean(axis=1)))
    fitted = clone(estimator).set_params(**candidates[best]).fit(X, y, **known)
    return {
        "best_estimator": fitted,
        "best_params": candidates[best],
        "best_score": float(scores[best].mean()),
        "params": candidates,
        "scores": scores,
    }


def _argument(estimator, name):
    """What `fit` calls an argument of the last step."""
    steps = getattr(estimator, "steps", None)
    return name if steps is None else f"{steps[-1][0]}__{name}"
