"""Condensed trees without clusters of short life."""

import numpy as np


def without_short_lived(clusters, member, leave, order, weight, least):
    """Merge clusters whose life is short into those that they split from.

    The life of a cluster lasts from its birth to the largest lambda in or below it. Where one part
    of a split is left, it is no split: the cluster goes on. Where several are left, the points of
    the others leave at the split.

    Parameters
    ----------
    clusters : dict of arrays of shape (n_nodes,)
        With `parent`, `birth`, `death`, `size` and `stability`, parents first.
    member, leave : arrays of shape (n_points,)
        The last cluster of each point and the lambda when it leaves it.
    order : array of shape (n_points,)
        The points of these entries.
    weight : array of shape (n_points,) or None
        By point.
    least : float
        The shortest life.

    Returns
    -------
    clusters : dict of arrays
        Numbered level by level, and within a level by first points.
    member, leave : arrays of shape (n_points,)
    """
    parent, birth, death = clusters["parent"], clusters["birth"], clusters["death"].copy()
    n = len(parent)
    children = [[] for _ in range(n)]
    deepest = death.copy()
    # What each cluster is now part of.
    into = np.arange(n)
    for node in range(n - 1, -1, -1):
        own = children[node]
        kept = [child for child in own if deepest[child] - birth[child] >= least]
        deepest[node] = max([death[node], *(deepest[child] for child in own)])
        for child in set(own) - set(kept):
            into[child] = node
        if len(kept) == 1:
            into[kept[0]] = node
            death[node] = death[kept[0]]
            children[node] = children[kept[0]]
        elif kept:
            children[node] = kept
        else:
            death[node], children[node] = deepest[node], []
        if node:
            children[parent[node]].insert(0, node)
    for node in range(1, n):
        into[node] = into[into[node]]
    kept = np.flatnonzero(into == np.arange(n))
    above = np.full(n, -1)
    depth, first = np.zeros(n, np.int64), np.full(n, len(order))
    for node in kept[1:]:
        above[node] = into[parent[node]]
        depth[node] = depth[above[node]] + 1
    member = into[member]
    leave = np.minimum(leave, death[member])
    np.minimum.at(first, member, order)
    mass = np.ones(len(member)) if weight is None else weight[order]
    stability = np.bincount(member, mass * (leave - birth[member]), n)
    for node in kept[:0:-1]:
        first[above[node]] = min(first[above[node]], first[node])
        stability[above[node]] += clusters["size"][node] * (birth[node] - birth[above[node]])
    kept = kept[np.lexsort((first[kept], depth[kept]))]
    new = np.full(n + 1, -1)
    new[kept] = np.arange(len(kept))
    clusters = {
        "parent": new[above[kept]].astype(parent.dtype),
        "birth": birth[kept],
        "death": death[kept],
        "size": clusters["size"][kept],
        "stability": stability[kept],
    }
    return clusters, new[member].astype(np.int32), leave
