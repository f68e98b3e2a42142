from itertools import combinations
from math import inf

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN
from sklearn.cluster import HDBSCAN as BruteHDBSCAN
from sklearn.cluster._hdbscan._tree import HIERARCHY_dtype, tree_to_labels
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import HDBSCAN
from skdeepcluster.validation import METRICS, SPARSE_METRICS


@st.composite
def samples(draw, min_size=2, max_size=120):
    n = draw(st.integers(min_size, max_size))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    centers = rng.normal(scale=4, size=(draw(st.integers(1, 5)), draw(st.integers(1, 3))))
    X = centers[rng.integers(0, len(centers), n)] + rng.normal(size=(n, centers.shape[1]))
    return X.round(1) if draw(st.booleans()) else X


parameters = st.fixed_dictionaries(
    {
        "min_cluster_size": st.integers(2, 12),
        "cluster_selection_method": st.sampled_from(["eom", "leaf"]),
        "cluster_selection_epsilon": st.sampled_from([0.0, 0.0, 0.4, 1.0, 3.0]),
        "allow_single_cluster": st.booleans(),
    }
)


def fit(X, **params):
    return HDBSCAN(min_samples=min(4, len(X)), **params).fit(X)


def has_ties(model):
    heights = model.single_linkage_tree_.linkage[:, 2]
    return len(np.unique(1 / heights[heights > 0])) < len(heights)


def clusters_of(labels):
    """The flat clusters as sets of rows, whatever their numbers."""
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in range(labels.max() + 1)}


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


@given(samples(min_size=5), st.floats(0.05, 5), st.integers(1, 5))
def test_cut_is_dbscan(X, epsilon, min_samples):
    model = HDBSCAN(min_samples=min_samples).fit(X)
    heights = model.single_linkage_tree_.linkage[:, 2]
    if np.abs(np.r_[heights, model.core_distances_] - epsilon).min() < 1e-9:
        return  # rounding decides
    labels = model.dbscan_clustering(epsilon, min_cluster_size=1)
    reference = DBSCAN(eps=epsilon, min_samples=min_samples).fit(X)
    core = np.zeros(len(X), bool)
    core[reference.core_sample_indices_] = True
    # A point that is no core point is a component of its own; DBSCAN* calls it noise.
    assert_array_equal(model.core_distances_ <= epsilon, core)
    assert adjusted_rand_score(labels[core], reference.labels_[core]) == 1
    few = model.dbscan_clustering(epsilon, min_cluster_size=4)
    sizes = np.bincount(labels)[labels]
    assert_array_equal(few == -1, sizes < 4)


@given(
    samples(min_size=5),
    samples(min_size=1),
    parameters,
    st.sampled_from(["euclidean", "manhattan", "chebyshev", "canberra"]),
)
def test_soft_clustering(X, new, params, metric):
    d = min(X.shape[1], new.shape[1])
    model = fit(np.ascontiguousarray(X[:, :d]), metric=metric, **params)
    new = np.vstack([new[:, :d], X[:3, :d]])
    for soft in (model.predict_proba(), model.predict_proba(new)):
        assert soft.shape[1] == model.condensed_tree_.selected.sum()
        assert np.isfinite(soft).all()
        assert (soft >= 0).all() and (soft.sum(axis=1) <= 1 + 1e-9).all()
    for k, rows in enumerate(model.exemplar_indices_):
        assert len(rows) > 0
        tree = model.condensed_tree_
        assert (tree.flat_label[tree.point_cluster[rows]] == k).all()


@given(samples(min_size=5), parameters, st.floats(1e-3, 1e3))
def test_scale_does_not_matter(X, params, scale):
    params["cluster_selection_epsilon"] = 0.0
    scale = 2.0 ** round(np.log2(scale))  # exact
    model, scaled = fit(X, **params), fit(X * scale, **params)
    assert_array_equal(model.labels_, scaled.labels_)
    assert_allclose(model.probabilities_, scaled.probabilities_)
    assert_allclose(model.outlier_scores_, scaled.outlier_scores_, atol=1e-12)
    assert_allclose(model.predict_proba(), scaled.predict_proba(), atol=1e-9)


