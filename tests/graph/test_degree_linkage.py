import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix, random_array
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.datasets import load_digits, make_blobs, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, pairwise_distances
from sklearn.neighbors import NearestNeighbors

from skdeepcluster import GraphDegreeLinkage
from skdeepcluster._kernels._degree_linkage import degree_linkage
from skdeepcluster.algorithms.neighbors import nearest_by_blocks, nearest_neighbors
from skdeepcluster.displays import DendrogramDisplay
from skdeepcluster.metrics import clustering_accuracy
from skdeepcluster.validation import METRICS, SPARSE_METRICS

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
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def affinity(W, a, b):
    """The definition: products of a sample's sums of edges to and from the other cluster."""
    to_b, from_b = W[np.ix_(a, b)].sum(axis=1), W[np.ix_(b, a)].sum(axis=0)
    to_a, from_a = W[np.ix_(b, a)].sum(axis=1), W[np.ix_(a, b)].sum(axis=0)
    return (to_b * from_b).sum() / len(b) ** 2 + (to_a * from_a).sum() / len(a) ** 2


def textbook(W, labels, n_clusters, n_nearest, weight):
    """All affinities anew for each merge: pairs of sets of samples, and their affinities."""
    clusters = [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    merges, affinities = [], []
    while len(clusters) > n_clusters:
        # In the order of their age, which decides among equals.
        A = np.array(
            [[affinity(W, a, b) if a is not b else -1 for b in clusters] for a in clusters]
        )
        criterion = []
        for row in A:
            others = np.zeros(n_nearest)
            near = np.sort(row)[::-1][: min(n_nearest, len(clusters) - 1)]
            others[: len(near)] = near
            score = others[0]
            for other in others[1:]:
                score += weight / (n_nearest - 1) * (others[0] - other)
            criterion.append(score)
        a = int(np.argmax(criterion))
        b = int(np.argmax(A[a]))
        if A[a, b] == 0:
            break
        merges.append({frozenset(clusters[a].tolist()), frozenset(clusters[b].tolist())})
        affinities.append(A[a, b])
        united = np.concatenate([clusters[a], clusters[b]])
        clusters = [c for i, c in enumerate(clusters) if i not in (a, b)] + [united]
    return merges, affinities


def as_sets(labels, edges):
    """The merges of the kernel as pairs of sets of samples."""
    clusters = {k: frozenset(np.flatnonzero(labels == k).tolist()) for k in range(labels.max() + 1)}
    merges = []
    for a, b in edges.tolist():
        merges.append({clusters[a], clusters[b]})
        united = clusters[a] | clusters[b]
        for k in clusters:
            if clusters[k] <= united:
                clusters[k] = united
    return merges


def compact(labels):
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


@st.composite
def graphs(draw, max_samples=25):
    """Directed graphs with initial clusters, and parameters of the criterion.

    Weights are small multiples of 1/4, so that all sums are exact and equal affinities are equal:
    there are many ties, and the kernel must break them like the textbook.
    """
    n = draw(st.integers(1, max_samples))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    density = draw(st.sampled_from([0.05, 0.2, 0.6, 1.0]))
    W = rng.integers(1, 5, (n, n)) / 4 * (rng.random((n, n)) < density)
    labels = compact(rng.integers(0, draw(st.integers(1, n)), n))
    n_nearest = draw(st.integers(1, 4))
    return W, labels, n_nearest, draw(st.sampled_from([0.0, 1.0])) if n_nearest > 1 else 0.0


@given(graphs(), st.integers(1, 4))
def test_merges_of_the_textbook(graph, n_clusters):
    W, labels, n_nearest, weight = graph
    edges, affinities = degree_linkage(csr_array(W), labels, n_clusters, n_nearest, weight)
    merges, expected = textbook(W, labels, n_clusters, n_nearest, weight)
    assert as_sets(labels, edges) == merges
    assert_allclose(affinities, expected, rtol=1e-12)


@given(st.integers(0, 2**32), st.integers(3, 25), st.integers(1, 8))
def test_merges_of_the_textbook_on_neighbors(seed, n, n_neighbors):
    X = np.random.default_rng(seed).normal(size=(n, 2))
    W = np.exp(-pairwise_distances(X))
    far = np.argsort(np.argsort(-W, axis=1), axis=1) > min(n_neighbors, n - 1)
    W[far] = 0
    labels = np.arange(n, dtype=np.int32)
    edges, affinities = degree_linkage(csr_array(W), labels, 1, 1, 0.0)
    merges, expected = textbook(W, labels, 1, 1, 0.0)
    assert as_sets(labels, edges) == merges
    assert_allclose(affinities, expected, rtol=1e-9)


def test_kernel_checks_sizes():
    with pytest.raises(ValueError, match=r"W must be a csr_array of shape \(2, 2\)"):
        degree_linkage(csr_array((3, 3)), np.zeros(2, np.int32), 1)


def test_affinity_of_two_samples():
    W = csr_array([[0, 0.5, 0], [0.25, 0, 0], [1, 0, 0]])
    edges, affinities = degree_linkage(W, np.arange(3, dtype=np.int32), 1)
    assert_array_equal(edges, [[0, 1]])
    assert_allclose(affinities, 2 * 0.5 * 0.25)


@given(st.integers(0, 2**32), st.integers(2, 300), st.integers(1, 12), st.booleans())
def test_nearest_neighbors(seed, n, d, copies):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    if copies:
        X = X[rng.integers(0, max(n // 4, 1), n)]
    k = min(n - 1, 7)
    for metric in ("euclidean", "manhattan", "chebyshev"):
        search = NearestNeighbors(n_neighbors=k, algorithm="kd_tree", metric=metric).fit(X)
        D = cdist(X, X, metric.replace("manhattan", "cityblock"))
        for distances, indices in [
            nearest_neighbors(X, k, 2, metric),
            nearest_by_blocks(D.__getitem__, n, k),
        ]:
            assert_allclose(distances, search.kneighbors()[0], atol=1e-12)
            assert_allclose(distances, np.take_along_axis(D, indices, axis=1), atol=1e-12)
            assert (indices != np.arange(n)[:, None]).all()
            assert all(len(set(row)) == k for row in indices.tolist())


@pytest.mark.parametrize(("dtype", "exponent"), [(np.float32, 120), (np.float64, 1000)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_neighbors_of_rows_of_any_size(dtype, exponent, sign):
    X = np.random.default_rng(0).normal(size=(200, 3)).astype(dtype)
    expected = nearest_neighbors(X, 5)
    distances, indices = nearest_neighbors(np.ldexp(X, sign * exponent), 5)
    assert_array_equal(indices, expected[1])
    assert_array_equal(distances, np.ldexp(expected[0], sign * exponent))


X, y = make_blobs(150, centers=6, cluster_std=1.5, random_state=1)
TOUCHING = make_blobs(150, centers=3, cluster_std=3.0, random_state=0)[0]


def test_digits():
    X, y = load_digits(return_X_y=True)
    model = GraphDegreeLinkage(10)
    start = time.perf_counter()
    labels = model.fit_predict(X)
    assert time.perf_counter() - start < 5  # 0.07 s on an idle machine
    assert clustering_accuracy(y, labels) == pytest.approx(0.875, abs=5e-3)
    assert normalized_mutual_info_score(y, labels) == pytest.approx(0.896, abs=5e-3)


@pytest.mark.parametrize("local_weight", [0.0, 1.0])
def test_curved_clusters(local_weight):
    for maker in (make_moons, lambda *a, **k: make_circles(*a, factor=0.4, **k)):
        X, y = maker(600, noise=0.05, random_state=0)
        model = GraphDegreeLinkage(2, local_weight=local_weight).fit(X)
        assert adjusted_rand_score(y, model.labels_) == 1


def test_clusters_that_lost_their_affinity():
    X, y = make_moons(600, noise=0.05, random_state=0)
    model = GraphDegreeLinkage(2, n_neighbors=10)
    with pytest.warns(ConvergenceWarning, match="3 clusters have no affinity.*n_clusters=2"):
        model.fit(X)
    # One moon is in two parts, with edges from one to the other but not back.
    assert adjusted_rand_score(y, model.labels_) == 1
    assert_array_equal(model.affinities_[-2:], 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(n_clusters=3).fit(X)


def test_outliers_do_not_take_the_place_of_clusters():
    rng = np.random.default_rng(0)
    centers = [(0, 0), (7, 0), (0, 7)]
    rows = np.vstack([rng.normal(size=(300, 2)) + center for center in centers])
    pairs = np.array([[30.0, 30], [30.1, 30], [-25, 3], [-25, 3.1]])
    model = GraphDegreeLinkage(n_clusters=3).fit(np.vstack([rows, pairs]))
    assert adjusted_rand_score(np.repeat([0, 1, 2], 300), model.labels_[:900]) > 0.97
    assert len(set(model.labels_)) == 3
    # Where few clusters begin, a pair is as good as any.
    few = GraphDegreeLinkage(n_clusters=3, n_neighbors=5).fit(np.vstack([rows[:40], pairs]))
    assert np.bincount(few.labels_).min() == 2


@quiet
def test_components_join_by_distance():
    X = np.concatenate([np.random.default_rng(0).normal(x, 1, (30, 2)) for x in (0, 100, 1000)])
    y = np.repeat([0, 0, 1], 30)
    for metric in ("euclidean", "manhattan"):
        model = GraphDegreeLinkage(2, n_neighbors=5, metric=metric).fit(X)
        assert adjusted_rand_score(y, model.labels_) == 1
        assert np.isfinite(model.distances_).all()
    D = pairwise_distances(X)
    model = GraphDegreeLinkage(2, n_neighbors=5, affinity="precomputed_nearest_neighbors").fit(D)
    assert adjusted_rand_score(y, model.labels_) == 1
    sparse = NearestNeighbors(n_neighbors=5).fit(X).kneighbors_graph(mode="distance")
    assert_array_equal(model.fit(sparse).distances_[-2:], np.inf)
    assert model.n_clusters_ == 2


@quiet
@pytest.mark.parametrize("init", ["nearest_neighbors", "singletons"])
def test_ways_of_giving_the_same_graph(init):
    model = GraphDegreeLinkage(3, n_neighbors=8, init=init).fit(TOUCHING)
    D = pairwise_distances(TOUCHING)
    graph = NearestNeighbors(n_neighbors=8).fit(TOUCHING).kneighbors_graph(mode="distance")
    more = NearestNeighbors(n_neighbors=12).fit(TOUCHING).kneighbors_graph(mode="distance")
    for name, data in [
        ("precomputed_nearest_neighbors", D),
        ("precomputed_nearest_neighbors", graph),
        ("precomputed_nearest_neighbors", more),
        ("precomputed_nearest_neighbors", csr_array(D)),
        ("precomputed", model.affinity_matrix_),
        ("precomputed", model.affinity_matrix_.toarray()),
    ]:
        other = GraphDegreeLinkage(3, n_neighbors=8, init=init, affinity=name).fit(data)
        assert_array_equal(other.labels_, model.labels_)
        assert_array_equal(other.children_, model.children_)
        assert_allclose(other.affinities_, model.affinities_, rtol=1e-9)
    other = GraphDegreeLinkage(3, n_neighbors=8, init=init, metric="l2", metric_params={}).fit(
        csr_array(TOUCHING)
    )
    assert_array_equal(other.labels_, model.labels_)


def test_what_the_graph_has_beside_the_diagonal_counts():
    W = random_array((40, 40), density=0.2, random_state=0).toarray()
    model = GraphDegreeLinkage(1, affinity="precomputed").fit(W)
    with_loops = model.affinity_matrix_.toarray() + np.eye(40)
    before = with_loops.copy()
    other = GraphDegreeLinkage(1, affinity="precomputed").fit(csr_array(with_loops))
    assert_array_equal(other.children_, model.children_)
    assert_array_equal(with_loops, before)


@quiet
@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_order_of_samples_is_immaterial(seed):
    order = np.random.default_rng(seed).permutation(len(TOUCHING))
    model = GraphDegreeLinkage(4, n_neighbors=10)
    before = model.fit_predict(TOUCHING)
    after = model.fit_predict(TOUCHING[order])
    assert adjusted_rand_score(before[order], after) == 1


@quiet
@settings(max_examples=20)
@given(st.integers(-60, 60), st.integers(-60, 60))
def test_scale_is_immaterial(power, scale_power):
    model = GraphDegreeLinkage(4, n_neighbors=10).fit(TOUCHING)
    scaled = GraphDegreeLinkage(4, n_neighbors=10).fit(TOUCHING * 2.0**power)
    assert_array_equal(scaled.children_, model.children_)
    assert_allclose(scaled.distances_, model.distances_ * 2.0**power, rtol=1e-12)
    # All weights of a graph times a number: the same merges.
    graph = GraphDegreeLinkage(4, affinity="precomputed")
    W = model.affinity_matrix_
    children = graph.fit(W).children_
    heights = graph.distances_
    assert_array_equal(graph.fit(W * 2.0**scale_power).children_, children)
    assert_allclose(graph.distances_, heights, rtol=1e-9)


@quiet
def test_threads_do_not_change_the_result():
    one, two = (GraphDegreeLinkage(4, n_jobs=n_jobs).fit(TOUCHING) for n_jobs in (1, 2))
    assert_array_equal(one.children_, two.children_)
    assert_array_equal(one.distances_, two.distances_)


@quiet
@given(
    st.integers(0, 2**32),
    st.integers(2, 40),
    st.integers(1, 9),
    st.sampled_from(["nearest_neighbors", "singletons"]),
)
def test_history(seed, n, n_neighbors, init):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, (n, 2)).astype(float)  # with duplicates and ties
    model = GraphDegreeLinkage(1, n_neighbors=n_neighbors, init=init).fit(X)
    n_begin = model.n_initial_clusters_
    # A binary tree: all nodes but the root are merged once, after they were made.
    assert_array_equal(np.sort(model.children_.ravel()), np.arange(2 * n - 2))
    assert (model.children_ < n + np.arange(n - 1)[:, None]).all()
    assert_array_equal(np.isnan(model.affinities_), np.arange(n - 1) < n - n_begin)
    assert (model.affinities_[n - n_begin :] >= 0).all()
    for part in np.split(model.distances_, [n - n_begin]):
        assert (np.diff(part) >= 0).all() and np.isfinite(part).all() and (part >= 0).all()
    # Any number of clusters is a cut of the tree.
    n_merges = int(rng.integers(n))
    members = {node: [node] for node in range(n)}
    for t, (left, right) in enumerate(model.children_[:n_merges], n):
        members[t] = members.pop(left) + members.pop(right)
    labels = model.set_params(n_clusters=n - n_merges).fit(X).labels_
    assert set(map(frozenset, members.values())) == {
        frozenset(np.flatnonzero(labels == k).tolist()) for k in range(n - n_merges)
    }


def test_affinity_threshold():
    model = GraphDegreeLinkage(None, affinity_threshold=0.01, n_neighbors=10).fit(X)
    n_initial = len(X) - model.n_initial_clusters_
    n_merges = len(X) - model.n_clusters_
    assert n_merges > n_initial
    assert (model.affinities_[n_initial:n_merges] >= 0.01).all()
    assert model.affinities_[n_merges] < 0.01
    same = GraphDegreeLinkage(model.n_clusters_, n_neighbors=10).fit(X)
    assert_array_equal(same.labels_, model.labels_)
    model.set_params(affinity_threshold=1e9).fit(X)
    assert model.n_clusters_ == model.n_initial_clusters_


@quiet
def test_first_clusters_are_those_of_nearest_neighbors():
    model = GraphDegreeLinkage(1).fit(TOUCHING)
    model.set_params(n_clusters=model.n_initial_clusters_).fit(TOUCHING)
    nearest = NearestNeighbors(n_neighbors=1).fit(TOUCHING).kneighbors(return_distance=False)
    assert_array_equal(model.labels_, model.labels_[nearest[:, 0]])


@quiet
@pytest.mark.parametrize("init", ["nearest_neighbors", "singletons"])
def test_degenerate_rows(init):
    same = GraphDegreeLinkage(2, init=init).fit(np.ones((30, 2)))
    assert_array_equal(same.distances_, 0)
    assert same.n_clusters_ == 2
    two = GraphDegreeLinkage(2, init=init).fit([[0.0], [1.0]])
    assert_array_equal(two.labels_, [0, 1])
    # Copies beyond the number of neighbors.
    X = np.repeat([[0.0, 0.0], [1.0, 0.0], [0.0, 9.0]], 25, axis=0)
    model = GraphDegreeLinkage(3, n_neighbors=5, init=init).fit(X)
    assert_array_equal(model.labels_, np.repeat([0, 1, 2], 25))
    # One so far away that its weights vanish.
    X = np.append(TOUCHING, [[1e9, 1e9]], axis=0)
    assert np.isfinite(GraphDegreeLinkage(2, init=init).fit(X).distances_).all()


@quiet
def test_graph_without_edges():
    model = GraphDegreeLinkage(3, affinity="precomputed").fit(csr_array((5, 5)))
    assert model.n_clusters_ == 3
    assert_array_equal(model.distances_, np.inf)
    model.set_params(affinity="precomputed_nearest_neighbors").fit(csr_array((5, 5)))
    assert_array_equal(model.labels_, [0, 0, 0, 1, 2])


def test_bad_input():
    with pytest.raises(ValueError, match="NaN"):
        GraphDegreeLinkage().fit([[np.nan], [1.0]])
    with pytest.raises(ValueError, match="n_samples=3 should be >= n_clusters=4"):
        GraphDegreeLinkage(4).fit(X[:3])
    with pytest.raises(ValueError, match="Exactly one of n_clusters=8 and affinity_threshold=0.1"):
        GraphDegreeLinkage(affinity_threshold=0.1).fit(X)
    with pytest.raises(ValueError, match="Exactly one"):
        GraphDegreeLinkage(None).fit(X)
    for affinity, what in [("precomputed", "weights"), ("precomputed_nearest_neighbors", "distan")]:
        with pytest.raises(ValueError, match=f"square matrix of {what}.*\\(150, 2\\)"):
            GraphDegreeLinkage(affinity=affinity).fit(X)
        for form in (np.array, csr_array):
            D = form([[0, 1, 1], [1, 0, -1], [0, 0, 0.0]])
            message = f"Precomputed {what}.* must not be negative or nan; found -1"
            with pytest.raises(ValueError, match=message):
                GraphDegreeLinkage(2, affinity=affinity).fit(D)
            for value in (np.nan, np.inf):
                with pytest.raises(ValueError, match="NaN|infinity"):
                    GraphDegreeLinkage(2, affinity=affinity).fit(form([[0, value], [1, 0]]))
    with pytest.raises(ValueError, match="Distances between rows of X overflow. Scale X"):
        GraphDegreeLinkage(2).fit([[1.7e308], [-1.7e308]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_functions_that_give_no_distances_are_refused(value):
    few = np.sort(X[:, 0])[10]  # fewer than there are to be neighbors

    def metric(a, b):
        return value if (a[0] < few) != (b[0] < few) else abs(a[0] - b[0])

    with pytest.raises(ValueError, match=r"Distances by metric=.* must not be .* Leave out rows"):
        GraphDegreeLinkage(2, metric=metric).fit(X)


@quiet
@pytest.mark.parametrize("metric", [*sorted(METRICS), lambda a, b: abs(a - b).max()])
def test_every_metric_agrees_with_its_matrix(metric):
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=(60, 2 if metric == "haversine" else 8)))
    if metric in BOOLEAN:
        rows = rows > 0.5
    D = pairwise_distances(rows, metric=metric)
    rows = rows.astype(float)
    if metric in {"seuclidean", "mahalanobis"}:
        D = squareform(pdist(rows, metric))
    distances = GraphDegreeLinkage(3, affinity="precomputed_nearest_neighbors")
    expected = distances.fit(np.where(D < 1e-12, 0, D))
    model = GraphDegreeLinkage(3, metric=metric)
    assert_array_equal(model.fit(rows).labels_, expected.labels_)
    assert_allclose(model.distances_, expected.distances_, atol=1e-7)
    if metric not in SPARSE_METRICS and not callable(metric):
        with pytest.raises(ValueError, match="dense rows only"):
            model.fit(csr_array(rows))
        return
    wide = csr_array(rows)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    for form in (csr_array(rows), csr_matrix(rows), wide):
        assert_array_equal(model.fit(form).labels_, expected.labels_)


@pytest.mark.parametrize("metric", ["seuclidean", "mahalanobis"])
def test_constant_features_have_no_variance(metric):
    with pytest.raises(ValueError, match=f"metric='{metric}'.*Leave"):
        GraphDegreeLinkage(2, metric=metric).fit(np.column_stack([X, np.ones(len(X))]))


def test_metrics_that_cannot_be_computed():
    with pytest.raises(ValueError, match="metric for p >= 1 only"):
        GraphDegreeLinkage(2, metric="minkowski", metric_params={"p": 0.5}).fit(X)
    with pytest.raises(ValueError, match="2 features"):
        GraphDegreeLinkage(2, metric="haversine").fit(np.ones((5, 3)))


@quiet
def test_missing_values():
    rows, labels = make_blobs(60, n_features=6, random_state=0)
    rows[np.arange(60), np.arange(60) % 6] = np.nan
    model = GraphDegreeLinkage(3, metric="nan_euclidean").fit(rows)
    assert adjusted_rand_score(model.labels_, labels) == 1
    with pytest.raises(ValueError, match="NaN"):
        GraphDegreeLinkage(3).fit(rows)


@quiet
@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float32, 120), (np.float64, 660), (np.float64, 1000)]
)
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_rows_of_any_size(dtype, size, metric, form):
    if metric == "chebyshev" and form is csr_array:
        return
    # Components without edges between them too.
    rows = np.concatenate([TOUCHING, TOUCHING[:40] + 80]).astype(dtype)
    expected = GraphDegreeLinkage(4, n_neighbors=10, metric=metric).fit(form(rows))
    for exponent in (-size, size):
        model = GraphDegreeLinkage(4, n_neighbors=10, metric=metric)
        model.fit(form(np.ldexp(rows, exponent)))
        assert_array_equal(model.labels_, expected.labels_)
        assert_array_equal(model.children_, expected.children_)
        assert_allclose(np.ldexp(model.distances_, -exponent), expected.distances_, rtol=1e-5)


@quiet
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_tensors(dtype):
    torch = pytest.importorskip("torch")
    rows = torch.from_numpy(TOUCHING).to(getattr(torch, dtype)).requires_grad_()
    values = rows.detach().to(torch.float64 if dtype != "float32" else torch.float32).numpy()
    model = GraphDegreeLinkage(3).fit(rows)
    if dtype == "bfloat16":
        values = values.astype(np.float32)
    assert_array_equal(model.labels_, GraphDegreeLinkage(3).fit_predict(values))


def test_dendrogram():
    model = GraphDegreeLinkage(6, n_neighbors=10).fit(X)
    display = DendrogramDisplay.from_estimator(model)
    assert_array_equal(display.linkage[:, :2], model.children_)
    assert_array_equal(display.linkage[:, 2], model.distances_)
    plt.close(display.figure_)
