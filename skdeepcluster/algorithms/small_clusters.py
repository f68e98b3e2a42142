"""Cuts of a hierarchy over a graph of neighbors in which no cluster is a scrap of a few rows."""

import numpy as np
from scipy.sparse import csr_array

from skdeepcluster._kernels._trees import single_linkage, spanning_forest
from skdeepcluster.algorithms.groups import components, members

# A cluster counts if it has this fraction of the edges that a cluster has on average. From 0.01 to
# 0.03 results are much the same (benchmarks/bench_shapes.py --fractions).
MIN_FRACTION = 0.02


def uniting_merges(merges, pairs):
    """Which of the merges puts both nodes of each pair into one cluster.

    Parameters
    ----------
    merges : (n_nodes - 1, 2) array of int
        Pairs of nodes whose clusters merge, down to a single one.
    pairs : (n_pairs, 2) array of int

    Returns
    -------
    uniting : (n_pairs,) array of int
        -1 where both nodes are the same.
    """
    n = len(merges) + 1
    # Trees of the larger cluster's root above that of the smaller: few steps up to any root.
    parent, when, size = list(range(n)), [n] * n, [1] * n
    for merge, (a, b) in enumerate(merges.tolist()):
        while parent[a] != a:
            a = parent[a]
        while parent[b] != b:
            b = parent[b]
        if size[a] < size[b]:
            a, b = b, a
        parent[b], when[b] = a, merge
        size[a] += size[b]
    parent, when = np.array(parent), np.array(when)
    uniting = np.full(len(pairs), -1)
    left, right = pairs.T.copy()
    apart = np.flatnonzero(left != right)
    # Steps happened in the order of their merges, so the one that happened last unites.
    while len(apart):
        one, other = left[apart], right[apart]
        lower = np.where(when[one] < when[other], one, other)
        uniting[apart] = when[lower]
        left[apart], right[apart] = parent[lower], np.where(lower == one, other, one)
        apart = apart[left[apart] != right[apart]]
    return uniting


def edges_inside(linkage, labels, merges, edges):
    """Number of edges within each cluster of a hierarchy.

    Parameters
    ----------
    linkage : (n_leaves - 1, 4) array
        The merges in SciPy's format.
    labels : (n_samples,) array of int
        The leaf that each sample belongs to.
    merges : (n_leaves - 1, 2) array of int
        A leaf of either side.
    edges : (n_edges, 2) array of int
        Pairs of samples.

    Returns
    -------
    inside : (2 * n_leaves - 1,) array of int
        Of the leaves, then of the results of the merges.
    """
    n = len(linkage) + 1
    pairs = labels[edges]
    uniting = uniting_merges(merges, pairs)
    own = np.bincount(pairs[uniting < 0, 0], minlength=n)
    inside = np.append(own, np.bincount(uniting[uniting >= 0], minlength=n - 1)).tolist()
    for merge, (a, b) in enumerate(linkage[:, :2].astype(np.intp).tolist(), n):
        inside[merge] += inside[a] + inside[b]
    return np.array(inside)


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
        Number of edges with which a cluster counts. If there is no such level, half of it is
        enough, and so on; in the end all clusters count.

    Returns
    -------
    n_merges : int
    least : float
        The number that was enough.
    """
    n = len(linkage) + 1
    left, right = linkage[:, :2].T.astype(np.intp)
    while True:
        counts = (inside >= least).astype(np.intp)
        change = counts[n:] - counts[left] - counts[right]
        n_counting = counts[:n].sum() + np.append(0, np.cumsum(change[: n - n_clusters]))
        enough = np.flatnonzero(n_counting >= n_clusters)
        if len(enough):
            return int(enough[-1]), least
        # Of less than one edge is none.
        least = least / 2 if least > 1 else 0


def joins_of_scraps(labels, counts, W, merges):
    """Merges of clusters that do not count, each into the one that it is most connected with.

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
    # An edge counts however small its weight is.
    W = csr_array((np.maximum(W.data, 1e-290), W.indices, W.indptr), W.shape)
    member = members(labels, n)
    between = (member.T @ (W + W.T) @ member).tocoo()
    order = np.argsort(-between.data, kind="stable")
    edges = np.column_stack(between.coords)[order]
    # Those that count are one tree from the beginning, so no two of them are joined.
    counting = np.flatnonzero(counts)
    tree = np.column_stack([counting[:-1], counting[1:]])
    pairs = np.concatenate([tree, edges, merges])
    kept = spanning_forest(n, *pairs.T.astype(np.int32, order="C"), np.arange(len(pairs)))
    return pairs[kept[len(tree) :]]


def clusters_that_count(labels, edges, least):
    """Whether each cluster has at least so many edges inside, an array of bool."""
    source, target = labels[edges].T
    return np.bincount(source[source == target], minlength=labels.max() + 1) >= least


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
    if n_clusters in (1, n) or not fraction:
        return merges, places
    linkage = single_linkage(*merges.T.astype(np.int64, order="C"), places.astype(float))
    inside = edges_inside(linkage, labels, merges, edges)
    least = fraction * len(edges) / n_clusters
    n_merges, least = coarsest_level(linkage, inside, n_clusters, least)
    clusters = components(n, *merges[:n_merges].T)
    now, first = clusters[labels], np.unique(clusters, return_index=True)[1]
    counts = clusters_that_count(now, edges, least)
    joins = joins_of_scraps(now, counts, W, clusters[merges[n_merges:]])
    every = np.concatenate([merges[:n_merges], first[joins], merges[n_merges:]])
    places = np.insert(places, n_merges, np.full(len(joins), -1))
    kept = spanning_forest(n, *every.T.astype(np.int32, order="C"), np.arange(len(every)))
    return every[kept], places[kept]