@given(samples(), parameters, st.integers(2, 12))
def test_reselecting_is_refitting(X, params, min_cluster_size):
    model = fit(X, min_cluster_size=min_cluster_size)
    again = model.reselect(**params)
    other = fit(X, **params)
    assert_array_equal(again.labels, other.labels_)
    assert_array_equal(again.probabilities, other.probabilities_)
    assert_array_equal(again.cluster_persistence, other.cluster_persistence_)
    assert_array_equal(again.condensed_tree.stability, other.condensed_tree_.stability)
    assert model.min_cluster_size == min_cluster_size


def test_reselect_refuses_what_needs_another_fit():
    model = fit(np.arange(20.0)[:, None])
    with pytest.raises(TypeError, match=r"\['min_samples'\] need another fit"):
        model.reselect(min_samples=3)
    with pytest.raises(ValueError, match="min_cluster_size"):
        model.reselect(min_cluster_size=1)
    with pytest.raises(NotFittedError):
        HDBSCAN().reselect()


# Documented examples of scikit-learn and hdbscan.


def test_digits_of_scikit_learn():
    X, _ = load_digits(return_X_y=True)
    model = HDBSCAN(min_cluster_size=20).fit(X)
    assert_array_equal(np.unique(model.labels_), np.arange(-1, 8))
    reference = BruteHDBSCAN(min_cluster_size=20, copy=True).fit(X)
    assert adjusted_rand_score(model.labels_, reference.labels_) > 0.98


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_scales_of_scikit_learn(scale):
    centers = [[1, 1], [-1, -1], [1.5, -1.5]]
    X, _ = make_blobs(750, centers=centers, cluster_std=[0.4, 0.1, 0.75], random_state=0)
    model = HDBSCAN().fit(X * scale)
    reference = BruteHDBSCAN(copy=True).fit(X)
    assert adjusted_rand_score(model.labels_, reference.labels_) > 0.99


def test_densities_of_scikit_learn():
    centers = [[-0.85, -0.85], [-0.85, 0.85], [3, 3], [3, -3]]
    X, y = make_blobs(750, centers=centers, cluster_std=[0.2, 0.35, 1.35, 1.35], random_state=0)
    model = HDBSCAN().fit(X)
    reference = BruteHDBSCAN(copy=True).fit(X)
    assert adjusted_rand_score(model.labels_, reference.labels_) > 0.99
    assert len(np.unique(model.dbscan_clustering(0.3))) > 2


def test_blobs_and_moons_of_hdbscan():
    moons, _ = make_moons(n_samples=50, noise=0.05, random_state=0)
    blobs, _ = make_blobs(
        n_samples=50, centers=[(-0.75, 2.25), (1.0, 2.0)], cluster_std=0.25, random_state=0
    )
    X = np.vstack([moons, blobs])
    model = HDBSCAN(min_cluster_size=5, min_samples=6).fit(X)
    assert_array_equal(np.unique(model.labels_), np.arange(3))
    hdbscan = pytest.importorskip("hdbscan", reason="pip install hdbscan")
    reference = hdbscan.HDBSCAN(min_cluster_size=5, gen_min_span_tree=True).fit(X)
    assert_allclose(
        model.minimum_spanning_tree_.distance,
        np.sort(reference.minimum_spanning_tree_.to_numpy()[:, 2]),
    )


@pytest.mark.parametrize("offset", [0, 5e6])
def test_moons_far_from_the_origin(offset):
    X, y = make_moons(1000, noise=0.05, random_state=0)
    assert adjusted_rand_score(y, HDBSCAN(min_cluster_size=10).fit_predict(X + offset)) == 1


