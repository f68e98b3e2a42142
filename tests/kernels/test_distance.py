"""The distance kernels against slow references and for every number of threads."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from skdeepcluster._kernels._distance import argmin_sqeuclidean, lloyd_step

DTYPES = [np.float32, np.float64]


@st.composite
def rows_and_centers(draw):
    """Small values on a grid, so that ties and duplicates are frequent and float32 is exact."""
    dtype = draw(st.sampled_from(DTYPES))
    n, k, d = draw(st.integers(0, 40)), draw(st.integers(1, 40)), draw(st.integers(1, 20))
    grid = st.integers(-8, 8).map(lambda i: i / 4)
    return draw(arrays(dtype, (n, d), elements=grid)), draw(arrays(dtype, (k, d), elements=grid))


def nearest(X, centers, n_threads=1):
    labels = np.empty(len(X), dtype=np.int32)
    distances = np.empty(len(X), dtype=X.dtype)
    argmin_sqeuclidean(X, centers, labels, distances, n_threads)
    return labels, distances


def step(X, centers, n_threads=1):
    labels = np.empty(len(X), dtype=np.int32)
    sums = np.full(centers.shape, np.nan)
    counts = np.full(len(centers), -1)
    inertia = lloyd_step(X, centers, labels, sums, counts, n_threads)
    return labels, sums, counts, inertia


@given(rows_and_centers())
def test_argmin_equals_reference(data):
    X, centers = data
    expected = cdist(X, centers, "sqeuclidean")
    labels, distances = nearest(X, centers)
    # The grid makes every sum exact: ties are ties, and the first of them wins.
    np.testing.assert_array_equal(labels, expected.argmin(axis=1))
    np.testing.assert_array_equal(distances, expected.min(axis=1))


@given(rows_and_centers())
def test_lloyd_step_equals_reference(data):
    X, centers = data
    labels, sums, counts, inertia = step(X, centers)
    expected_labels, distances = nearest(X, centers)
    members = np.arange(len(centers))[:, np.newaxis] == expected_labels
    np.testing.assert_array_equal(labels, expected_labels)
    np.testing.assert_array_equal(sums, members @ X.astype(np.float64))
    np.testing.assert_array_equal(counts, members.sum(axis=1))
    assert inertia == distances.sum(dtype=np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1000, 784, 10), (3001, 10, 33), (700, 1, 1), (257, 300, 5)])
def test_large_shapes(dtype, shape):
    n, d, k = shape
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)).astype(dtype)
    centers = rng.normal(size=(k, d)).astype(dtype)
    expected = cdist(X, centers, "sqeuclidean")
    rtol = 100 * np.finfo(dtype).eps

    labels, distances = nearest(X, centers)
    # Rounding may swap centers that are equally near.
    np.testing.assert_allclose(expected[np.arange(n), labels], expected.min(axis=1), rtol=rtol)
    np.testing.assert_allclose(distances, expected.min(axis=1), rtol=rtol)

    step_labels, sums, counts, inertia = step(X, centers)
    np.testing.assert_array_equal(step_labels, labels)
    np.testing.assert_array_equal(counts, np.bincount(labels, minlength=k))
    for j in range(k):
        np.testing.assert_allclose(
            sums[j], X[labels == j].sum(axis=0, dtype=np.float64), rtol=1e-10, atol=1e-10
        )
    assert inertia == pytest.approx(distances.sum(dtype=np.float64), rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads_do_not_change_a_bit(dtype, n_threads):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5003, 17)).astype(dtype)
    centers = rng.normal(size=(19, 17)).astype(dtype)
    for kernel in (nearest, step):
        for one, many in zip(
            kernel(X, centers), kernel(X, centers, n_threads=n_threads), strict=True
        ):
            np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_does_not_depend_on_its_company(dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(301, 270)).astype(dtype)
    centers = rng.normal(size=(11, 270)).astype(dtype)
    labels, distances = nearest(X, centers)
    for i in (0, 5, 299, 300):
        alone = nearest(X[[i]], centers)
        np.testing.assert_array_equal(alone, ([labels[i]], [distances[i]]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_distance_to_itself_is_exactly_zero(dtype):
    X = np.random.default_rng(0).normal(1e4, 1, size=(50, 30)).astype(dtype)
    labels, distances = nearest(np.repeat(X, 3, axis=0), X)
    np.testing.assert_array_equal(labels, np.repeat(np.arange(50), 3))
    np.testing.assert_array_equal(distances, 0)


def test_overflowing_distances_still_have_a_label():
    labels, distances = nearest(
        np.full((3, 2), 1e38, dtype=np.float32), np.full((9, 2), -1e38, dtype=np.float32)
    )
    np.testing.assert_array_equal(labels, 0)
    np.testing.assert_array_equal(distances, np.inf)


def test_distances_are_optional_and_inputs_may_be_read_only():
    X = np.arange(12.0).reshape(6, 2)
    X.flags.writeable = False
    labels = np.empty(6, dtype=np.int32)
    argmin_sqeuclidean(X, X[::5].copy(), labels, None, 1)
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    "shapes, message",
    [
        (((4, 3), (2, 2), (4,), (4,)), "features"),
        (((4, 3), (2, 3), (5,), (4,)), "labels has 5"),
        (((4, 3), (2, 3), (4,), (5,)), "distances has 5"),
        (((4, 3), (0, 3), (4,), (4,)), "number of centers must be at least 1"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shapes, message):
    X, centers, labels, distances = map(np.zeros, shapes)
    with pytest.raises(ValueError, match=message):
        argmin_sqeuclidean(X, centers, labels.astype(np.int32), distances, 1)


def test_step_refuses_sums_that_do_not_fit():
    with pytest.raises(ValueError, match="sums and counts"):
        lloyd_step(
            np.zeros((4, 3)), np.zeros((2, 3)), np.zeros(4, np.int32), np.zeros((2, 2)),
            np.zeros(2, np.int64), 1,
        )  # fmt: skip


def test_other_threads_run_meanwhile():
    """The kernel holds no lock: a Python thread makes progress while it runs."""
    X = np.zeros((20_000, 400))
    centers = np.zeros((200, 400))
    ticks = []
    done = threading.Event()

    def tick():
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin = time.perf_counter()
    nearest(X, centers)
    end = time.perf_counter()
    done.set()
    ticker.join()
    assert sum(begin < t < end for t in ticks) >= 3
