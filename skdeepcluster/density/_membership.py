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


def first_together(tree, most):
    """For each cluster the flat ones that its points are longest with, up to some number.

    Parameters
    ----------
    tree : CondensedTree
    most : int

    Returns
    -------
    flat : array of shape (n_nodes, most)
        Flat clusters, -1 where there are no more. Of those that part from it at the same lambda the
        first.
    height : array of shape (n_nodes, most)
        The lambda at which they part; NaN where one lies in the other.
    """
    parent, n = tree.parent, len(tree.parent)
    children, below = [[] for _ in range(n)], [[] for _ in range(n)]
    for node in range(n - 1, -1, -1):
        if tree.selected[node]:
            below[node] = [int(tree.flat_label[node])]
        if node:
            children[parent[node]].insert(0, node)
            below[parent[node]] = (below[node] + below[parent[node]])[:most]
    flat, height = np.full((n, most), -1), np.full((n, most), np.nan)
    # Clusters outside of each, with their heights.
    outside = [([], [])] * n
    for node in range(n):
        inside = below[node]
        if node and tree.flat_label[node] == tree.flat_label[parent[node]] >= 0:
            outside[node], inside = outside[parent[node]], [int(tree.flat_label[node])]
        elif node:
            others = [k for c in children[parent[node]] if c != node for k in below[c]][:most]
            names, heights = outside[parent[node]]
            outside[node] = (
                (others + names)[:most],
                ([tree.birth[node]] * len(others) + heights)[:most],
            )
        names, heights = outside[node]
        found = (inside + names)[:most]
        flat[node, : len(found)] = found
        height[node, len(inside) : len(found)] = heights[: len(found) - len(inside)]
    return flat, height


def soft_memberships(height, labels, strengths, distance, densest, dtype):
    """How much points belong to each flat cluster; see `HDBSCAN.predict_proba`.

    Parameters
    ----------
    height : array of shape (n_points, n_flat_clusters)
        Lambdas until which they are together.
    labels, strengths : arrays of shape (n_points,)
        As `flat_clusters` gives them.
    distance : array of shape (n_points, n_flat_clusters)
        To the nearest exemplar of each cluster; may be infinite.
    densest : array of shape (n_flat_clusters,) or (n_points, n_flat_clusters)
        The largest lambda of each cluster.
    dtype : dtype

    Returns
    -------
    memberships : array of shape (n_points, n_flat_clusters)
        Rows sum to at most 1; their largest entry is that of the label.
    """
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
    densest = np.broadcast_to(densest, height.shape)[every, nearest]
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


def largest_memberships(tree, cluster, lam, labels, strengths, found, reach, groups, top_k, dtype):
    """The largest soft memberships of points, among few clusters for each.

    Parameters
    ----------
    tree : CondensedTree
        With flat clusters.
    cluster, lam, labels, strengths : arrays of shape (n_points,)
    found : tuple of arrays of shape (n_nodes, top_k)
        As `first_together` gives them.
    reach : callable (rows, group) -> array of shape (n_rows,)
        Distances of some points to the nearest exemplar of a flat cluster.
    groups : array of shape (n_points, n_near)
        The clusters of exemplars near to each point.
    top_k : int
    dtype : dtype

    Returns
    -------
    memberships : array of shape (n_points, top_k)
        Largest first; rows sum to what all memberships would.
    flat : array of shape (n_points, top_k)
        Their clusters; where there are none, the membership is 0.
    """
    flat = np.hstack([found[0][cluster], groups])
    # Each cluster once.
    flat.sort(axis=1)
    flat[:, 1:][flat[:, 1:] == flat[:, :-1]] = -1
    chosen = np.flatnonzero(tree.selected)
    height = _parting(tree, cluster, lam, chosen[flat])
    distance = np.full(flat.shape, np.inf)
    ranked = np.argsort(flat, axis=None, kind="stable")
    names, starts = np.unique(flat.ravel()[ranked], return_index=True)
    for name, at in zip(names, np.split(ranked, starts[1:]), strict=True):
        if name >= 0:
            distance.flat[at] = reach(at // flat.shape[1], name)
    none = flat < 0
    height[none] = 0
    own = (flat == labels[:, np.newaxis]) & ~none
    places = np.where(labels >= 0, own.argmax(axis=1), -1)
    shares = soft_memberships(height, places, strengths, distance, tree.death[chosen[flat]], dtype)
    shares[none] = 0
    best = np.argsort(-shares, axis=1, kind="stable")[:, :top_k]
    kept = np.take_along_axis(shares, best, axis=1)
    total, all_of_them = (part.sum(axis=1, keepdims=True) for part in (kept, shares))
    kept *= np.divide(all_of_them, total, out=np.zeros_like(total), where=total > 0)
    return kept, np.take_along_axis(flat, best, axis=1)


def _parting(tree, cluster, lam, others):
    """The lambda until which points are with clusters, as `together` gives it for all of them.

    Parameters
    ----------
    cluster, lam : arrays of shape (n_points,)
    others : array of shape (n_points, n_others)
        Clusters of the tree.
    """
    a = np.broadcast_to(cluster[:, np.newaxis], others.shape)
    both, last = meeting(tree.parent, a, others)
    # Where one lies in the other, they never part.
    nested = (both == a) | (both == others)
    return np.where(nested, lam[:, np.newaxis], tree.birth[last])


def meeting(parent, a, b):
    """The least clusters of a tree that have both of two, and the last ones on the way from `a`.

    Parameters
    ----------
    parent : array of shape (n_nodes,)
        Of the root, which comes first, -1; all others stand after their parents.
    a, b : arrays of one shape
        Clusters.

    Returns
    -------
    both, last : arrays of this shape
        `last` is below `both`, or `a` itself where this is `both`.
    """
    depth = np.zeros(len(parent), np.int64)
    for node in range(1, len(depth)):
        depth[node] = depth[parent[node]] + 1
    a, b = np.array(a, dtype=np.int64), np.array(b, dtype=np.int64)
    last = a.copy()
    while (apart := a != b).any():
        # Upwards; whichever is deeper moves.
        up, down = apart & (depth[a] >= depth[b]), apart & (depth[b] >= depth[a])
        last[up] = a[up]
        a[up], b[down] = parent[a[up]], parent[b[down]]
    return a, last
