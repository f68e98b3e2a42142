"""The hierarchy of HDBSCAN against scikit-learn, hdbscan and level sets."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.cluster._hdbscan._tree import HIERARCHY_dtype, tree_to_labels
from sklearn.metrics import pairwise_distances

from skdeepcluster import HDBSCAN
from tests.density._samples import clusters_of, fit, parameters, samples, two_blobs


def has_ties(model):
    heights = model.single_linkage_tree_.linkage[:, 2]
    return len(np.unique(1 / heights[heights > 0])) < len(heights)


@given(samples(), parameters, st.sampled_from([None, 20, 50]))
def test_without_ties_labels_and_probabilities_are_those_of_scikit_learn(
    X, params, max_cluster_size
):
    if params["allow_single_cluster"]:
        max_cluster_size = None  # scikit-learn takes the root for smaller than it is
    params["cluster_selection_epsilon"] = 0.0  # scikit-learn 1.9 fails on it with NumPy 2.4
    # Core distances tie the edges of their neighborhoods.
    model = HDBSCAN(min_samples=1, max_cluster_size=max_cluster_size, **params).fit(X)
    if has_ties(model):
        return  # scikit-learn takes them one by one
    tree = np.empty(len(X) - 1, HIERARCHY_dtype)
    for name, column in zip(
        HIERARCHY_dtype.names, model.single_linkage_tree_.linkage.T, strict=True
    ):
        tree[name] = column
    labels, probabilities = tree_to_labels(tree, max_cluster_size=max_cluster_size, **params)
    assert clusters_of(model.labels_) == clusters_of(labels)
    assert_allclose(model.probabilities_, probabilities, rtol=1e-12)


@given(samples(), parameters)
def test_without_ties_results_are_those_of_hdbscan(X, params):
    theirs = pytest.importorskip("hdbscan._hdbscan_tree", reason="pip install hdbscan")
    model = HDBSCAN(min_samples=1, **params).fit(X)
    if has_ties(model):
        return
    params = dict(params)
    tree = theirs.condense_tree(model.single_linkage_tree_.linkage, params.pop("min_cluster_size"))
    stability = theirs.compute_stability(tree)
    labels, probabilities, persistence = theirs.get_clusters(tree, dict(stability), **params)
    assert clusters_of(model.labels_) == clusters_of(labels)
    assert_allclose(model.probabilities_, probabilities, rtol=1e-12)
    assert_allclose(model.outlier_scores_, theirs.outlier_scores(tree), rtol=1e-9, atol=1e-12)
    if not params["cluster_selection_epsilon"]:
        # Its selection overwrites the stability of what it passes over, which epsilon may choose.
        assert_allclose(np.sort(model.cluster_persistence_), np.sort(persistence), rtol=1e-6)
    ours = np.sort(model.condensed_tree_.to_numpy(), order=["lambda_val", "child_size"])
    tree = np.sort(tree, order=["lambda_val", "child_size"])
    assert_array_equal(ours["child_size"], tree["child_size"])
    assert_allclose(ours["lambda_val"], tree["lambda_val"], rtol=1e-12)


def level_sets(reach, min_cluster_size):
    """The condensed tree straight from its definition: at each radius the connected components.

    Clusters as (parent, birth, death, size, depth, first row), and of each row its last cluster
    and when it leaves it.
    """
    n = len(reach)
    min_cluster_size = min(min_cluster_size, n)
    heights = np.unique(reach[~np.eye(n, dtype=bool)])[::-1]
    splits = []  # heights at which something falls apart

    def components(points, height):
        graph = sp.csr_array(reach[np.ix_(points, points)] < height)
        _, part = sp.csgraph.connected_components(graph, directed=False)
        return [points[part == k] for k in range(part.max() + 1)]

    for height in heights:
        if len(components(np.arange(n), height)) > 1:
            splits.append(height)
    positive = [height for height in splits if height > 0]
    largest = 2 / min(positive) if positive else 1.0

    clusters = [[-1, 0.0, 0.0, n, 0, 0]]
    member, leave = np.full(n, -1), np.zeros(n)
    waiting = [(0, np.arange(n), 0)]
    while waiting:
        cluster, points, at = waiting.pop()
        while at < len(splits):
            parts = components(points, splits[at])
            if len(parts) > 1:
                break
            at += 1
        lam = 1 / splits[at] if splits[at] > 0 else largest
        clusters[cluster][2] = lam
        large = [part for part in parts if len(part) >= min_cluster_size]
        for part in parts:
            if len(part) < min_cluster_size:
                member[part], leave[part] = cluster, lam
        if len(large) == 1:
            waiting.append((cluster, large[0], at + 1))
            continue
        for part in large:
            clusters.append([cluster, lam, 0.0, len(part), clusters[cluster][4] + 1, part.min()])
            waiting.append((len(clusters) - 1, part, at + 1))
    ranked = sorted(range(len(clusters)), key=lambda c: clusters[c][4:])
    number = {c: i for i, c in enumerate(ranked)} | {-1: -1}
    table = [(number[clusters[c][0]], *clusters[c][1:4]) for c in ranked]
    return table, np.array([number[c] for c in member]), leave


@st.composite
def tied_samples(draw, max_size=40):
    """Rows of few values, and how dense they must be."""
    n = draw(st.integers(2, max_size))
    d = draw(st.integers(1, 3))
    values = st.integers(0, draw(st.integers(1, 12)))
    X = np.array(draw(st.lists(st.lists(values, min_size=d, max_size=d), min_size=n, max_size=n)))
    return X.astype(draw(st.sampled_from("fd"))), draw(st.integers(1, min(n, 6)))


# Seven rows whose ties made one algorithm find two clusters and the other none.
SEVEN = np.array([[23, 10], [8, 8], [13, 19], [19, 4], [7, 6], [24, 18], [22, 16]], float)


@settings(max_examples=200)
@given(
    tied_samples(),
    parameters,
    st.sampled_from(["euclidean", "cityblock", "chebyshev", "sqeuclidean"]),
    st.sampled_from(["kd_tree", "brute"]),
)
@example(
    (SEVEN, 3),
    {
        "min_cluster_size": 2,
        "cluster_selection_method": "eom",
        "cluster_selection_epsilon": 0.0,
        "allow_single_cluster": False,
    },
    "euclidean",
    "kd_tree",
)
def test_condensed_tree_is_that_of_the_level_sets(data, params, metric, algorithm):
    X, min_samples = data
    model = HDBSCAN(min_samples=min_samples, metric=metric, algorithm=algorithm, **params).fit(X)
    distances = cdist(X, X, metric)
    core = np.sort(distances, axis=1)[:, min_samples - 1]
    reach = np.maximum(distances, np.maximum.outer(core, core))
    table, member, leave = level_sets(reach, params["min_cluster_size"])
    tree = model.condensed_tree_
    assert_array_equal(model.core_distances_, core)
    for column, values in zip(
        (tree.parent, tree.birth, tree.death, tree.size), zip(*table, strict=True), strict=True
    ):
        assert_array_equal(column, values)
    assert_array_equal(tree.point_cluster, member)
    assert_array_equal(tree.point_lambda, leave)


@settings(max_examples=200)
@given(
    st.one_of(tied_samples(), tied_samples(max_size=120), st.tuples(samples(5), st.just(4))),
    parameters,
    st.sampled_from(["euclidean", "manhattan", "cosine", "canberra", "nan_euclidean"]),
    st.integers(0, 2**32),
)
@example(
    (SEVEN, 3),
    {
        "min_cluster_size": 2,
        "cluster_selection_method": "eom",
        "cluster_selection_epsilon": 0.0,
        "allow_single_cluster": False,
    },
    "euclidean",
    0,
)
def test_neither_algorithm_nor_order_of_rows_matters(data, params, metric, seed):
    X, min_samples = data
    if metric == "cosine":
        X = X + 1
    order = np.random.default_rng(seed).permutation(len(X))
    model = HDBSCAN(min_samples=min_samples, metric=metric, **params).fit(X)
    for algorithm in ("auto", "brute"):
        other = HDBSCAN(min_samples=min_samples, metric=metric, algorithm=algorithm, **params).fit(
            X[order]
        )
        assert clusters_of(other.labels_) == {
            frozenset(np.argsort(order)[list(rows)].tolist()) for rows in clusters_of(model.labels_)
        }
        assert_array_equal(other.probabilities_, model.probabilities_[order])
        assert_array_equal(other.outlier_scores_, model.outlier_scores_[order])
        assert_array_equal(
            np.sort(other.condensed_tree_.stability), np.sort(model.condensed_tree_.stability)
        )
        # Rows that have not moved have their labels, too.
        same = HDBSCAN(min_samples=min_samples, metric=metric, algorithm=algorithm, **params)
        assert_array_equal(same.fit_predict(X), model.labels_)


@given(
    st.one_of(tied_samples(), tied_samples(max_size=120), st.tuples(samples(5), st.just(4))),
    parameters,
    st.sampled_from(["auto", "brute", "precomputed", "canberra", "sparse"]),
)
def test_fitted_rows_are_predicted_as_they_were_fitted(data, params, kind):
    X, min_samples = data
    metric = kind if kind in ("precomputed", "canberra") else "euclidean"
    X = pairwise_distances(X, metric="manhattan") if kind == "precomputed" else X
    X = sp.csr_array(X) if kind == "sparse" else X
    model = HDBSCAN(
        min_samples=min_samples,
        metric=metric,
        algorithm="brute" if kind == "brute" else "auto",
        **params,
    ).fit(X)
    labels, probabilities = model.predict(X, return_probabilities=True)
    assert_array_equal(labels, model.labels_)
    assert_array_equal(probabilities, model.probabilities_)
    if metric != "precomputed":
        assert_array_equal(model.predict_proba(X), model.predict_proba())


@given(samples(), st.integers(2, 8))
def test_condensed_tree(X, min_cluster_size):
    model = fit(X, min_cluster_size=min_cluster_size)
    tree = model.condensed_tree_
    n = len(X)
    assert tree.size[0] == n
    assert (tree.parent[1:] < np.arange(1, len(tree.parent))).all()
    assert (tree.size[1:] >= min_cluster_size).all()
    assert (tree.birth[1:] == tree.death[tree.parent[1:]]).all()
    assert (tree.birth <= tree.death).all()
    assert (tree.point_lambda >= tree.birth[tree.point_cluster]).all()
    assert (tree.point_lambda <= tree.death[tree.point_cluster]).all()
    # The points of a cluster and of what is below it are as many as its size.
    count = np.bincount(tree.point_cluster, minlength=len(tree.parent))
    for cluster in range(len(tree.parent) - 1, 0, -1):
        count[tree.parent[cluster]] += count[cluster]
    assert_array_equal(count, tree.size)
    rows = tree.to_numpy()
    assert_array_equal(np.sort(rows["child"]), np.r_[:n, n + 1 : n + len(tree.parent)])
    stability = np.zeros(len(tree.parent))
    np.add.at(
        stability,
        rows["parent"] - n,
        (rows["lambda_val"] - tree.birth[rows["parent"] - n]) * rows["child_size"],
    )
    assert_allclose(tree.stability, stability, rtol=1e-9, atol=1e-9 * tree.death.max())


@given(samples(max_size=40), st.booleans())
def test_selection_has_the_greatest_stability(X, allow_single_cluster):
    tree = fit(X, min_cluster_size=2, allow_single_cluster=allow_single_cluster).condensed_tree_
    n_nodes = len(tree.parent)
    if n_nodes > 15:
        return
    above = [set() for _ in range(n_nodes)]
    for cluster in range(1, n_nodes):
        above[cluster] = above[tree.parent[cluster]] | {int(tree.parent[cluster])}
    candidates = range(0 if allow_single_cluster else 1, n_nodes)
    best = max(
        sum(tree.stability[list(chosen)])
        for k in range(n_nodes + 1)
        for chosen in combinations(candidates, k)
        if not any(a in above[b] or b in above[a] for a, b in combinations(chosen, 2))
    )
    assert_allclose(tree.stability[tree.selected].sum(), best)


@given(samples(min_size=6), parameters)
def test_relative_validity(X, params):
    model = fit(X, **params)
    labels, edges = model.labels_, model.minimum_spanning_tree_
    total = 0.0
    for k in range(model.n_clusters_):
        a, b = labels[edges.source] == k, labels[edges.target] == k
        others = (a != b) & (labels[edges.source] >= 0) & (labels[edges.target] >= 0)
        longest = edges.distance[a & b].max(initial=0)
        shortest = edges.distance[others].min(initial=np.inf)
        if np.isinf(shortest):
            shortest = 2 * edges.distance.max()
        if max(longest, shortest) > 0:
            total += (labels == k).sum() * (shortest - longest) / max(longest, shortest)
    np.testing.assert_allclose(model.relative_validity(), total / len(X), atol=1e-12)


def test_relative_validity_compares_settings():
    model = fit(two_blobs())
    best = model.reselect(n_clusters=2).labels
    values = [model.relative_validity(labels) for labels in (best, np.arange(300) % 2)]
    assert values[0] > 0.3 > 0 > values[1]
    assert model.relative_validity(np.full(300, -1)) == 0
    with pytest.raises(ValueError, match="inconsistent"):
        model.relative_validity([0, 1])
