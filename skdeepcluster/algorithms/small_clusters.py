"""Cuts of a hierarchy of clusters among which there are no scraps of a few rows."""

import numpy as np
from scipy.sparse import csr_array

from skdeepcluster._kernels._trees import single_linkage, spanning_forest
from skdeepcluster.algorithms.groups import components, members

# A cluster counts if it has this fraction of the rows that a cluster has on average, and more rows
# than a pair of nearest neighbors. Fractions from 0.03 to 0.08 give much the same
# (benchmarks/bench_shapes.py --fractions).
MIN_FRACTION, FEWEST_ROWS = 0.05, 3


def least_size(n_samples, n_clusters, fraction=MIN_FRACTION):
    """Number of rows with which a cluster counts, at least three; one if the fraction is 0."""
    return max(FEWEST_ROWS, fraction * n_samples / n_clusters) if fraction else 1


def coarsest_level(linkage, sizes, n_clusters, least):
    """The last level of a hierarchy at which enough clusters count.

    Parameters
    ----------
    linkage : (n_leaves - 1, 4) array
        Merges in SciPy's format.
    sizes : (n_leaves,) array
        Number of rows in each leaf.
    n_clusters : int
        At most n_leaves.
    least : float
        Number of rows with which a cluster counts. If there is no such level, half of it is
        enough, and so on.

    Returns
    -------
    n_merges : int
    least : float
        The number that was enough.
    """
    n = len(linkage) + 1
    left, right = linkage[:, :2].T.astype(np.intp)
    sizes = np.append(sizes, np.zeros(n - 1, sizes.dtype))
    for merge in range(n - 1):
        sizes[n + merge] = sizes[left[merge]] + sizes[right[merge]]
    while True:
        counts = (sizes >= least).astype(np.intp)
        change = counts[n:] - counts[left] - counts[right]
        n_counting = counts[:n].sum() + np.append(0, np.cumsum(change[: n - n_clusters]))
        enough = np.flatnonzero(n_counting >= n_clusters)
        if len(enough):
            return int(enough[-1]), least
        least /= 2


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


def without_scraps(labels, merges, W, n_clusters, fraction=MIN_FRACTION):
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
    n_clusters : int
        At most n_initial.
    fraction : float
        As in `least_size`: smaller clusters are scraps, with 0 none.

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
    least = least_size(len(labels), n_clusters, fraction)
    n_merges, least = coarsest_level(linkage, np.bincount(labels), n_clusters, least)
    clusters = components(n, *merges[:n_merges].T)
    now, first = clusters[labels], np.unique(clusters, return_index=True)[1]
    joins = joins_of_scraps(now, np.bincount(now) >= least, W, clusters[merges[n_merges:]])
    every = np.concatenate([merges[:n_merges], first[joins], merges[n_merges:]])
    places = np.insert(places, n_merges, np.full(len(joins), -1))
    kept = spanning_forest(n, *every.T.astype(np.int32, order="C"), np.arange(len(every)))
    return every[kept], places[kept]
