"""Metrics: what they need, and that nothing but distances comes out."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.exceptions import DataConversionWarning

from skdeepcluster.validation import METRICS, SPARSE_METRICS, complete_metric, metric_distances
from tests.common import BOOLEAN


def rows(metric="euclidean", n=12):
    n_features = 2 if metric == "haversine" else 6
    X = np.random.default_rng(0).uniform(0.1, 1, (n, n_features))
    if metric in BOOLEAN:
        X = (X > 0.5).astype(float)
        X[:, 0] = 1
    return X


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_every_metric_gives_what_scipy_gives(metric):
    X = rows(metric)
    params = complete_metric(metric, None, X)
    D = metric_distances(X, X.copy(), metric, params)
    if metric not in ("l1", "l2", "manhattan", "nan_euclidean", "haversine"):
        values = X.astype(bool) if metric in BOOLEAN else X
        np.testing.assert_allclose(D, cdist(values, values, metric, **params), atol=1e-7)
    if metric in ("seuclidean", "mahalanobis"):
        np.testing.assert_allclose(D, squareform(pdist(X, metric)))
    new = metric_distances(X[:1], X[3:5], metric, params, dtype=np.float32)
    assert new.dtype == np.float32
    np.testing.assert_allclose(new, D[:1, 3:5], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("metric", [*sorted(SPARSE_METRICS), None])
@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csr_array])
def test_sparse_rows_and_dense_ones_go_together(metric, form):
    if metric is None:

        def metric(x, y):
            return abs(x - y).max()

    X = rows()
    X[X < 0.3] = 0
    X = X[:, :2] if metric == "haversine" else X
    params = complete_metric(metric, None, form(X))
    expected = metric_distances(X, X[:5], metric, params)
    for A in (X, form(X)):
        for B in (X[:5], form(X[:5])):
            D = metric_distances(A, B, metric, params)
            np.testing.assert_allclose(D, expected, atol=1e-7)


@pytest.mark.parametrize("metric", sorted(METRICS - SPARSE_METRICS))
def test_metrics_of_dense_rows_refuse_sparse_ones_and_take_them_later(metric):
    X = rows(metric)
    with pytest.raises(ValueError, match=r"dense rows only; use X.toarray\(\)"):
        complete_metric(metric, None, sp.csr_array(X))
    params = complete_metric(metric, None, X)
    np.testing.assert_array_equal(
        metric_distances(sp.csr_array(X), X[:3], metric, params),
        metric_distances(X, X[:3], metric, params),
    )


@pytest.mark.parametrize(
    ("metric", "metric_params", "X", "message"),
    [
        ("minkowski", {"p": 0.5}, rows(), "p >= 1 only; metric_params has p=0.5"),
        ("minkowski", {"p": 0}, rows(), "p >= 1 only"),
        ("minkowski", {"p": np.nan}, rows(), "p >= 1 only"),
        ("minkowski", {"p": "2"}, rows(), "p >= 1 only; metric_params has p='2'"),
        ("haversine", None, np.ones((5, 3)), "2 features.*X has 3"),
        ("seuclidean", None, np.c_[rows(), np.full(12, 0.1)], r"those at \[6\] are constant"),
        ("seuclidean", None, rows(n=1), "2 samples at least; n_samples=1"),
        ("mahalanobis", None, np.c_[rows(), rows() @ np.arange(6)], "these are singular"),
        ("mahalanobis", None, np.c_[rows(), np.ones(12)], "these are singular"),
        ("mahalanobis", None, rows(n=2), "these are singular"),
        ("mahalanobis", {"V": np.ones((6, 6))}, rows(), "these are singular"),
        ("mahalanobis", None, rows(n=1), "2 samples at least; n_samples=1"),
    ],
)
def test_metrics_that_cannot_be_computed(metric, metric_params, X, message):
    with pytest.raises(ValueError, match=message):
        complete_metric(metric, metric_params, X)


def test_given_parameters_stay():
    X = rows()
    assert complete_metric("minkowski", {"p": np.inf}, X) == {"p": np.inf}
    given = {"V": np.arange(1.0, 7.0)}
    assert complete_metric("seuclidean", given, X) == given
    given = {"V": np.eye(6) + 1}
    params = complete_metric("mahalanobis", given, X)
    np.testing.assert_allclose(
        metric_distances(X, X[:3], "mahalanobis", params),
        cdist(X, X[:3], "mahalanobis", VI=np.linalg.inv(given["V"])),
    )
    assert set(given) == {"V"}


def test_mahalanobis_does_not_depend_on_units():
    X = rows()
    units = np.geomspace(1e-8, 1e8, 6)
    found = [
        metric_distances(Z, Z[:3], "mahalanobis", complete_metric("mahalanobis", None, Z))
        for Z in (X, X * units)
    ]
    np.testing.assert_allclose(*found, atol=1e-7)


def test_other_values_than_truth_values_are_told_of_once():
    X = rows()
    with pytest.warns(DataConversionWarning, match="all values of X that are not 0 count as True"):
        complete_metric("jaccard", None, X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not metric_distances(X, X[:2], "jaccard", {}).any()


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "negative or nan"), (-1.0, "negative or nan; found -1"), (np.inf, "infinite")],
)
def test_what_is_no_distance_is_refused(value, message):
    def metric(x, y):
        return value

    with pytest.raises(ValueError, match=rf"Distances by metric=.*metric.* {message}.*another"):
        metric_distances(rows(), rows(), metric, {})


def test_undefined_distances_are_refused():
    X = np.vstack([rows(), np.ones(6)])
    with pytest.raises(ValueError, match="metric='correlation' must not be negative or nan"):
        metric_distances(X, X[:3], "correlation", {})


def test_rounding_below_zero_is_zero():
    def metric(x, y):
        return 1.0 if (x != y).any() else -1e-17

    np.testing.assert_array_equal(metric_distances(rows(), rows(), metric, {}), 1 - np.eye(12))


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_short_and_long_rows_have_a_direction(form):
    X = rows()
    X[X < 0.3] = 0
    exponents = np.array([-1070, -900, -500, -60, -50, -40, 0, 50, 500, 900, 1020, 3])
    found = metric_distances(form(np.ldexp(X, exponents[:, np.newaxis])), X, "cosine", {})
    # The first row has lost digits.
    tolerance = np.array([0.1] + 11 * [1e-14])[:, np.newaxis]
    assert (abs(found - metric_distances(X, X, "cosine", {})) < tolerance).all()


def test_infinite_distances_may_be_allowed():
    D = metric_distances(rows(), rows(), lambda x, y: np.inf, {}, infinite=True)
    assert np.isinf(D).all()
