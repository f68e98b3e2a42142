"""GraphDegreeLinkage as an estimator."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, random_array
from sklearn.datasets import load_digits, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, pairwise_distances
from sklearn.neighbors import NearestNeighbors

from skdeepcluster import Graph, GraphDegreeLinkage
from skdeepcluster.displays import DendrogramDisplay
from skdeepcluster.metrics import clustering_accuracy
from tests.graph._samples import TOUCHING, X, quiet


def test_digits():
    X, y = load_digits(return_X_y=True)
    labels = GraphDegreeLinkage(10).fit_predict(X)
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
    # Whatever the size.
    few = GraphDegreeLinkage(n_clusters=3).fit(np.vstack([rows[::6], pairs]))
    assert adjusted_rand_score(np.repeat([0, 1, 2], 50), few.labels_[:150]) > 0.97
    # Where all clusters count, they do.
    with pytest.warns(ConvergenceWarning, match="5 clusters have no affinity"):
        model.set_params(min_cluster_fraction=0).fit(np.vstack([rows, pairs]))
    assert np.bincount(model.labels_).min() == 2


def test_clusters_of_unequal_densities():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(200, 2)) * 0.05, rng.normal(size=(200, 2)) + [3, 0]])
    labels = GraphDegreeLinkage(2).fit_predict(X)
    assert adjusted_rand_score(np.repeat([0, 1], 200), labels) > 0.97


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
        if name == "precomputed" and init == "nearest_neighbors":
            # The heaviest edge need not be the shortest.
            assert adjusted_rand_score(other.labels_, model.labels_) > 0.9
            continue
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
    model = GraphDegreeLinkage(1, n_neighbors=n_neighbors, init=init, min_cluster_fraction=0).fit(X)
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


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_a_graph_beside_rows_is_the_graph_alone(seed):
    rng = np.random.default_rng(seed)
    W = csr_array(rng.random((30, 30)) * (rng.random((30, 30)) < 0.4))
    X = rng.normal(size=(30, 2))
    alone = GraphDegreeLinkage(3, affinity="precomputed").fit(W)
    for model in (
        GraphDegreeLinkage(3).fit(X, adjacency=W),
        GraphDegreeLinkage(3).fit(Graph(X, W)),
        GraphDegreeLinkage(3).fit(X, adjacency=W.toarray()),
    ):
        np.testing.assert_array_equal(model.labels_, alone.labels_)
        np.testing.assert_array_equal(model.affinities_, alone.affinities_)
        assert model.n_features_in_ == 2


def test_a_given_graph_is_checked_and_predicts_no_rows():
    X, W = np.zeros((6, 2)), np.ones((6, 6))
    with pytest.raises(ValueError, match="new rows have no edges"):
        GraphDegreeLinkage(2).fit(X, adjacency=W).predict(X)
    with pytest.raises(ValueError, match="do not pass an adjacency"):
        GraphDegreeLinkage(2, affinity="precomputed").fit(W, adjacency=W)
    with pytest.raises(ValueError, match="negative weights"):
        GraphDegreeLinkage(2).fit(X, adjacency=-W)
    with pytest.raises(ValueError, match=r"shape \(6, 6\)"):
        GraphDegreeLinkage(2).fit(X[:5], adjacency=W)