def test_copies_of_few_rows():
    X = np.repeat(np.random.default_rng(0).normal(size=(20, 3)), 15, axis=0)
    model = HDBSCAN(min_cluster_size=10).fit(X)
    assert model.labels_.max() == 19
    assert_array_equal(np.bincount(model.labels_), 15)
    for name in ("probabilities_", "outlier_scores_", "cluster_persistence_"):
        assert np.isfinite(getattr(model, name)).all()
    assert np.isfinite(model.condensed_tree_.stability).all()
    assert_array_equal(model.predict(X), model.labels_)
    assert_allclose(model.predict_proba().sum(axis=1), 1)


@pytest.mark.parametrize("allow_single_cluster", [False, True])
@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_constant_rows(allow_single_cluster, method):
    model = HDBSCAN(allow_single_cluster=allow_single_cluster, cluster_selection_method=method).fit(
        np.ones((30, 2))
    )
    expected = 0 if allow_single_cluster and method == "eom" else -1
    assert (model.labels_ == expected).all()
    assert (model.predict(np.ones((2, 2))) == expected).all()


@pytest.mark.parametrize("n", [2, 3, 4])
def test_fewer_rows_than_min_cluster_size(n):
    model = HDBSCAN().fit(np.arange(float(n))[:, None])
    assert_array_equal(model.labels_, -1)
    assert model.predict_proba().shape == (n, 0)
    assert model.score(np.arange(float(n))[:, None]) == 0


def test_score_chooses_the_size_of_clusters():
    X, y = make_blobs(400, centers=[[0, 0], [6, 0], [0, 6], [6, 6]], random_state=0)
    search = GridSearchCV(HDBSCAN(), {"min_cluster_size": [2, 10, 200]}, cv=2).fit(X)
    assert search.best_params_ == {"min_cluster_size": 10}
    assert adjusted_rand_score(y, search.best_estimator_.labels_) > 0.9
    fine, right, coarse = search.cv_results_["mean_test_score"]
    assert 0 <= coarse <= fine < right <= 1


def test_score_of_fitted_rows():
    X, _ = make_blobs(100, random_state=0)
    model = HDBSCAN().fit(X)
    assert_allclose(model.score(X), model.probabilities_.mean())
    distances = pairwise_distances(X)
    model = HDBSCAN(metric="precomputed").fit(distances)
    assert_allclose(model.score(distances[:30]), model.probabilities_[:30].mean())


@pytest.mark.parametrize("method", ["centroid", "medoid", "both"])
@pytest.mark.parametrize("sparse", [False, True])
def test_centers(method, sparse):
    X, _ = make_blobs(300, centers=[[0, 0], [9, 9], [0, 9]], random_state=0)
    model = HDBSCAN(15, store_centers=method).fit(sp.csr_array(X) if sparse else X)
    assert model.labels_.max() == 2
    for k in range(3):
        rows = model.labels_ == k
        weights = model.probabilities_[rows]
        if method != "medoid":
            assert_allclose(model.centroids_[k], np.average(X[rows], axis=0, weights=weights))
        if method != "centroid":
            sums = pairwise_distances(X[rows]) @ weights
            assert_array_equal(model.medoids_[k], X[rows][sums.argmin()])
    assert hasattr(model, "centroids_") == (method != "medoid")
    assert hasattr(model, "medoids_") == (method != "centroid")


def test_sparse_rows_are_dense_rows():
    rng = np.random.default_rng(0)
    X = rng.random((200, 30)) * (rng.random((200, 30)) < 0.2)
    for metric in ("euclidean", "cosine", "manhattan"):
        dense = HDBSCAN(3, metric=metric).fit(X)
        sparse = HDBSCAN(3, metric=metric).fit(sp.csr_array(X))
        assert_allclose(
            sparse.minimum_spanning_tree_.distance,
            dense.minimum_spanning_tree_.distance,
            rtol=1e-6,
            atol=1e-7,
        )
        assert adjusted_rand_score(dense.labels_, sparse.labels_) > 0.95
        assert_array_equal(sparse.predict(sp.csr_array(X)), sparse.labels_)


