"""DeepWalk: its walks, its matrix, and what it finds."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DeepWalk
from skdeepcluster.algorithms.walks import netmf_matrix, skip_gram, walks_from_all

QUICK = {"affinity": "precomputed", "n_components": 16}


def planted(sizes=(60, 60, 60), inner=0.25, outer=0.02, seed=0):
    graph = nx.random_partition_graph(sizes, inner, outer, seed=seed)
    return csr_array(nx.to_scipy_sparse_array(graph, dtype=float)), np.repeat(
        np.arange(len(sizes)), sizes
    )


def random_graph(n, rng, weighted):
    A = np.triu(rng.random((n, n)) < 0.3, 1) * (rng.random((n, n)) + 0.1 if weighted else 1.0)
    return csr_array(A + A.T)


@given(
    st.integers(1, 25), st.booleans(), st.sampled_from([0.1, 1.0, 7.0]),
    st.sampled_from([0.2, 1.0, 3.0]), st.integers(0, 10**6),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_walks_go_along_edges_from_every_node(n, weighted, p, q, seed):
    graph = random_graph(n, np.random.default_rng(seed), weighted)
    found = [
        walks_from_all(graph, 8, p, q, np.random.default_rng(seed), n_threads)
        for n_threads in (1, 3)
    ]
    np.testing.assert_array_equal(*found)
    walks = found[0]
    np.testing.assert_array_equal(np.sort(walks[:, 0]), np.arange(n))
    A = graph.toarray()
    for walk in walks:
        if A[walk[0]].any():
            assert (A[walk[:-1], walk[1:]] > 0).all()
        else:
            np.testing.assert_array_equal(walk[1:], -1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("p", "q"), [(1, 1), (0.25, 4), (4, 0.25), (1e-4, 1e4), (1e5, 1)])
def test_steps_have_the_probabilities_of_node2vec(weighted, p, q):
    graph = random_graph(8, np.random.default_rng(1), weighted)
    A = graph.toarray()
    rng = np.random.default_rng(0)
    walks = np.concatenate([walks_from_all(graph, 200, p, q, rng, 1) for _ in range(60)])
    counts = np.zeros((8, 8, 8))
    for t in range(2, 200):
        np.add.at(counts, (walks[:, t - 2], walks[:, t - 1], walks[:, t]), 1)
    for before, v in zip(*np.nonzero(A), strict=True):
        factor = np.where(A[before] > 0, 1.0, 1 / q)
        factor[before] = 1 / p
        expected = A[v] * factor / (A[v] * factor).sum()
        total = counts[before, v].sum()
        # Steps of a walk that depend on the one before are no independent draws, but nearly.
        error = np.sqrt(expected * (1 - expected) / max(total, 1))
        assert (np.abs(counts[before, v] - total * expected) <= 5 * total * error + 5).all()


def test_the_matrix_is_that_of_its_formula():
    graph = random_graph(30, np.random.default_rng(0), True)
    A, T, b = graph.toarray(), 4, 2
    degrees = A.sum(axis=1)
    P = A / degrees[:, None]
    powers = sum(np.linalg.matrix_power(P, r) for r in range(1, T + 1))
    expected = np.log(np.maximum(1, degrees.sum() / (b * T) * powers / degrees))
    found = netmf_matrix(graph, T, b).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(found, found.T, atol=1e-10)


def test_the_matrix_counts_pairs_on_walks():
    graph = csr_array(nx.to_scipy_sparse_array(nx.lollipop_graph(4, 2), dtype=float))
    T, length, rng = 3, 2000, np.random.default_rng(0)
    walks = np.concatenate([walks_from_all(graph, length, 1, 1, rng, 1) for _ in range(60)])
    pairs = np.zeros((6, 6))
    for r in range(1, T + 1):
        np.add.at(pairs, (walks[:, :-r], walks[:, r:]), 1 / (length - r))
    share = (pairs + pairs.T) / (pairs + pairs.T).sum()
    marginal = share.sum(axis=1)
    expected = np.log(np.maximum(1, share / np.outer(marginal, marginal)))
    np.testing.assert_allclose(netmf_matrix(graph, T, 1).toarray(), expected, atol=0.02)


@pytest.mark.parametrize("method", ["skip-gram", "netmf"])
def test_planted_groups_are_found(method):
    graph, y = planted()
    model = DeepWalk(3, method=method, random_state=0, **QUICK).fit(graph)
    assert adjusted_rand_score(y, model.labels_) > 0.95
    np.testing.assert_allclose(np.linalg.norm(model.embedding_, axis=1), 1)


def test_the_window_matters():
    # Each group is a path: only pairs far along a walk tell where it ends.
    graph, y = nx.disjoint_union_all([nx.path_graph(40)] * 3), np.repeat([0, 1, 2], 40)
    found = [
        DeepWalk(3, method="netmf", window=window, random_state=0, **QUICK).fit(graph).labels_
        for window in (1, 10)
    ]
    near, far = (adjusted_rand_score(y, labels) for labels in found)
    assert far > near


def test_training_is_what_separates():
    graph, y = planted()
    params = {
        "length": 40, "p": 1, "q": 1, "window": 5, "n_negatives": 5, "learning_rate": 0.025,
        "n_threads": 1,
    }  # fmt: skip
    trained = skip_gram(graph, 16, n_walks=10, rng=np.random.default_rng(0), **params)

    def contrast(Z):
        Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
        same = y[:, None] == y
        return (Z @ Z.T)[same].mean() - (Z @ Z.T)[~same].mean()

    params["learning_rate"] = 1e-12
    still = skip_gram(graph, 16, n_walks=10, rng=np.random.default_rng(0), **params)
    assert contrast(trained) > 0.3 > contrast(still)


@pytest.mark.parametrize("method", ["skip-gram", "netmf"])
def test_threads_do_not_matter(method):
    graph, _ = planted()
    models = [
        DeepWalk(3, method=method, q=0.5, n_jobs=n_jobs, random_state=0, **QUICK).fit(graph)
        for n_jobs in (1, 3)
    ]
    np.testing.assert_array_equal(models[0].embedding_, models[1].embedding_)
    np.testing.assert_array_equal(models[0].labels_, models[1].labels_)


@given(st.integers(-30, 30), st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_units_and_numbers_of_nodes_do_not_matter_to_the_matrix(exponent, seed):
    graph, y = planted()
    order = np.random.default_rng(seed).permutation(len(y))
    moved = csr_array(graph[order][:, order]) * 2.0**exponent
    M, of_moved = (netmf_matrix(g, 5, 1).toarray() for g in (graph, moved))
    np.testing.assert_allclose(of_moved, M[np.ix_(order, order)], atol=1e-8)


def test_nodes_without_edges():
    graph, y = planted()
    alone = np.zeros((184, 184))
    alone[:180, :180] = graph.toarray()
    for method in ("skip-gram", "netmf"):
        model = DeepWalk(3, method=method, random_state=0, **QUICK).fit(alone)
        assert (model.embedding_[180:] == 0).all()
        assert adjusted_rand_score(y, model.labels_[:180]) > 0.95


def test_bad_input():
    graph, _ = planted()
    with pytest.raises(ValueError, match="n_clusters=181"):
        DeepWalk(181, **QUICK).fit(graph)
    with pytest.raises(ValueError, match="must not have negative weights"):
        DeepWalk(3, **QUICK).fit(-graph)
    with pytest.raises(ValueError, match="learning_rate=1e"):
        DeepWalk(3, learning_rate=1e30, random_state=0, **QUICK).fit(graph)
