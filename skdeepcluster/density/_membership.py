"""Soft memberships of points in the flat clusters of a condensed tree."""

import numpy as np

from skdeepcluster._kernels._trees import merge_lambdas

# How sharply memberships fall with the lambda at which a point and a cluster separate.
SHARPNESS = 4
# How much the distances to exemplars count, as long as the label has the largest membership.
EXPONENTS = (1.0, 0.5, 0.25)


def together(tree, cluster, lam):
    """The lambda until which points and flat clusters are in one component.

    Parameters
    ----------
    tree : CondensedTree
    cluster, lam : arrays of shape (n_points,)
        The last cluster of each point and the lambda at which it leaves it.

    Returns
    -------
    height : array of shape (n_points, n_flat_clusters)
    """
    chosen = np.flatnonzero(tree.selected)
    height = merge_lambdas(tree.parent, tree.birth, chosen)[cluster]
    return np.where(np.isnan(height), lam[:, np.newaxis], height)


def soft_memberships(tree, cluster, lam, labels, strengths, distance, dtype):
    """How much points belong to each flat cluster; see `HDBSCAN.predict_proba`.

    Parameters
    ----------
    tree : CondensedTree
        With flat clusters.
    cluster, lam : arrays of shape (n_points,)
    labels, strengths : arrays of shape (n_points,)
        As `flat_clusters` gives them.
    distance : array of shape (n_points, n_flat_clusters)
        To the nearest exemplar of each cluster; may be infinite.
    dtype : dtype

    Returns
    -------
    memberships : array of shape (n_points, n_flat_clusters)
        Rows sum to at most 1; their largest entry is that of the label.
    """
    height = together(tree, cluster, lam)
    highest = height.max(axis=1, keepdims=True)
    shares = np.divide(height, highest, out=np.zeros_like(height), where=highest > 0) ** SHARPNESS
    least = distance.min(axis=1, keepdims=True)
    # 1 for the nearest cluster, and where all are at the same distance, if only an infinite one.
    closeness = np.divide(least, distance, out=np.ones_like(distance), where=distance > least)
    every = np.arange(len(labels))
    memberships = shares * closeness
    wrong = (labels >= 0) & (memberships.argmax(axis=1) != labels)
    for exponent in EXPONENTS[1:]:
        memberships[wrong] = shares[wrong] * closeness[wrong] ** exponent
        wrong &= memberships.argmax(axis=1) != labels
    memberships[wrong] = shares[wrong]

    # Noise belongs to clusters as far as it is as dense as the nearest of those it leaves last.
    nearest = np.where(height == highest, distance, np.inf).argmin(axis=1)
    densest = tree.death[np.flatnonzero(tree.selected)[nearest]]
    some = np.divide(highest[:, 0], densest, out=np.zeros_like(densest), where=densest > 0)
    some = np.where(labels >= 0, strengths, np.minimum(some, 1))
    total = memberships.sum(axis=1)
    some = np.divide(some, total, out=np.zeros_like(some), where=total > 0)
    memberships = (memberships * some[:, np.newaxis]).astype(dtype)
    # Rounding may have made others equal.
    wrong = (labels >= 0) & (memberships.argmax(axis=1) != labels)
    largest = memberships[wrong].max(axis=1, initial=0)
    memberships[every[wrong], labels[wrong]] = np.nextafter(largest, dtype.type(np.inf))
    return memberships