def test_graph_of_neighbors():
    X, _ = make_blobs(300, centers=3, random_state=0)
    distances = pairwise_distances(X)
    full = HDBSCAN(10, metric="precomputed").fit(distances)
    within = np.where(distances <= full.minimum_spanning_tree_.distance[-1], distances, 0)
    graph = sp.csr_array(within)
    sparse = HDBSCAN(10, metric="precomputed").fit(graph)
    assert_allclose(sparse.minimum_spanning_tree_.distance, full.minimum_spanning_tree_.distance)
    with pytest.raises(ValueError, match="has .* components"):
        HDBSCAN(10, metric="precomputed").fit(sp.csr_array(np.where(distances < 1, distances, 0)))
    assert not hasattr(sparse, "predict") and not hasattr(sparse, "score")
    assert hasattr(full, "predict") and hasattr(HDBSCAN(metric="precomputed"), "predict")


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_array])
def test_new_samples_by_a_sparse_matrix_of_distances(container):
    """What it does not store is infinite, as in `fit`."""
    X, _ = make_blobs(90, centers=3, random_state=0)
    model = HDBSCAN(metric="precomputed").fit(pairwise_distances(X[:60]))
    distances = pairwise_distances(X[60:], X[:60])
    assert_array_equal(model.predict(container(distances)), model.predict(distances))
    near = distances < 3
    sparse = container(np.where(near, distances, 0))
    assert_array_equal(model.predict(sparse), model.predict(np.where(near, distances, inf)))
    assert model.score(sparse) == model.score(np.where(near, distances, inf))


def test_infinite_distances():
    distances = pairwise_distances(make_blobs(60, centers=2, random_state=0)[0])
    distances[:30, 30:] = distances[30:, :30] = inf
    model = HDBSCAN(metric="precomputed").fit(distances)
    assert len(set(model.labels_[:30]) & set(model.labels_[30:]) - {-1}) == 0
    assert np.isinf(model.minimum_spanning_tree_.distance[-1])
    assert np.isfinite(model.probabilities_).all()
    assert np.isfinite(model.outlier_scores_).all()


def test_precomputed_matrix_is_left_alone_and_may_be_mapped(tmp_path):
    distances = pairwise_distances(make_blobs(80, centers=2, random_state=0)[0])
    mapped = np.memmap(tmp_path / "distances", dtype=np.float64, mode="w+", shape=distances.shape)
    mapped[:] = distances
    mapped.flush()
    readonly = np.memmap(tmp_path / "distances", dtype=np.float64, mode="r", shape=distances.shape)
    model = HDBSCAN(metric="precomputed", alpha=2.0).fit(readonly)
    assert_array_equal(readonly, distances)
    assert_array_equal(
        model.labels_, HDBSCAN(metric="precomputed", alpha=2.0).fit(distances).labels_
    )


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lattice(metric, dtype):
    """Distances of zero have no sign."""
    X = np.random.default_rng(0).integers(0, 3, size=(60, 3)).astype(dtype)
    model = HDBSCAN(3, metric=metric).fit(X)
    assert_array_equal(model.predict(X) >= 0, model.labels_ >= 0)
    soft = model.predict_proba(X)
    assert (soft >= 0).all() and np.isfinite(soft).all()


def test_callable_metric():
    X, _ = make_blobs(60, centers=2, random_state=0)
    by_callable = HDBSCAN(metric=lambda a, b: np.abs(a - b).sum()).fit(X)
    by_name = HDBSCAN(metric="manhattan").fit(X)
    assert_allclose(
        by_callable.minimum_spanning_tree_.distance, by_name.minimum_spanning_tree_.distance
    )


@pytest.mark.parametrize("p, name", [(1, "manhattan"), (2, "euclidean"), (3, None)])
def test_minkowski(p, name):
    X = np.random.default_rng(0).normal(size=(100, 4))
    model = HDBSCAN(metric="minkowski", metric_params={"p": p}).fit(X)
    brute = HDBSCAN(metric="minkowski", metric_params={"p": p}, algorithm="brute").fit(X)
    assert_allclose(model.minimum_spanning_tree_.distance, brute.minimum_spanning_tree_.distance)
    if name:
        other = HDBSCAN(metric=name).fit(X)
        assert_array_equal(model.labels_, other.labels_)


