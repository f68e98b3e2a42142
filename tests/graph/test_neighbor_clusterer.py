"""NeighborClusterer and NeighborLayout: clusters of real rows, new rows, seeds and sizes."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs, make_circles, make_moons
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import NeighborClusterer, NeighborLayout
from skdeepcluster.algorithms import layouts
from skdeepcluster.algorithms.layouts import fuzzy_graph, similarity_curve, start_of_layout
from skdeepcluster.metrics import clustering_accuracy


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(digits):
    return NeighborClusterer(10, random_state=0).fit(digits[0])


def test_digits_are_found_far_better_than_by_k_means(digits, fitted):
    X, y = digits
    k_means = clustering_accuracy(y, KMeans(10, n_init=3, random_state=0).fit_predict(X))
    assert clustering_accuracy(y, fitted.labels_) > k_means + 0.07
    cut = [clustering_accuracy(y, labels) for labels in fitted.candidates_["cut"]]
    assert np.mean(cut) > 0.9
    assert max(cut) > 0.94
    assert min(clustering_accuracy(y, labels) for labels in fitted.candidates_["k-means"]) > 0.86


def test_without_epochs_digits_are_not_found(digits, monkeypatch):
    # The start of the layouts is what is left: principal components, of rows and of groups.
    X, y = digits
    monkeypatch.setattr(layouts, "run_epochs", lambda *args: None)
    for read_out, most in [("cut", 0.88), ("k-means", 0.83)]:
        model = NeighborClusterer(10, read_out=read_out, random_state=0).fit(X)
        runs = model.candidates_[read_out]
        assert np.mean([clustering_accuracy(y, labels) for labels in runs]) < most


@pytest.mark.parametrize("read_out", ["cut", "k-means", "graph", "linkage", "rows"])
def test_a_single_read_out_is_that_of_the_candidates(digits, fitted, read_out):
    X, y = digits
    model = NeighborClusterer(10, read_out=read_out, random_state=0).fit(X)
    assert list(model.candidates_) == [read_out] == [model.read_out_]
    assert any(np.array_equal(model.labels_, run) for run in model.candidates_[read_out])
    if read_out == "linkage":
        assert model.supports_[read_out] == [1]
    else:
        assert np.array_equal(model.candidates_[read_out], fitted.candidates_[read_out])
    assert clustering_accuracy(y, model.labels_) > (0.75 if read_out == "rows" else 0.85)


def test_the_largest_product_of_powered_modularity_and_support_is_kept(fitted):
    runs = [(name, labels) for name in fitted.candidates_ for labels in fitted.candidates_[name]]
    values = [modularity_by_matrix(fitted.graph_, labels) for _, labels in runs]
    assert np.concatenate(list(fitted.modularities_.values())) == pytest.approx(values, rel=1e-5)
    pairs = [[adjusted_rand_score(a, b) for _, b in runs] for _, a in runs]
    supports = [np.sort(np.delete(row, i))[-3:].mean() for i, row in enumerate(pairs)]
    assert np.concatenate(list(fitted.supports_.values())) == pytest.approx(supports)
    between = [share_between(fitted.graph_, labels) for _, labels in runs]
    # Agreement above 0.95 counts a third.
    agreeing = np.minimum(supports, 0.95 + (np.array(supports) - 0.95) / 3)
    confirmed = np.maximum(agreeing, 1 - 10 * np.array(between))
    name, labels = runs[np.argmax(np.power(values, 2.25) * confirmed)]
    assert name == fitted.read_out_
    assert np.array_equal(labels, fitted.labels_)


def share_between(graph, labels):
    edges = graph.tocoo()
    return edges.data[labels[edges.row] != labels[edges.col]].sum() / graph.sum()


def modularity_by_matrix(graph, labels):
    """By the matrix of weights less those expected."""
    W = graph.toarray().astype(float)
    degrees = W.sum(axis=1)
    expected = np.outer(degrees, degrees) / degrees.sum()
    return ((W - expected) * (labels[:, None] == labels)).sum() / degrees.sum()


@pytest.mark.parametrize(("n", "noise"), [(300, 0.1), (1000, 0.05), (3000, 0.05)])
def test_moons_of_any_size_are_not_cut_as_by_k_means(n, noise):
    # Layouts of moons have many islands: few runs agree, but no edges lead between the moons.
    X, y = make_moons(n, noise=noise, random_state=0)
    assert adjusted_rand_score(y, NeighborClusterer(2, random_state=0).fit_predict(X)) > 0.98


@pytest.mark.parametrize("make", [make_moons, make_circles])
def test_shapes(make):
    X, y = make(
        600, noise=0.04, random_state=0, **({"factor": 0.4} if make is make_circles else {})
    )
    model = NeighborClusterer(2, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert adjusted_rand_score(y, model.candidates_["rows"][0]) < 0.5


@pytest.mark.parametrize("k", [2, 5, 20])
def test_the_number_of_blobs_is_found(k):
    X, y = make_blobs(1000, n_features=8, centers=k, random_state=1)
    model = NeighborClusterer(None, random_state=0).fit(X)
    assert model.n_clusters_ == k
    assert adjusted_rand_score(y, model.labels_) == 1
    layers = dict(zip(map(n_labels, model.cluster_layers_), model.layer_persistences_, strict=True))
    assert max(layers, key=layers.get) == k
    assert list(layers) == sorted(layers, reverse=True)
    assert model.predict_proba(X[:3]).shape == (3, k)


def n_labels(labels):
    return len(np.unique(labels))


def test_layers_of_nested_groups():
    # Three groups of four blobs each.
    rng = np.random.default_rng(0)
    outer, inner = np.repeat(np.arange(3), 400), np.tile(np.repeat(np.arange(4), 100), 3)
    places = 40 * np.eye(3)[outer] + 5 * np.eye(4)[inner][:, :3] + rng.normal(size=(1200, 3))
    model = NeighborClusterer(None, random_state=0).fit(places)
    layers = {n_labels(labels): labels for labels in model.cluster_layers_}
    assert {3, 12} <= set(layers)
    assert adjusted_rand_score(outer, layers[3]) == 1
    assert adjusted_rand_score(outer * 4 + inner, layers[12]) > 0.95


def test_few_rows_are_one_cluster_where_no_number_is_given():
    model = NeighborClusterer(None, random_state=0).fit(np.arange(10.0)[:, np.newaxis])
    assert model.n_clusters_ == 1
    assert not model.cluster_layers_
    assert (model.labels_ == 0).all()


def test_any_number_of_threads_gives_the_same(digits):
    X = digits[0][:500]
    one = NeighborClusterer(None, n_epochs=50, random_state=0, n_jobs=1).fit(X)
    for n_jobs in (2, 3):
        other = NeighborClusterer(None, n_epochs=50, random_state=0, n_jobs=n_jobs).fit(X)
        for read_out, runs in one.candidates_.items():
            assert np.array_equal(runs, other.candidates_[read_out])
        assert np.array_equal(one.labels_, other.labels_)


def test_new_rows_get_the_clusters_of_their_neighbors(digits):
    X, y = digits
    model = NeighborClusterer(10, random_state=0).fit(X[:1200])
    fitted = clustering_accuracy(y[:1200], model.labels_)
    assert clustering_accuracy(y[1200:], model.predict(X[1200:])) > fitted - 0.03
    proba = model.predict_proba(X[1200:])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    assert np.array_equal(model.predict(X[:1200]), model.labels_)


def test_rows_far_away_get_an_answer(digits, fitted):
    X = digits[0]
    for size in (1e10, 1e30, 1e300):
        proba = fitted.predict_proba(X[:20] * size)
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
        # All are as far from the rows: the nearest are those in their direction.
        nearest = (X[:20] @ X.T).argmax(axis=1)
        assert (proba[np.arange(20), fitted.labels_[nearest]] > 0).all()


def test_sure_rows_are_right_more_often(digits, fitted):
    X, y = digits
    # The digit that most of a cluster are.
    digit = np.array([np.bincount(y[fitted.labels_ == c]).argmax() for c in range(10)])
    right = digit[fitted.labels_] == y
    sure = fitted.probabilities_ > 0.9
    assert right[sure].mean() > right[~sure].mean() + 0.1
    assert fitted.probabilities_.min() >= 0
    assert fitted.probabilities_.max() <= 1


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e15])
def test_units_are_of_no_matter(digits, scale):
    X = digits[0][:300].astype(np.float32)
    settings = {"n_clusters": 10, "n_epochs": 20, "random_state": 0}
    power = np.float32(2.0 ** np.round(np.log2(scale)))
    one, other = NeighborClusterer(**settings).fit(X), NeighborClusterer(**settings).fit(X * power)
    assert np.array_equal(one.labels_, other.labels_)
    np.testing.assert_allclose(other.distances_, one.distances_ * power, rtol=1e-6)


def test_pixels_are_searched_in_half_of_the_memory(digits):
    X, _ = digits
    X = np.rint(X[:300] * 16).astype(np.uint8)
    found = {dtype: NeighborLayout(random_state=0, n_epochs=1).fit(X.astype(dtype)) for dtype in
             (np.uint8, np.float32, np.float64, np.int64)}  # fmt: skip
    assert found[np.uint8].distances_.dtype == np.float32
    np.testing.assert_array_equal(found[np.uint8].distances_, found[np.float32].distances_)
    assert found[np.int64].distances_.dtype == np.float64
    np.testing.assert_allclose(found[np.uint8].distances_, found[np.float64].distances_, rtol=1e-6)


def test_cosine_is_the_distance_of_directions(digits):
    X = digits[0][:300] + 1
    lengths = np.random.default_rng(0).uniform(0.1, 10, (300, 1))
    settings = {"metric": "cosine", "n_epochs": 20, "random_state": 0}
    one = NeighborClusterer(10, **settings).fit(X)
    other = NeighborClusterer(10, **settings).fit(X * lengths)
    assert adjusted_rand_score(one.labels_, other.labels_) > 0.9
    assert np.array_equal(one.predict(X[:5] * 7), one.labels_[:5])
    with pytest.raises(ValueError, match="rows of zeros"):
        NeighborClusterer(2, metric="cosine").fit(np.vstack([X, np.zeros_like(X[:1])]))


def test_copies_and_constant_rows():
    X = np.repeat(np.arange(4.0)[:, np.newaxis] * 10, 25, axis=0)
    model = NeighborClusterer(4, random_state=0).fit(X)
    assert adjusted_rand_score(np.repeat(np.arange(4), 25), model.labels_) == 1
    for read_out in ("cut", "k-means", "graph", "linkage", "rows"):
        model = NeighborClusterer(2, read_out=read_out, random_state=0).fit(np.ones((40, 3)))
        assert set(model.labels_) <= {0, 1}


def test_fewer_rows_than_neighbors_or_clusters():
    X = np.array([[0.0], [1], [10], [11]])
    model = NeighborClusterer(2, random_state=0).fit(X)
    assert model.indices_.shape == (4, 3)
    with pytest.raises(ValueError, match="n_samples=4 should be >= n_clusters=5"):
        NeighborClusterer(5).fit(X)


def test_a_layout_keeps_neighbors_and_new_rows_are_among_theirs(digits):
    X = digits[0]
    model = NeighborLayout(n_components=2, random_state=0).fit(X[:1400])
    assert trustworthiness(X[:1400], model.embedding_, n_neighbors=15) > 0.97
    assert np.array_equal(model.transform(X[:1400]), model.embedding_)
    both = np.vstack([model.embedding_, model.transform(X[1400:])])
    assert trustworthiness(X, both, n_neighbors=15) > 0.96


def test_weights_are_symmetric_and_at_most_one(digits):
    model = NeighborLayout(n_epochs=1, random_state=0).fit(digits[0])
    graph = model.graph_
    assert abs(graph - graph.T).max() == 0
    assert 0 < graph.data.min()
    assert graph.data.max() <= 1
    # At least as much as the directed weights.
    assert graph.sum(axis=1).min() >= np.log2(16) - 1e-3


def test_union_of_directed_weights():
    distances = np.array([[1.0, 2], [1, 4], [2, 4]])
    indices = np.array([[1, 2], [0, 2], [0, 1]])
    graph = fuzzy_graph(distances, indices, 1).toarray()
    # The nearest has weight 1 in one direction, so in both.
    np.testing.assert_allclose(graph[[0, 1, 0], [1, 0, 2]], 1, rtol=1e-6)
    p = np.log2(3) - 1
    assert graph[1, 2] == pytest.approx(2 * p - p * p, abs=1e-4)


@pytest.mark.parametrize(
    ("min_dist", "a", "b"), [(0, 1.9328, 0.7905), (0.1, 1.5769, 0.8951), (0.5, 0.5830, 1.3342)]
)
def test_similarity_curve_is_that_of_umap(min_dist, a, b):
    assert similarity_curve(min_dist) == pytest.approx((a, b), abs=1e-3)


def test_start_fills_missing_coordinates():
    Z = np.random.default_rng(0).normal(size=(50, 2)) * [5, 0.1]
    start = start_of_layout(Z, 4, np.random.default_rng(0))
    np.testing.assert_allclose(np.ptp(start[:, :2], axis=0), 10, atol=0.01)
    assert np.abs(start[:, 2:]).max() < 0.001


def test_noise_is_far_from_all_clusters_and_only_on_request(digits):
    # Pixels of digits, each drawn by itself, are no digits.
    X, y = digits
    rng = np.random.default_rng(0)
    none = np.stack([rng.permutation(column)[:90] for column in X.T], axis=1)
    rows = np.concatenate([X, none])
    model = NeighborClusterer(10, random_state=0).fit(rows)
    assert (model.labels_ >= 0).all()
    noisy = NeighborClusterer(10, contamination=0.05, random_state=0).fit(rows)
    found = noisy.labels_ == -1
    assert found.sum() == round(0.05 * len(rows))
    assert found[len(X) :].mean() > 0.5
    assert np.array_equal(noisy.labels_[~found], model.labels_[~found])
    assert noisy.outlier_scores_[found].min() > noisy.outlier_scores_[~found].max()
    assert np.array_equal(noisy.predict(rows), noisy.labels_)
    others = np.stack([rng.permutation(column)[:90] for column in X.T], axis=1)
    assert np.mean(noisy.predict(others) == -1) > 0.5
    assert (model.predict(others) >= 0).all()


def test_copies_of_rows_are_no_noise():
    X = np.repeat([[0.0, 0.0], [5.0, 5.0]], 40, axis=0)
    model = NeighborClusterer(2, contamination=0.1, random_state=0).fit(X)
    assert n_labels(model.labels_) == 2
    assert (model.labels_ >= 0).all()
    assert not model.outlier_scores_.any()


def test_one_hot_columns_beside_others_do_not_decide():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 600)
    numbers = 3 * rng.normal(size=(4, 5))[y] + rng.normal(size=(600, 5))
    numbers /= numbers.std(axis=0)
    region = np.eye(2)[rng.integers(0, 2, 600)]
    model = NeighborClusterer(4, random_state=0).fit(np.column_stack([numbers, region]))
    assert list(model.candidates_) == [model.read_out_] == ["rows"]
    assert adjusted_rand_score(y, model.labels_) > 0.9
    # Where all columns have two values, or none, nothing is left out.
    for X in (rng.integers(0, 2, (200, 6)), numbers[:200]):
        model = NeighborClusterer(4, n_epochs=10, random_state=0).fit(X)
        assert set(model.candidates_) == {"cut", "k-means", "graph", "rows"}
