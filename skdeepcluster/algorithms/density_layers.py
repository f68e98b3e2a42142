"""Numbers of clusters by density: which of them last over a range of least sizes of clusters."""

from typing import NamedTuple

import numpy as np

from skdeepcluster._kernels._boruvka import spanning_tree
from skdeepcluster._kernels._kdtree import KDTree
from skdeepcluster._kernels._trees import Dendrogram, single_linkage
from skdeepcluster.trees import condensed_tree, flat_clusters

# Neighbors that smooth the density.
MIN_SAMPLES = 5
# Least sizes of clusters: from this many places, or this share of them, up to the largest share,
# each this much larger than the one before.
LEAST_SIZE, LEAST_SHARE, LARGEST_SHARE, FACTOR = 4, 0.003, 1 / 3, 1.25


class DensityLayer(NamedTuple):
    """Clusters of places.

    Attributes
    ----------
    labels : (n,) array of int32
        No place is noise.
    persistence : float
        The range of least sizes that give their number, as the logarithm of a ratio.
    """

    labels: np.ndarray
    persistence: float


class SizeRange(NamedTuple):
    """Least sizes of clusters that give one number of them.

    Attributes
    ----------
    middle : int
        Index of a size, in the middle of the longest range without a gap.
    persistence : float
        Of all these ranges, as the logarithm of a ratio.
    """

    middle: int
    persistence: float


def least_sizes(n):
    """Least sizes of clusters of `n` places, that are tried."""
    size, sizes = max(LEAST_SIZE, LEAST_SHARE * n), []
    while size < LARGEST_SHARE * n:
        sizes.append(int(size))
        size = max(size + 1, size * FACTOR)
    return sizes


def longest_ranges(numbers):
    """Where numbers of clusters by growing least sizes persist.

    Parameters
    ----------
    numbers : list of int
        By least size.

    Returns
    -------
    ranges : dict of int to SizeRange
        For each number but 0 and 1.
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    # Ranges of equal numbers.
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    lengths = np.diff(starts, append=len(numbers))
    ranges = {}
    for k in np.unique(numbers[numbers > 1]):
        of_number = numbers[starts] == k
        longest = starts[of_number][lengths[of_number].argmax()]
        middle = int(longest + (lengths[of_number].max() - 1) // 2)
        ranges[int(k)] = SizeRange(middle, float(lengths[of_number].sum() * np.log(FACTOR)))
    return ranges


def density_layers(places):
    """Clusters of highest density for each number of them that some least size gives.

    The hierarchy is that of HDBSCAN, whose clusters of greatest excess of mass are taken for each
    least size. Noise joins the cluster of the nearest place that has one.

    Parameters
    ----------
    places : (n, n_components) array

    Returns
    -------
    layers : dict of int to DensityLayer
        By their number of clusters, at least two; empty if no least size gives so many. If several
        ranges of least sizes give a number, persistence is their sum, and labels are those of the
        middle of the longest.
    """
    sizes = least_sizes(len(places))
    if not sizes:
        return {}
    tree = KDTree(np.ascontiguousarray(places, np.float64))
    neighbors = tree.knn(MIN_SAMPLES, 1)
    core = np.ascontiguousarray(neighbors[0][:, -1])
    source, target, squares = spanning_tree(tree, core, *neighbors, 1.0, 1)
    order = np.argsort(squares, kind="stable")
    source, target = tree.index[source[order]], tree.index[target[order]]
    dendrogram = Dendrogram(
        single_linkage(source.astype(np.int64), target.astype(np.int64), np.sqrt(squares[order]))
    )
    trees = [condensed_tree(dendrogram, size) for size in sizes]
    ranges = longest_ranges([tree.selected.sum() for tree in trees])
    return {
        k: DensityLayer(_without_noise(places, _labels(trees[middle])), persistence)
        for k, (middle, persistence) in ranges.items()
    }


def _labels(tree):
    return flat_clusters(tree, tree.member, tree.leave, tree.order)[0]


def _without_noise(places, labels):
    noise = labels < 0
    if noise.any():
        found = np.flatnonzero(~noise)
        tree = KDTree(np.ascontiguousarray(places[found], np.float64))
        queries = KDTree(np.ascontiguousarray(places[noise], np.float64))
        _, positions, _ = tree.knn(1, 1, queries)
        nearest = np.empty(len(queries.index), np.int64)
        nearest[queries.index] = found[tree.index[positions[:, 0]]]
        labels = labels.copy()
        labels[noise] = labels[nearest]
    return labels.astype(np.int32)
