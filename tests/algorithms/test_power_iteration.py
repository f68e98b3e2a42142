"""Power iteration clustering."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, homogeneity_score

from skdeepcluster.algorithms.power_iteration import power_iteration_labels


def slow(X):
    """The same over a full matrix, row by row."""
    n = len(X)
    squares = ((X[:, None] - X) ** 2).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    order = np.argsort(squares, axis=1, kind="stable")[:, : min(5, n - 1)]
    W = np.zeros((n, n))
    for i in range(n):
        W[i, order[i]] = np.exp(-squares[i, order[i]] / 0.04)
    W = W + W.T
    v = np.full(n, 1 / n)
    for _ in range(200):
        v = 0.001 * W.T @ v + 0.999 / n
        v /= np.abs(v).sum()
    pointer = []
    for i in range(n):
        gain = W[i] * (v - v[i])
        pointer.append(int(gain.argmax()) if gain.max() > 0 else i)
    root = list(range(n))
    for i in range(n):
        while pointer[root[i]] != root[i]:
            root[i] = pointer[root[i]]
    joined = list(root)
    for i in range(n):
        if root.count(root[i]) == 1:
            others = [j for j in order[i] if root.count(root[j]) > 1]
            joined[i] = root[others[0]] if others else None
    return joined


@given(st.integers(0, 2**31 - 1), st.integers(6, 60), st.integers(2, 6))
@settings(max_examples=40)
def test_against_a_full_matrix(seed, n, d):
    X = np.random.RandomState(seed).randn(n, d)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    found, expected = power_iteration_labels(X), slow(X)
    known = [i for i in range(n) if expected[i] is not None]
    if len(known) == n:
        assert adjusted_rand_score(expected, found) == 1
    assert np.bincount(found).min() >= 2
    assert set(found) == set(range(found.max() + 1))


def test_groups_are_parts_of_clusters():
    X, y = make_blobs(300, n_features=8, centers=4, cluster_std=0.3, random_state=0)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    labels = power_iteration_labels(X.astype(np.float32))
    assert homogeneity_score(y, labels) > 1 - 1e-9
    assert 4 <= labels.max() + 1 < 60
    order = np.random.RandomState(0).permutation(300)
    assert adjusted_rand_score(labels[order], power_iteration_labels(X[order])) > 0.95


@pytest.mark.parametrize("n, n_groups", [(1, 1), (2, 1), (3, 1), (12, None)])
def test_equal_rows(n, n_groups):
    labels = power_iteration_labels(np.ones((n, 3)))
    assert n_groups in (None, labels.max() + 1)
    assert n == 1 or np.bincount(labels).min() >= 2


def test_threads_do_not_matter():
    X = np.random.RandomState(0).randn(400, 5)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    one, four = (power_iteration_labels(X, n_threads=n) for n in (1, 4))
    np.testing.assert_array_equal(one, four)
