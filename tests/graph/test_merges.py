"""Merges of the kernel against those of the textbook."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.metrics import pairwise_distances

from skdeepcluster._kernels._degree_linkage import degree_linkage


def affinity(W, a, b):
    """The definition: products of a sample's sums of edges to and from the other cluster."""
    to_b, from_b = W[np.ix_(a, b)].sum(axis=1), W[np.ix_(b, a)].sum(axis=0)
    to_a, from_a = W[np.ix_(b, a)].sum(axis=1), W[np.ix_(a, b)].sum(axis=0)
    return (to_b * from_b).sum() / len(b) ** 2 + (to_a * from_a).sum() / len(a) ** 2


def textbook(W, labels, n_clusters, n_nearest, weight):
    """All affinities anew for each merge: pairs of sets of samples, and their affinities."""
    clusters = [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    merges, affinities = [], []
    while len(clusters) > n_clusters:
        # In the order of their age, which decides among equals.
        A = np.array(
            [[affinity(W, a, b) if a is not b else -1 for b in clusters] for a in clusters]
        )
        criterion = []
        for row in A:
            others = np.zeros(n_nearest)
            near = np.sort(row)[::-1][: min(n_nearest, len(clusters) - 1)]
            others[: len(near)] = near
            score = others[0]
            for other in others[1:]:
                score += weight / (n_nearest - 1) * (others[0] - other)
            criterion.append(score)
        a = int(np.argmax(criterion))
        b = int(np.argmax(A[a]))
        if A[a, b] == 0:
            break
        merges.append({frozenset(clusters[a].tolist()), frozenset(clusters[b].tolist())})
        affinities.append(A[a, b])
        united = np.concatenate([clusters[a], clusters[b]])
        clusters = [c for i, c in enumerate(clusters) if i not in (a, b)] + [united]
    return merges, affinities


def as_sets(labels, edges):
    """The merges of the kernel as pairs of sets of samples."""
    clusters = {k: frozenset(np.flatnonzero(labels == k).tolist()) for k in range(labels.max() + 1)}
    merges = []
    for a, b in edges.tolist():
        merges.append({clusters[a], clusters[b]})
        united = clusters[a] | clusters[b]
        for k in clusters:
            if clusters[k] <= united:
                clusters[k] = united
    return merges


def compact(labels):
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


@st.composite
def graphs(draw, max_samples=25):
    """Directed graphs with initial clusters, and parameters of the criterion.

    Weights are small multiples of 1/4, so that all sums are exact and equal affinities are equal:
    there are many ties, and the kernel must break them like the textbook.
    """
    n = draw(st.integers(1, max_samples))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    density = draw(st.sampled_from([0.05, 0.2, 0.6, 1.0]))
    W = rng.integers(1, 5, (n, n)) / 4 * (rng.random((n, n)) < density)
    labels = compact(rng.integers(0, draw(st.integers(1, n)), n))
    n_nearest = draw(st.integers(1, 4))
    return W, labels, n_nearest, draw(st.sampled_from([0.0, 1.0])) if n_nearest > 1 else 0.0


@given(graphs(), st.integers(1, 4))
def test_merges_of_the_textbook(graph, n_clusters):
    W, labels, n_nearest, weight = graph
    edges, affinities = degree_linkage(csr_array(W), labels, n_clusters, n_nearest, weight)
    merges, expected = textbook(W, labels, n_clusters, n_nearest, weight)
    assert as_sets(labels, edges) == merges
    assert_allclose(affinities, expected, rtol=1e-12)


@given(st.integers(0, 2**32), st.integers(3, 25), st.integers(1, 8))
def test_merges_of_the_textbook_on_neighbors(seed, n, n_neighbors):
    X = np.random.default_rng(seed).normal(size=(n, 2))
    W = np.exp(-pairwise_distances(X))
    far = np.argsort(np.argsort(-W, axis=1), axis=1) > min(n_neighbors, n - 1)
    W[far] = 0
    labels = np.arange(n, dtype=np.int32)
    edges, affinities = degree_linkage(csr_array(W), labels, 1, 1, 0.0)
    merges, expected = textbook(W, labels, 1, 1, 0.0)
    assert as_sets(labels, edges) == merges
    assert_allclose(affinities, expected, rtol=1e-9)


def test_kernel_checks_sizes():
    with pytest.raises(ValueError, match=r"W must be a csr_array of shape \(2, 2\)"):
        degree_linkage(csr_array((3, 3)), np.zeros(2, np.int32), 1)


def test_affinity_of_two_samples():
    W = csr_array([[0, 0.5, 0], [0.25, 0, 0], [1, 0, 0]])
    edges, affinities = degree_linkage(W, np.arange(3, dtype=np.int32), 1)
    assert_array_equal(edges, [[0, 1]])
    assert_allclose(affinities, 2 * 0.5 * 0.25)
