"""Condensed trees of hierarchies of merges, and flat clusters of condensed trees."""

import numpy as np

from skdeepcluster._kernels._trees import Dendrogram, assign, select, subtree_death
from skdeepcluster.trees._number import best_of_gains, best_of_number
from skdeepcluster.trees._simplify import without_short_lived
from skdeepcluster.trees._trees import CondensedTree


def condensed_tree(
    linkage,
    min_cluster_size,
    *,
    method="eom",
    epsilon=0.0,
    max_cluster_size=None,
    allow_single_cluster=False,
    epsilon_max=np.inf,
    n_clusters=None,
    persistence=0.0,
    satisfied=None,
):
    """Condense a hierarchy to the clusters of at least some size, and select flat ones.

    Parameters
    ----------
    linkage : Dendrogram, or array of shape (n_samples - 1, 4)
        Merges in SciPy's format, in C order and float64; or the dendrogram made of them, where it
        is condensed more than once.
    min_cluster_size : int or float
        At least 2, unless points have weights, whose sum it then bounds.
    method : {"eom", "leaf", "cut"}, default="eom"
        Select the clusters of greatest total stability (excess of mass), the leaves, or those that
        exist at the distance `epsilon`.
    epsilon : float, default=0.0
        Clusters born at a smaller distance are merged up to this one.
    max_cluster_size : int, default=None
        Larger clusters are not selected by "eom".
    allow_single_cluster : bool, default=False
        Whether the root may be selected.
    epsilon_max : float, default=np.inf
        Clusters born at a larger distance are not selected by "eom".
    n_clusters : int, default=None
        Select so many disjoint clusters of greatest total stability. Then `method` and `epsilon`
        are not used.
    persistence : float, default=0.0
        Clusters whose densest points leave them by less than this after their birth, as lambda, are
        no clusters.
    satisfied : callable (parent, cluster) -> two arrays of shape (n_nodes,), default=None
        By the last cluster of each point, what a cluster satisfies, and what the points do that
        fall out of it as noise. "eom" then selects the clusters that satisfy most, and stability
        decides between equal ones. Not used with `n_clusters`.

    Returns
    -------
    tree : CondensedTree
    """
    dendrogram = linkage if isinstance(linkage, Dendrogram) else Dendrogram(linkage)
    clusters, member, leave = dendrogram.condense(min_cluster_size)
    # Merges at distance 0 have the largest lambda of the tree.
    at = min(1 / epsilon, dendrogram.max_lambda) if method == "cut" else None
    if persistence > 0:
        clusters, member, leave = without_short_lived(
            clusters, member, leave, dendrogram.order, dendrogram.weight, persistence
        )
    size = clusters["size"].astype(np.float64)
    largest = np.inf if max_cluster_size is None else max_cluster_size
    stability = clusters["stability"]
    if n_clusters is not None or (satisfied is not None and method == "eom"):
        with np.errstate(invalid="ignore"):
            allowed = (size <= largest) & ~(clusters["birth"] * epsilon_max < 1)
        allowed[0] &= allow_single_cluster
        if n_clusters is not None:
            chosen = best_of_number(clusters["parent"], stability, allowed, n_clusters)
        else:
            cluster = np.empty_like(member)
            cluster[dendrogram.order] = member
            gains = satisfied(clusters["parent"], cluster)
            chosen = best_of_gains(clusters["parent"], *gains, stability, allowed)
        # Nothing else is worth anything.
        stability, epsilon, method = np.where(chosen, 1.0, -1.0), 0.0, "eom"
    elif at is not None:
        alive = (clusters["birth"] < at) & (at <= clusters["death"])
        stability, epsilon, largest = np.where(alive, 1.0, -1.0), 0.0, np.inf
        allow_single_cluster, epsilon_max = True, np.inf
    selected, flat_label = select(
        clusters["parent"],
        clusters["birth"],
        size,
        stability,
        method == "leaf",
        epsilon,
        largest,
        allow_single_cluster,
        epsilon_max,
    )
    least_lambda = 0.0
    if at is not None:
        least_lambda = at
    elif selected[0]:
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
        weight=dendrogram.weight,
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


def labels_of_points(tree, cluster, lam, weight=None):
    """As `flat_clusters` for the points by row; sizes are sums of their weights.

    Parameters
    ----------
    tree : CondensedTree
    cluster, lam : arrays of shape (n_samples,)
    weight : array of shape (n_samples,), default=None
        By default 1.

    Returns
    -------
    labels, strengths, sizes : arrays
    """
    labels, strengths, sizes = flat_clusters(tree, cluster, lam)
    if weight is not None:
        some = labels >= 0
        sizes = np.bincount(labels[some], weight[some], len(sizes))
    return labels, strengths, sizes


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


def outlier_scores(tree, cluster=None, lam=None):
    """GLOSH: how much lower a point's lambda is than the largest in its last cluster.

    Parameters
    ----------
    tree : CondensedTree
    cluster, lam : arrays of shape (n_points,), default=None
        The last cluster of each point and when it leaves it; by default those of the tree.

    Returns
    -------
    scores : array of shape (n_points,)
        From 0 to 1, relative to that largest lambda.
    """
    if cluster is None:
        cluster, lam = tree.point_cluster, tree.point_lambda
    densest = subtree_death(tree.parent, tree.death)[cluster]
    scores = np.zeros(len(densest))
    return np.divide(densest - lam, densest, out=scores, where=densest > 0)


def relative_validity(edges, labels, weight=None):
    """How far clusters are apart along a spanning tree, relative to its edges within them.

    Parameters
    ----------
    edges : MinimumSpanningTree
    labels : array of shape (n_samples,)
        -1 for noise.
    weight : array of shape (n_samples,), default=None

    Returns
    -------
    validity : float
        The mean over samples, of which noise counts 0.
    """
    some = labels != -1
    if not some.any():
        return 0.0
    numbers = np.full(len(labels), -1)
    numbers[some] = np.unique(labels[some], return_inverse=True)[1]
    k = numbers.max() + 1
    ends = np.stack([numbers[edges.source], numbers[edges.target]])
    kept = (ends >= 0).all(axis=0)
    (first, second), distance = ends[:, kept], edges.distance[kept]
    within = first == second
    longest, shortest = np.zeros(k), np.full(k, np.inf)
    np.maximum.at(longest, first[within], distance[within])
    for side in (first, second):
        np.minimum.at(shortest, side[~within], distance[~within])
    finite = np.isfinite(edges.distance)
    alone = 2 * edges.distance[finite].max(initial=0)
    shortest[np.isinf(shortest)] = alone
    largest = np.maximum(longest, shortest)
    value = np.divide(shortest - longest, largest, out=np.zeros(k), where=largest > 0)
    weight = np.ones(len(labels)) if weight is None else weight
    return float(np.bincount(numbers[some], weight[some], k) @ value / weight.sum())
