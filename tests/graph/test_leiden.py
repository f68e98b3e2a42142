"""Leiden: the objective, what the paper proves, and what is found."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.datasets import load_digits, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import Graph, Leiden
from skdeepcluster._kernels._communities import refine
from skdeepcluster.algorithms.communities import communities, merged, null_model, quality

OBJECTIVES = ["modularity", "cpm", "erdos_renyi"]
KARATE = nx.karate_club_graph()


def fit(graph, random_state=0, **params):
    return Leiden(affinity="precomputed", random_state=random_state, **params).fit(graph)


def random_graph(n, density, seed, weighted=True):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) < density, 1)
    upper = upper * (rng.integers(1, 10, (n, n)) if weighted else 1)
    return (upper + upper.T).astype(float)


def objective(A, labels, kind, resolution, directed=False):
    """By the definition, over all pairs."""
    total, n = A.sum(), len(A)
    expected = np.ones((n, n))
    if kind == "modularity":
        expected = np.outer(A.sum(axis=1), A.sum(axis=0)) / total
    elif kind == "erdos_renyi":
        expected *= total / (n * (n - 1))
    same = labels[:, None] == labels
    return float(((A - resolution * expected) * same).sum() / total)


def planted(sizes, inside, outside, seed):
    graph = nx.random_partition_graph(sizes, inside, outside, seed=seed)
    return csr_array(nx.to_scipy_sparse_array(graph, dtype=float)), np.repeat(
        np.arange(len(sizes)), sizes
    )


graphs = st.builds(
    random_graph, st.integers(2, 25), st.floats(0.1, 0.9), st.integers(0, 10**6), st.booleans()
).filter(lambda A: A.any())


# -- the objective ---------------------------------------------------------------------------------


@given(graphs, st.sampled_from(OBJECTIVES), st.floats(0.1, 3), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_quality_is_the_objective_by_its_definition(A, kind, resolution, seed):
    model = fit(A, seed, objective=kind, resolution=resolution)
    assert model.quality_ == pytest.approx(objective(A, model.labels_, kind, resolution))


@given(graphs, st.sampled_from(OBJECTIVES), st.sampled_from(["leiden", "louvain"]))
@settings(max_examples=60, deadline=None)
def test_no_move_of_one_node_is_better_and_communities_are_connected(A, kind, method):
    labels = fit(A, objective=kind, algorithm=method).labels_
    best = objective(A, labels, kind, 1.0)
    for node in range(len(A)):
        for label in range(labels.max() + 2):
            moved = labels.copy()
            moved[node] = label
            assert objective(A, moved, kind, 1.0) <= best + 1e-9
    for label in range(labels.max() + 1):
        inside = A[np.ix_(labels == label, labels == label)]
        assert connected_components(inside, directed=False)[0] == 1


@given(graphs, st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_an_iteration_never_lowers_the_objective(A, seed):
    found = [fit(A, seed, max_iter=i).quality_ for i in (1, 2, 5, 20)]
    # Later ones go on from the same result.
    assert all(np.diff(found) >= -1e-9)


def test_the_best_of_all_partitions_of_small_graphs():
    def partitions(n):
        """Each by labels in the order of first nodes."""
        rows = [[0]]
        for _ in range(n - 1):
            rows = [row + [label] for row in rows for label in range(max(row) + 2)]
        return np.array(rows)

    every = partitions(7)
    same = (every[:, :, None] == every[:, None]).reshape(len(every), -1).astype(float)
    n_best = 0
    for seed in range(60):
        A = random_graph(7, 0.45, seed, weighted=False)
        A[0, 1] = A[1, 0] = 1
        gain = A - np.outer(A.sum(axis=0), A.sum(axis=0)) / A.sum()
        best = (same @ gain.ravel()).max() / A.sum()
        n_best += fit(A, n_init=20).quality_ > best - 1e-9
    assert n_best >= 57


def test_the_karate_club_has_four_communities():
    for seed in range(5):
        model = fit(nx.to_scipy_sparse_array(KARATE, weight=None, dtype=float), seed)
        assert model.n_clusters_ == 4
        assert model.quality_ == pytest.approx(0.41979, abs=1e-5)


def test_a_constant_null_model_has_no_resolution_limit():
    ring = csr_array(nx.to_scipy_sparse_array(nx.ring_of_cliques(30, 5), dtype=float))
    assert fit(ring, objective="cpm", resolution=0.5).n_clusters_ == 30
    assert fit(ring).n_clusters_ < 20


def test_modularity_of_directed_edges():
    rng = np.random.default_rng(0)
    A = (rng.random((60, 60)) < 0.05).astype(float)
    A[:30, :30] += rng.random((30, 30)) < 0.3
    A[30:, 30:] += rng.random((30, 30)) < 0.3
    A = np.minimum(A, 1)
    model = fit(A, directed=True)
    assert model.quality_ == pytest.approx(objective(A, model.labels_, "modularity", 1.0))
    reversed_ = fit(A.T.copy(), directed=True)
    assert reversed_.quality_ == pytest.approx(model.quality_, abs=0.01)
    reference = nx.community.modularity(
        nx.from_numpy_array(A, create_using=nx.DiGraph),
        [set(np.flatnonzero(model.labels_ == k)) for k in range(model.n_clusters_)],
    )
    assert model.quality_ == pytest.approx(reference)
    # A flow through three layers: with directions the middle is not one with either side.
    assert adjusted_rand_score(np.repeat([0, 1], 30), model.labels_) > 0.9


# -- the parts of the method -----------------------------------------------------------------------


@given(graphs, st.integers(0, 99), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_refined_groups_are_connected_and_within_communities(A, seed, temperature):
    graph = csr_array(A)
    model = null_model("modularity", graph)
    labels = np.random.default_rng(seed).integers(0, 2, len(A)).astype(np.int32)
    arrays = graph.indptr.astype(np.int64), graph.indices.astype(np.int32), graph.data
    groups = refine(*arrays, model.masses, labels, model.factor, 1e-12, temperature, seed, 1)
    for group in np.unique(groups):
        inside = groups == group
        assert len(np.unique(labels[inside])) == 1
        assert connected_components(A[np.ix_(inside, inside)], directed=False)[0] == 1


def test_refinement_is_what_louvain_lacks():
    """On sparse graphs with weak communities, from which Louvain's method does not get further."""
    leiden, louvain = [], []
    for seed in range(3):
        graph, _ = planted([100] * 20, 0.06, 0.004, seed)
        leiden.append(fit(graph, seed, max_iter=10).quality_)
        louvain.append(fit(graph, seed, algorithm="louvain", max_iter=10).quality_)
    assert np.mean(leiden) > np.mean(louvain) + 0.005


