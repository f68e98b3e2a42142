"""Cuts of a hierarchy without scraps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array, random_array

from skdeepcluster._kernels._trees import single_linkage
from skdeepcluster.algorithms.groups import components
from skdeepcluster.algorithms.small_clusters import (
    clusters_that_count,
    coarsest_level,
    edges_inside,
    joins_of_scraps,
    uniting_merges,
    without_scraps,
)

seeds = st.integers(0, 2**32 - 1)


def random_merges(rng, n):
    """Merges of n clusters in a random order, a cluster of each side."""
    order = rng.permutation(n)
    return np.array([(order[i], order[rng.integers(i)]) for i in range(1, n)]).reshape(-1, 2)


@st.composite
def hierarchies(draw):
    """Labels, merges of them, edges of samples with weights, and a number of clusters."""
    rng = np.random.default_rng(draw(seeds))
    n = int(rng.integers(2, 15))
    shares = rng.dirichlet([0.3] * n)
    labels = np.concatenate([np.arange(n), rng.choice(n, rng.integers(60), p=shares)])
    W = random_array((len(labels),) * 2, density=0.1, format="csr", rng=rng)
    edges = np.column_stack(W.tocoo().coords)
    n_clusters = int(rng.integers(1, n + 1))
    return labels.astype(np.int32), random_merges(rng, n), edges, csr_array(W), n_clusters


def levels(labels, merges):
    """Clusters of the samples after each merge."""
    n = len(merges) + 1
    return [components(n, *merges[:m].T)[labels] for m in range(n)]


def linkage_of(merges):
    return single_linkage(*merges.T.astype(np.int64, order="C"), np.arange(float(len(merges))))


@given(hierarchies())
def test_uniting_merges(hierarchy):
    labels, merges, edges, *_ = hierarchy
    found = uniting_merges(merges, labels[edges])
    together = np.array(
        [level[edges[:, 0]] == level[edges[:, 1]] for level in levels(labels, merges)]
    )
    assert_array_equal(found, together.argmax(axis=0) - 1)


@given(hierarchies())
def test_edges_inside(hierarchy):
    labels, merges, edges, *_ = hierarchy
    inside = edges_inside(linkage_of(merges), labels, merges, edges)
    nodes = [set(np.flatnonzero(labels == c)) for c in range(len(merges) + 1)]
    for a, b in linkage_of(merges)[:, :2].astype(int):
        nodes.append(nodes[a] | nodes[b])
    expected = [sum(i in node and j in node for i, j in edges.tolist()) for node in nodes]
    assert_array_equal(inside, expected)


@given(hierarchies(), st.floats(0.5, 100))
def test_coarsest_level(hierarchy, least):
    labels, merges, edges, _, n_clusters = hierarchy
    n = len(merges) + 1
    inside = edges_inside(linkage_of(merges), labels, merges, edges)
    n_merges, enough = coarsest_level(linkage_of(merges), inside, n_clusters, least)
    cuts = levels(labels, merges)[: n - n_clusters + 1]

    def numbers(least):
        return np.array([clusters_that_count(cut, edges, least).sum() for cut in cuts])

    assert n_merges == np.flatnonzero(numbers(enough) >= n_clusters)[-1]
    if enough < least:
        assert (numbers(max(2 * enough, 1)) < n_clusters).all()


@given(hierarchies(), st.sampled_from([0, 0.02, 0.3, 0.9]))
def test_no_scrap_is_left(hierarchy, fraction):
    labels, merges, edges, W, n_clusters = hierarchy
    n = len(merges) + 1
    found, places = without_scraps(labels, merges, W, edges, n_clusters, fraction)
    assert len(found) == n - 1 and components(n, *found.T).max() == 0
    old = places[places >= 0]
    assert (np.diff(old) > 0).all()
    assert_array_equal(found[places >= 0], merges[old])
    if not fraction:
        assert_array_equal(found, merges)
    # If clusters of usual sizes are enough, no smaller one is left.
    least = fraction * len(edges) / n_clusters
    cuts = levels(labels, merges)[: n - n_clusters + 1]
    if any(clusters_that_count(cut, edges, least).sum() >= n_clusters for cut in cuts):
        left = components(n, *found[: n - n_clusters].T)[labels]
        assert left.max() + 1 == n_clusters
        assert clusters_that_count(left, edges, least).all()


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
    labels = np.repeat(np.arange(n_clusters), 100)
    labels = np.append(labels, n_clusters + np.array([0, 1, 1, 2])).astype(np.int32)
    edges = np.column_stack([np.arange(len(labels)), np.arange(len(labels)) ^ 1])
    W = csr_array((np.full(len(edges), 1e-9), tuple(edges.T)), shape=(len(edges),) * 2)
    merges = [(0, n_clusters + i) for i in range(3)]
    merges = np.concatenate([random_merges(rng, n_clusters), merges])
    found, _ = without_scraps(labels, merges, W, edges, n_clusters)
    left = components(n_clusters + 3, *found[:3].T)
    assert_array_equal(left[:n_clusters], np.arange(n_clusters))
    assert left.max() == n_clusters - 1