def test_zero_rows_under_cosine():
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[3] = 0
    model = HDBSCAN(metric="cosine").fit(X)
    assert model.core_distances_[3] == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(dtype):
    X = make_blobs(200, random_state=0)[0].astype(dtype)
    model = HDBSCAN(10, store_centers="both").fit(X)
    for value in (
        model.probabilities_,
        model.outlier_scores_,
        model.centroids_,
        model.medoids_,
        model.predict_proba(),
        model.predict(X, return_probabilities=True)[1],
    ):
        assert value.dtype == dtype


def two_blobs(n=150, d=3):
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(0, 1, (n, d)), rng.normal(9, 1, (n, d))]


FORMS = {
    "float64": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "list": lambda X: X.tolist(),
    "Fortran": np.asfortranarray,
    "frame": lambda X: pytest.importorskip("pandas").DataFrame(X).to_numpy(),
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csc": sp.csc_array,
    "float32 csr": lambda X: sp.csr_array(X.astype(np.float32)),
    "csr of 64 bits": lambda X: wide(sp.csr_array(X)),
}


def wide(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("fitted", FORMS)
@pytest.mark.parametrize("asked", FORMS)
def test_rows_may_come_in_another_form_than_they_were_fitted_in(fitted, asked, metric):
    X = two_blobs(40).round(1)
    model = HDBSCAN(min_cluster_size=10, metric=metric).fit(FORMS[fitted](X))
    X = FORMS[asked](X)
    assert_array_equal(model.predict(X), model.labels_)
    soft = model.predict_proba(X)
    assert soft.dtype == (np.float32 if "float32" in fitted else np.float64)
    assert_allclose(soft, model.predict_proba(), rtol=1e-3, atol=1e-3)
    assert_allclose(model.score(X), model.probabilities_.mean(), rtol=1e-3)


def test_integers_are_placed_in_a_fit_of_float32():
    X = (two_blobs() * 10).astype(int)
    model = HDBSCAN(min_cluster_size=10).fit(X.astype(np.float32))
    assert_array_equal(model.predict(X), model.labels_)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "chebyshev", "canberra"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_far_away_belong_to_no_cluster(metric, dtype):
    X = two_blobs().astype(dtype)
    model = HDBSCAN(min_cluster_size=10, metric=metric).fit(X)
    far = np.array([[1e5, 0, 0], [-1e30, 1e30, 0], [1e200, 0, 1], [1e308, -1e308, 0], [0, 0, 0]])
    labels, probabilities = model.predict(far, return_probabilities=True)
    soft = model.predict_proba(far)
    assert np.isfinite(soft).all() and (soft >= 0).all()
    assert (soft.sum(axis=1) <= 1 + 1e-6).all()
    if metric not in ("cosine", "canberra"):
        assert (labels[:4] == -1).all() and (probabilities[:4] == 0).all()
        assert soft[:4].max() < 1e-4


@pytest.mark.parametrize(
    "metric, power",
    [("euclidean", 1), ("sqeuclidean", 2), ("manhattan", 1), ("chebyshev", 1), ("minkowski", 1)]
    + [("cosine", 0), ("nan_euclidean", 1), ("correlation", 0), ("seuclidean", 0)],
)
@pytest.mark.parametrize(
    "exponent, dtype",
    [(-83, np.float32), (100, np.float32), (-664, np.float64), (664, np.float64)],
)
def test_values_may_be_of_any_size(metric, power, exponent, dtype):
    params = {"metric": metric, "metric_params": {"p": 3} if metric == "minkowski" else None}
    X = two_blobs().astype(dtype)
    model = HDBSCAN(10, store_centers="medoid", **params).fit(X)
    other = HDBSCAN(10, store_centers="medoid", **params).fit(np.ldexp(X, exponent))
    # Roots other than square ones are not exact.
    same = assert_allclose if metric == "minkowski" else assert_array_equal
    for name in ("labels_", "probabilities_", "outlier_scores_", "cluster_persistence_"):
        same(getattr(other, name), getattr(model, name))
    assert_array_equal(other.medoids_, np.ldexp(model.medoids_, exponent))
    assert_array_equal(other.predict(np.ldexp(X, exponent)), model.labels_)
    same(other.predict_proba(np.ldexp(X, exponent)), model.predict_proba(X))
    # In units of X, as far as they are numbers.
    with np.errstate(over="ignore", under="ignore"):
        factor = np.ldexp(1.0, power * exponent)
    same(other.core_distances_, model.core_distances_ * factor)
    same(
        other.single_linkage_tree_.linkage[:, 2],
        model.single_linkage_tree_.linkage[:, 2] * factor,
    )
    if np.isfinite(factor) and factor > 0:
        same(other.condensed_tree_.death, model.condensed_tree_.death / factor)
        epsilon = 1.5
        assert_array_equal(
            other.reselect(cluster_selection_epsilon=epsilon * factor).labels,
            model.reselect(cluster_selection_epsilon=epsilon).labels,
        )


# SciPy 1.17 has some of them no more.
BOOLEAN = {
    "dice",
    "jaccard",
    "rogerstanimoto",
    "russellrao",
    "sokalmichener",
    "sokalsneath",
    "yule",
}
BOOLEAN |= {"matching"}


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("sparse", [False, True])
def test_every_metric_places_the_rows_that_it_was_fitted_on(metric, sparse):
    X = two_blobs(30, 2 if metric == "haversine" else 6).round(1) / 12 + 0.5
    if metric in BOOLEAN:
        X = np.random.default_rng(0).integers(0, 2, X.shape).astype(float)
        X[:, 0] = 1
    rows = sp.csr_array(X) if sparse else X
    model = HDBSCAN(8, metric=metric)
    if sparse and metric not in SPARSE_METRICS:
        with pytest.raises(ValueError, match="dense rows only"):
            model.fit(rows)
        return
    model.fit(rows)
    assert_array_equal(model.predict(X), model.labels_)
    assert_array_equal(model.predict(X[3:4]), model.labels_[3:4])
    assert np.isfinite(model.predict_proba(X)).all()
    params = {}
    if metric == "seuclidean":
        params = {"V": X.var(axis=0, ddof=1)}
    elif metric == "mahalanobis":
        params = {"VI": np.linalg.inv(np.cov(X.T))}
    if metric in BOOLEAN:
        X = X.astype(bool)
    distances = pairwise_distances(X, metric=metric, **params)
    assert_allclose(model.core_distances_, np.sort(distances, axis=1)[:, 7], atol=1e-7)


def test_missing_values_of_nan_euclidean():
    X = two_blobs()
    X[::7, 1] = np.nan
    model = HDBSCAN(10, metric="nan_euclidean").fit(X)
    assert model.labels_.max() == 1 and (model.labels_[::7] >= 0).any()
    assert_array_equal(model.predict(X), model.labels_)
    assert_allclose(
        model.core_distances_, np.sort(nan_euclidean_distances(X), axis=1)[:, 9], atol=1e-6
    )


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("allow_single_cluster", [False, True])
def test_rows_without_distances_are_noise(sparse, allow_single_cluster):
    X = two_blobs(60)
    bad = np.array([0, 17, 80, 119])
    X[bad, [0, 1, 2, 0]] = np.nan, np.inf, -np.inf, np.nan
    good = np.setdiff1d(np.arange(len(X)), bad)
    form = sp.csr_array if sparse else np.asarray
    params = {"allow_single_cluster": allow_single_cluster, "store_centers": "both"}
    model = HDBSCAN(10, **params).fit(form(X))
    alone = HDBSCAN(10, **params).fit(form(X[good]))
    for name, value in [
        ("labels_", -1),
        ("probabilities_", 0),
        ("outlier_scores_", 1),
        ("core_distances_", np.inf),
    ]:
        assert_array_equal(getattr(model, name)[good], getattr(alone, name))
        assert_array_equal(getattr(model, name)[bad], value)
    assert_array_equal(model.centroids_, alone.centroids_)
    assert_array_equal(model.medoids_, alone.medoids_)
    assert_array_equal(model.cluster_persistence_, alone.cluster_persistence_)
    assert_array_equal(
        np.concatenate(model.exemplar_indices_), good[np.concatenate(alone.exemplar_indices_)]
    )
    tree = model.condensed_tree_
    assert_array_equal(tree.stability, alone.condensed_tree_.stability)
    assert_array_equal(tree.point_cluster[bad], 0)
    assert_array_equal(tree.point_lambda[bad], 0)
    assert tree.size[0] == len(X) and len(model.single_linkage_tree_) == len(X) - 1
    assert np.isinf(model.minimum_spanning_tree_.distance[-4:]).all()
    assert_array_equal(model.predict(form(X)), model.labels_)
    soft = model.predict_proba(form(X))
    assert_array_equal(soft, model.predict_proba())
    assert_array_equal(soft[good], alone.predict_proba())
    assert_array_equal(soft[bad], 0)
    assert_array_equal(model.predict(form(X[bad])), -1)
    assert_array_equal(model.predict_proba(form(X[bad])), 0)
    assert_allclose(model.score(form(X)), alone.score(form(X[good])) * len(good) / len(X))
    assert_array_equal(model.dbscan_clustering(2.0)[bad], -1)
    assert_array_equal(HDBSCAN(200, **params).fit_predict(form(X))[bad], -1)


def test_tensors():
    torch = pytest.importorskip("torch")
    X = two_blobs().round(1)
    model = HDBSCAN(10).fit(torch.tensor(X, requires_grad=True))
    assert_array_equal(model.predict(torch.tensor(X)), model.labels_)
    assert model.predict(torch.tensor(X, dtype=torch.bfloat16)).shape == (300,)


def test_pipeline_of_float32_takes_lists():
    X = two_blobs().astype(np.float32)
    model = make_pipeline(StandardScaler(), HDBSCAN(10)).fit(X)
    assert_array_equal(model.predict(X.tolist()), model[-1].labels_)


def test_zero_rows_under_cosine_are_as_far_as_what_is_perpendicular():
    X = np.random.default_rng(0).random((60, 3)) + 0.1
    zero = np.zeros((1, 3))
    by_tree = HDBSCAN(5, metric="cosine").fit(X)
    by_blocks = HDBSCAN(5, metric="cosine", algorithm="brute").fit(X)
    assert_array_equal(by_tree.predict(zero), by_blocks.predict(zero))
    assert_array_equal(by_tree.predict_proba(zero), by_blocks.predict_proba(zero))
    short = HDBSCAN(5, metric="cosine").fit(np.r_[X, X[:1] * 1e-200])
    assert_allclose(short.core_distances_[-1], short.core_distances_[0])


@pytest.mark.parametrize(
    "X, params, message",
    [
        ([[1.0]], {}, "minimum of 2"),
        ([[1.0], [np.nan]], {}, "Of 2 samples 1 have missing or infinite values"),
        ([[1.0], [np.inf], [2.0]], {"min_samples": 3}, "got n_samples=2"),
        ([[1.0], [2.0]], {"min_samples": 3}, "min_samples=3 needs as many samples"),
        ([[1.0], [2.0]], {"min_cluster_size": 1}, "min_cluster_size"),
        ([[1.0], [2.0]], {"min_samples": 0}, "min_samples"),
        ([[1.0], [2.0]], {"alpha": 0}, "alpha"),
        ([[1.0], [2.0]], {"cluster_selection_epsilon": -1.0}, "cluster_selection_epsilon"),
        ([[1.0], [2.0]], {"max_cluster_size": 0}, "max_cluster_size"),
        ([[1.0], [2.0]], {"metric": "nonsense"}, "metric"),
        ([[1.0], [2.0]], {"metric": "canberra", "algorithm": "kd_tree"}, "algorithm='kd_tree'"),
        ([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0]], {"metric": "precomputed"}, "square"),
        ([[0.0, 1.0], [2.0, 0.0]], {"metric": "precomputed"}, "symmetric"),
        ([[0.0, -1.0], [-1.0, 0.0]], {"metric": "precomputed"}, "negative"),
        ([[0.0, np.nan], [np.nan, 0.0]], {"metric": "precomputed"}, "nan"),
        ([[0.0, 1.0], [1.0, 0.5]], {"metric": "precomputed"}, "0 on the diagonal"),
        ([[1.0], [2.0]], {"metric": lambda a, b: np.nan}, "must not be negative or nan"),
        ([[1.0], [2.0]], {"metric": lambda a, b: a[0] - b[0]}, "must not be negative"),
        ([[1.0], [2.0]], {"metric": lambda a, b: max(a[0] - b[0], 0)}, "must be symmetric"),
        ([[1.0], [2.0]], {"metric": lambda a, b: 1.0}, "0 on the diagonal"),
        ([[1.0, 1.0], [1.0, 2.0]], {"metric": "correlation"}, "must not be negative or nan"),
        ([[np.nan, 1.0], [1.0, np.nan]], {"metric": "nan_euclidean"}, "without a common feature"),
        *(
            ([[1.0], [2.0]], {"metric": "minkowski", "metric_params": {"p": p}}, "p >= 1")
            for p in (-1, 0, 0.5, np.nan, "2", None)
        ),
        (
            [[1.0], [2.0]],
            {"metric": "minkowski", "metric_params": {"w": [-1.0]}},
            "weights that are not negative",
        ),
        ([[1.0], [2.0]], {"metric": "haversine"}, "2 features"),
        ([[1.0, 0.0], [2.0, 0.0]], {"metric": "seuclidean"}, "constant"),
        ([[1.0, 0.0], [2.0, 0.0]], {"metric": "mahalanobis"}, "singular"),
        (sp.csr_array(np.eye(3)), {"metric": "canberra"}, "dense rows only"),
        (sp.csr_array(np.eye(3)), {"algorithm": "kd_tree"}, "needs dense rows"),
        (
            [[0.0, 1.0], [1.0, 0.0]],
            {"metric": "precomputed", "store_centers": "medoid"},
            "store_centers='medoid'",
        ),
    ],
)
def test_bad_input(X, params, message):
    with pytest.raises(ValueError, match=message):
        HDBSCAN(**params).fit(X)