@given(graphs, st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_merges_cost_least(A, k, seed):
    graph = csr_array(A)
    model = null_model("modularity", graph)
    labels, _ = communities(graph, model, resolution=3.0, seed=seed)
    found = merged(graph, labels, model, 1.0, max(labels.max(), 1))
    if labels.max() < 1 or found.max() == labels.max():
        return
    best = max(
        quality(graph, np.where(labels == j, i, labels).astype(np.int32), model, 1.0)
        for i, j in itertools.permutations(range(labels.max() + 1), 2)
        if A[np.ix_(labels == i, labels == j)].any()
    )
    assert quality(graph, found, model, 1.0) == pytest.approx(best)


# -- invariances -----------------------------------------------------------------------------------


@given(graphs, st.integers(-30, 30), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_units_of_weights_do_not_matter(A, exponent, seed):
    np.testing.assert_array_equal(fit(A, seed).labels_, fit(np.ldexp(A, exponent), seed).labels_)


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_threads_do_not_matter(n_jobs):
    graph, _ = planted([300] * 20, 0.05, 0.002, 0)
    for method in ("leiden", "louvain"):
        one = fit(graph, algorithm=method, n_jobs=1)
        np.testing.assert_array_equal(
            one.labels_, fit(graph, algorithm=method, n_jobs=n_jobs).labels_
        )


def test_numbers_of_nodes_do_not_matter():
    graph, y = planted([60] * 6, 0.3, 0.01, 0)
    order = np.random.default_rng(0).permutation(len(y))
    labels = fit(graph[order][:, order]).labels_
    assert adjusted_rand_score(fit(graph).labels_[order], labels) == 1
    assert adjusted_rand_score(y[order], labels) == 1


def test_forms_of_a_graph_are_equal():
    A = nx.to_numpy_array(KARATE)
    X = np.zeros((34, 2))
    expected = fit(A).labels_
    for graph in (csr_array(A), KARATE, A.astype(np.float32), A.astype(int)):
        np.testing.assert_array_equal(fit(graph).labels_, expected)
        np.testing.assert_array_equal(
            Leiden(random_state=0).fit(X, adjacency=graph).labels_, expected
        )
    np.testing.assert_array_equal(Leiden(random_state=0).fit(Graph(X, A)).labels_, expected)


# -- parameters ------------------------------------------------------------------------------------


@given(graphs, st.integers(1, 25), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore:Leiden found:sklearn.exceptions.ConvergenceWarning")
def test_a_wanted_number_of_communities(A, k, seed):
    n_components = connected_components(A, directed=False)[0]
    if k > len(A):
        with pytest.raises(ValueError, match="n_clusters"):
            fit(A, seed, n_clusters=k)
        return
    assert fit(A, seed, n_clusters=k).n_clusters_ == max(k, n_components)


@pytest.mark.parametrize("k", [5, 6, 7])
def test_more_communities_than_at_resolution_1_are_found_at_a_higher_one(k):
    graph = nx.to_numpy_array(KARATE)
    assert fit(graph).n_clusters_ < k
    model = fit(graph, n_clusters=k)
    assert 1 < model.resolution_ < 4
    assert_array_equal(model.labels_, fit(graph, resolution=model.resolution_).labels_)


def test_fewer_communities_than_components_warn():
    with pytest.warns(ConvergenceWarning, match="3 components"):
        model = fit(np.kron(np.eye(3), 1 - np.eye(4)), n_clusters=2)
    assert model.n_clusters_ == 3


@given(graphs, st.integers(0, 99), st.data())
@settings(max_examples=40, deadline=None)
def test_rows_of_one_label_stay_together_and_others_apart(A, seed, data):
    n = len(A)
    y = np.array(data.draw(st.lists(st.sampled_from([-1, -1, 0, 7]), min_size=n, max_size=n)))
    y[0] = -1
    labels = Leiden(affinity="precomputed", random_state=seed).fit(A, y).labels_
    for label in (0, 7):
        assert len(np.unique(labels[y == label])) <= 1
    assert not set(labels[y == 0]) & set(labels[y == 7])


def test_labels_without_unknown_ones_are_ignored():
    y = np.arange(34)
    np.testing.assert_array_equal(
        Leiden(affinity="precomputed", random_state=0).fit(KARATE, y).labels_, fit(KARATE).labels_
    )
    with pytest.raises(ValueError, match="3 labels for 34 rows"):
        fit(KARATE).fit(KARATE, [0, 1, -1])


def test_the_stable_layer_is_the_planted_one():
    graph, y = planted([50] * 8, 0.3, 0.02, 0)
    model = fit(graph, resolution=[0.01, 0.5, 1.0, 4.0, 8.0, 1000.0])
    assert model.layers_.shape == (6, 400)
    assert adjusted_rand_score(y, model.labels_) == 1 and model.stability_ == 1
    assert model.layers_[0].max() == 0 and model.layers_[-1].max() == 399
    assert model.layer_stabilities_[4] < 0.9
    k = [layer.max() for layer in model.layers_]
    assert k == sorted(k)
    with pytest.raises(ValueError, match="Several resolutions"):
        fit(graph, resolution=[1, 2], n_clusters=3)
    for wrong in ([-1.0, 2.0], [[1.0]], [np.nan]):
        with pytest.raises(ValueError, match="resolution"):
            fit(graph, resolution=wrong)


def test_nodes_without_edges():
    A = np.zeros((7, 7))
    A[:3, :3] = 1 - np.eye(3)
    A[6, 6] = 2.0
    model = fit(A)
    np.testing.assert_array_equal(model.labels_, [0, 0, 0, 1, 2, 3, 4])
    noise = fit(A, isolated="noise")
    np.testing.assert_array_equal(noise.labels_, [0, 0, 0, -1, -1, -1, -1])
    assert noise.n_clusters_ == 1
    empty = fit(np.zeros((4, 4)))
    assert empty.n_clusters_ == 4 and empty.quality_ == 0


# -- rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["union", "mutual", "mean", "shared", "fuzzy"])
def test_rows_of_any_shape(kind):
    X, y = make_moons(400, noise=0.05, random_state=0)
    # Finer than needed; no community has rows of both.
    model = Leiden(neighbor_graph=kind, random_state=0).fit(X)
    assert model.n_clusters_ > 2
    for label in range(model.n_clusters_):
        assert len(set(y[model.labels_ == label])) == 1
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    if kind == "union":
        two = Leiden(2, random_state=0).fit(X)
        assert adjusted_rand_score(y, two.labels_) > 0.9


def test_digits():
    X, y = load_digits(return_X_y=True)
    train, test = X[:1500], X[1500:]
    model = Leiden(random_state=0).fit(train)
    assert adjusted_rand_score(y[:1500], model.labels_) > 0.82
    assert adjusted_rand_score(y[1500:], model.predict(test)) > 0.75


def test_a_given_graph_does_not_predict():
    X = np.zeros((34, 2))
    model = Leiden(random_state=0).fit(X, adjacency=KARATE)
    with pytest.raises(ValueError, match="new rows have no edges"):
        model.predict(X)
    assert not hasattr(fit(KARATE), "predict")
    assert hasattr(Leiden().fit(np.random.default_rng(0).normal(size=(40, 2))), "predict")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Leiden().fit(np.ones((5, 2)), adjacency=np.eye(4)), r"shape \(4, 4\)"),
        (lambda: fit(np.ones((5, 4))), r"shape \(5, 4\)"),
        (lambda: fit(-np.ones((4, 4))), "negative"),
        (lambda: fit(np.full((4, 4), np.nan)), "NaN"),
        (lambda: fit(np.eye(4)).fit(np.eye(4), adjacency=np.eye(4)), "X is the adjacency"),
        (lambda: Leiden().fit(Graph(adjacency=np.eye(4)), adjacency=np.eye(4)), "is a Graph"),
        (lambda: fit(np.eye(4), n_clusters=5), "n_clusters=5"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_graph_that_is_not_symmetric_is_made_so():
    A = np.triu(nx.to_numpy_array(KARATE))
    with pytest.warns(UserWarning, match="X is not symmetric"):
        model = fit(A)
    np.testing.assert_array_equal(model.labels_, fit(A + A.T).labels_)
