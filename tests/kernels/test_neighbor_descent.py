"""The kernels of the search for neighbors against all distances, for several numbers of threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from skdeepcluster._kernels._neighbor_descent import (
    PADDED_TO,
    Descent,
    nearest_in,
    random_trees,
    rank,
)
from skdeepcluster.algorithms.neighbor_search import leaf_starts


def padded(n, d=PADDED_TO, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def exact(X, k):
    D = cdist(X, X)
    np.fill_diagonal(D, np.inf)
    return np.argsort(D, axis=1, kind="stable")[:, :k]


@given(st.integers(2, 60), st.integers(1, 59), st.integers(0, 99), st.integers(1, 3))
def test_all_pairs_equal_reference(n, k, seed, n_threads):
    k = min(k, n - 1)
    X = padded(n, 2 * PADDED_TO, seed)
    found = nearest_in(X, X, k, True, n_threads)
    assert np.array_equal(np.sort(found), np.sort(exact(X, k)))


@given(st.integers(2, 300), st.integers(2, 40), st.integers(0, 99))
def test_trees_halve_rows_into_leaves(n, leaf_size, seed):
    X = padded(n, seed=seed)
    order = random_trees(X, 3, leaf_size, seed, 2)
    assert np.array_equal(np.sort(order), np.tile(np.arange(n), (3, 1)))
    assert np.array_equal(order, random_trees(X, 3, leaf_size, seed, 1))
    starts = leaf_starts(n, leaf_size)
    assert starts[-1] == n
    assert np.diff(starts).max() <= leaf_size


def descended(X, k, n_threads):
    descent = Descent(X, k, n_threads)
    starts = leaf_starts(len(X), 20)
    for order in random_trees(X, 3, 20, 0, n_threads):
        descent.join_leaves(order, starts)
    descent.fill(0)
    n_fresh = [descent.descend(10, seed) for seed in range(1, 8)]
    by_index = np.argsort(descent.indices)
    return (
        np.take_along_axis(descent.indices, by_index, axis=1),
        np.take_along_axis(descent.distances, by_index, axis=1),
        n_fresh,
    )


def test_descent_finds_most_neighbors_on_any_number_of_threads():
    X = padded(3000)
    indices, distances, n_fresh = descended(X, 12, 1)
    expected = exact(X, 12)
    found = [len(set(row) & set(true)) for row, true in zip(indices, expected, strict=True)]
    assert np.mean(found) / 12 > 0.9
    assert n_fresh[-1] < n_fresh[0] / 20
    np.testing.assert_allclose(distances, np.square(X[:, None] - X[indices]).sum(axis=2), rtol=1e-5)
    for n_threads in (2, 3, 7):
        others = descended(X, 12, n_threads)
        assert np.array_equal(indices, others[0])
        assert np.array_equal(distances, others[1])
        assert n_fresh == others[2]


def test_passes_find_what_trees_do_not():
    X = padded(2000, seed=1)
    descent = Descent(X, 10, 1)
    # Of one tree alone all neighbors of neighbors are in the same leaf.
    for order in random_trees(X, 2, 20, 0, 1):
        descent.join_leaves(order, leaf_starts(2000, 20))
    before = descent.distances.sum()
    descent.descend(10, 1)
    assert descent.distances.sum() < 0.9 * before


@pytest.mark.parametrize("n", [2, 3, 11])
def test_every_row_gets_its_neighbors_where_all_are_equal(n):
    X = np.zeros((n, PADDED_TO), np.float32)
    descent = Descent(X, n - 1, 2)
    descent.fill(3)
    for row in range(n):
        assert set(descent.indices[row]) == set(range(n)) - {row}


@given(st.integers(0, 99), st.sampled_from([np.float32, np.float64]), st.integers(1, 40))
def test_candidates_are_ranked_by_all_features_and_index(seed, dtype, d):
    rng = np.random.default_rng(seed)
    X, Q = (rng.integers(-2, 3, (m, d)).astype(dtype) for m in (20, 7))
    candidates = np.array([rng.permutation(20)[:9] for _ in Q], np.int32)
    squares, indices = rank(X, Q, candidates, 4, 2)
    for row, given_ones in enumerate(candidates):
        true = np.square(X[given_ones] - Q[row]).sum(axis=1)
        order = np.lexsort((given_ones, true))[:4]
        assert np.array_equal(indices[row], given_ones[order])
        assert np.array_equal(squares[row], true[order])


def test_wrong_arguments():
    X = padded(10)
    with pytest.raises(ValueError, match="columns"):
        nearest_in(X[:, :5].copy(), X[:, :5].copy(), 2, True, 1)
    with pytest.raises(ValueError, match="n_neighbors"):
        nearest_in(X, X, 10, True, 1)
    with pytest.raises(ValueError, match="n_neighbors"):
        Descent(X, 0, 1)
    with pytest.raises(ValueError, match="index"):
        rank(X, X, np.full((10, 3), 10, np.int32), 2, 1)
    descent = Descent(X, 3, 1)
    with pytest.raises(ValueError, match="index"):
        descent.join_leaves(np.full(10, -1, np.int32), np.array([0, 10]))
    with pytest.raises(ValueError, match="index"):
        descent.join_leaves(np.arange(10, dtype=np.int32), np.array([0, 11]))
    with pytest.raises(ValueError, match="leaf"):
        descent.join_leaves(np.arange(10, dtype=np.int32), np.array([5, 2]))
