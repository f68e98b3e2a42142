r"""Stability of the clusters of any estimator, by refits to parts of the rows.

The stability of a cluster :math:`C` is the mean over the refits of its largest Jaccard similarity
to a cluster :math:`D` of the refit, among the rows :math:`S` that were drawn [1]_:

.. math:: \max_D \frac{|C \cap S \cap D|}{|(C \cap S) \cup D|}

References
----------
.. [1] C. Hennig (2007). Cluster-wise assessment of cluster stability. *Computational Statistics &
       Data Analysis* 52(1), 258-271.
"""

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import get_tags

from skdeepcluster._sklearn import safe_indexing
from skdeepcluster.base import seeded_clone

# The rows of a refit: the half that Hennig compares with the bootstrap.
SHARE = 0.5


def rows_of(X, rows, pairwise):
    """Some of the rows; of pairs, those among them."""
    if pairwise:
        return X[rows][:, rows] if issparse(X) else np.asarray(X)[np.ix_(rows, rows)]
    return safe_indexing(X, rows)


def jaccard_of_clusters(member, n_clusters, labels):
    """Of each cluster the largest Jaccard similarity to a cluster of other labels of the rows.

    Parameters
    ----------
    member : ndarray of shape (n_samples,)
        Index of the cluster of each row, -1 for noise.
    n_clusters : int
    labels : ndarray of shape (n_samples,)
        Of the refit; -1 for noise.

    Returns
    -------
    similarities : ndarray of shape (n_clusters,)
        NaN for a cluster without rows.
    """
    found, others = np.unique(labels, return_inverse=True)
    # Noise of either side gets a line of its own, which is then left out.
    common = contingency_matrix(np.append(member, np.arange(-1, n_clusters)),
                                np.append(others, [len(found)] * (n_clusters + 1)))  # fmt: skip
    common = common[1:, :-1].astype(np.float64)
    sizes = common.sum(axis=1)
    union = sizes[:, np.newaxis] + np.bincount(others, minlength=len(found)) - common
    best = (common / np.maximum(union, 1))[:, found != -1].max(axis=1, initial=0)
    return np.where(sizes > 0, best, np.nan)


def stability_of_clusters(estimator, X, member, n_clusters, n_refits, rng):
    """The mean Jaccard similarity of each cluster over refits to half of the rows.

    Parameters
    ----------
    estimator : estimator
        Anything with `fit_predict`; copies of it are fitted.
    X : rows, or pairs
    member : ndarray of shape (n_samples,)
    n_clusters : int
    n_refits : int
    rng : Generator

    Returns
    -------
    stability : ndarray of shape (n_clusters,)
    """
    n = len(member)
    pairwise = get_tags(estimator).input_tags.pairwise
    similarities = []
    for _ in range(n_refits):
        rows = np.sort(rng.choice(n, max(2, int(SHARE * n)), replace=False))
        refit = seeded_clone(estimator, int(rng.integers(2**31 - 1)))
        labels = np.asarray(refit.fit_predict(rows_of(X, rows, pairwise)))
        similarities.append(jaccard_of_clusters(member[rows], n_clusters, labels))
    similarities = np.array(similarities)
    known = ~np.isnan(similarities)
    total = np.where(known, similarities, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
