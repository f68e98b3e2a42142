"""Clusters of new rows, and what rows and graphs GraphDegreeLinkage takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.neighbors import NearestNeighbors

from skdeepcluster import GraphDegreeLinkage
from skdeepcluster.algorithms import neighbor_search
from tests.common import BOOLEAN
from tests.graph._samples import X, quiet

NEW = make_blobs(60, centers=6, cluster_std=1.5, random_state=1)[0] + 0.01


def votes(model, D):
    """Shares of the clusters from the definition, by distances of new rows to training rows."""
    n, k = len(D), model._n_neighbors
    near = np.argsort(D, axis=1, kind="stable")[:, :k]
    squares = np.take_along_axis(D, near, axis=1) ** 2
    weights = np.exp(-squares / squares.mean(axis=1, keepdims=True))
    proba = np.zeros((n, model.n_clusters_))
    for row in range(n):
        np.add.at(proba[row], model.labels_[near[row]], weights[row])
    return proba / proba.sum(axis=1, keepdims=True)


@quiet
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "cosine", "canberra"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_votes_of_the_definition(metric, dtype):
    rows, new = X.astype(dtype), NEW.astype(dtype)
    model = GraphDegreeLinkage(4, n_neighbors=7, metric=metric).fit(rows)
    D = pairwise_distances(new.astype(float), rows.astype(float), metric=metric)
    expected = votes(model, np.sqrt(2 * D) if metric == "cosine" else D)
    assert_allclose(model.predict_proba(new), expected, atol=1e-3)
    assert_array_equal(model.predict(new), model.predict_proba(new).argmax(axis=1))


@quiet
@pytest.mark.parametrize(
    "metric",
    ["euclidean", "cityblock", "chebyshev", "cosine", "canberra", "minkowski", "seuclidean",
     "hamming", "jaccard", lambda a, b: abs(a - b).max()],
)  # fmt: skip
def test_training_rows_have_their_labels(metric):
    rows = np.abs(np.random.default_rng(0).normal(size=(60, 8)))
    if metric in BOOLEAN:
        rows = np.unique(rows > 0.7, axis=0).astype(float)
    model = GraphDegreeLinkage(3, n_neighbors=8, metric=metric).fit(rows)
    assert_array_equal(model.predict(rows), model.labels_)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_a_prediction_does_not_depend_on_the_other_rows(seed, n):
    model = GraphDegreeLinkage(6).fit(X)
    new = np.random.default_rng(seed).normal(size=(n, 2)) * 8
    assert_allclose(
        model.predict_proba(new), np.vstack([model.predict_proba(row[None]) for row in new])
    )


def test_predictions_from_given_graphs():
    model = GraphDegreeLinkage(6, n_neighbors=9).fit(X)
    search = NearestNeighbors(n_neighbors=9).fit(X)
    given = GraphDegreeLinkage(6, n_neighbors=9, affinity="precomputed_nearest_neighbors")
    for fitted, own, new in [
        (pairwise_distances(X), pairwise_distances(X), pairwise_distances(NEW, X)),
        (
            search.kneighbors_graph(mode="distance"),
            search.kneighbors_graph(X, mode="distance"),
            search.kneighbors_graph(NEW, mode="distance"),
        ),
    ]:
        given.fit(fitted)
        assert_array_equal(given.labels_, model.labels_)
        assert_allclose(given.predict_proba(new), model.predict_proba(NEW), atol=1e-6)
        assert_array_equal(given.predict(own), model.labels_)
    weights = GraphDegreeLinkage(6, affinity="precomputed").fit(model.affinity_matrix_)
    W = np.zeros((2, len(X)))
    W[0, [3, 8]], W[1, 5] = [0.2, 0.1], 1e-9
    for form in (np.asarray, csr_array):
        proba = weights.predict_proba(form(W))
        expected = np.zeros((2, 6))
        np.add.at(expected[0], weights.labels_[[3, 8]], [2 / 3, 1 / 3])
        expected[1, weights.labels_[5]] = 1
        assert_allclose(proba, expected)
        with pytest.raises(ValueError, match="1 rows of X, such as 1, have no edge to a training"):
            weights.predict(form(W * [[1], [0]]))
    with pytest.raises(ValueError, match="Precomputed distances must not be negative"):
        given.predict(-np.ones((2, len(X))))
    with pytest.raises(ValueError, match="features"):
        given.predict(np.ones((2, 3)))


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_cosine_is_the_distance_of_rows_of_length_one(form):
    rows, y = load_digits(return_X_y=True)
    rows, y = rows[:500], y[:500]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    rows *= np.random.default_rng(0).integers(1, 9, (500, 1))
    model = GraphDegreeLinkage(10, metric="cosine").fit(form(rows))
    expected = GraphDegreeLinkage(10).fit(unit)
    assert adjusted_rand_score(expected.labels_, model.labels_) > 0.99
    assert adjusted_rand_score(y, model.labels_) > 0.7
    assert np.mean(model.predict(form(rows * 3)) == model.labels_) > 0.99
    rows[3] = 0
    with pytest.raises(ValueError, match="rows of zeros"):
        model.predict(form(rows))
    with pytest.raises(ValueError, match="rows of zeros"):
        model.fit(form(rows))


@quiet
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool, np.float32])
def test_types_of_rows(dtype):
    rng = np.random.default_rng(0)
    rows = (rng.integers(0, 2, (3, 40)) ^ (rng.random((60, 3, 40)) < 0.1)).reshape(-1, 40)
    scale = 1 if dtype is bool else 100
    rows = rows.astype(dtype) * dtype(scale)
    model = GraphDegreeLinkage(3).fit(rows)
    assert adjusted_rand_score(np.tile([0, 1, 2], 60), model.labels_) == 1
    expected = GraphDegreeLinkage(3).fit(rows.astype(float))
    assert_array_equal(model.children_, expected.children_)
    assert_array_equal(model.predict(rows), expected.predict(rows.astype(float)))
    for form in (np.asarray, csr_array):
        hamming = GraphDegreeLinkage(3, metric="cityblock").fit(form(rows.astype(float)))
        assert adjusted_rand_score(np.tile([0, 1, 2], 60), hamming.labels_) == 1


def test_new_rows_of_the_other_kind():
    model = GraphDegreeLinkage(6).fit(X)
    assert_array_equal(model.predict(csr_array(NEW)), model.predict(NEW))
    sparse = GraphDegreeLinkage(6).fit(csr_array(X))
    assert_array_equal(sparse.predict(NEW), sparse.predict(csr_array(NEW)))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize("exponent", [-900, 0, 900])
def test_new_rows_of_any_size(metric, exponent):
    model = GraphDegreeLinkage(6, metric=metric).fit(np.ldexp(X, exponent))
    expected = GraphDegreeLinkage(6, metric=metric).fit(X)
    assert_array_equal(model.predict(np.ldexp(NEW, exponent)), expected.predict(NEW))
    far = model.predict_proba(np.ldexp([[1.0, 1.0]], exponent + 100))
    assert_allclose(far.sum(), 1)


@quiet
def test_many_rows_are_searched_approximately(monkeypatch):
    rows, y = make_blobs(5000, n_features=20, centers=5, random_state=0)
    exact = GraphDegreeLinkage(5, random_state=0).fit(rows)
    monkeypatch.setattr(neighbor_search, "MANY_ROWS", 4500)
    model = GraphDegreeLinkage(5, random_state=0).fit(rows)
    assert adjusted_rand_score(y, model.labels_) == 1
    both = model.affinity_matrix_.multiply(exact.affinity_matrix_)
    assert both.nnz > 0.95 * exact.affinity_matrix_.nnz
    assert_array_equal(model.predict(rows), model.labels_)
    again = GraphDegreeLinkage(5, random_state=0, n_jobs=2).fit(rows)
    assert_array_equal(again.children_, model.children_)
