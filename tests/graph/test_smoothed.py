"""SmoothedGraphClustering: its factors, its properties, and what it finds."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from skdeepcluster import Graph, SmoothedGraphClustering
from skdeepcluster.algorithms.smoothing import (
    leading_directions,
    normalized_adjacency,
    standardized,
    tf_idf,
)


def fit(X, A, n_clusters=3, random_state=0, **params):
    return SmoothedGraphClustering(n_clusters, random_state=random_state, **params).fit(
        X, adjacency=A
    )


@pytest.fixture(scope="module")
def planted():
    """Neither the features nor the edges alone are enough."""
    graph = nx.random_partition_graph([100] * 3, 0.06, 0.006, seed=0)
    y = np.repeat([0, 1, 2], 100)
    X = 1.5 * np.eye(3)[y] + np.random.default_rng(0).normal(size=(300, 3))
    return X, csr_array(nx.to_scipy_sparse_array(graph, dtype=float)), y


@given(
    st.integers(2, 30), st.integers(1, 40), st.integers(0, 4), st.integers(1, 6), st.integers(0, 99)
)
@settings(max_examples=40, deadline=None)
def test_directions_are_those_of_the_smoothed_features(n, d, order, n_components, seed):
    rng = np.random.default_rng(seed)
    A = np.triu(rng.random((n, n)) < 0.3, 1)
    A = (A + A.T).astype(float)
    S = normalized_adjacency(csr_array(A)).toarray()
    loops = A + np.eye(n)
    root = np.sqrt(loops.sum(axis=1))
    np.testing.assert_allclose(S, loops / np.outer(root, root), atol=1e-12)
    X = random_array((n, d), density=0.4, rng=rng, format="csr")
    F = np.linalg.matrix_power(S, order) @ X.toarray()
    U = leading_directions(csr_array(S), X, order, n_components, np.random.default_rng(0))
    values = np.linalg.svd(F, compute_uv=False)[:n_components]
    found = np.linalg.norm(U, axis=0)
    np.testing.assert_allclose(found, values, atol=1e-3 * max(values.max(), 1e-9))
    np.testing.assert_allclose(U.T @ U, np.diag(found**2), atol=1e-8)


def test_weights_of_features():
    counts = np.random.default_rng(0).poisson(0.4, (20, 9)).astype(float)
    np.testing.assert_allclose(
        tf_idf(counts).toarray(), TfidfTransformer().fit_transform(counts).toarray()
    )
    X = np.random.default_rng(0).normal(3, 2, (20, 4))
    X[:, 2] = 0.1
    np.testing.assert_allclose(standardized(X), StandardScaler().fit_transform(X), atol=1e-12)


def test_edges_and_features_together(planted):
    X, A, y = planted
    assert adjusted_rand_score(y, fit(X, A).labels_) > 0.9
    # Without the averages over neighbors.
    assert adjusted_rand_score(y, fit(X, A, order=0).labels_) < 0.6


def test_counts_are_weighed_by_their_frequency():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 100)
    rate = np.full((200, 40), 0.08)
    rate[y == 0, :10] = rate[y == 1, 10:20] = 0.4
    # Common words that say nothing.
    common = rng.random((200, 30)) < 0.6
    X = np.hstack([rng.random((200, 40)) < rate, common]).astype(float)
    empty = csr_array((200, 200))
    weighed, raw = fit(X, empty, 2), fit(X, empty, 2, weighting=None)
    assert (X == 0).mean() > 0.5
    assert adjusted_rand_score(y, weighed.labels_) > adjusted_rand_score(y, raw.labels_)
    np.testing.assert_array_equal(weighed.labels_, fit(X, empty, 2, weighting="tf-idf").labels_)


def test_sparse_features_are_those_that_are_dense(planted):
    _, A, _ = planted
    X = np.random.default_rng(0).poisson(0.2, (300, 50)).astype(float)
    dense = fit(X, A)
    for sparse in (csr_array(X), Graph(csr_array(X), A)):
        model = SmoothedGraphClustering(3, random_state=0)
        if isinstance(sparse, Graph):
            model.fit(sparse)
        else:
            model.fit(sparse, adjacency=A)
        np.testing.assert_allclose(model.embedding_, dense.embedding_, atol=1e-8)
        np.testing.assert_array_equal(model.labels_, dense.labels_)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_numbers_of_nodes_do_not_matter(planted, seed):
    X, A, _ = planted
    order = np.random.default_rng(seed).permutation(len(X))
    labels = fit(X, A).labels_[order]
    assert adjusted_rand_score(labels, fit(X[order], A[order][:, order]).labels_) > 0.97


@given(st.integers(-20, 20))
@settings(max_examples=8, deadline=None)
def test_units_of_features_and_weights_do_not_matter(planted, exponent):
    X, A, _ = planted
    expected = fit(X, A).labels_
    np.testing.assert_array_equal(fit(np.ldexp(X, exponent), A).labels_, expected)
    assert adjusted_rand_score(fit(X, A * 2.0**exponent).labels_, expected) == 1


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_threads_do_not_matter(planted, n_jobs):
    X, A, _ = planted
    np.testing.assert_array_equal(fit(X, A, n_jobs=1).labels_, fit(X, A, n_jobs=n_jobs).labels_)


def test_the_objective_of_k_means(planted):
    X, A, _ = planted
    model = fit(X, A)
    lengths = np.linalg.norm(model.embedding_, axis=1)
    np.testing.assert_allclose(lengths, 1)
    squares = np.square(model.embedding_[:, None] - model.cluster_centers_).sum(axis=2)
    np.testing.assert_array_equal(squares.argmin(axis=1), model.labels_)
    assert model.inertia_ == pytest.approx(squares.min(axis=1).sum())
    assert model.embedding_.shape == (300, 3)


def test_edges_alone():
    graph = nx.random_partition_graph([50] * 3, 0.3, 0.02, seed=0)
    model = SmoothedGraphClustering(3, affinity="precomputed", random_state=0).fit(graph)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 50), model.labels_) > 0.95


def test_nodes_without_edges_or_features():
    X = np.zeros((12, 6))
    X[:4, 0] = X[4:8, 1] = 1
    model = fit(X, np.zeros((12, 12)), 2)
    assert adjusted_rand_score(np.repeat([0, 1], 4), model.labels_[:8]) == 1
    assert (model.embedding_[8:] == 0).all()


def test_bad_input(planted):
    X, A, _ = planted
    with pytest.raises(ValueError, match="negative values"):
        fit(X, A, weighting="tf-idf")
    with pytest.raises(ValueError, match=r"adjacency has shape \(10, 10\)"):
        fit(X, A[:10, :10])
    with pytest.raises(ValueError, match="n_clusters=301"):
        fit(X, A, 301)
