"""The contract of every estimator, classical or deep.

A class declares its parameters as annotated fields, each with its default and constraints on its
values. The constructor, which only stores them, scikit-learn's table of constraints and the
signature follow from the fields, and descriptions of inherited parameters and attributes join the
docstrings.
"""

import inspect
from dataclasses import dataclass, field
from numbers import Integral
from typing import dataclass_transform

import numpy as np
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    clone,
)
from sklearn.metrics import pairwise_distances_argmin, pairwise_distances_argmin_min
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdeepcluster import _moved
from skdeepcluster._docstrings import complete_docstring, documented
from skdeepcluster._kernels._distance import argmin_sqeuclidean
from skdeepcluster._sklearn import (
    Interval,
    effective_n_threads,
    threadpool_controller,
    validate_parameter_constraints,
)
from skdeepcluster.validation import FLOATS, check_rows, in_range, largest_value


def param(default, *constraints, positional=False):
    """A parameter of a constructor.

    Parameters
    ----------
    default : object
        A class that inherits the parameter changes its default by ``name: type = value``.
    *constraints : objects
        Constraints on its values, as in scikit-learn's `_parameter_constraints`.
    positional : bool, default=False
        Whether the parameter may be given without its name.

    Returns
    -------
    field : dataclasses.Field
    """
    return field(default=default, kw_only=not positional, metadata={"constraints": constraints})


@dataclass_transform(kw_only_default=True, field_specifiers=(param,))
def parameters(cls):
    """Collect the parameters of a mixin, a class that is not an estimator itself."""
    return dataclass(cls, kw_only=True, eq=False, repr=False)


def _declared(cls):
    """Names of a constructor's parameters, in order.

    Positional ones come first, then a method's own, those of its family and those that all have.
    """
    owners = {}
    for base in reversed(cls.__mro__):
        for name in vars(base).get("__annotations__", {}):
            if name in cls.__dataclass_fields__:
                owners.setdefault(name, base)
    rank = {base: position for position, base in enumerate(cls.__mro__)}
    fields = cls.__dataclass_fields__
    return sorted(owners, key=lambda name: (fields[name].kw_only, rank[owners[name]]))


def _constraints(cls, name):
    """Constraints on a parameter's values, from the nearest class that declares some."""
    for base in cls.__mro__:
        if name in vars(base).get("__annotations__", {}):
            found = base.__dataclass_fields__[name].metadata.get("constraints")
            if found is not None:
                return found[0] if found == ("no_validation",) else list(found)
    raise TypeError(f"{cls.__name__}.{name} needs param(default, constraint, ...)")


@dataclass_transform(kw_only_default=True, field_specifiers=(param,))
class Estimator(BaseEstimator):
    """Root of all estimators.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, only where all are strings.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        parameters(cls)
        names = _declared(cls)
        cls._parameter_constraints = {name: _constraints(cls, name) for name in names}
        signature = inspect.signature(cls.__init__)
        own, *_ = signature.parameters.values()
        cls.__init__.__signature__ = signature.replace(
            parameters=[own, *(signature.parameters[name] for name in names)]
        )
        if cls.__doc__:
            cls.__doc__ = complete_docstring(cls, names)
        documented(cls)

    def _new_rows(self, X):
        """Rows for a fitted model, by `_validate`."""
        check_is_fitted(self)
        return self._validate(X, reset=False)

    def _validate_params(self):
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )

    def __setstate__(self, state):
        # Models stored by earlier versions have parameters under their former names.
        state = _moved.renamed(type(self).__name__, state)
        missing = {n: f.default for n, f in self.__dataclass_fields__.items() if n not in state}
        super().__setstate__(missing | state)


class Clusterer(ClusterMixin, Estimator):
    """Root of all clusterers.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row.
    """

    def fit_predict(self, X, y=None, **side):
        """Cluster rows and return their labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows, as in `fit`.

        y : array-like of shape (n_samples,), default=None
            As in `fit`.

        **side : dict
            Further arguments of `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row.
        """
        return self.fit(X, y, **side).labels_


class FloatTransformerMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """A transformer whose results have the precision of its rows."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@documented
class CentersMixin(FloatTransformerMixin):
    """Predictions by the nearest of the centers of a classical method, in the space of the rows.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Means of the clusters.
    """

    # Whether rows may be sparse.
    _takes_sparse = True

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self.cluster_centers_.dtype
        sparse = "csr" if self._takes_sparse else False
        X = check_rows(self, X, reset=reset, dtype=dtype, accept_sparse=sparse)
        return in_range(X, scale=None if reset else self._scale(X))

    def _scale(self, X):
        return max(largest_value(X), largest_value(self.cluster_centers_))

    def _set_centers(self, centers, dtype):
        self.cluster_centers_ = np.ascontiguousarray(centers, dtype)
        self._n_features_out = len(centers)

    def _nearest(self, X):
        """Labels of the nearest centers; those of a row depend on no other."""
        centers = self.cluster_centers_.astype(X.dtype, copy=False)
        if issparse(X):
            return pairwise_distances_argmin(X, centers).astype(np.int32)
        labels = np.empty(len(X), dtype=np.int32)
        argmin_sqeuclidean(X, centers, labels, None, effective_n_threads(None))
        return labels

    def predict(self, X):
        """The nearest center of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New rows.
        """
        return self._nearest(self._new_rows(X))

    def transform(self, X):
        """Distances to the centers.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            Distance of each row to each center.
        """
        X = self._new_rows(X)
        distances = euclidean_distances(X, self.cluster_centers_.astype(X.dtype, copy=False))
        return distances.astype(self.cluster_centers_.dtype, copy=False)

    def score(self, X, y=None):
        """Minus the sum of squared distances to the nearest centers.

        Returns
        -------
        score : float
            Higher is better, 0 is best.
        """
        X = self._new_rows(X)
        centers = self.cluster_centers_.astype(X.dtype, copy=False)
        _, distances = pairwise_distances_argmin_min(X, centers)
        return -float(np.sum(np.square(distances, dtype=np.float64)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._takes_sparse
        return tags


@parameters
class NumberOfClustersMixin:
    """A given number of clusters.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    """

    n_clusters: int = param(8, Interval(Integral, 1, None, closed="left"), positional=True)


@parameters
class RandomStateMixin:
    """Random numbers.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        Determines all that is random.
    """

    random_state: int | np.random.RandomState | None = param(None, "random_state")

    def _seed(self):
        """A number that `random_state` gives."""
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _generator(self):
        """A generator that `random_state` seeds."""
        return np.random.default_rng(self._seed())


@parameters
class ThreadsMixin:
    """Kernels on several threads.

    Parameters
    ----------
    n_jobs : int, default=None
        Number of threads; None means as many as OpenMP would use, -1 all processors. The result
        does not depend on it.
    """

    n_jobs: int | None = param(None, Integral, None)

    def _n_threads(self):
        return effective_n_threads(self.n_jobs)

    def _limited_threads(self):
        """A context in which BLAS uses one thread, and leaves the others to the kernels."""
        return threadpool_controller().limit(limits=1, user_api="blas")


def seeded_clone(estimator, seed):
    """An unfitted copy with reproducible results: each `random_state` that is None is set."""
    estimator = clone(estimator)
    unset = sorted(
        name
        for name, value in estimator.get_params().items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )
    # Two of a kind, such as random projections side by side, should not be the same.
    return estimator.set_params(**{name: seed + i for i, name in enumerate(unset)})
