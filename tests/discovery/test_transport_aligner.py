"""OptimalTransportAligner."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import pairwise_distances_argmin
from sklearn.metrics.pairwise import euclidean_distances

from skdeepcluster import OptimalTransportAligner
from skdeepcluster.constraints import IgnoredLabelsWarning


def first_of_each(y, n_shots, classes):
    """Partial labels: the first rows of some classes have one."""
    partial = np.full(len(y), -1)
    for c in classes:
        partial[np.flatnonzero(y == c)[:n_shots]] = c
    return partial


def slow_pass(Q, S, reg):
    """A pass by plain normalizations."""
    costs = euclidean_distances(Q, S, squared=True)
    P = np.exp(-costs / costs.max() / reg)
    for _ in range(3000):
        P /= len(S) * P.sum(axis=0)
        P /= len(Q) * P.sum(axis=1, keepdims=True)
    return (P.T @ Q) / P.sum(axis=0)[:, np.newaxis]


@settings(max_examples=10)
@given(
    st.integers(0, 500),
    st.sampled_from([1, 3]),
    st.sampled_from([None, 0, 2]),
    st.sampled_from([None, 0.4]),
)
def test_passes_are_those_of_the_equations(seed, n_shots, n_passes, mix):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.repeat(np.arange(3), n_shots), np.full(12, -1)])
    X = rng.normal(size=(len(y), 2))
    model = OptimalTransportAligner(n_passes=n_passes, mix=mix, reg=0.2, tol=1e-9).fit(X, y)
    before = np.array([X[y == c].mean(axis=0) for c in range(3)])
    np.testing.assert_allclose(model.prototypes_, before)
    passes = n_passes if n_passes is not None else 5 if n_shots == 1 else 1
    share = mix if mix is not None else 1.0 if n_shots == 1 else 0.7
    after = before
    for _ in range(passes):
        after = slow_pass(X[y < 0], after, 0.2)
    expected = share * after + (1 - share) * before
    np.testing.assert_allclose(model.cluster_centers_, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.labels_[y >= 0], y[y >= 0])
    np.testing.assert_array_equal(model.labels_[y < 0], model.predict(X)[y < 0])
    assert (model.n_iter_ > 0) == (passes > 0)


@settings(max_examples=10)
@given(st.integers(0, 500), st.floats(1e-3, 1e3))
def test_units_and_places_do_not_matter(seed, unit):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(40, 3)), np.concatenate([[4, 7, 9], np.full(37, -1)])
    one = OptimalTransportAligner().fit(X, y)
    other = OptimalTransportAligner().fit(unit * (X + 3), y)
    centers = unit * (one.cluster_centers_ + 3)
    np.testing.assert_allclose(other.cluster_centers_, centers, rtol=1e-6, atol=1e-6 * unit)
    assert one.classes_.tolist() == [4, 7, 9]


def test_displaced_prototypes_return_to_the_means():
    rng = np.random.default_rng(0)
    means = 12 * np.eye(5)
    y = np.repeat(np.arange(5), 200)
    X = means[y] + rng.normal(size=(1000, 5))
    X = np.concatenate([means + 4, X])
    partial = np.concatenate([np.arange(5), np.full(1000, -1)])
    model = OptimalTransportAligner().fit(X, partial)
    true = np.array([X[5:][y == c].mean(axis=0) for c in range(5)])
    assert np.abs(model.prototypes_ - true).min() > 3
    assert np.abs(model.cluster_centers_ - true).max() < 0.1


def test_one_labeled_digit_of_each_class_goes_further():
    X, y = load_digits(return_X_y=True)
    gains = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(X))
        rows = np.concatenate([order[y[order] == c][:21] for c in range(5)])
        partial = first_of_each(y[rows], 1, range(5))
        found = [
            OptimalTransportAligner(n_passes=n_passes).fit(X[rows], partial).labels_ == y[rows]
            for n_passes in (0, None)
        ]
        gains.append(np.mean(found[1]) - np.mean(found[0]))
    assert np.mean(gains) > 0.04


def test_balance_decides_on_classes_of_unequal_size():
    X, y = make_blobs([160, 30, 10], centers=6 * np.eye(3), random_state=0)
    partial = first_of_each(y, 1, range(3))
    uniform = OptimalTransportAligner().fit(X, partial)
    free = OptimalTransportAligner(balance="kl", reg=0.02, reg_cluster=0.005).fit(X, partial)
    assert np.mean(uniform.labels_ == y) < 0.8
    assert np.mean(free.labels_ == y) > 0.95


def test_clusters_without_labels_are_found_beside_known_ones():
    X, y = make_blobs(300, centers=8 * np.eye(5), random_state=0)
    partial = first_of_each(y, 2, [1, 3])
    model = OptimalTransportAligner(5, random_state=0).fit(X, partial)
    assert model.n_clusters_ == 5
    assert model.classes_.tolist() == [1, 3]
    assert set(model.labels_[y == 1]) == {0}
    assert set(model.labels_[y == 3]) == {1}
    assert len({(a, b) for a, b in zip(y, model.labels_, strict=True)}) == 5
    alone = OptimalTransportAligner(5, random_state=0).fit(X)
    assert len({(a, b) for a, b in zip(y, alone.labels_, strict=True)}) == 5


def test_sparse_rows_with_labels():
    X, y = make_blobs(200, centers=5 * np.eye(4), random_state=0)
    X[np.abs(X) < 1] = 0
    partial = first_of_each(y, 1, range(4))
    dense = OptimalTransportAligner().fit(X, partial)
    stored = OptimalTransportAligner().fit(sp.csr_array(X), partial)
    np.testing.assert_allclose(stored.cluster_centers_, dense.cluster_centers_)
    nearest = pairwise_distances_argmin(X, dense.cluster_centers_)
    np.testing.assert_array_equal(stored.labels_[partial < 0], nearest[partial < 0])


def test_nothing_to_begin_with():
    X = np.random.default_rng(0).normal(size=(6, 2))
    for y in (None, np.full(6, -1)):
        with pytest.raises(ValueError, match="no labels to begin with"):
            OptimalTransportAligner().fit(X, y)
    with (
        pytest.warns(IgnoredLabelsWarning, match="y has no -1"),
        pytest.raises(ValueError, match="no labels to begin with"),
    ):
        OptimalTransportAligner().fit(X, np.arange(6))
    with pytest.raises(ValueError, match="3 known classes, more than n_clusters=2"):
        OptimalTransportAligner(2).fit(X, [0, 1, 2, -1, -1, -1])
    with pytest.raises(ValueError, match="missing values"):
        OptimalTransportAligner().fit(X, [0, 1, np.nan, -1, -1, -1])
