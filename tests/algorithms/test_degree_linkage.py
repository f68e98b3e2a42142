"""Merges on a graph of nearest neighbors, from labels on."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from skdeepcluster.algorithms.degree_linkage import (
    STEPS,
    all_merges,
    linkage_labels,
    merge_to,
    nearest_clusters,
    neighbor_graph,
)

seeds = st.integers(0, 2**31 - 1)


@given(seeds, st.sampled_from([np.float32, np.float64]), st.integers(1, 30))
@settings(max_examples=25)
def test_graph_of_neighbors(seed, dtype, k):
    rng = np.random.default_rng(seed)
    # A dense and a sparse cluster.
    Z = (rng.normal(size=(20, 3)) * np.repeat([1, 9], 10)[:, None]).astype(dtype)
    W, nearest, lengths = neighbor_graph(Z, k)
    k = min(k, 19)
    distances, neighbors = NearestNeighbors(n_neighbors=k).fit(Z).kneighbors()
    assert_array_equal(nearest, neighbors[:, 0])
    assert_allclose(lengths, distances[:, 0], rtol=1e-4)
    squares = distances.astype(float) ** 2
    scales = np.log(squares.mean(axis=1))
    near = np.zeros((20, 20))
    np.put_along_axis(near, neighbors, 1.0, axis=1)
    mutual = near * near.T + np.eye(20)
    for _ in range(STEPS):
        scales = mutual @ scales / mutual.sum(axis=1)
    expected = np.zeros((20, 20))
    products = np.exp((scales[:, None] + scales[neighbors]) / 2)
    np.put_along_axis(expected, neighbors, np.exp(-squares / products), axis=1)
    assert_allclose(W.toarray(), expected, atol=1e-5)


@given(seeds, st.floats(1, 1e6))
@settings(max_examples=25)
def test_the_scale_of_a_region_is_its_own(seed, far):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(30, 2))
    sparse = far * (dense + 100)
    alone, both = (neighbor_graph(Z, 5)[0] for Z in (dense, np.vstack([dense, sparse])))
    assert_allclose(both[:30, :30].toarray(), alone.toarray(), rtol=1e-6)
    assert_allclose(both[30:, 30:].toarray(), alone.toarray(), rtol=1e-6)


def affinity(W, a, b):
    """Of two clusters, from its definition."""
    to_b = W[np.ix_(a, b)].sum(axis=1) * W[np.ix_(b, a)].sum(axis=0)
    to_a = W[np.ix_(b, a)].sum(axis=1) * W[np.ix_(a, b)].sum(axis=0)
    return to_b.sum() / len(b) ** 2 + to_a.sum() / len(a) ** 2


@given(seeds, st.integers(2, 6), st.sampled_from([0.0, 1.0]))
@settings(max_examples=25)
def test_the_next_merge_is_that_of_the_definition(seed, k, weight):
    rows = np.random.default_rng(seed).normal(size=(40, 3))
    W, nearest, lengths = neighbor_graph(rows, 8)
    labels = nearest_clusters(nearest, lengths, 2)
    first = np.unique(labels, return_index=True)[1]
    merges = all_merges(W, labels, (k, weight))[0]
    assert len(merges) == len(first) - 1
    for pair in merges[:3]:
        groups = [np.flatnonzero(labels == c) for c in np.unique(labels)]
        A = np.array([[affinity(W.toarray(), a, b) for b in groups] for a in groups])
        np.fill_diagonal(A, 0)
        ordered = np.sort(np.pad(A, ((0, 0), (0, k))), axis=1)[:, ::-1][:, :k]
        scores = ordered[:, 0] + weight / (k - 1) * (ordered[:, :1] - ordered[:, 1:]).sum(axis=1)
        c = scores.argmax()
        if ordered[c, 0] == 0 or np.sum(scores > scores.max() - 1e-9) > 1 + (weight == 0):
            return
        one, other = labels[first[pair]]
        assert {groups[c][0], groups[A[c].argmax()][0]} == {
            np.flatnonzero(labels == one)[0],
            np.flatnonzero(labels == other)[0],
        }
        labels = np.where(labels == other, one, labels)


@given(seeds, st.integers(1, 20))
@settings(max_examples=25)
def test_merges_leave_as_many_as_wished(seed, n_clusters):
    rng = np.random.default_rng(seed)
    # Islands that share no neighbors.
    rows = rng.normal(size=(48, 2)) + 1e3 * np.repeat(np.arange(6), 8)[:, None]
    W, nearest, lengths = neighbor_graph(rows, 3)
    first = nearest_clusters(nearest, lengths, n_clusters)
    assert first.max() + 1 >= n_clusters
    labels = merge_to(W, first, n_clusters, rows, 5, 1.0)
    assert_array_equal(np.unique(labels), np.arange(n_clusters))
    for c in np.unique(first):
        assert len(set(labels[first == c])) == 1
    if n_clusters == 6:
        assert adjusted_rand_score(np.repeat(np.arange(6), 8), labels) == 1


@given(seeds, st.integers(1, 30), st.integers(1, 8), st.sampled_from([0.0, 1.0]))
@settings(max_examples=30)
def test_labels_of_few_or_equal_rows(seed, n, n_clusters, spread):
    n_clusters = min(n, n_clusters)
    Z = 1 + spread * np.random.default_rng(seed).normal(size=(n, 2))
    labels = linkage_labels(Z.astype(np.float32), n_clusters)
    assert labels.shape == (n,) and set(labels) == set(range(n_clusters))
