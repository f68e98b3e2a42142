"""Searches for neighbors against all distances."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from skdeepcluster.algorithms import neighbor_search
from skdeepcluster.algorithms.neighbor_search import NeighborSearch, principal_axes


def rows(n, d, seed=0):
    """Rows near a subspace of 12 dimensions."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 12)) @ rng.normal(size=(12, d)) + 0.1 * rng.normal(size=(n, d))


def recall(found, D):
    true = np.argsort(D, axis=1)[:, : found.shape[1]]
    return np.mean([len(set(a) & set(b)) for a, b in zip(found, true, strict=True)]) / true.shape[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 7, 48, 200])
def test_few_rows_are_searched_exactly(d, dtype):
    X = rows(300, d).astype(dtype)
    distances, indices = NeighborSearch(X, 0, 2).neighbors(10, 2)
    D = cdist(X, X)
    np.fill_diagonal(D, np.inf)
    assert recall(indices, D) > 0.999
    assert distances.dtype == dtype
    np.testing.assert_allclose(
        distances, np.take_along_axis(D, indices.astype(int), axis=1), rtol=1e-3, atol=1e-6
    )
    assert (np.diff(distances) >= 0).all()


@pytest.mark.parametrize("d", [10, 120])
def test_many_rows_are_searched_well_on_any_number_of_threads(d):
    X = rows(6000, d).astype(np.float32)
    distances, indices = NeighborSearch(X, 0, 1).neighbors(15, 1)
    D = cdist(X[:300], X)
    D[np.arange(300), np.arange(300)] = np.inf
    assert recall(indices[:300], D) > 0.95
    for n_threads in (2, 3):
        others = NeighborSearch(X, 0, n_threads).neighbors(15, n_threads)
        assert np.array_equal(distances, others[0])
        assert np.array_equal(indices, others[1])


def test_queries_depend_on_no_other():
    X, Q = np.split(rows(900, 100), [600])
    search = NeighborSearch(X, 0, 2)
    distances, indices = search.query(Q, 5, 2)
    assert recall(indices, cdist(Q, X)) > 0.999
    for some in (slice(1), slice(7, 24)):
        alone = search.query(np.ascontiguousarray(Q[some]), 5, 1)
        assert np.array_equal(alone[0], distances[some])
        assert np.array_equal(alone[1], indices[some])


@pytest.mark.parametrize("most", [2000, 10])
def test_principal_axes(most, monkeypatch):
    monkeypatch.setattr(neighbor_search, "MAX_COVARIANCE", most)
    X = rows(500, 60)
    mean, axes, variances, total = principal_axes(X, 5, np.random.default_rng(0))
    centered = X - X.mean(axis=0)
    values = np.linalg.svd(centered, compute_uv=False) ** 2 / 500
    np.testing.assert_allclose(variances, values[:5], rtol=1e-6)
    np.testing.assert_allclose(axes @ axes.T, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(np.square(centered @ axes.T).mean(axis=0), values[:5], rtol=1e-6)
    assert total == pytest.approx(values.sum())
    np.testing.assert_allclose(mean, X.mean(axis=0))
