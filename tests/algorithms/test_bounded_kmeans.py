"""K-means by bounds: the same as without, wherever the rows are."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.algorithms import bounded_kmeans as module
from skdeepcluster.algorithms.bounded_kmeans import Rows, lloyd, seeds
from skdeepcluster.algorithms.projections import DIMENSIONS

DIGITS = load_digits().data
DTYPES = [np.float32, np.float64]


def nearest(rows, centers, labels=None):
    labels = np.full(rows.shape[0], -1, np.int32) if labels is None else labels.copy()
    distances = np.empty(rows.shape[0], rows.dtype)
    rows.nearest(centers, labels, distances)
    return labels, distances


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("known", [False, True])
def test_bounds_of_any_dimension_give_the_same(dtype, offset, known):
    X = (DIGITS + offset).astype(dtype)
    centers = X[::20]
    labels = (np.arange(len(X)) % len(centers)).astype(np.int32) if known else None
    rows = Rows(X, 1)
    assert len(rows.axes) == 16
    results = []
    for n_dimensions in (64, 16):
        rows.use_dimensions(n_dimensions)
        results.append(nearest(rows, centers, labels))
        rows.store_coordinates()
        results.append(nearest(rows, centers, labels))
    for found in results[1:]:
        assert_array_equal(found, results[0])
    expected = cdist(X, centers, "sqeuclidean")
    assert_array_equal(results[0][0], expected.argmin(axis=1))
    assert_allclose(results[0][1], expected.min(axis=1), rtol=1e-6)


@given(
    st.integers(0, 2**31 - 1), st.integers(1, 70), st.integers(1, 70), st.integers(1, 90),
    st.sampled_from(DTYPES), st.floats(0, 8),
)  # fmt: skip
def test_nearest_equals_reference(seed, n, k, d, dtype, decay):
    """Rows from a line to a ball; on a grid, so that equal distances are equal."""
    rng = np.random.default_rng(seed)
    scales = 4 * np.exp(-decay * np.arange(d) / d)
    X, centers = (np.round(rng.normal(size=(m, d)) * scales).astype(dtype) for m in (n, k))
    expected = cdist(X, centers, "sqeuclidean")
    rows = Rows(X, 2)
    for n_dimensions in [d, *(m for m in DIMENSIONS if m <= len(rows.axes))]:
        rows.use_dimensions(n_dimensions)
        labels, distances = nearest(rows, centers)
        assert_array_equal(labels, expected.argmin(axis=1))
        assert_array_equal(distances, expected.min(axis=1))


def test_blocks_and_groups_of_centers_do_not_matter(monkeypatch):
    X, centers = DIGITS, DIGITS[::30]
    expected = nearest(Rows(X, 1), centers)
    monkeypatch.setattr(module, "N_CENTERS", 7)
    monkeypatch.setattr(module, "N_BOUNDS", 100)
    assert_array_equal(nearest(Rows(X, 3), centers), expected)


def test_few_dimensions_are_chosen_where_they_help(monkeypatch):
    monkeypatch.setattr(module, "WORTH_A_CHOICE", 0)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 200)) * np.exp(-np.arange(200) / 5)
    rows = Rows(X, 1)
    rows.choose_dimensions(X[::20])
    assert rows.n_dimensions < 200
    ball = Rows(rng.normal(size=(3000, 200)), 1)
    ball.choose_dimensions(ball.X[::20])
    assert ball.n_dimensions == 200
    monkeypatch.undo()
    rows.choose_dimensions(X[::20])
    assert rows.n_dimensions == 200  # the search would take longer


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 10, 150])
def test_lloyd_equals_scikit_learn(dtype, k):
    # Means of a few integers are often equally near.
    X = (DIGITS + np.random.default_rng(0).normal(0, 0.1, DIGITS.shape)).astype(dtype)
    start = X[:: len(X) // k][:k]
    reference = KMeans(k, init=start, n_init=1, tol=0, max_iter=500).fit(X)
    centers, labels, distances, n_iter = lloyd(Rows(X, 2), start, 500, 0.0)
    assert n_iter == reference.n_iter_
    assert_array_equal(labels, reference.labels_)
    assert_allclose(centers, reference.cluster_centers_, rtol=1e-4, atol=1e-4)
    assert distances.sum(dtype=np.float64) == pytest.approx(reference.inertia_, rel=1e-6)


def test_inertia_never_rises_and_labels_belong_to_the_centers():
    rows = Rows(DIGITS, 1)
    losses = []
    for max_iter in range(1, 12):
        centers, labels, distances, n_iter = lloyd(rows, DIGITS[:30], max_iter, 0.0)
        assert n_iter == max_iter
        assert_array_equal((labels, distances), nearest(rows, centers))
        losses.append(distances.sum())
    assert (np.diff(losses) <= 0).all()


def test_lloyd_can_end_early():
    rows = Rows(DIGITS, 1)
    slow = lloyd(rows, DIGITS[:10], 300, 0.0)[3]
    assert 1 < lloyd(rows, DIGITS[:10], 300, 1e-1)[3] < slow
    assert lloyd(rows, DIGITS[:10], 300, 0.0, on_pass=lambda centers: True)[3] == 1


def test_a_center_without_rows_moves_to_the_farthest_row():
    X = np.array([[0.0], [1.0], [10.0]])
    start = np.array([[0.0], [100.0], [9.0]])
    centers, labels, *_ = lloyd(Rows(X, 1), start, 10, 0.0)
    assert_array_equal(centers[:, 0], [0, 1, 10])
    assert_array_equal(labels, [0, 1, 2])
    assert start[1] == 100


@pytest.mark.parametrize("max_iter", [1, 2, 300])
def test_centers_far_away_are_moved_as_by_k_means(max_iter):
    start = np.vstack([DIGITS[:5], np.full((4, 64), 1e3)])
    X = DIGITS[5:500]
    centers, labels, distances, _ = lloyd(Rows(X, 1), start, max_iter, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference = KMeans(9, init=start, n_init=1, tol=0, max_iter=max_iter).fit(X)
    assert np.bincount(labels, minlength=9).all()
    assert distances.sum() == pytest.approx(reference.inertia_)


def test_only_copies_leave_centers_without_rows():
    X = np.repeat([[0.1], [0.7]], 3, axis=0)
    _, labels, distances, _ = lloyd(Rows(X, 1), np.arange(4.0)[:, np.newaxis], 10, 0.0)
    assert len(np.unique(labels)) == 2
    assert_allclose(distances, 0, atol=1e-30)


def test_seeds_are_spread_better_than_random_rows():
    rows = Rows(DIGITS, 2)

    def loss(start):
        return nearest(rows, start)[1].sum()

    for seed in range(3):
        rng = np.random.default_rng(seed)
        spread = loss(seeds(rows, 60, rng))
        assert spread < loss(DIGITS[rng.choice(len(DIGITS), 60, replace=False)])


@given(st.integers(0, 2**31 - 1), st.integers(1, 30))
def test_seeds_are_different_rows_as_long_as_there_are(seed, n_distinct):
    rng = np.random.default_rng(seed)
    X = np.repeat(rng.permutation(60)[:n_distinct, np.newaxis], 3, axis=0).astype(float)
    assert len(np.unique(seeds(Rows(X, 1), n_distinct, rng), axis=0)) == n_distinct
    assert len(seeds(Rows(X, 1), 3 * n_distinct, rng)) == 3 * n_distinct


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("unit", [False, True])
def test_rows_on_disk(tmp_path, monkeypatch, dtype, unit):
    X = (DIGITS + 1).astype(dtype)
    mapped = np.memmap(tmp_path / "X", dtype, "w+", shape=X.shape)
    mapped[:] = X
    largest = []
    original = Rows._checked
    monkeypatch.setattr(
        Rows, "_checked", lambda self, rows: largest.append(len(rows)) or original(self, rows)
    )
    expected = lloyd(Rows(X, 1, unit=unit), DIGITS[:20] / 20, 10, 0.0)
    monkeypatch.setattr(module, "READ_BYTES", 100 * 64 * 8)
    monkeypatch.setattr(module, "SAMPLE_ROWS", 300)
    largest.clear()
    rows = Rows(mapped, 2, unit=unit)
    found = lloyd(rows, DIGITS[:20] / 20, 10, 0.0)
    assert_array_equal(found[1], expected[1])
    assert_allclose(found[0], expected[0], rtol=1e-6)

    chosen = np.arange(5, len(X), 2)
    with config_context(working_memory=0):
        part = rows.subset(chosen).subset(np.arange(3, 700))
        found = lloyd(part, DIGITS[:20] / 20, 10, 0.0)
    assert max(largest) < 600  # never all of them
    expected = lloyd(Rows(X[chosen[3:700]], 1, unit=unit), DIGITS[:20] / 20, 10, 0.0)
    assert_array_equal(found[1], expected[1])
    assert_allclose(found[0], expected[0], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1e18, 1e30])
def test_sizes_whose_squares_do_not_fit_float32(scale):
    expected = lloyd(Rows(DIGITS, 1), DIGITS[:10], 5, 0.0)[1]
    X = (DIGITS * scale).astype(np.float32)
    assert_array_equal(lloyd(Rows(X, 1), X[:10], 5, 0.0)[1], expected)


def test_sizes_whose_squares_do_not_fit_float64():
    with pytest.raises(ValueError, match="Squared distances overflow.*Scale X"):
        Rows(DIGITS * 1e160, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_none(value):
    X = DIGITS.copy()
    X[700, 3] = value
    with pytest.raises(ValueError, match="Input X contains"):
        Rows(X, 1)
