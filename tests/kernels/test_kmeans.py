"""The kernels of k-means against slow references and for several numbers of threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from skdeepcluster._kernels._kmeans import gains_of_candidates, nearest_center, sum_by_label

DTYPES = [np.float32, np.float64]
# Rounding of the products of values on the grid: none.
MARGIN = 2**-10


@st.composite
def two_sets(draw):
    """Small values on a grid, so that ties and duplicates are frequent and float32 is exact."""
    dtype = draw(st.sampled_from(DTYPES))
    n, k, d = draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(st.integers(1, 80))
    width = draw(st.integers(0, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**31 - 1)))
    return tuple((rng.integers(-width, width + 1, (m, d)) / 4).astype(dtype) for m in (n, k))


def halves(X):
    return -np.square(X).sum(axis=1) / 2


@given(two_sets(), st.integers(0, 2**31 - 1), st.integers(1, 40))
def test_nearest_center_equals_reference(data, seed, width):
    X, centers = data
    rng = np.random.default_rng(seed)
    expected = cdist(X, centers, "sqeuclidean")
    labels = rng.integers(-1, len(centers), len(X), dtype=np.int32)
    distances = np.full(len(X), np.nan, X.dtype)
    for first in range(0, len(centers), width):
        part = centers[first : first + width]
        # Bounds may be as loose as they like.
        products = (-X @ part.T - rng.integers(0, 9, (len(X), len(part)))).astype(X.dtype)
        if first == 0:
            unknown = labels < 0
        nearest_center(
            X, centers, first, products, halves(part), halves(X) + X.dtype.type(MARGIN), labels,
            distances, first == 0,
        )  # fmt: skip
        assert (labels[unknown] >= 0).all()
    np.testing.assert_array_equal(labels, expected.argmin(axis=1))
    np.testing.assert_array_equal(distances, expected.min(axis=1))


def test_what_bounds_rule_out_is_not_computed():
    X, centers = np.zeros((1, 3)), np.array([[2.0, 0, 0], [1, 0, 0]])
    products = np.array([[0.0, 100.0]])  # says that the second one is far
    labels, distances = np.zeros(1, np.int32), np.empty(1)
    nearest_center(X, centers, 0, products, halves(centers), halves(X), labels, distances, True)
    np.testing.assert_array_equal((labels, distances), ([0], [4]))


@given(two_sets(), st.integers(1, 4))
def test_sums_equal_reference(data, n_threads):
    X, centers = data
    labels = (np.arange(len(X)) * 7 % len(centers)).astype(np.int32)
    sums = np.ones(centers.shape)
    counts = sum_by_label(X, labels, sums, n_threads)
    members = np.arange(len(centers))[:, np.newaxis] == labels
    np.testing.assert_array_equal(sums, 1 + members @ X.astype(np.float64))
    np.testing.assert_array_equal(counts, members.sum(axis=1))


@given(two_sets(), st.integers(0, 2**31 - 1))
def test_gains_equal_reference(data, seed):
    X, candidates = data
    rng = np.random.default_rng(seed)
    near = rng.integers(0, 40, len(X)).astype(X.dtype)
    bounds = near / 2 + halves(X) + X.dtype.type(MARGIN)
    products = (-candidates @ X.T - rng.integers(0, 9, (len(candidates), len(X)))).astype(X.dtype)
    fall = np.maximum(near - cdist(candidates, X, "sqeuclidean"), 0)

    def gains(t, update):
        return gains_of_candidates(
            X, candidates[t], products[t], halves(candidates[t]), bounds, near, update
        )

    before = near.copy()
    np.testing.assert_array_equal(gains(slice(None), False), fall.sum(axis=1))
    np.testing.assert_array_equal(near, before)
    gains([0], True)
    np.testing.assert_array_equal(near, before - fall[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_do_not_change_a_bit(dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5003, 17)).astype(dtype)
    labels = rng.integers(0, 31, len(X), dtype=np.int32)
    first, *others = np.zeros((4, 31, 17))
    sum_by_label(X, labels, first, 1)
    for n_threads, sums in zip([2, 3, 7], others, strict=True):
        sum_by_label(X, labels, sums, n_threads)
        np.testing.assert_array_equal(sums, first)
