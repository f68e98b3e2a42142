"""Distances, from wherever they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist, pdist, squareform

from skdeepcluster.medoids._distances import (
    Condensed,
    Euclidean,
    Matrix,
    Metric,
    mirror,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("n_features", [1, 7, 8, 63, 64, 65, 200])
def test_euclidean_distances_keep_their_digits(dtype, squared, n_features):
    """Also those of near copies, and far from the origin."""
    rng = np.random.default_rng(n_features)
    X = rng.normal(size=(600, n_features))
    X[300:] = X[:300] + 1e-3 * rng.normal(size=(300, n_features))
    X = (X + 8).astype(dtype)
    expected = cdist(X.astype(float), X.astype(float)) ** (2 if squared else 1)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    source = Euclidean(X, squared, 2)
    chosen = np.array([599, 0, 5])
    rows, at = source.rows(chosen)
    assert_allclose(rows[at], expected[chosen], rtol=rtol)
    assert_allclose(source.between(chosen, [1, 305]), expected[np.ix_(chosen, [1, 305])], rtol=rtol)
    labels, distances = source.nearest(chosen)
    assert_array_equal(labels, expected[chosen].argmin(axis=0))
    assert_allclose(distances, expected[chosen].min(axis=0), rtol=rtol)
    # Products of float32 leave fewer digits, but enough.
    kept = source.matrix()
    assert_allclose(kept.D, expected, rtol=1e-4 if dtype == np.float32 else 1e-12)
    assert_array_equal(kept.D, kept.D.T)
    assert not kept.D.diagonal().any()
    assert rows.dtype == distances.dtype == kept.dtype == dtype


@given(n=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_what_rounding_made_asymmetric_is_mirrored(n, seed):
    given = np.random.default_rng(seed).random((n, n))
    D = np.zeros((n, n + 3))[:, :n]
    D[:] = given
    mirror(D)
    assert_array_equal(D, np.triu(given) + np.triu(given, 1).T)


@given(n=st.integers(2, 40), seed=st.integers(0, 2**32 - 1))
def test_condensed_matrices_are_read_where_they_are(n, seed):
    rng = np.random.default_rng(seed)
    condensed = rng.random(n * (n - 1) // 2)
    source = Condensed(condensed, 2)
    chosen = rng.permutation(n)[:5]
    rows, at = source.rows(chosen)
    assert_array_equal(rows[at], squareform(condensed)[chosen])
    assert_array_equal(source.matrix().D, squareform(condensed))


def test_subsets_have_the_distances_among_them():
    X = np.random.default_rng(0).normal(size=(50, 4))
    D = squareform(pdist(X))
    chosen = np.array([3, 40, 11])
    for source in (
        Matrix(D, 1),
        Condensed(squareform(D), 1),
        Metric(X, "euclidean", {}, 1),
        Euclidean(X, False, 1),
    ):
        assert_allclose(source.subset(chosen).D, D[np.ix_(chosen, chosen)], atol=1e-12)


@pytest.mark.parametrize(
    "metric, problem",
    [
        (lambda x, y: -1.0, "negative"),
        (lambda x, y: np.nan, "nan"),
        (lambda x, y: np.inf if x[0] != y[0] else 0.0, "infinite"),
        (lambda x, y: max(x[0] - y[0], 0.0), "differ"),
        (lambda x, y: 1.0, "diagonal"),
    ],
)
def test_functions_that_give_no_distances_are_refused(metric, problem):
    with pytest.raises(ValueError, match=problem):
        Metric(np.arange(6.0).reshape(3, 2), metric, {}, 1)


def test_a_bad_distance_is_found_when_it_is_computed():
    X = np.zeros((1000, 2))
    X[333] = 1
    source = Metric(X, lambda x, y: np.nan if x[0] != y[0] else 0.0, {}, 1)
    with pytest.raises(ValueError, match="negative or nan; found nan"):
        source.rows(np.arange(3))
