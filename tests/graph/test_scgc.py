"""SCGC: its influences and its contrast against slow references, and what it learns from edges."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import SCGC, Graph
from skdeepcluster.graph import _influence
from skdeepcluster.graph._influence import influence, influence_contrast, within
from tests.graph._samples import quiet

pytestmark = quiet

seeds = st.integers(0, 10**6)
SHORT = {"hidden_layer_sizes": (64,), "random_state": 0, "pretrain_epochs": 5}
# Full batches take few steps: enough epochs for a small graph.
TRAINED = SHORT | {"contrast_epochs": 60, "max_epochs": 10, "learning_rate": 3e-3}


def random_graph(rng, n, p=0.3):
    A = np.triu((rng.random((n, n)) < p) * rng.uniform(0.5, 2, (n, n)), 1)
    return A + A.T


@pytest.fixture(scope="module")
def planted():
    """Edges alone have the blocks: features are noise, by which nodes can be recognized."""
    graph = nx.random_partition_graph([60] * 3, 0.2, 0.015, seed=0)
    X = np.random.default_rng(0).normal(size=(180, 40))
    return X, csr_array(nx.to_scipy_sparse_array(graph, dtype=float)), np.repeat([0, 1, 2], 60)


# -- influences and contrast ---------------------------------------------------------------------


@given(seeds, st.integers(1, 12), st.integers(1, 4), st.booleans())
@settings(max_examples=20, deadline=None)
def test_influence_is_a_sum_of_powers(seed, n, order, cumulative):
    A = random_graph(np.random.default_rng(seed), n)
    looped = A + (A[A > 0].mean() if A.any() else 1.0) * np.eye(n)
    step = looped / looped.sum(axis=1, keepdims=True)
    powers = [np.linalg.matrix_power(step, s) for s in range(1, order + 1)]
    expected = sum(powers) if cumulative else powers[-1]
    # Own loops do not count.
    found = influence(csr_array(A + 3 * np.eye(n)), order, cumulative)
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-7)
    np.testing.assert_allclose(found.sum(axis=1), order if cumulative else 1, atol=1e-6)
    assert (found.diagonal() > 0).all()


def slow_contrast(Z, G, temperature):
    """One pair at a time."""
    total = 0.0
    for i, z in enumerate(Z):
        above = below = 0.0
        for j, other in enumerate(Z):
            s = 0.0 if i == j else z @ other / np.linalg.norm(z) / np.linalg.norm(other)
            above += G[i, j] * np.exp(s / temperature)
            below += np.exp(s / temperature)
        total -= np.log(above / below) / len(Z)
    return total


def edges_of(G):
    G = csr_array(G).tocoo()
    return torch.as_tensor(np.stack(G.coords), dtype=torch.int64), torch.as_tensor(G.data)


@given(seeds, st.integers(1, 8), st.floats(0.05, 10), st.integers(8, 40))
@settings(max_examples=10, deadline=None)
def test_contrast_against_numpy_in_blocks_of_any_size(seed, n, temperature, entries):
    rng = np.random.default_rng(seed)
    G = influence(csr_array(random_graph(rng, n)), 2, False).toarray()
    Z = rng.normal(size=(n, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_influence, "BLOCK_ENTRIES", entries)
        found = influence_contrast(torch.tensor(Z), *edges_of(G), temperature).item()
    assert found == pytest.approx(slow_contrast(Z, G, temperature), rel=1e-9, abs=1e-12)
    # Rows of G sum to one, so that no more than the whole softmax is right.
    assert found >= -1e-12
    # A node's number does not matter.
    order = rng.permutation(n)
    G, Z = G[order][:, order], Z[order]
    again = influence_contrast(torch.tensor(Z), *edges_of(G), temperature).item()
    assert again == pytest.approx(found, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("order, cumulative, total", [(1, True, 1), (3, True, 3), (3, False, 1)])
def test_contrast_without_similarities(order, cumulative, total):
    rng = np.random.default_rng(0)
    G = influence(csr_array(random_graph(rng, 20)), order, cumulative)
    found = influence_contrast(torch.tensor(rng.normal(size=(20, 4))), *edges_of(G), 1e12)
    assert found.item() == pytest.approx(np.log(20) - np.log(total), abs=1e-6)


def test_gradients_of_the_contrast(monkeypatch):
    monkeypatch.setattr(_influence, "BLOCK_ENTRIES", 14)
    rng = np.random.default_rng(0)
    edges, weight = edges_of(influence(csr_array(random_graph(rng, 7)), 2, True))
    z = torch.tensor(rng.normal(size=(7, 3)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: influence_contrast(z, edges, weight, 0.5), z)


def test_rows_of_zeros_have_a_contrast():
    z = torch.zeros(4, 2, requires_grad=True)
    influence_contrast(z, *edges_of(np.eye(4)), 0.5).backward()
    assert torch.isfinite(z.grad).all()


def test_edges_within_a_batch():
    G = random_graph(np.random.default_rng(0), 12, p=0.6)
    index = torch.tensor([7, 2, 11, 5])
    edges, weight = within(index, *edges_of(G), 12)
    dense = np.zeros((4, 4))
    dense[edges[0], edges[1]] = weight
    np.testing.assert_array_equal(dense, G[index][:, index])


# -- clusters ------------------------------------------------------------------------------------


def test_edges_are_learned_where_features_are_noise(planted):
    X, A, y = planted
    model = SCGC(3, **TRAINED).fit(X, adjacency=A)
    assert adjusted_rand_score(y, model.labels_) > 0.9
    history = model.history_["contrast"]["contrast"]
    assert history[-1] < history[0]
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.predict(X[:1]) == model.labels_[:1]
    # The same network with edges to nearest neighbors, which noise has too.
    assert adjusted_rand_score(y, SCGC(3, **TRAINED).fit_predict(X)) < 0.3


def test_features_are_kept_where_edges_are_noise():
    X, y = make_blobs(150, n_features=10, centers=3, random_state=0)
    noise = random_graph(np.random.default_rng(0), 150, p=0.05)
    params = SHORT | {"contrast_weight": 0.01, "reconstruction_weight": 1.0, "max_epochs": 5}
    labels = SCGC(3, **params, contrast_epochs=20).fit(X, adjacency=noise).labels_
    assert adjusted_rand_score(y, labels) > 0.9


def test_batches_of_a_graph_that_is_not_seen_whole(planted):
    X, A, y = planted
    model = SCGC(3, graph_batch_size=64, **TRAINED).fit(X, adjacency=A)
    assert adjusted_rand_score(y, model.labels_) > 0.7


def brief(**params):
    short = SHORT | {"contrast_epochs": 2, "max_epochs": 2, "tol": 0}
    return SCGC(**{"n_clusters": 3} | short | params)


def test_a_graph_in_the_place_of_rows(planted):
    X, A, _ = planted
    expected = brief().fit(X, adjacency=A)
    model = brief().fit(Graph(X, A))
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_array_equal(model.predict(Graph(X, A)[:20]), expected.predict(X[:20]))
    with pytest.raises(ValueError, match="is a Graph"):
        brief().fit(Graph(X, A), adjacency=A)


def test_the_starred_form_trains_no_decoder(planted):
    X, A, _ = planted

    def decoder(**params):
        model = brief(**params).fit(X, adjacency=A)
        return model.module_.decoder[0].weight.detach().numpy(), model

    pretrained = decoder(contrast_epochs=0, max_epochs=0)[0]
    starred, model = decoder()
    np.testing.assert_array_equal(starred, pretrained)
    assert set(model.history_["refine"]) == {"kl", "contrast"}
    plain, model = decoder(reconstruction_weight=1.0)
    assert np.abs(plain - pretrained).max() > 1e-4
    assert set(model.history_["refine"]) == {"kl", "contrast", "reconstruction"}
    assert model.score(X) == pytest.approx(-model.loss_, rel=1e-5)


def test_steps_count(planted):
    X, A, _ = planted

    def embedding(**params):
        return brief(**params).fit(X, adjacency=A).transform(X)

    one = embedding()
    np.testing.assert_array_equal(one, embedding(influence="last"))
    two = embedding(order=2)
    assert np.abs(one - two).max() > 1e-5
    assert np.abs(two - embedding(order=2, influence="last")).max() > 1e-5


def test_training_ends_when_labels_stay(planted):
    X, A, _ = planted
    assert SCGC(3, **TRAINED | {"max_epochs": 200}).fit(X, adjacency=A).n_epochs_ < 100


@pytest.mark.parametrize("init", ["spectral", "linkage", "neighbors"])
def test_other_starts(planted, init):
    X, A, _ = planted
    model = brief(init=init, init_epochs=2).fit(X, adjacency=A)
    assert set(model.history_["initialize"]) == {"kl", "contrast"}


def test_nodes_without_edges(planted):
    X, A, _ = planted
    A = A.tolil()
    A[:30] = A[:, :30] = 0
    assert np.isfinite(brief().fit(X, adjacency=csr_array(A)).transform(X)).all()
    assert brief().fit(X, adjacency=csr_array((180, 180))).labels_.shape == (180,)


def test_bad_input(planted):
    X, A, _ = planted
    with pytest.raises(ValueError, match=r"adjacency has shape \(10, 10\)"):
        brief().fit(X, adjacency=A[:10, :10])
    with pytest.raises(ValueError, match="negative weights"):
        brief().fit(X, adjacency=-A)
    with pytest.raises(ValueError, match="adjacency contains NaN"):
        brief().fit(X, adjacency=A * np.nan)
    with pytest.warns(UserWarning, match="not symmetric"):
        brief().fit(X, adjacency=csr_array(np.triu(A.toarray())))
    with pytest.raises(ValueError, match="n_clusters=181"):
        brief(n_clusters=181).fit(X, adjacency=A)
    with pytest.raises(ValueError, match="n_samples=1"):
        brief(n_clusters=1).fit(X[:1])
