"""LandmarkSpectral: its objective, its predictions, and what it finds."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import ortho_group
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, pairwise_distances_argmin
from threadpoolctl import threadpool_limits

from skdeepcluster import LandmarkSpectral
from skdeepcluster.algorithms.neighbors import connectivity_graph
from skdeepcluster.algorithms.spectral import landmark_spectral
from skdeepcluster.metrics import clustering_accuracy

# Quick, and enough for the shapes below.
FEW = {"max_landmarks": 200, "n_graphs": 3}


@pytest.fixture(scope="module")
def rings():
    return make_circles(1200, factor=0.4, noise=0.02, random_state=0)


@pytest.fixture(scope="module")
def moons():
    return make_moons(1200, noise=0.05, random_state=0)


def fit(X, n_clusters=2, random_state=0, **params):
    return LandmarkSpectral(n_clusters, random_state=random_state, **params).fit(X)


def cut_by_definition(model, X, labels):
    """The sum of x^T (D - W) x / x^T D x, a mean over the draws."""
    k, cuts = model.n_clusters, []
    for landmarks in model.landmarks_:
        m = len(landmarks)
        places = pairwise_distances_argmin(X, landmarks)
        counts = np.zeros((m, k))
        np.add.at(counts, (places, labels), 1)
        v = counts.sum(axis=1) * m / len(X)
        A = connectivity_graph(landmarks, min(model.n_neighbors, m - 1)).toarray()
        W = np.sqrt(np.outer(v, v)) * A
        W += 0.1 * W.sum(axis=1).mean() / m * np.outer(v, v)
        D = np.diag(W.sum(axis=1))
        indicators = np.eye(k)[counts.argmax(axis=1)].T
        cuts.append(sum(x @ (D - W) @ x / (x @ D @ x) for x in indicators))
    return np.mean(cuts)


# -- the objective ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [120, 1500])
@pytest.mark.parametrize("k", [2, 4])
def test_the_normalized_cut_is_the_one_of_its_definition(n, k):
    X = np.random.default_rng(n).normal(size=(n, 3))
    model = fit(X, k, max_landmarks=100, n_graphs=3)
    assert model.normalized_cut_ == pytest.approx(cut_by_definition(model, X, model.labels_))
    assert 0 < model.normalized_cut_ < k


def test_the_cut_is_smaller_than_that_of_k_means(rings, moons):
    for X, _ in (rings, moons):
        model = fit(X, **FEW)
        others = KMeans(2, random_state=0).fit_predict(X)
        assert model.normalized_cut_ < 0.8 * cut_by_definition(model, X, others)


def test_without_edges_between_clusters_only_the_regularization_is_cut():
    X, y = make_blobs([400, 400, 400], centers=[[0, 0], [99, 0], [0, 99]], random_state=0)
    assert fit(X, 3).normalized_cut_ == pytest.approx(2 / 11, rel=0.02)


# -- what it finds ---------------------------------------------------------------------------------


def test_shapes_that_k_means_cuts(rings, moons):
    for X, y in (rings, moons):
        assert adjusted_rand_score(y, fit(X).labels_) > 0.99
        assert adjusted_rand_score(y, KMeans(2, random_state=0).fit_predict(X)) < 0.6


@given(
    sizes=st.tuples(st.integers(20, 400), st.integers(20, 400)),
    n_features=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=25, deadline=None)
def test_the_two_components_of_a_graph_are_found(sizes, n_features, seed, dtype):
    y = np.repeat([0, 1], sizes)
    X = np.random.default_rng(seed).random((len(y), n_features)) + 50 * y[:, None]
    model = fit(X.astype(dtype), random_state=seed, **FEW)
    graphs = [connectivity_graph(landmarks, 5) for landmarks in model.landmarks_]
    # On a line also neighbors of one group may have no path between them.
    assume(all(connected_components(graph)[0] == 2 for graph in graphs))
    assert adjusted_rand_score(y, model.labels_) == 1
    assert adjusted_rand_score(y, model.predict(X + 0.01)) == 1


def test_digits():
    X, y = load_digits(return_X_y=True)
    assert clustering_accuracy(y, fit(X, 10).labels_) > 0.86
    half = fit(X[:1200], 10)
    assert clustering_accuracy(y[1200:], half.predict(X[1200:])) > 0.8


# -- invariances -----------------------------------------------------------------------------------


@given(st.integers(-60, 60), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_units_do_not_matter(exponent, seed):
    X = np.random.default_rng(seed).normal(size=(300, 3))
    model = fit(X, 3)
    scaled = fit(np.ldexp(X, exponent), 3)
    np.testing.assert_array_equal(scaled.labels_, model.labels_)
    np.testing.assert_array_equal(scaled.landmarks_, np.ldexp(model.landmarks_, exponent))
    assert scaled.normalized_cut_ == model.normalized_cut_


@given(seed=st.integers(0, 10**6), shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
@settings(max_examples=10, deadline=None)
def test_rotations_and_shifts_do_not_matter(rings, seed, shift, scale):
    X, y = rings
    Q = ortho_group.rvs(5, random_state=seed)[:2]
    assert adjusted_rand_score(y, fit(scale * (X @ Q + shift), **FEW).labels_) > 0.99


@pytest.mark.parametrize("n_jobs", [2, 3, -1])
def test_threads_do_not_matter(moons, n_jobs):
    X, _ = moons
    one, more = (fit(X, 3, n_jobs=n, **FEW) for n in (1, n_jobs))
    for name in ("labels_", "landmarks_", "landmark_embedding_", "cluster_centers_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(more, name))
    np.testing.assert_array_equal(one.transform(X), more.transform(X))


def test_labels_are_those_that_deep_methods_start_from(moons):
    X = moons[0].astype(np.float32)
    seed = int(np.random.RandomState(5).randint(2**31 - 1))
    with threadpool_limits(1, user_api="blas"):
        expected = landmark_spectral(X, 3, seed=seed)
    np.testing.assert_array_equal(fit(X, 3, random_state=5).labels_, expected)


# -- predictions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 40, 900, 40_000])
def test_predictions_of_training_rows_are_their_labels(n, dtype):
    X = np.random.default_rng(0).normal(size=(n, 2)).astype(dtype)
    model = fit(X, min(n, 3), max_landmarks=60, n_graphs=2)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    Z = model.transform(X)
    assert Z.dtype == model.landmarks_.dtype == model.cluster_centers_.dtype == dtype
    np.testing.assert_array_equal(
        pairwise_distances_argmin(Z, model.cluster_centers_), model.labels_
    )
    assert model.labels_.dtype == np.int32
    assert model.get_feature_names_out().shape == Z.shape[1:]


def test_coordinates_are_those_of_the_nearest_landmarks(moons):
    X, _ = moons
    model = fit(X, 3, **FEW)
    nearest = [pairwise_distances_argmin(X, landmarks) for landmarks in model.landmarks_]
    expected = [z[place] for z, place in zip(model.landmark_embedding_, nearest, strict=True)]
    np.testing.assert_array_equal(model.transform(X), np.hstack(expected))
    np.testing.assert_allclose(np.linalg.norm(model.landmark_embedding_, axis=2), 1, rtol=1e-5)


@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore:LandmarkSpectral found:sklearn.exceptions.ConvergenceWarning")
def test_equal_rows_share_a_cluster(n_different, n_copies, seed):
    X = np.random.default_rng(seed).normal(size=(n_different, 2))
    X = np.tile(X, (n_copies, 1))
    model = fit(X, 2)
    labels = model.labels_.reshape(n_copies, n_different)
    np.testing.assert_array_equal(labels, labels[[0]].repeat(n_copies, axis=0))
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_constant_rows():
    X = np.full((700, 3), 4.0)
    with pytest.warns(ConvergenceWarning, match="found 1 clusters, fewer than n_clusters=3"):
        model = fit(X, 3)
    assert set(model.labels_) == set(model.predict(X)) and len(set(model.labels_)) == 1
    assert np.isfinite(model.normalized_cut_)


def test_every_row_its_own_cluster():
    X = np.random.default_rng(0).normal(size=(12, 2))
    assert len(set(fit(X, 12).labels_)) == 12


def test_a_single_cluster(moons):
    X, _ = moons
    model = fit(X, 1)
    assert (model.labels_ == 0).all() and (model.predict(X) == 0).all()
    assert model.normalized_cut_ == 0
    assert (model.transform(X) == 1).all()


@pytest.mark.parametrize(
    "dtype, factor", [(np.float32, 1e30), (np.float64, 1e200), (float, 1e-300)]
)
def test_large_and_small_numbers(rings, dtype, factor):
    X, y = rings
    model = fit((X * factor).astype(dtype))
    assert adjusted_rand_score(y, model.labels_) > 0.99
    np.testing.assert_array_equal(model.predict((X * factor).astype(dtype)), model.labels_)
    assert np.abs(model.landmarks_).max() == pytest.approx(np.abs(X).max() * factor, rel=0.1)


def test_rows_far_away_belong_to_the_cluster_in_their_direction():
    X, y = make_blobs([300, 300], centers=[[-9, 0], [9, 0]], random_state=0)
    model = fit(X)
    sides = model.predict([[-9.0, 0.0], [9.0, 0.0]])
    np.testing.assert_array_equal(model.predict([[-1e300, 0.0], [1e300, 0.0]]), sides)


# -- parameters ------------------------------------------------------------------------------------


def test_shapes_of_what_is_learned(moons):
    X, _ = moons
    model = fit(X, 3)
    assert model.landmarks_.shape == (12, 500, 2)
    assert model.landmark_embedding_.shape == (12, 500, 3)
    assert model.cluster_centers_.shape == (3, 36)
    assert model.regularization_ in (1.0, 0.3, 0.1, 0.01)
    few = fit(X, 3, max_landmarks=70, n_graphs=4)
    assert few.landmarks_.shape == (4, 70, 2)
    assert fit(X, 30, max_landmarks=70).landmarks_.shape == (4, 150, 2)
    assert fit(X[:400], 3).landmarks_.shape == (1, 400, 2)


def test_neighbors_of_a_complete_graph_show_no_clusters(rings):
    X, y = rings
    known = {"max_landmarks": 100, "n_graphs": 2}
    assert adjusted_rand_score(y, fit(X, **known).labels_) > 0.99
    assert adjusted_rand_score(y, fit(X, n_neighbors=1000, **known).labels_) < 0.2


def test_random_state(moons):
    X, _ = moons
    one, same, other = (fit(X, random_state=seed, n_graphs=1) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.landmarks_, same.landmarks_)
    assert not np.array_equal(one.landmarks_, other.landmarks_)


@pytest.mark.parametrize(
    "params, what",
    [
        ({"n_clusters": 0}, "n_clusters"),
        ({"n_clusters": 2.5}, "n_clusters"),
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"max_landmarks": 0}, "max_landmarks"),
        ({"n_graphs": 0}, "n_graphs"),
        ({"n_clusters": 41}, "n_samples=40 should be >= n_clusters=41"),
    ],
)
def test_malformed_parameters(params, what):
    with pytest.raises(ValueError, match=what):
        LandmarkSpectral(**params).fit(np.random.default_rng(0).normal(size=(40, 2)))


def test_rows_that_are_refused(moons):
    X, _ = moons
    with pytest.raises(TypeError, match="Sparse data"):
        fit(csr_array(X))
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        fit(broken)
    model = fit(X, n_graphs=1)
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.zeros((2, 3)))


def test_memory_is_linear_in_the_rows():
    def peak(n):
        X = np.random.default_rng(0).normal(size=(n, 4))
        tracemalloc.start()
        fit(X, max_landmarks=100, n_graphs=3)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(2000)  # loads the libraries
    # A matrix of all rows, even of single bits, would add 37 MB.
    assert peak(20_000) - peak(10_000) < 10_000 * 500
