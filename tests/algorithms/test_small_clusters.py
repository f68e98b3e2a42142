"""Cuts of a hierarchy without scraps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array, random_array

from skdeepcluster._kernels._trees import single_linkage
from skdeepcluster.algorithms.groups import components
from skdeepcluster.algorithms.small_clusters import (
    coarsest_level,
    joins_of_scraps,
    least_size,
    without_scraps,
)

seeds = st.integers(0, 2**32 - 1)


def random_merges(rng, n):
    """Merges of n clusters in a random order, a cluster of each side."""
    order = rng.permutation(n)
    return np.array([(order[i], order[rng.integers(i)]) for i in range(1, n)]).reshape(-1, 2)


@st.composite
def hierarchies(draw):
    rng = np.random.default_rng(draw(seeds))
    n = int(rng.integers(2, 15))
    labels = np.concatenate(
        [np.arange(n), rng.choice(n, rng.integers(60), p=rng.dirichlet([0.3] * n))]
    )
    W = random_array((len(labels),) * 2, density=0.1, format="csr", rng=rng)
    return labels.astype(np.int32), random_merges(rng, n), csr_array(W), int(rng.integers(1, n + 1))


@given(hierarchies(), st.floats(0.5, 30))
def test_coarsest_level(hierarchy, least):
    labels, merges, _, n_clusters = hierarchy
    n = len(merges) + 1
    linkage = single_linkage(*merges.T.astype(np.int64, order="C"), np.arange(n - 1.0))
    n_merges, enough = coarsest_level(linkage, np.bincount(labels), n_clusters, least)
    counting = [
        np.sum(np.bincount(components(n, *merges[:m].T)[labels]) >= enough)
        for m in range(n - n_clusters + 1)
    ]
    assert n_merges == np.flatnonzero(np.array(counting) >= n_clusters)[-1]
    assert enough <= least
    if enough < least:
        assert not any(
            np.sum(np.bincount(components(n, *merges[:m].T)[labels]) >= 2 * enough) >= n_clusters
            for m in range(n - n_clusters + 1)
        )


@given(hierarchies(), st.sampled_from([0, 0.05, 0.3, 0.9]))
def test_no_scrap_is_left(hierarchy, fraction):
    labels, merges, W, n_clusters = hierarchy
    n = len(merges) + 1
    found, places = without_scraps(labels, merges, W, n_clusters, fraction)
    assert len(found) == n - 1 and components(n, *found.T).max() == 0
    old = places[places >= 0]
    assert (np.diff(old) > 0).all()
    assert_array_equal(found[places >= 0], merges[old])
    if not fraction:
        assert_array_equal(found, merges)
    # If clusters of usual sizes are enough, no smaller one is left.
    least = least_size(len(labels), n_clusters, fraction)
    levels = [components(n, *merges[:m].T)[labels] for m in range(n - n_clusters + 1)]
    if any(np.sum(np.bincount(level) >= least) >= n_clusters for level in levels):
        left = components(n, *found[: n - n_clusters].T)[labels]
        assert np.bincount(left).min() >= least


def test_scraps_join_where_most_weight_leads():
    labels = np.repeat([0, 1, 2, 3, 4, 5], [5, 5, 1, 1, 1, 1])
    W = np.zeros((14, 14))
    # To the first cluster by one weight, to the second by two smaller ones.
    W[10, 0], W[10, 5], W[6, 10] = 0.5, 0.3, 0.3
    # Only to a scrap, and by next to nothing.
    W[11, 10] = 1e-320
    # To none: 12 merges with 13, and both with the first.
    merges = np.array([[4, 5], [4, 0], [0, 1], [2, 0], [3, 1]])
    joins = joins_of_scraps(labels, np.arange(6) < 2, csr_array(W), merges)
    clusters = components(6, *joins.T)
    assert_array_equal(clusters, [0, 1, 1, 1, 0, 0])


@given(seeds, st.integers(2, 5))
def test_scraps_that_merge_last_do_not_take_the_place_of_clusters(seed, n_clusters):
    rng = np.random.default_rng(seed)
    sizes = np.append(np.full(n_clusters, 100), [1, 2, 1])
    labels = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    merges = random_merges(rng, n_clusters)
    merges = np.concatenate(
        [merges, np.column_stack([np.zeros(3, int), n_clusters + np.arange(3)])]
    )
    found, places = without_scraps(labels, merges, csr_array((len(labels),) * 2), n_clusters)
    left = components(len(sizes), *found[:3].T)
    assert_array_equal(left[:n_clusters], np.arange(n_clusters))
    assert left.max() == n_clusters - 1
