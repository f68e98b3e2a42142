"""Fitted clusterers, alone or at the end of a pipeline or search."""

import numpy as np
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline


def last_step(estimator, X=None):
    """The clusterer at the end of a search or pipeline, and the rows as it receives them."""
    if isinstance(estimator, FrozenEstimator):
        return last_step(estimator.estimator, X)
    if hasattr(estimator, "best_estimator_"):
        return last_step(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline):
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        return last_step(estimator[-1], X)
    return estimator, X


def as_table(X):
    """One row per sample: flattened images; data frames and sparse matrices as they are."""
    if issparse(X) or hasattr(X, "columns"):
        return X
    X = np.asarray(X)
    return X.reshape(len(X), -1)


def embed(estimator, X):
    """The space in which a clusterer forms its clusters, as one row per sample.

    That is what `transform` returns, except for k-means and its relatives, whose `transform`
    returns distances to centers in the space of `X`.
    """
    estimator, X = last_step(estimator, X)
    if hasattr(estimator, "transform"):
        Z = estimator.transform(X)
        centers = getattr(estimator, "cluster_centers_", None)
        if centers is None or np.shape(centers) != (Z.shape[1], as_table(X).shape[1]):
            return Z
    return as_table(X)
