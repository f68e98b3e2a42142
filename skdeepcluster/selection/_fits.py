"""Fits of one estimator for several numbers of clusters, which share what they can."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.parallel import Parallel, delayed

from skdeepcluster._sklearn import check_method_params, num_samples, safe_indexing
from skdeepcluster.base import seeded_clone
from skdeepcluster.trees import labels_of_merges
from skdeepcluster.validation import as_array, last_step


class Problem(NamedTuple):
    """An estimator, the numbers of clusters to fit it for, and its data.

    Attributes
    ----------
    estimator : estimator
    param : str
        The parameter that is the number of clusters.
    numbers : tuple of int
        At least 2 and increasing.
    X : rows
    fit_params : dict
    seed : int
    """

    estimator: object
    param: str
    numbers: tuple
    X: object
    fit_params: dict
    seed: int

    @property
    def n_samples(self):
        """Number of rows."""
        return num_samples(self.X)

    @property
    def pairwise(self):
        """Whether X holds distances or similarities of pairs."""
        return get_tags(self.estimator).input_tags.pairwise

    def subset(self, rows, numbers=None):
        """The same for some of the rows."""
        X = self.X
        if self.pairwise:
            X = X[rows][:, rows] if issparse(X) else np.asarray(X)[np.ix_(rows, rows)]
        else:
            X = safe_indexing(X, rows)
        params = check_method_params(self.X, self.fit_params, rows)
        return self._replace(X=X, fit_params=params, numbers=numbers or self.numbers)

    def of_rows(self, X, numbers=None):
        """The same for other rows, without what belongs to each of the former."""
        n = self.n_samples
        kept = {
            name: value
            for name, value in self.fit_params.items()
            if not hasattr(value, "__len__") or num_samples(value) != n
        }
        return self._replace(X=X, fit_params=kept, numbers=numbers or self.numbers)

    def of_number(self, number):
        """An estimator for this number, not fitted."""
        return seeded_clone(self.estimator, self.seed).set_params(**{self.param: number})

    def groups(self):
        """Numbers that are fitted one after the other, since they share work."""
        return [self.numbers] if self._shares() else [(number,) for number in self.numbers]

    def _shares(self):
        last = self.estimator[-1] if isinstance(self.estimator, Pipeline) else self.estimator
        return hasattr(last, "linkage") or self._sweeps()

    def _sweeps(self):
        """Whether a fit gives a start for fewer clusters."""
        return hasattr(self.estimator, "_start_of_fewer")

    def fits(self):
        """Pairs of a model and labels for each number; of a shared tree the model is one for all.

        Yields
        ------
        model : estimator
            Fitted, for this or another number.
        labels : array of shape (n,)
        """
        if self._sweeps():
            yield from self._swept()
            return
        tree = None
        for number in self.numbers:
            if tree is not None:
                yield tree, labels_of_merges(last_step(tree)[0].children_, number)
                continue
            model = self.of_number(number).fit(self.X, **self.fit_params)
            labels = labels_of(model, self.X)
            yield model, labels
            children = getattr(last_step(model)[0], "children_", None)
            if children is not None and len(children) == len(labels) - 1:
                tree = model

    def _swept(self):
        """From the largest number down, each starting from the solution before."""
        found, model = [], None
        for number in reversed(self.numbers):
            before, model = model, self.of_number(number)
            if before is not None:
                model.set_params(init=before._start_of_fewer(self.X, number))
            model.fit(self.X, **self.fit_params)
            found.append((model, model.labels_))
        yield from reversed(found)


def labels_of(model, X):
    """Labels of the rows that a model was fitted to."""
    last, _ = last_step(model)
    if hasattr(last, "labels_"):
        return np.asarray(last.labels_)
    if hasattr(model, "predict"):
        return np.asarray(model.predict(X))
    raise TypeError(f"{type(last).__name__} has neither labels_ nor predict after fit.")


def space_of(model, X):
    """The rows as they enter the last step of a model, as an array of float64."""
    rows = last_step(model, X)[1]
    rows = as_array(rows)
    rows = rows.toarray() if issparse(rows) else np.asarray(rows)
    try:
        return rows.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "The criterion measures distances between rows, which are not numbers here: "
            f"{error}. Encode them in a Pipeline, in steps before the clusterer, and make "
            "NClustersSearch its last step: references are drawn between the rows that it is given."
        ) from error


def _measured(problem, measure):
    """What is measured of each fit of a group."""
    return [measure(problem, model, labels) for model, labels in problem.fits()]


def measure_all(problems, measure, n_jobs):
    """What is measured of all fits of several problems, in parallel.

    Parameters
    ----------
    problems : list of Problem
    measure : callable (problem, model, labels) -> object
        Can be pickled.
    n_jobs : int or None

    Returns
    -------
    found : list of list of objects
        For each problem, for each of its numbers.
    """
    jobs = [
        (i, problem._replace(numbers=group))
        for i, problem in enumerate(problems)
        for group in problem.groups()
    ]
    parts = Parallel(n_jobs=n_jobs)(delayed(_measured)(job, measure) for _, job in jobs)
    found = [[] for _ in problems]
    for (i, _), part in zip(jobs, parts, strict=True):
        found[i].extend(part)
    return found
