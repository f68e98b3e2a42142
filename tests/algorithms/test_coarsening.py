"""Coarse graphs, and candidates: sums of weights, groups by strongest edges, support."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from skdeepcluster.algorithms.candidates import modularity, support
from skdeepcluster.algorithms.coarsening import (
    coarse_levels,
    contracted,
    joined_by_strongest,
    relative_weights,
    strongest_edges,
)
from skdeepcluster.algorithms.groups import weights_to


@st.composite
def graphs(draw, most=30):
    n = draw(st.integers(2, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    # Few values, so that edges are equally strong.
    W = np.triu(rng.integers(0, 4, (n, n)) * (rng.random((n, n)) < draw(st.floats(0, 1))), 1)
    return csr_array((W + W.T).astype(np.float32))


@given(graphs())
def test_groups_are_those_of_the_strongest_edges(graph):
    W = graph.toarray()
    groups = joined_by_strongest(graph)
    n = len(W)
    joined = np.eye(n, dtype=bool)
    for i in np.flatnonzero(W.any(axis=1)):
        joined[i, W[i].argmax()] = joined[W[i].argmax(), i] = True
    reached = np.linalg.matrix_power(joined.astype(float), n) > 0
    assert np.array_equal(groups[:, np.newaxis] == groups, reached)
    # In the order of their first nodes.
    firsts = np.unique(groups, return_index=True)[1]
    assert np.array_equal(firsts, np.sort(firsts))


@given(graphs(), st.integers(0, 2**31))
def test_weights_between_groups_are_sums(graph, seed):
    n = graph.shape[0]
    groups = np.random.default_rng(seed).integers(0, 4, n)
    groups = np.unique(groups, return_inverse=True)[1].astype(np.int32)
    P = np.eye(groups.max() + 1)[groups]
    expected = P.T @ graph.toarray() @ P
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(contracted(graph, groups).toarray(), expected)
    np.testing.assert_allclose(weights_to(graph, groups, len(expected)), graph.toarray() @ P)


@given(graphs())
def test_relative_weights_are_at_most_one(graph):
    relative = relative_weights(graph).toarray()
    assert relative.max(initial=0) <= 1 + 1e-6
    np.testing.assert_allclose(relative, relative.T, rtol=1e-6)
    assert np.array_equal(relative > 0, graph.toarray() > 0)


@given(graphs(), st.integers(1, 40), st.integers(1, 10), st.integers(1, 3))
def test_levels_are_smaller_and_smaller(graph, most, fewest, n_levels):
    levels = coarse_levels(graph, most, fewest, n_levels)
    sizes = [level.shape[0] for level, _ in levels]
    assert 1 <= len(levels) <= n_levels
    assert sizes == sorted(set(sizes), reverse=True)
    assert all(size >= min(fewest, graph.shape[0]) for size in sizes)
    first = levels[0][0]
    assert first.shape[0] <= most or not first.nnz or joined_by_strongest(first).max() + 1 < fewest
    if first.shape[0] > most and joined_by_strongest(graph).max() + 1 >= fewest and graph.nnz:
        # The last one that has enough nodes, not the graph itself.
        assert first.shape[0] < graph.shape[0]
    for level, node in levels:
        assert np.array_equal(np.unique(node), np.arange(level.shape[0]))
    for (_, fine), (_, coarse) in zip(levels, levels[1:], strict=False):
        # Rows that were together stay so.
        assert len(np.unique(np.stack([fine, coarse], axis=1), axis=0)) == fine.max() + 1


@given(graphs(), st.integers(1, 6))
def test_strongest_edges_are_those_of_either_end(graph, n_edges):
    W = graph.toarray()
    # Of equal weights the first.
    rank = np.argsort(np.argsort(-W, axis=1, kind="stable"), axis=1)
    kept = (rank < n_edges) & (W > 0)
    expected = np.where(kept | kept.T, W, 0)
    np.testing.assert_array_equal(strongest_edges(graph, n_edges).toarray(), expected)


def test_support_is_the_agreement_of_the_nearest_others():
    rng = np.random.default_rng(0)
    runs = [rng.integers(0, 3, 50) for _ in range(4)]
    runs += [runs[0], np.where(np.arange(50) < 5, 2, runs[0])]
    pairs = [[adjusted_rand_score(a, b) for b in runs] for a in runs]
    for n_nearest in (1, 2, 5, 9):
        slow = [np.sort(np.delete(row, i))[-n_nearest:].mean() for i, row in enumerate(pairs)]
        np.testing.assert_allclose(support(runs, n_nearest, 3), slow)
    assert support(runs[:1], 3, 3) == [1]
    # Every second row of many.
    many = [np.repeat(run, 400) for run in runs]
    halves = [run[::2] for run in many]
    np.testing.assert_allclose(support(many, 2, 3), support(halves, 2, 3))


def test_modularity_of_two_cliques():
    clique = np.ones((3, 3)) - np.eye(3)
    graph = csr_array(np.kron(np.eye(2), clique))
    assert modularity(graph, np.repeat([0, 1], 3), 2) == pytest.approx(0.5)
    assert modularity(graph, np.zeros(6, int), 2) == pytest.approx(0)


def test_modularity_is_the_same_in_any_numbering():
    # To the last bit: which of equal candidates is kept must not hang on rounding.
    rng = np.random.default_rng(0)
    W = np.triu(rng.random((40, 40)), 1)
    labels = rng.integers(0, 7, 40)
    values = {modularity(csr_array(W + W.T), rng.permutation(7)[labels], 7) for _ in range(20)}
    member = np.eye(7)[labels]
    between = member.T @ (W + W.T) @ member / (2 * W.sum())
    expected = np.trace(between) - np.square(between.sum(axis=0)).sum()
    assert list(values) == [pytest.approx(expected)]