def test_bad_input_of_methods():
    X = make_blobs(50, random_state=0)[0]
    model = HDBSCAN().fit(X)
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :1])
    distances = pairwise_distances(X)
    precomputed = HDBSCAN(metric="precomputed").fit(distances)
    assert not hasattr(precomputed, "predict_proba")
    with pytest.raises(ValueError, match="features"):
        precomputed.predict(distances[:, :20])
    for value in (np.nan, -1.0):
        distances[3, 5] = value
        for method in (precomputed.predict, precomputed.score):
            with pytest.raises(ValueError, match="must not be negative or nan"):
                method(distances[:7])
    model = HDBSCAN(metric=lambda a, b: abs(a - b).sum() * np.sign(50 - a.max())).fit(X)
    with pytest.raises(ValueError, match="must not be negative"):
        model.predict(X + 100)
    for method in ("predict", "predict_proba", "score"):
        with pytest.raises(NotFittedError):
            getattr(HDBSCAN(), method)(X)


@settings(max_examples=20)
@given(samples(min_size=30, max_size=400), st.integers(1, 4))
def test_threads_do_not_matter(X, n_jobs):
    one, several = (HDBSCAN(n_jobs=n).fit(np.repeat(X, 30, axis=0)) for n in (1, n_jobs))
    assert_array_equal(one.labels_, several.labels_)
    assert_array_equal(one.minimum_spanning_tree_.source, several.minimum_spanning_tree_.source)
    assert_array_equal(one.predict_proba(X), several.predict_proba(X))
