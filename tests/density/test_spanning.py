"""The spanning trees against one found by Prim's algorithm on the whole matrix."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS

from skdeepcluster._kernels._kdtree import KDTree
from skdeepcluster.density._graph_reach import GraphReachability
from skdeepcluster.density._metrics import TREE_METRICS as REDUCED
from skdeepcluster.density._metrics import PrecomputedMetric, row_metric, tree_metric
from skdeepcluster.density._reachability import reachability
from skdeepcluster.density._spanning import BlockReachability, TreeReachability
from skdeepcluster.validation import METRICS, SPARSE_METRICS

TREE_METRICS = ["euclidean", "sqeuclidean", "cosine", "manhattan", "chebyshev"]


def prim(distances, min_samples, alpha):
    """Core distances and the sorted weights of a minimum spanning tree."""
    core = np.sort(distances, axis=1)[:, min_samples - 1]
    reach = np.maximum(distances / alpha, np.maximum.outer(core, core))
    n = len(reach)
    outside = np.ones(n, bool)
    best = np.full(n, np.inf)
    new, weights = 0, []
    for _ in range(n - 1):
        outside[new] = False
        best = np.minimum(best, reach[new])
        new = np.where(outside, best, np.inf).argmin()
        weights.append(best[new])
    return core, np.sort(weights)


def is_spanning(source, target, n):
    graph = sp.coo_array((np.ones(len(source)), (source, target)), shape=(n, n))
    return len(source) == n - 1 and sp.csgraph.connected_components(graph, directed=False)[0] == 1


@st.composite
def samples(draw):
    """Rows of many kinds: lattices with ties, duplicates, constant columns, one feature."""
    n = draw(st.integers(2, 150))
    d = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["normal", "lattice", "copies", "constant", "line", "offset"]))
    X = rng.normal(size=(n, d))
    if kind == "lattice":
        X = rng.integers(0, 4, size=(n, d)).astype(float)
    elif kind == "copies":
        X = X[rng.integers(0, max(1, n // 6), size=n)]
    elif kind == "constant":
        X[:, rng.integers(0, d)] = 3.0
    elif kind == "line":
        X = X[:, :1] * np.ones(d)
    elif kind == "offset":
        X = X + 5e4
    min_samples = draw(st.one_of(st.integers(1, min(n, 12)), st.just(n)))
    return X, min_samples


@given(samples(), st.sampled_from(TREE_METRICS), st.sampled_from([0.5, 1.0, 2.0]))
@example((np.zeros((40, 2)), 3), "euclidean", 1.0)
@example((np.ones((2, 1)), 2), "manhattan", 1.0)
def test_tree_is_minimal(data, metric, alpha):
    X, min_samples = data
    if metric == "cosine":
        X = X + 10  # no row of zeros
    reach = TreeReachability(X, tree_metric(metric, None), min_samples, alpha, 1)
    distances = pairwise_distances(X, metric=metric)
    if metric in ("euclidean", "sqeuclidean", "cosine"):
        # Without the cancellation of scikit-learn's products.
        rows = X / np.linalg.norm(X, axis=1, keepdims=True) if metric == "cosine" else X
        squares = ((rows[:, None] - rows) ** 2).sum(axis=2)
        distances = {"euclidean": np.sqrt(squares), "sqeuclidean": squares, "cosine": squares / 2}[
            metric
        ]
    core, weights = prim(distances, min_samples, alpha)
    tolerance = {"rtol": 1e-12, "atol": 1e-15 if metric == "cosine" else 0}
    assert_allclose(reach.core_distances(), core, **tolerance)
    source, target, weight = reach.spanning_tree(1)
    assert is_spanning(source, target, len(X))
    assert_allclose(weight, weights, **tolerance)
    # The weights belong to the edges.
    of_edges = np.maximum(distances[source, target] / alpha, np.maximum(core[source], core[target]))
    assert_allclose(weight, of_edges, **tolerance)


@given(samples(), st.sampled_from([0.5, 1.0, 2.0]), st.booleans())
def test_tree_from_blocks_is_minimal(data, alpha, precomputed):
    X, min_samples = data
    distances = pairwise_distances(X, metric="canberra")
    core, weights = prim(distances, min_samples, alpha)
    metric = PrecomputedMetric(distances) if precomputed else row_metric(X, "canberra", None)
    reach = BlockReachability(distances if precomputed else X, metric, min_samples, alpha, 1)
    assert_allclose(reach.core_distances(), core, rtol=1e-12)
    source, target, weight = reach.spanning_tree(1)
    assert is_spanning(source, target, len(X))
    assert_allclose(weight, weights, rtol=1e-12)


@given(
    samples(),
    st.sampled_from(TREE_METRICS),
    st.sampled_from([0.5, 1.0, 1.7]),
    st.sampled_from("fd"),
    st.integers(1, 40),
)
def test_blocks_compute_what_trees_compute_to_the_last_bit(data, metric, alpha, dtype, step):
    """Else merges that are one for one algorithm would be several for another."""
    X, min_samples = data
    X = X.astype(dtype) + np.array(10 if metric == "cosine" else 0, dtype)
    by_tree = TreeReachability(X, REDUCED[metric], min_samples, alpha, 1)
    by_blocks = BlockReachability(X, REDUCED[metric], min_samples, alpha, 1)
    assert_array_equal(by_blocks.core_distances(), by_tree.core_distances())
    assert_array_equal(by_blocks.spanning_tree(1)[2], by_tree.spanning_tree(1)[2])
    rows = REDUCED[metric].prepare(X)
    whole = REDUCED[metric].between(rows, rows, 1)
    assert_array_equal(whole, whole.T)
    parts = [
        REDUCED[metric].between(rows[i : i + step], rows, 2) for i in range(0, len(rows), step)
    ]
    assert_array_equal(np.vstack(parts), whole)


@pytest.mark.parametrize("metric", sorted(METRICS | {"callable"}))
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_distances_are_the_same_both_ways_and_in_every_block(metric, form):
    if form is sp.csr_array and metric not in SPARSE_METRICS | {"callable"}:
        return
    rng = np.random.default_rng(0)
    X = rng.random((70, 2 if metric == "haversine" else 7))
    X[rng.random(X.shape) < 0.2] = 0.1 if form is np.asarray else 0
    if metric in PAIRWISE_BOOLEAN_FUNCTIONS:
        X = (X > 0.5).astype(float)
        X[:, 0] = 1
    # Rounding makes the last one differ the other way.
    function = lambda a, b: abs(a - b).sum() * (1 + 1e-15 * (a.sum() > b.sum()))  # noqa: E731
    metric = row_metric(form(X), function if metric == "callable" else metric, None)
    rows = metric.prepare(form(X))
    whole = metric.among(rows, slice(0, 70), 0, 1)
    assert_array_equal(whole, whole.T)
    assert_array_equal(np.diag(whole), 0)
    for begin in (0, 30):
        assert_array_equal(metric.among(rows, slice(30, 41), begin, 1), whole[30:41, begin:])


@given(samples())
def test_tree_of_a_sparse_graph_is_minimal(data):
    X, min_samples = data
    distances = pairwise_distances(X, metric="manhattan")
    # Zeros between different rows are entries that a sparse matrix would drop.
    graph = sp.csr_array(distances + 1 - np.eye(len(X)))
    core, weights = prim(distances + 1 - np.eye(len(X)), min_samples, 1.0)
    reach = GraphReachability(graph, min_samples, 1.0)
    assert_allclose(reach.core_distances(), core)
    source, target, weight = reach.spanning_tree(2)
    assert is_spanning(source, target, len(X))
    assert_allclose(weight, weights)


@settings(max_examples=30)
@given(samples(), st.sampled_from(TREE_METRICS[3:] + ["euclidean"]), st.sampled_from("fd"))
def test_threads_do_not_change_the_tree(data, metric, dtype):
    X, min_samples = data
    X = X.astype(dtype)
    trees = [
        TreeReachability(X, tree_metric(metric, None), min_samples, 1.0, n).spanning_tree(n)
        for n in (1, 2)
    ]
    for tree in trees[1:]:
        for part, expected in zip(tree, trees[0], strict=True):
            assert_array_equal(part, expected)


def test_threads_do_not_change_a_large_tree():
    rng = np.random.default_rng(0)
    for X in (rng.normal(size=(20_000, 3)), rng.integers(0, 60, size=(20_000, 2)).astype(float)):
        trees = [
            TreeReachability(X, tree_metric("euclidean", None), 5, 1.0, n).spanning_tree(n)
            for n in (1, 4, 4)
        ]
        for tree in trees[1:]:
            for part, expected in zip(tree, trees[0], strict=True):
                assert_array_equal(part, expected)


def test_large_trees_agree():
    X = np.random.default_rng(1).normal(size=(3000, 12))
    by_tree = reachability(X, "euclidean", None, 6, 1.0, "kd_tree", 2).spanning_tree(2)
    by_blocks = reachability(X, "euclidean", None, 6, 1.0, "brute", 2).spanning_tree(2)
    assert_allclose(by_tree[2], by_blocks[2], rtol=1e-9)


@given(samples(), st.sampled_from(["euclidean", "manhattan", "chebyshev"]), st.sampled_from("fd"))
def test_neighbors(data, metric, dtype):
    X, k = data
    X = X.astype(dtype)
    tree = KDTree(X, metric, 1)
    assert_array_equal(np.sort(tree.index), np.arange(len(X)))
    distances, positions, reach = tree.knn(k, 1)
    wide = X.astype(np.float64)[tree.index]
    gaps = np.abs(wide[:, None] - wide)
    all_pairs = {
        "euclidean": (gaps**2).sum(axis=2),
        "manhattan": gaps.sum(axis=2),
        "chebyshev": gaps.max(axis=2),
    }[metric]
    tolerance = {"rtol": 1e-12 if dtype == "d" else 1e-5, "atol": 0 if dtype == "d" else 1e-9}
    assert_allclose(distances, np.sort(all_pairs, axis=1)[:, :k], **tolerance)
    rows = np.arange(len(X))[:, None]
    assert_allclose(all_pairs[rows, positions], distances, **tolerance)
    assert all(len(set(row)) == k for row in positions.tolist())
    # Beyond the reach lies everything that is not listed.
    rest = all_pairs.copy()
    rest[rows, positions] = np.inf
    assert (rest.min(axis=1) > reach * (1 - 1e-6)).all()
    assert (reach <= distances[:, -1]).all()


@given(samples(), samples())
def test_nearest_reachable_row(data, new):
    (X, min_samples), (Y, _) = data, new
    d = min(X.shape[1], Y.shape[1])
    X, Y = np.ascontiguousarray(X[:, :d]), np.ascontiguousarray(Y[:, :d])
    by_tree = TreeReachability(X, tree_metric("manhattan", None), min_samples, 1.0, 1)
    by_blocks = BlockReachability(X, tree_metric("manhattan", None), min_samples, 1.0, 1)
    neighbor, distance = by_tree.attach(by_tree.queries(Y, 1), 1)
    expected, least = by_blocks.attach(by_blocks.queries(Y, 1), 1)
    assert_array_equal(distance, least)
    # Among ties of reachability the nearest, whose distance is the same.
    to_both = pairwise_distances(Y, X, metric="manhattan")
    rows = np.arange(len(Y))
    assert_allclose(to_both[rows, neighbor], to_both[rows, expected], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_heavy_duplicates_stay_fast(dtype):
    """Among copies nothing prunes; without care this takes minutes."""
    X = np.repeat(np.random.default_rng(0).normal(size=(5, 2)), 8000, axis=0).astype(dtype)
    reach = TreeReachability(X, tree_metric("euclidean", None), 5, 1.0, 2)
    source, target, weight = reach.spanning_tree(2)
    assert is_spanning(source, target, len(X))
    assert (weight[:-4] == 0).all() and (weight[-4:] > 0).all()


def test_memory_is_linear():
    """No block of the distance matrix has more than a bounded number of entries."""
    import tracemalloc

    X = np.random.default_rng(0).normal(size=(6000, 40))
    tracemalloc.start()
    reachability(X, "euclidean", None, 5, 1.0, "kd_tree", 1).spanning_tree(1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * X.nbytes < 8 * len(X) ** 2 / 20
