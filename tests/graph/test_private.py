"""PrivateGraphClustering: the privacy of its flips, what it stores, and what it finds."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, issparse
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import PrivateGraphClustering
from skdeepcluster.algorithms import edge_flips
from skdeepcluster.algorithms.edge_flips import flip_probability, flipped, leading_vectors


def blocks(n=200, k=2, seed=0, inner=0.5, outer=0.05):
    graph = nx.random_partition_graph([n // k] * k, inner, outer, seed=seed)
    return csr_array(nx.to_scipy_sparse_array(graph, dtype=float)), np.repeat(np.arange(k), n // k)


def fit(graph, n_clusters=2, random_state=0, **params):
    return PrivateGraphClustering(
        n_clusters, affinity="precomputed", random_state=random_state, **params
    ).fit(graph)


def random_graph(n, rng):
    A = np.triu(rng.random((n, n)) < 0.4, 1).astype(float)
    return csr_array(A + A.T)


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 3.0])
def test_no_release_tells_an_edge_by_more_than_epsilon(epsilon):
    """How often a pair is released as an edge, and as none, if it is one and if it is none.

    Pairs are flipped independently, so these ratios are those of any released graphs.
    """
    graph = random_graph(600, np.random.default_rng(0))
    released = flipped(graph, flip_probability(epsilon), np.random.default_rng(1)).toarray()
    upper = np.triu_indices(600, 1)
    is_edge, is_released = graph.toarray()[upper] != 0, released[upper] != 0
    for result in (True, False):
        shares = [np.mean(is_released[is_edge == given] == result) for given in (True, False)]
        ratio = np.log(shares[0] / shares[1])
        assert abs(ratio) == pytest.approx(epsilon, abs=0.06)
    # Flips of the pairs of a node have nothing to do with each other.
    flips = np.zeros((600, 600))
    flips[upper] = is_edge != is_released
    flips += flips.T
    f = flip_probability(epsilon)
    assert flips.sum(axis=0).var() == pytest.approx(599 * f * (1 - f), rel=0.3)


@given(st.integers(2, 12), st.floats(0.1, 6), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_flips_are_those_of_a_simple_graph(n, epsilon, seed):
    rng = np.random.default_rng(seed)
    released = flipped(random_graph(n, rng), flip_probability(epsilon), rng).toarray()
    np.testing.assert_array_equal(released, released.T)
    assert set(np.unique(released)) <= {0, 1}
    assert (np.diag(released) == 0).all()
    assert flip_probability(epsilon) == pytest.approx(1 / (1 + np.exp(epsilon)))


def test_the_estimate_is_unbiased():
    rng = np.random.default_rng(0)
    graph, f, n_draws = random_graph(6, rng), flip_probability(1.0), 500
    mean = sum(flipped(graph, f, rng).toarray() for _ in range(n_draws)) / n_draws
    estimate = (mean - f * (1 - np.eye(6))) / (1 - 2 * f)
    error = np.sqrt(f * (1 - f) / n_draws) / (1 - 2 * f)
    assert np.abs(estimate - graph.toarray()).max() < 4.5 * error


def test_blocks_do_not_matter(monkeypatch):
    graph, _ = blocks(60)
    once = flipped(graph, 0.2, np.random.default_rng(0)).toarray()
    monkeypatch.setattr(edge_flips, "BLOCK_PAIRS", 200)
    np.testing.assert_array_equal(flipped(graph, 0.2, np.random.default_rng(0)).toarray(), once)


def test_vectors_without_the_dense_matrix(monkeypatch):
    graph, _ = blocks(120, 3)
    found = []
    for few in (500, 10):
        monkeypatch.setattr(edge_flips, "FEW_NODES", few)
        found.append(leading_vectors(graph, 0.2, 3, np.random.default_rng(0)))
    signs = np.sign((found[0] * found[1]).sum(axis=0))
    np.testing.assert_allclose(found[0] * signs, found[1], atol=1e-8)


def stored(model):
    for name, value in sorted(vars(model).items()):
        if issparse(value):
            value = value.toarray()
        yield name, value


def test_all_that_is_stored_follows_from_the_release(monkeypatch):
    """Two graphs of which the same is released give the same model, to the last attribute."""
    graph, _ = blocks(60)
    other, _ = blocks(60, seed=1)
    release = random_graph(60, np.random.default_rng(0))
    monkeypatch.setattr("skdeepcluster.graph.private.flipped", lambda *args: release)
    models = [dict(stored(fit(each))) for each in (graph, other)]
    assert models[0].keys() == models[1].keys()
    for name, value in models[0].items():
        np.testing.assert_array_equal(value, models[1][name], err_msg=name)


def test_nothing_of_the_rows_is_stored_either():
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = PrivateGraphClustering(2, random_state=0).fit(X)
    for name, value in stored(model):
        assert not isinstance(value, np.ndarray) or value.shape != X.shape, name
    assert not hasattr(model, "affinity_matrix_")


def test_more_privacy_costs_accuracy():
    graph, y = blocks()
    found = [
        np.mean([adjusted_rand_score(y, fit(graph, random_state=s, epsilon=e).labels_)
                 for s in range(4)])
        for e in (0.01, 0.5, 2.0, 50.0)
    ]  # fmt: skip
    assert found[0] < 0.1
    assert found == sorted(found)
    assert found[2] > 0.95
    np.testing.assert_array_equal(fit(graph, epsilon=50).released_.toarray(), graph.toarray())


def test_unflipped_graphs_are_not_enough_for_an_estimate():
    """What the flips add is taken away: without that one cluster of all would lead."""
    graph, y = blocks(300, 3)
    f = flip_probability(0.7)
    released = flipped(graph, f, np.random.default_rng(0))
    U = leading_vectors(released, f, 3, np.random.default_rng(0))
    biased = leading_vectors(released, 0.0, 3, np.random.default_rng(0))
    one = np.ones(300) / np.sqrt(300)
    assert abs(biased[:, 0] @ one) > 0.98 > abs(U[:, 0] @ one)


def test_weights_loops_and_directions_do_not_count():
    graph, _ = blocks(60)
    weighted = np.triu(graph.toarray() * 7) + np.eye(60)
    np.testing.assert_array_equal(fit(weighted).labels_, fit(graph).labels_)


def test_labels_and_centers_by_size():
    graph, _ = blocks()
    model = fit(graph, 4)
    sizes = np.bincount(model.labels_, minlength=4)
    assert (np.diff(sizes) <= 0).all()
    squares = np.square(model.embedding_[:, None] - model.cluster_centers_).sum(axis=2)
    np.testing.assert_array_equal(squares.argmin(axis=1), model.labels_)


def test_without_a_seed_global_state_does_not_matter():
    graph, _ = blocks(60)
    found = []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002
        found.append(fit(graph, random_state=None).released_.toarray())
    assert (found[0] != found[1]).any()


def test_bad_input():
    graph, _ = blocks(60)
    with pytest.raises(ValueError, match="epsilon"):
        fit(graph, epsilon=0)
    with pytest.raises(ValueError, match="negative weights"):
        fit(-graph)
    with pytest.raises(ValueError, match="n_clusters=61"):
        fit(graph, 61)
    with pytest.raises(ValueError, match="do not pass another one"):
        PrivateGraphClustering(affinity="precomputed").fit(graph, adjacency=graph)
