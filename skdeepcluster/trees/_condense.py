"""Condensed trees of hierarchies of merges, and flat clusters of condensed trees."""

import numpy as np

from skdeepcluster._kernels._trees import Dendrogram, assign, select, subtree_death
from skdeepcluster.trees._trees import CondensedTree


def condensed_tree(
    linkage,
    min_cluster_size,
    *,
    method="eom",
    epsilon=0.0,
    max_cluster_size=None,
    allow_single_cluster=False,
):
    """Condense a hierarchy to the clusters of at least some size, and select flat ones.

    Parameters
    ----------
    linkage : Dendrogram, or array of shape (n_samples - 1, 4)
        Merges in SciPy's format, in C order and float64; or the dendrogram made of them, where it
        is condensed more than once.
    min_cluster_size : int
        At least 2.
    method : {"eom", "leaf"}, default="eom"
        Select the clusters of greatest total stability (excess of mass), or the leaves.
    epsilon : float, default=0.0
        Clusters born at a smaller distance are merged up to this one.
    max_cluster_size : int, default=None
        Larger clusters are not selected by "eom".
    allow_single_cluster : bool, default=False
        Whether the root may be selected.

    Returns
    -------
    tree : CondensedTree
    """
    dendrogram = linkage if isinstance(linkage, Dendrogram) else Dendrogram(linkage)
    clusters, member, leave = dendrogram.condense(min_cluster_size)
    selected, flat_label = select(
        clusters["parent"],
        clusters["birth"],
        clusters["size"],
        clusters["stability"],
        method == "leaf",
        epsilon,
        np.inf if max_cluster_size is None else max_cluster_size,
        allow_single_cluster,
    )
    least_lambda = 0.0
    if selected[0]:
        # The root as a cluster has only the points that are as dense as its first split.
        least_lambda = 1 / epsilon if epsilon > 0 else clusters["death"][0]
    return CondensedTree(
        **clusters,
        selected=selected,
        order=dendrogram.order,
        member=member,
        leave=leave,
        min_cluster_size=min_cluster_size,
        flat_label=flat_label,
        least_lambda=least_lambda,
    )


def flat_clusters(tree, member, leave, order=None):
    """Flat labels of points by where they leave a condensed tree.

    Parameters
    ----------
    tree : CondensedTree
    member, leave : arrays of shape (n_points,), int32 and float64
        The last cluster of each point, and the lambda at which the point leaves it.
    order : array of shape (n_points,), int64, default=None
        The points that these entries belong to; by default 0, 1, ...

    Returns
    -------
    labels : array of shape (n_points,)
        -1 for noise.
    strengths : array of shape (n_points,)
        Lambda of each point relative to the largest in its flat cluster; 0 for noise.
    sizes : array of shape (n_flat_clusters,)
    """
    # The last entry is for the label -1, whose strength is zero in any case.
    densest = np.append(tree.death[tree.selected], 0)
    return assign(
        member,
        leave,
        np.arange(len(leave)) if order is None else order,
        tree.flat_label,
        densest[tree.flat_label],
        tree.least_lambda,
        len(densest) - 1,
    )


def exemplars(tree):
    """The points of highest density of each flat cluster: those last to leave its leaves.

    Parameters
    ----------
    tree : CondensedTree

    Returns
    -------
    exemplars : list of n_flat_clusters arrays
        Points in increasing order.
    """
    if not tree.selected.any():
        return []
    cluster = tree.point_cluster
    label = tree.flat_label[cluster]
    densest = (label >= 0) & tree.leaves[cluster] & (tree.point_lambda == tree.death[cluster])
    found = np.flatnonzero(densest)
    ranked = found[np.argsort(label[found], kind="stable")]
    return np.split(ranked, np.searchsorted(label[ranked], np.arange(1, tree.selected.sum())))


def persistence(tree, sizes):
    """Stability of each flat cluster relative to what it were if its points stayed to the end.

    Parameters
    ----------
    tree : CondensedTree
    sizes : array of shape (n_flat_clusters,)
        Numbers of points, as `flat_clusters` gives them.

    Returns
    -------
    persistence : array of shape (n_flat_clusters,)
    """
    total = sizes * tree.death.max()
    relative = np.ones(len(sizes))
    return np.divide(tree.stability[tree.selected], total, out=relative, where=total > 0)


def outlier_scores(tree):
    """GLOSH: how much lower a point's lambda is than the largest in its last cluster.

    Parameters
    ----------
    tree : CondensedTree

    Returns
    -------
    scores : array of shape (n_samples,)
        From 0 to 1, relative to that largest lambda.
    """
    densest = subtree_death(tree.parent, tree.death)[tree.point_cluster]
    scores = np.zeros(len(densest))
    return np.divide(densest - tree.point_lambda, densest, out=scores, where=densest > 0)
