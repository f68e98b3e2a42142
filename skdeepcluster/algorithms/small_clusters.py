"""Cuts of a hierarchy over a graph of neighbors in which no cluster is a scrap of a few rows."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list
from scipy.sparse import csr_array

from skdeepcluster._kernels._trees import single_linkage, spanning_forest
from skdeepcluster.algorithms.neighbors import components

# A cluster counts if it has this fraction of the edges that a cluster has on average. From 0.01 to
# 0.05 results are alike (benchmarks/bench_shapes.py --fractions).
MIN_FRACTION = 0.02


def edges_inside(linkage, labels, edges):
    """Number of edges within each cluster of a hierarchy.

    Parameters
    ----------
    linkage : (n_leaves - 1, 4) array
        Merges in SciPy's format.
    labels : (n_samples,) array of int
        The leaf that each sample belongs to.
    edges : (n_edges, 2) array of int
        Pairs of samples.

    Returns
    -------
    inside : (2 * n_leaves - 1,) array of int
        Of the leaves, then of the results of the merges.
    """
    n = len(linkage) + 1
    right = linkage[:, 1].astype(np.intp)
    # Leaves in an order in which each cluster is a run.
    order = leaves_list(linkage)
    place = np.empty(n, np.intp)
    place[order] = np.arange(n)
    begin = place[first_leaves(linkage)]
    end = begin + np.concatenate([np.ones(n), linkage[:, 3]]).astype(np.intp)
    # Of leaves next to each other, the merge that unites them; of others it is the last between.
    joint = np.empty(n - 1, np.intp)
    joint[begin[right] - 1] = np.arange(n - 1)
    source, target = place[labels[edges]].T
    apart = source != target
    low, high = np.minimum(source, target)[apart], np.maximum(source, target)[apart]
    own = np.bincount(source[~apart], minlength=n)
    united = np.bincount(last_between(joint, low, high), minlength=n - 1)
    own, united = (np.append(0, np.cumsum(counts)) for counts in (own, united))
    return own[end] - own[begin] + united[end - 1] - united[begin]


def first_leaves(linkage):
    """The first leaf of each cluster of a hierarchy, of which left ones come first."""
    n = len(linkage) + 1
    first = np.concatenate([np.arange(n), linkage[:, 0].astype(np.intp)])
    while (first >= n).any():
        first = first[first]
    return first


def last_between(values, low, high):
    """Where the largest of distinct values from each of some places to another is.

    Parameters
    ----------
    values : (n,) array of int
    low, high : arrays of int
        ``low < high``; the value at `high` is not among them.
    """
    # Of runs of 1, 2, 4, ... values.
    table = [np.arange(len(values))]
    places = np.empty(len(low), np.intp)
    length = np.frexp(high - low)[1] - 1
    for power in range(int(length.max(initial=-1)) + 1):
        if power:
            one, other = table[-1][: -(2 ** (power - 1))], table[-1][2 ** (power - 1) :]
            table.append(np.where(values[one] > values[other], one, other))
        of = length == power
        one, other = table[-1][low[of]], table[-1][high[of] - 2**power]
        places[of] = np.where(values[one] > values[other], one, other)
    return places


def coarsest_level(linkage, inside, n_clusters, least):
    """The last level of a hierarchy at which enough clusters count.

    Parameters
    ----------
    linkage : (n_leaves - 1, 4) array
    inside : (2 * n_leaves - 1,) array
        Number of edges within each cluster.
    n_clusters : int
        At most n_leaves.
    least : float
        Number of edges with which a cluster counts. If there is no such level, fewer are enough.

    Returns
    -------
    n_merges : int
    least : float
        The number that was enough.
    """
    n = len(linkage) + 1
    left, right = linkage[:, 0].astype(np.intp), linkage[:, 1].astype(np.intp)

    def level(least):
        counts = (inside >= least).astype(np.intp)
        change = counts[n:] - counts[left] - counts[right]
        enough = counts[:n].sum() + np.append(0, np.cumsum(change)) >= n_clusters
        return np.flatnonzero(enough[: n - n_clusters + 1])[-1:]

    found = level(least)
    if not len(found):
        # With fewer edges no level has fewer clusters that count, and with the least the last level
        # has enough.
        fewer = np.unique(inside[inside < least])[::-1]
        low, high = 0, len(fewer) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if len(level(fewer[middle])) else (middle + 1, high)
        least = fewer[low]
        found = level(least)
    return int(found[0]), float(least)


def joins_of_small(labels, counts, W, merges):
    """Merges of the clusters that do not count, each into the one that it is most connected with.

    Parameters
    ----------
    labels : (n_samples,) array of int
    counts : (n_clusters,) array of bool
    W : csr_array of shape (n_samples, n_samples)
        Weights of edges.
    merges : (n_merges, 2) array of int
        Pairs of clusters to be merged where no edge leads to any that counts, the first ones first.

    Returns
    -------
    joins : (n_joins, 2) array of int
        Pairs of clusters: trees, each with one that counts.
    """
    n = len(counts)
    size = np.bincount(labels, minlength=n)
    # An edge counts however small its weight is.
    W = csr_array((np.maximum(W.data, 1e-290), W.indices, W.indptr), W.shape)
    member = csr_array((np.ones(len(labels)), (np.arange(len(labels)), labels)), (len(labels), n))
    between = (member.T @ (W + W.T) @ member).tocoo()
    upper = between.row < between.col
    row, column = between.row[upper], between.col[upper]
    strength = between.data[upper] / np.minimum(size[row], size[column])
    order = np.argsort(-strength, kind="stable")
    # Those that count are one tree from the beginning, so no two of them are joined.
    counting = np.flatnonzero(counts)
    pairs = np.concatenate(
        [
            np.column_stack([counting[:-1], counting[1:]]),
            np.column_stack([row[order], column[order]]),
            merges,
        ]
    )
    kept = spanning_forest(n, *pairs.T.astype(np.int32, order="C"), np.arange(len(pairs)))
    return pairs[kept[len(counting) - 1 :]]


def without_scraps(labels, merges, W, edges, n_clusters, fraction=MIN_FRACTION):
    """An order of merges that leaves `n_clusters` clusters that count, and no scraps beside them.

    Clusters of a few rows, such as outliers, may be the last to merge. So the hierarchy is cut at
    its last level with enough clusters that count, the others join these, and then come the merges
    that follow.

    Parameters
    ----------
    labels : (n_samples,) array of int
        Initial clusters.
    merges : (n_initial - 1, 2) array of int
        Pairs of initial clusters, down to a single one.
    W : csr_array of shape (n_samples, n_samples)
        Weights of edges.
    edges : (n_edges, 2) array of int
        Those to nearest neighbors, which are counted.
    n_clusters : int
        At most n_initial.
    fraction : float
        Clusters with fewer edges inside than this fraction of ``n_edges / n_clusters`` are scraps.

    Returns
    -------
    merges : (n_initial - 1, 2) array of int
    places : (n_initial - 1,) array of int
        Which of the merges each is; -1 for those of scraps.
    """
    n = len(merges) + 1
    places = np.arange(n - 1)
    if n_clusters in (1, n):
        return merges, places
    linkage = single_linkage(*merges.T.astype(np.int64, order="C"), places.astype(float))
    inside = edges_inside(linkage, labels, edges)
    least = fraction * len(edges) / n_clusters
    n_merges, least = coarsest_level(linkage, inside, n_clusters, least)
    if n_merges == n - n_clusters:
        return merges, places
    cluster = components(n, *merges[:n_merges].T)
    now = cluster[labels]
    # The node of each cluster at that level, by that of an initial one in it.
    merged = linkage[:n_merges, :2].astype(np.intp)
    nodes = np.setdiff1d(np.arange(n + n_merges), merged)
    place = np.empty(n - n_merges, np.intp)
    place[cluster[first_leaves(linkage)[nodes]]] = nodes
    joins = joins_of_small(now, inside[place] >= least, W, cluster[merges[n_merges:]])
    first = np.unique(cluster, return_index=True)[1]
    every = np.concatenate([merges[:n_merges], first[joins], merges[n_merges:]])
    places = np.insert(places, n_merges, np.full(len(joins), -1))
    kept = spanning_forest(n, *every.T.astype(np.int32, order="C"), np.arange(len(every)))
    return every[kept], places[kept]
