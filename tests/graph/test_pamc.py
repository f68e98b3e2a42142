"""PamC: its terms, what edges and features add, and what it does without a graph."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import PamC
from skdeepcluster.graph._influence import influence
from skdeepcluster.graph.pamc import cluster_term, neighbor_term
from skdeepcluster.training import graph_tensor
from tests.graph._samples import quiet

BRIEF = {"hidden_layer_sizes": (32,), "n_components": 5, "pretrain_epochs": 5, "random_state": 0}


def random_graph(n, rng, share=0.4):
    A = np.triu(rng.random((n, n)) < share, 1) * (rng.random((n, n)) + 0.1)
    return csr_array(A + A.T)


def planted(inner=0.15, outer=0.01, size=60, seed=0):
    graph = nx.random_partition_graph([size] * 3, inner, outer, seed=seed)
    return csr_array(nx.to_scipy_sparse_array(graph, dtype=float)), np.repeat([0, 1, 2], size)


def slow_terms(z, A, labels, n_clusters, order, temperature):
    """Both terms by their equations, on dense matrices."""
    n = len(z)
    loops = A[A > 0].mean() if A.any() else 1.0
    step = A + loops * np.eye(n)
    step /= step.sum(axis=1, keepdims=True)
    G = sum(np.linalg.matrix_power(step, r) for r in range(1, order + 1))
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    S = unit @ unit.T
    np.fill_diagonal(S, 0)
    neighbors = -np.log((G * np.exp(S / temperature)).sum(axis=1)).mean()
    c = np.stack([z[labels == k].sum(axis=0) for k in range(n_clusters)])
    lengths = np.linalg.norm(c, axis=1, keepdims=True)
    c = c / np.where(lengths > 0, lengths, 1)
    C = c @ c.T
    np.fill_diagonal(C, 0)
    return neighbors, np.log(np.exp(C / temperature).sum(axis=1)).mean()


def terms(z, A, labels, n_clusters, order, temperature):
    graph = graph_tensor(influence(csr_array(A), order, True), len(z), dtype=torch.float64)
    shares = np.eye(n_clusters)[labels]
    z = torch.as_tensor(z)
    return (
        neighbor_term(z, graph, temperature).item(),
        cluster_term(torch.as_tensor(shares).T @ z, temperature).item(),
    )


@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_terms_are_those_of_dense_matrices(n, order, seed):
    rng = np.random.default_rng(seed)
    A, z = random_graph(n, rng).toarray(), rng.normal(size=(n, 3))
    labels = rng.integers(4, size=n)  # some clusters are empty
    found = terms(z, A, labels, 4, order, 2.0)
    np.testing.assert_allclose(found, slow_terms(z, A, labels, 4, order, 2.0), atol=1e-5)
    # Neither the unit of the embedding nor the names of the clusters matter.
    order_of_names = rng.permutation(4)
    scaled = terms(7 * z, A, order_of_names[labels], 4, order, 2.0)
    np.testing.assert_allclose(scaled, found, atol=1e-6)


@pytest.mark.parametrize("order", [1, 3])
def test_the_terms_of_a_hot_contrast_are_known(order):
    rng = np.random.default_rng(0)
    A, z = random_graph(8, rng).toarray(), rng.normal(size=(8, 3))
    neighbors, clusters = terms(z, A, np.arange(8) % 4, 4, order, 1e9)
    assert neighbors + clusters == pytest.approx(np.log(4) - np.log(order), abs=1e-5)


@pytest.mark.parametrize("empty", [1, 2])
def test_empty_clusters_have_finite_gradients(empty):
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.tensor([0, 0, 3 - empty, 3 - empty, 0, 0])
    shares = torch.nn.functional.one_hot(labels, 3).float()
    assert not shares[:, empty].any()
    cluster_term(shares.T @ z, 2.0).backward()
    assert torch.isfinite(z.grad).all()
    assert z.grad.abs().max() > 0


def test_influence_leaves_loops_out_and_keeps_units_apart():
    rng = np.random.default_rng(0)
    A = random_graph(10, rng)
    looped = csr_array(A + np.diag(rng.random(10)))
    np.testing.assert_allclose(
        influence(looped, 2, True).toarray(), influence(A, 2, True).toarray()
    )
    np.testing.assert_allclose(
        influence(64 * A, 2, True).toarray(), influence(A, 2, True).toarray()
    )
    np.testing.assert_allclose(influence(A, 3, True).sum(axis=1), 3)
    alone = influence(csr_array((4, 4)), 2, True)
    np.testing.assert_array_equal(alone.toarray(), 2 * np.eye(4))


@quiet
@pytest.mark.parametrize(("meta_nodes", "least"), [("hard", 0.85), ("soft", 0.47)])
def test_edges_decide_where_features_say_little(meta_nodes, least):
    graph, y = planted()
    X = np.random.default_rng(0).normal(size=(180, 20))
    X[:, :3] += 3.5 * np.eye(3)[y]
    params = {"learning_rate": 5e-3, "kl_weight": 0.3, "max_epochs": 60, "tol": 0}
    params |= BRIEF | {"hidden_layer_sizes": (64,), "meta_nodes": meta_nodes}
    model = PamC(3, **params).fit(X, adjacency=graph)
    assert adjusted_rand_score(y, model.labels_) > least
    assert adjusted_rand_score(y, model.initial_labels_) < 0.4
    alone = PamC(3, contrast_weight=0, **params).fit(X, adjacency=graph)
    assert adjusted_rand_score(y, alone.labels_) < 0.42
    # New nodes are predicted from their features.
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.predict(X[:1])[0] == model.labels_[0]


@quiet
def test_features_survive_a_graph_of_noise():
    _, y = planted()
    noise = nx.gnm_random_graph(180, 300, seed=0)
    X = 4 * np.eye(3)[y] + np.random.default_rng(0).normal(scale=0.5, size=(180, 3))
    model = PamC(3, contrast_weight=0.1, max_epochs=30, **BRIEF).fit(X, adjacency=noise)
    assert adjusted_rand_score(y, model.labels_) > 0.9


def test_training_ends_when_labels_rest():
    graph, y = planted()
    X = 4 * np.eye(3)[y] + np.random.default_rng(0).normal(scale=0.3, size=(180, 3))
    model = PamC(3, max_epochs=100, **BRIEF).fit(X, adjacency=graph)
    assert model.n_epochs_ < 100
    assert model.n_epochs_ % 10 == 1
    assert adjusted_rand_score(y, model.labels_) == 1
    assert set(model.history_["refine"]) == {"neighbors", "clusters", "kl"}


@quiet
def test_nearest_neighbors_are_the_graph_where_none_is_given():
    _, y = planted()
    X = 4 * np.eye(3)[y] + np.random.default_rng(0).normal(scale=0.5, size=(180, 3))
    model = PamC(3, init="neighbors", init_epochs=3, max_epochs=5, **BRIEF).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.9
    assert "initialize" in model.history_


@pytest.mark.parametrize(
    ("adjacency", "what"),
    [
        (np.eye(7), "adjacency has shape"),
        (-np.ones((8, 8)), "must not have negative weights"),
        (np.full((8, 8), np.nan), "adjacency is no graph"),
    ],
)
def test_graphs_that_are_none(adjacency, what):
    with pytest.raises(ValueError, match=what):
        PamC(2, **BRIEF).fit(np.random.default_rng(0).normal(size=(8, 3)), adjacency=adjacency)
