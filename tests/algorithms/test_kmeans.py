"""k-means on an embedding."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.datasets import load_digits, make_blobs

from skdeepcluster.algorithms import kmeans as module
from skdeepcluster.algorithms.kmeans import kmeans, replace_empty


def inertia(Z, centers):
    squared = ((Z[:, None].astype(np.float64) - centers[None]) ** 2).sum(axis=2)
    return squared.min(axis=1).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_as_good_as_scikit_learn(dtype, k):
    Z = load_digits().data[:, 10:30].astype(dtype)
    centers, labels = kmeans(Z, k)
    reference = KMeans(k, n_init=20, random_state=0).fit(Z.astype(np.float64))
    assert centers.dtype == dtype and labels.dtype == np.int32
    assert inertia(Z, centers) <= 1.01 * reference.inertia_


@given(st.integers(0, 2**31 - 1), st.integers(1, 60), st.integers(1, 5), st.data())
def test_labels_are_nearest_centers(seed, n, d, data):
    k = data.draw(st.integers(1, n))
    Z = np.random.RandomState(seed).randn(n, d)
    centers, labels = kmeans(Z, k, n_init=2, seed=seed)
    assert centers.shape == (k, d)
    squared = ((Z[:, None] - centers[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared[np.arange(n), labels], squared.min(axis=1), atol=1e-12)
    again = kmeans(Z, k, n_init=2, seed=seed)
    np.testing.assert_array_equal(again[0], centers)
    np.testing.assert_array_equal(again[1], labels)


@given(st.integers(0, 2**31 - 1), st.integers(1, 60), st.integers(1, 5), st.data())
def test_runs_start_where_those_of_scikit_learn_do(seed, n, d, data):
    # With few rows for each center, starts tie but for rounding.
    k = data.draw(st.integers(1, 1 + n // 8))
    Z = np.random.RandomState(seed).randn(n, d)
    runs = module.best_runs(Z, k, 3, 3, 4, 1e-4, np.random.RandomState(seed), 2)
    random_state = np.random.RandomState(seed)
    expected = [
        module.lloyd(Z, kmeans_plusplus(Z, k, random_state=random_state)[0], 4, 1e-4, 1)
        for _ in range(3)
    ]
    order = np.argsort([total for _, total in expected], kind="stable")
    np.testing.assert_allclose(runs, [expected[i][0] for i in order], atol=1e-9)


def test_every_row_its_own_center():
    Z = np.random.RandomState(0).randn(30, 4)
    centers, labels = kmeans(Z, 30)
    assert sorted(labels) == list(range(30))
    np.testing.assert_allclose(centers[labels], Z, atol=1e-12)


def test_inertia_never_rises():
    Z = np.random.RandomState(0).randn(2000, 3)
    start = Z[:20]
    values = [inertia(Z, module.lloyd(Z, start, steps, 0.0, 1)[0]) for steps in range(1, 15)]
    assert (np.diff(values) <= 1e-9).all()
    assert values[0] < inertia(Z, start)


@pytest.mark.parametrize("Z", [np.ones((50, 3)), np.repeat(np.eye(3), 20, axis=0)])
def test_duplicates(Z):
    centers, labels = kmeans(Z, 5)
    assert np.isfinite(centers).all()
    assert len(set(labels)) == len(np.unique(Z, axis=0))
    np.testing.assert_allclose(centers[labels], Z, atol=1e-12)


def test_global_generator_is_not_touched():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    kmeans(np.random.RandomState(0).randn(100, 2), 4)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def in_processes(function, n_processes):
    """function(rank, total) in threads that stand for processes."""
    barrier = threading.Barrier(n_processes, timeout=60)
    parts, results = [None] * n_processes, [None] * n_processes

    def run(rank):
        def total(array):
            parts[rank] = np.array(array)
            barrier.wait()
            joined = sum(parts)
            barrier.wait()
            return joined

        results[rank] = function(rank, total)

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(n_processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("n_rows", [900, 25_000])  # below and above the sample for restarts
def test_shares_of_two_processes_give_what_one_gives(n_rows):
    Z = make_blobs(n_rows, n_features=4, centers=6, random_state=0)[0]
    alone = kmeans(Z, 6, n_init=2)
    half = n_rows // 3
    shares = [slice(0, half), slice(half, n_rows)]
    found = in_processes(
        lambda rank, total: kmeans(Z, 6, n_init=2, share=shares[rank], total=total), 2
    )
    for centers, labels in found:
        np.testing.assert_array_equal(centers, found[0][0])
        np.testing.assert_allclose(centers, alone[0], atol=1e-2)
        assert (labels == alone[1]).mean() > 0.999


def test_restarts_on_a_sample_are_good_for_all_rows(monkeypatch):
    Z = make_blobs(3000, n_features=4, centers=8, random_state=0)[0]
    whole = inertia(Z, kmeans(Z, 8)[0])
    monkeypatch.setattr(module, "SAMPLE_ROWS", 300)
    assert inertia(Z, kmeans(Z, 8)[0]) <= 1.01 * whole


def test_from_given_centers_it_is_lloyd_s_algorithm():
    Z = load_digits().data[:, 10:30].astype(float)
    start = Z[:7] + 0.1
    centers, labels = kmeans(Z, 7, start=start, tol=0)
    reference = KMeans(7, init=start, n_init=1, tol=0).fit(Z)
    np.testing.assert_allclose(centers, reference.cluster_centers_, rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(labels, reference.labels_)
    np.testing.assert_array_equal(start, Z[:7] + 0.1)


def test_centers_without_rows_go_to_the_farthest():
    Z = np.array([[0.0, 0], [0, 1], [9, 0], [0, 5], [9, 2]])
    centers = np.array([[0.0, 0], [50, 50], [9, 0], [60, 60]])
    labels = np.array([0, 0, 2, 0, 2])
    moved = replace_empty(Z, centers, labels)
    np.testing.assert_array_equal(moved, [[0, 0], [0, 5], [9, 0], [9, 2]])
    assert centers[1, 0] == 50
    np.testing.assert_array_equal(replace_empty(Z, centers[:1], np.zeros(5, int)), centers[:1])


@given(st.integers(0, 2**31 - 1), st.integers(2, 40), st.integers(1, 4), st.data())
def test_weights_are_repeated_rows(seed, n, d, data):
    k = data.draw(st.integers(1, min(n, 4)))
    rng = np.random.RandomState(seed)
    Z, weights = rng.randn(n, d), rng.randint(0, 4, n)
    weights[:k] += 1
    repeated = np.repeat(Z, weights, axis=0)
    start = Z[:k].copy()
    centers, labels = kmeans(Z, k, start=start, weights=0.3 * weights)
    expected, _ = kmeans(repeated, k, start=start)
    np.testing.assert_allclose(centers, expected, atol=1e-8)
    assert (((Z[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1) == labels).all()
    # Starts of its own end where no step lowers the sum.
    best, _ = kmeans(Z, k, weights=weights, n_init=2, seed=seed, tol=0)
    again, _ = kmeans(Z, k, start=best, weights=weights, tol=0)
    np.testing.assert_allclose(again, best, atol=1e-8)


def test_weights_beyond_the_sample(monkeypatch):
    Z = load_digits().data[:, 10:30].astype(np.float32)
    weights = np.random.RandomState(0).randint(0, 5, len(Z))
    reference = KMeans(10, n_init=20, random_state=0).fit(Z, sample_weight=weights)
    for limit in (300, 10**6):
        monkeypatch.setattr(module, "SAMPLE_ROWS", limit)
        centers, labels = kmeans(Z, 10, weights=weights)
        assert centers.dtype == np.float32
        squares = ((Z - centers[labels]) ** 2).sum(axis=1)
        assert weights @ squares <= 1.03 * reference.inertia_
