"""Signal-to-noise distances: their definition, and what does not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from skdeepcluster.metrics import snr_distances


def rows(seed, n=7, d=5):
    return np.random.default_rng(seed).normal(size=(n, d)) * 3 + 1


@given(st.integers(0, 10**6), st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_against_the_definition(seed, d):
    X, Y = rows(seed, 6, d), rows(seed + 1, 4, d)
    expected = [[np.var(y - x) / np.var(x) for y in Y] for x in X]
    np.testing.assert_allclose(snr_distances(X, Y), expected, rtol=1e-9)
    back = [[np.var(y - x) / np.var(y) for y in Y] for x in X]
    both = (np.array(expected) + back) / 2
    np.testing.assert_allclose(snr_distances(X, Y, symmetric=True), both, rtol=1e-9)


@given(st.integers(0, 10**6), st.floats(-100, 100), st.sampled_from([1e-160, 1e-3, -7.0, 1e160]))
@settings(max_examples=30, deadline=None)
def test_constants_and_a_common_factor_do_not_matter(seed, shift, factor):
    X, Y = rows(seed), rows(seed + 1)
    plain = snr_distances(X, Y)
    np.testing.assert_allclose(snr_distances(X + shift, Y), plain, rtol=1e-8)
    np.testing.assert_allclose(snr_distances(X, Y - shift), plain, rtol=1e-8)
    np.testing.assert_allclose(snr_distances(factor * X, factor * Y), plain, rtol=1e-9)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_of_centered_rows_it_is_a_ratio_of_squared_lengths(seed):
    X = rows(seed)
    X -= X.mean(axis=1, keepdims=True)
    D = snr_distances(X)
    squares = np.square(X[:, None] - X).sum(axis=2)
    np.testing.assert_allclose(D, squares / np.square(X).sum(axis=1)[:, None], atol=1e-12)
    assert (np.diag(D) == 0).all() and not np.allclose(D, D.T)
    both = snr_distances(X, symmetric=True)
    np.testing.assert_array_equal(both, both.T)


def test_rows_without_signal():
    X = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 3.0], [7.0, 7.0, 7.0]])
    D = snr_distances(X)
    assert D[0, 2] == D[2, 0] == 0 and D[0, 1] == D[2, 1] == np.inf
    # Compared with a constant a row is as far as it is itself.
    np.testing.assert_allclose(D[1], [1, 0, 1])
    assert (snr_distances(np.zeros((2, 3))) == 0).all()


def test_precision_and_use_by_a_clusterer():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3, 20))
    y = np.repeat(np.arange(3), 10)
    # Each row has an offset of its own.
    X = means[y] + 0.1 * rng.normal(size=(30, 20)) + 50 * rng.normal(size=(30, 1))
    D = snr_distances(X.astype(np.float32), symmetric=True)
    assert D.dtype == np.float32
    np.testing.assert_allclose(D, snr_distances(X, symmetric=True), rtol=1e-3, atol=1e-5)
    labels = DBSCAN(eps=0.3, metric="precomputed", min_samples=3).fit_predict(D)
    np.testing.assert_array_equal(labels, y)
    before = X.copy()
    snr_distances(X, X)
    np.testing.assert_array_equal(X, before)


def test_bad_input():
    for X, Y, message in (
        ([[1.0], [2.0]], None, r"X has 1 feature\(s\); two are required"),
        ([[1.0, 2.0]], [[1.0, 2.0, 3.0]], "Incompatible dimension"),
        ([[1.0, np.nan]], None, "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            snr_distances(X, Y)
