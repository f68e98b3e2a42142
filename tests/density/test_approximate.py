"""The hierarchy by a graph of approximate neighbors, beside the exact one."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HDBSCAN
from skdeepcluster.algorithms import neighbor_search
from skdeepcluster.density import _approximate
from tests.density._samples import samples


@pytest.fixture
def descent(monkeypatch):
    """Neighbors by descent even of few rows."""
    monkeypatch.setattr(neighbor_search, "EXACT_ROWS", 100)


def blobs(n=1500, d=30, centers=8):
    return make_blobs(n, n_features=d, centers=centers, random_state=0)[0]


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "sqeuclidean"])
def test_as_the_exact_hierarchy(metric, descent):
    X = blobs()
    X[:40] = 30 * np.random.default_rng(0).normal(size=(40, X.shape[1]))
    exact = HDBSCAN(15, metric=metric).fit(X)
    model = HDBSCAN(15, metric=metric, algorithm="approximate").fit(X)
    assert adjusted_rand_score(exact.labels_, model.labels_) > 0.98
    assert exact.n_clusters_ == model.n_clusters_ == 8
    total = exact.minimum_spanning_tree_.distance.sum()
    assert total * (1 - 1e-9) <= model.minimum_spanning_tree_.distance.sum() <= total * 1.2
    # Neighbors that were missed are farther.
    assert (model.core_distances_ >= exact.core_distances_ * (1 - 1e-6)).all()
    assert_array_equal(model.predict(X), model.labels_)


@settings(max_examples=15, deadline=None)
@given(samples(min_size=3), st.integers(1, 8))
@example(np.zeros((40, 2)), 3)
@example(np.repeat(np.arange(3.0), 20)[:, np.newaxis] * np.ones(2), 4)
def test_one_tree_of_the_graph(X, min_samples):
    min_samples = min(min_samples, len(X))
    params = {"min_cluster_size": 3, "min_samples": min_samples}
    exact = HDBSCAN(**params).fit(X)
    model = HDBSCAN(**params, algorithm="approximate").fit(X)
    distance = model.minimum_spanning_tree_.distance
    assert len(distance) == len(X) - 1 and np.isfinite(distance).all()
    # Of so few rows all neighbors are found, and rows stand for all.
    assert_allclose(model.core_distances_, exact.core_distances_, rtol=1e-6)
    assert distance.sum() >= exact.minimum_spanning_tree_.distance.sum() * (1 - 1e-9)
    assert_array_equal(model.predict(X), model.labels_)


def test_far_components_are_joined_by_their_shortest_edges(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 20)) + 200 * np.repeat(np.eye(4, 20), 100, axis=0)
    exact = HDBSCAN(10).fit(X).minimum_spanning_tree_.distance
    all_rows = HDBSCAN(10, algorithm="approximate").fit(X).minimum_spanning_tree_.distance
    assert_allclose(all_rows[-3:], exact[-3:], rtol=1e-6)
    # Of 10 rows each, which are then moved.
    monkeypatch.setattr(_approximate, "N_REPRESENTATIVES", 40)
    few_rows = HDBSCAN(10, algorithm="approximate").fit(X).minimum_spanning_tree_.distance
    assert (few_rows[-3:] >= exact[-3:] * (1 - 1e-6)).all()
    assert_allclose(few_rows[-3:], exact[-3:], rtol=0.02)


def test_same_for_any_number_of_threads(descent):
    X = blobs(4500)
    fits = [HDBSCAN(algorithm="approximate", n_jobs=n).fit(X) for n in (1, 3)]
    trees = [fit.minimum_spanning_tree_.to_numpy() for fit in fits]
    assert_array_equal(*trees)


def test_weights(descent):
    X = blobs(600)
    weight = np.random.default_rng(0).uniform(0.5, 3, len(X))
    exact = HDBSCAN(15).fit(X, sample_weight=weight)
    model = HDBSCAN(15, algorithm="approximate").fit(X, sample_weight=weight)
    assert adjusted_rand_score(exact.labels_, model.labels_) > 0.98


@pytest.mark.parametrize(
    ("X", "metric", "match"),
    [
        (csr_array(np.eye(5)), "euclidean", "needs dense rows, got a sparse matrix"),
        (1 - np.eye(5), "precomputed", "needs dense rows, got distances"),
        (np.eye(5), "manhattan", "one of the metrics"),
        (np.r_[np.eye(5), np.zeros((1, 5))], "cosine", "rows other than zero"),
    ],
)
def test_what_has_no_graph(X, metric, match):
    with pytest.raises(ValueError, match=match):
        HDBSCAN(metric=metric, algorithm="approximate").fit(X)
