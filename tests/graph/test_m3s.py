"""M3S: its network and its check against slow references, its stages, and what few labels reach."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import M3S, Graph
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.smoothing import normalized_adjacency
from skdeepcluster.constraints import IgnoredLabelsWarning
from skdeepcluster.graph._few_labels import GraphNetwork, confirm_by_clusters, first_labels
from skdeepcluster.training import graph_tensor
from tests.common import torch_generator
from tests.graph._samples import quiet

pytestmark = quiet

BRIEF = {"n_stages": 2, "max_epochs": 30, "n_per_class": 6, "random_state": 0}


@pytest.fixture(scope="module")
def planted():
    """A graph in which a few labels reach all nodes, beside features that have little of them."""
    graph = nx.random_partition_graph([70] * 3, 0.1, 0.008, seed=1)
    y = np.repeat([0, 1, 2], 70)
    X = np.random.default_rng(0).normal(size=(210, 40)) + 0.7 * np.eye(3, 40)[y]
    partial = np.full(210, -1)
    partial[[3, 73, 143]] = [0, 1, 2]
    return X, csr_array(nx.to_scipy_sparse_array(graph, dtype=float)), y, partial


def fit(data, partial=None, **params):
    X, A, _, given = data
    return M3S(3, **BRIEF | params).fit(X, given if partial is None else partial, adjacency=A)


# -- network -------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(2, 10), st.lists(st.integers(1, 5), max_size=2))
@settings(max_examples=15, deadline=None)
def test_the_network_against_numpy(seed, n, widths):
    rng = np.random.default_rng(seed)
    A = np.triu(rng.random((n, n)) < 0.4, 1)
    A = (A + A.T).astype(float)
    looped = A + np.eye(n)
    root = np.sqrt(looped.sum(axis=1))
    S = looped / np.outer(root, root)
    X = rng.normal(size=(n, 3)).astype(np.float32)
    network = GraphNetwork([3, *widths, 2], torch_generator(seed))
    H = X
    for number, layer in enumerate(network.layers):
        W, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        H = S @ H @ W.T + b
        H = np.maximum(H, 0) if number < len(widths) else H
    graph = graph_tensor(normalized_adjacency(csr_array(A)), n)
    found = network(torch.tensor(X), graph).detach().numpy()
    np.testing.assert_allclose(found, H, atol=1e-5)


def test_factors_of_features_and_hidden_values():
    network = GraphNetwork([4, 5, 2], torch_generator())
    x, graph = torch.randn(6, 4, generator=torch_generator()), graph_tensor(np.eye(6), 6)
    ones = [torch.ones(1, 4), torch.ones(6, 5)]
    torch.testing.assert_close(network(x, graph, ones), network(x, graph))
    without = [torch.tensor([[0.0, 1, 1, 1]]), torch.ones(6, 5)]
    changed = x.clone()
    changed[:, 0] = 9
    torch.testing.assert_close(network(x, graph, without), network(changed, graph, without))
    nothing = [torch.ones(1, 4), torch.zeros(6, 5)]
    bias = network.layers[1].bias.expand(6, 2)
    torch.testing.assert_close(network(x, graph, nothing), bias)


# -- the check -----------------------------------------------------------------------------------


def test_candidates_in_a_group_of_another_class_are_not_confirmed():
    rng = np.random.default_rng(0)
    E = np.repeat(np.eye(3), 20, axis=0) + rng.normal(scale=0.02, size=(60, 3))
    labels = np.full(60, -1)
    labels[[0, 20, 40]] = [0, 1, 2]
    predicted = np.repeat([0, 1, 2], 20)
    predicted[25] = 0
    candidates = np.array([5, 25, 26, 50])
    found = confirm_by_clusters(E, labels, candidates, predicted, 6, 0)
    np.testing.assert_array_equal(found, [True, False, True, True])


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 8))
@settings(max_examples=15, deadline=None)
def test_confirmed_is_nearest_to_the_mean_of_the_class(seed, k, n_groups):
    rng = np.random.default_rng(seed)
    E = rng.normal(size=(40, 3))
    labels = np.where(rng.random(40) < 0.4, rng.integers(k, size=40), -1)
    labels[:k] = np.arange(k)
    predicted, candidates = rng.integers(k, size=40), np.flatnonzero(labels < 0)
    groups = kmeans(E, n_groups, n_init=1, seed=3)[1]
    means = np.stack([E[labels == c].mean(axis=0) for c in range(k)])
    expected = []
    for i in candidates:
        center = E[(groups == groups[i]) & (labels < 0)].mean(axis=0)
        expected.append(np.square(means - center).sum(axis=1).argmin() == predicted[i])
    found = confirm_by_clusters(E, labels, candidates, predicted, n_groups, 3)
    np.testing.assert_array_equal(found, expected)


def test_the_check_rejects_and_changes_nothing_else(planted):
    checked = fit(planted, n_stages=1, n_per_class=40)
    plain = fit(planted, n_stages=1, n_per_class=40, confirm=False)
    accepted, all_candidates = (set(np.flatnonzero(m.labeled_iter_ == 1)) for m in (checked, plain))
    assert accepted < all_candidates
    assert checked.history_["stage 0"] == plain.history_["stage 0"]
    # One group for all nodes is of one class.
    single = fit(planted, n_stages=1, n_groups=1)
    assert np.sum(single.labeled_iter_ == 1) <= 6


# -- stages --------------------------------------------------------------------------------------


def test_nodes_are_labeled_once_and_labels_stay(planted):
    _, _, _, partial = planted
    before = None
    for n_stages in (0, 1, 2):
        model = fit(planted, n_stages=n_stages)
        stage = model.labeled_iter_
        assert list(model.history_) == [f"stage {i}" for i in range(n_stages + 1)]
        np.testing.assert_array_equal(stage == 0, partial >= 0)
        np.testing.assert_array_equal(model.labels_[partial >= 0], partial[partial >= 0])
        assert stage.max() == n_stages
        for number in range(1, n_stages + 1):
            assert 0 < np.sum(stage == number) <= 18
        if before is not None:
            np.testing.assert_array_equal(stage[before >= 0], before[before >= 0])
        before = stage
    np.testing.assert_allclose(model.label_distributions_.sum(axis=1), 1, rtol=1e-5)


def test_default_number_of_candidates(planted):
    n_labeled = np.sum(fit(planted, n_per_class=None, confirm=False).labeled_iter_ > 0)
    # Half of the nodes at most, and one of each class at least.
    assert 3 <= n_labeled <= 105


def test_stages_add_to_few_labels(planted):
    _, _, y, partial = planted

    def accuracy(**params):
        found = [fit(planted, random_state=s, max_epochs=60, **params) for s in range(2)]
        return np.mean([np.mean(m.labels_[partial < 0] == y[partial < 0]) for m in found])

    assert accuracy(n_stages=3, n_per_class=15) > max(0.85, accuracy(n_stages=0) + 0.05)


def test_names_of_classes(planted):
    _, _, _, partial = planted
    named = np.where(partial >= 0, 10 + 5 * partial, -1)
    model = fit(planted, named)
    np.testing.assert_array_equal(model.classes_, [10, 15, 20])
    np.testing.assert_array_equal(model.labels_, fit(planted).labels_)


def test_a_class_without_labels(planted):
    X, A, y, partial = planted
    some = np.where(partial == 2, -1, partial)
    model = fit(planted, some, max_epochs=60)
    assert np.sum(model.labeled_iter_ == 0) == 3
    assert adjusted_rand_score(y, model.labels_) > 0.5
    np.testing.assert_array_equal(model.classes_, [0, 1])


def test_first_labels_of_clusters_without_labels():
    X = np.repeat(np.eye(3), 20, axis=0) + np.random.default_rng(0).normal(scale=0.05, size=(60, 3))
    S = normalized_adjacency(csr_array((60, 60)))
    fixed = np.full(60, -1)
    found = first_labels(X, S, fixed, 3, 0)
    assert [np.sum(found == m) for m in range(3)] == [5, 5, 5]
    assert all(len(set(np.flatnonzero(found == m) // 20)) == 1 for m in range(3))
    fixed[[20, 21]] = 0
    found = first_labels(X, S, fixed, 3, 0)
    np.testing.assert_array_equal(np.flatnonzero(found == 0), [20, 21])
    others = {tuple(set(np.flatnonzero(found == m) // 20)) for m in (1, 2)}
    assert others == {(0,), (2,)}


def test_without_labels_it_clusters(planted):
    X, A, y, _ = planted
    model = M3S(3, **BRIEF).fit(X, adjacency=A)
    assert adjusted_rand_score(y, model.labels_) > 0.5
    assert len(model.classes_) == 0
    with pytest.warns(IgnoredLabelsWarning):
        ignored = M3S(3, **BRIEF).fit(X, y, adjacency=A)
    np.testing.assert_array_equal(model.labels_, ignored.labels_)


def test_a_graph_in_the_place_of_rows(planted):
    X, A, _, partial = planted
    model = M3S(3, **BRIEF).fit(Graph(X, A), partial)
    np.testing.assert_array_equal(model.labels_, fit(planted).labels_)


def test_more_layers_and_none(planted):
    for sizes in ((), (8, 4)):
        model = fit(planted, hidden_layer_sizes=sizes, max_epochs=3)
        assert len(model.module_.layers) == len(sizes) + 1


def test_the_penalty_is_on_the_first_layer(planted):
    def weight(layer, **params):
        model = fit(planted, n_stages=0, dropout=0.0, **params)
        return model.module_.layers[layer].weight.abs().mean().item()

    assert weight(0, weight_decay=1.0) < 0.5 * weight(0, weight_decay=0.0)


def test_bad_input(planted):
    X, A, _, partial = planted
    with pytest.raises(ValueError, match="3 known classes, more than n_clusters=2"):
        M3S(2).fit(X, partial, adjacency=A)
    with pytest.raises(ValueError, match=r"adjacency has shape \(10, 10\)"):
        M3S(3).fit(X, partial, adjacency=A[:10, :10])
    with pytest.raises(ValueError, match="n_samples=1"):
        M3S(1).fit(X[:1])
    assert not hasattr(fit(planted, max_epochs=1), "score")
    empty = M3S(3, **BRIEF | {"max_epochs": 2}).fit(X, partial, adjacency=csr_array((210, 210)))
    assert np.isfinite(empty.label_distributions_).all()
