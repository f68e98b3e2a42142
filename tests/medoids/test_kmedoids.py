"""KMedoids as an estimator: known optima, ties and copies, bad input, weights, callbacks."""

import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist, squareform
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV

from skdeepcluster import KMedoids
from tests.common import Recorder

METHODS = ["fasterpam", "fastpam1", "pam", "alternate"]
INITS = ["random", "build", "lab", "k-medoids++"]
# Kaufman and Rousseeuw's kind of a small example: d(4, 3) = 1, all else far.
LOWER = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]


@pytest.fixture(scope="module")
def D5():
    D = np.zeros((5, 5))
    D[np.tril_indices(5, -1)] = LOWER
    return D + D.T


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(400, n_features=5, centers=6, random_state=0)[0]


def test_small_example(D5):
    model = KMedoids(2, metric="precomputed", init=[0, 1]).fit(D5)
    assert model.inertia_ == 4
    assert_array_equal(model.labels_ == model.labels_[0], [True, True, True, False, False])
    one = KMedoids(1, metric="precomputed", init=[1]).fit(D5)
    assert_array_equal(one.medoid_indices_, [0])
    assert one.inertia_ == 14


@pytest.mark.parametrize("metric, optimum", [("euclidean", 98.131155), ("manhattan", 162.5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_iris_reaches_the_global_optimum(metric, optimum, dtype):
    X = load_iris().data.astype(dtype)
    model = KMedoids(3, metric=metric, n_init=10, random_state=0).fit(X)
    assert model.inertia_ == pytest.approx(optimum, rel=1e-6)
    last = 52 if metric == "euclidean" else 55
    assert_array_equal(np.sort(model.medoid_indices_)[[0, 2]], [7, 112])
    assert 50 < np.sort(model.medoid_indices_)[1] < 100 and last


@pytest.mark.parametrize("method", METHODS[:3])
def test_digits_from_build(method):
    model = KMedoids(10, method=method, init="build").fit(load_digits().data)
    assert model.inertia_ == pytest.approx(51194.699816)


def test_swaps_beat_alternation():
    X = load_digits().data
    swaps = KMedoids(10, random_state=0).fit(X)
    alternation = KMedoids(10, method="alternate", n_init=10, random_state=0).fit(X)
    assert swaps.inertia_ < alternation.inertia_


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("store_distances", [True, False])
def test_every_method_and_init(blobs, method, init, store_distances):
    model = KMedoids(
        6, method=method, init=init, store_distances=store_distances, random_state=0
    ).fit(blobs)
    D = pairwise_distances(blobs)
    assert len(np.unique(model.medoid_indices_)) == 6
    assert_array_equal(model.cluster_centers_, blobs[model.medoid_indices_])
    assert_array_equal(model.labels_, D[model.medoid_indices_].argmin(axis=0))
    assert model.inertia_ == pytest.approx(D[model.medoid_indices_].min(axis=0).sum())
    assert_array_equal(model.predict(blobs), model.labels_)
    assert model.score(blobs) == pytest.approx(-model.inertia_)
    assert_allclose(model.transform(blobs), D[:, model.medoid_indices_], atol=1e-7)
    assert model.n_iter_ >= 1 and model.n_swaps_ >= 0


@pytest.mark.parametrize("metric", ["cosine", "chebyshev", "sqeuclidean", "l1", "minkowski"])
@pytest.mark.parametrize("store_distances", [True, False])
def test_metrics_agree_with_their_matrix(blobs, metric, store_distances):
    params = {"p": 3} if metric == "minkowski" else None
    D = squareform(pdist(blobs, "cityblock" if metric == "l1" else metric, **(params or {})))
    start = np.arange(7)
    model = KMedoids(
        7, metric=metric, metric_params=params, init=start, store_distances=store_distances,
        random_state=0,
    ).fit(blobs)  # fmt: skip
    expected = KMedoids(7, metric="precomputed", init=start, random_state=0).fit(D)
    assert_array_equal(model.medoid_indices_, expected.medoid_indices_)
    assert_array_equal(model.labels_, expected.labels_)
    assert model.inertia_ == pytest.approx(expected.inertia_)
    assert expected.cluster_centers_ is None
    assert_array_equal(model.predict(blobs), expected.predict(D))
    assert_allclose(model.transform(blobs), expected.transform(D), atol=1e-7)


def test_callable_sparse_and_missing_values():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((80, 6)) < 0.4, rng.normal(size=(80, 6)), 0)
    dense = KMedoids(4, random_state=0).fit(X)
    for other in (
        KMedoids(4, metric=lambda x, y: np.sqrt(np.sum((x - y) ** 2)), random_state=0).fit(X),
        KMedoids(4, random_state=0).fit(sp.csr_array(X)),
        KMedoids(4, metric="nan_euclidean", random_state=0).fit(X),
    ):
        assert_array_equal(other.medoid_indices_, dense.medoid_indices_)
        assert_array_equal(other.labels_, dense.labels_)
    assert sp.issparse(KMedoids(4, random_state=0).fit(sp.csr_array(X)).cluster_centers_)
    X[::9, 2] = np.nan
    missing = KMedoids(4, metric="nan_euclidean", random_state=0).fit(X)
    assert_array_equal(missing.predict(X), missing.labels_)


def test_condensed_and_mapped_matrices(blobs, tmp_path):
    condensed = pdist(blobs).astype(np.float32)
    D = squareform(condensed)
    mapped = np.memmap(tmp_path / "D", np.float32, "w+", shape=D.shape)
    mapped[:] = D
    models = [
        KMedoids(6, metric="precomputed", random_state=0, store_distances=store).fit(X)
        for X, store in ((D, "auto"), (mapped, "auto"), (condensed, True), (condensed, False))
    ]
    for model in models:
        assert model.n_features_in_ == len(blobs)
        assert_array_equal(model.medoid_indices_, models[0].medoid_indices_)
        assert_array_equal(model.predict(D[:7]), models[0].labels_[:7])


def test_nothing_changes_the_input(blobs):
    D = squareform(pdist(blobs))
    copy = D.copy()
    KMedoids(6, metric="precomputed", random_state=0).fit(D)
    assert_array_equal(D, copy)


@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([2.0, 1024.0, 2.0**-10]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_moving_and_scaling_the_data_changes_nothing(seed, scale, dtype):
    X = np.random.default_rng(seed).integers(-50, 50, (60, 3)).astype(dtype)
    model = KMedoids(4, random_state=0).fit(X)
    other = KMedoids(4, random_state=0).fit((X + 16) * dtype(scale))
    assert_array_equal(model.labels_, other.labels_)
    assert other.inertia_ == pytest.approx(scale * model.inertia_, rel=1e-6)


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 12))
def test_never_worse_than_the_start_and_any_single_swap(seed, k):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 12, (40, 2)).astype(float)
    D = pairwise_distances(X)
    start = rng.permutation(40)[:k]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMedoids(k, init=start, random_state=0).fit(X)
    assert model.inertia_ <= D[start].min(axis=0).sum() + 1e-9
    for slot in range(k):
        others = np.delete(model.medoid_indices_, slot)
        nearest = D[others].min(axis=0, initial=np.inf)
        assert np.minimum(D, nearest).sum(axis=1).min() >= model.inertia_ - 1e-9


@given(seed=st.integers(0, 2**32 - 1))
def test_more_clusters_never_cost_more(seed):
    X = np.random.default_rng(seed).normal(size=(50, 2))
    inertias = [KMedoids(k, n_init=5, init="build").fit(X).inertia_ for k in (1, 3, 10, 50)]
    assert np.all(np.diff(inertias) < 0)
    assert inertias[-1] == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("store_distances", [True, False])
def test_copies_of_too_few_points(method, init, store_distances):
    X = np.repeat([[0.0, 0.0], [3.0, 4.0]], 10, axis=0)
    model = KMedoids(3, method=method, init=init, store_distances=store_distances, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(2\).*n_clusters \(3\)"):
        model.fit(X)
    assert model.inertia_ == 0
    assert_array_equal(np.unique(model.labels_), [0, 1, 2])
    assert_array_equal(model.labels_[model.medoid_indices_], [0, 1, 2])


@pytest.mark.parametrize("method", METHODS)
def test_as_many_clusters_as_objects(method, blobs):
    model = KMedoids(20, method=method, random_state=0).fit(blobs[:20])
    assert model.inertia_ == 0
    assert_array_equal(np.sort(model.medoid_indices_), np.arange(20))
    assert len(np.unique(model.labels_)) == 20


def test_near_copies_are_told_apart_far_from_the_origin():
    X = np.array([[0.0], [0.001], [0.002], [5.0], [5.001]], dtype=np.float32) + 1000
    for store_distances in (True, False):
        model = KMedoids(2, store_distances=store_distances, random_state=0).fit(X)
        assert_array_equal(model.labels_ == model.labels_[0], [True] * 3 + [False] * 2)


def test_weights_count_like_copies_and_zero_like_absence(blobs):
    rng = np.random.default_rng(0)
    X, weights = blobs[:100], rng.integers(0, 4, 100)
    model = KMedoids(5, init="build", method="fastpam1").fit(X, sample_weight=weights)
    copies = KMedoids(5, init="build", method="fastpam1").fit(np.repeat(X, weights, axis=0))
    assert_array_equal(model.cluster_centers_, copies.cluster_centers_)
    assert model.inertia_ == pytest.approx(copies.inertia_)
    assert weights[model.medoid_indices_].all()
    assert model.score(X, sample_weight=weights) == pytest.approx(-model.inertia_)


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda D: D[:, :-1], "square"),
        (lambda D: -D, "negative"),
        (lambda D: D + np.triu(D), "symmetric"),
        (lambda D: D + 1, "diagonal"),
        (lambda D: np.where(D == D.max(), np.nan, D), "nan"),
        (lambda D: np.where(D == D.max(), np.inf, D), "infinite"),
        (lambda D: squareform(D)[:-1], "Length n"),
        (lambda D: -squareform(D), "negative"),
        (lambda D: squareform(D) * np.nan, "NaN"),
    ],
)
def test_matrices_that_are_not_of_distances(blobs, change, match):
    D = squareform(pdist(blobs[:20]))
    with pytest.raises(ValueError, match=match):
        KMedoids(3, metric="precomputed").fit(change(D))


@pytest.mark.parametrize(
    "params, match",
    [
        ({"n_clusters": 21}, "n_samples=20 should be >= n_clusters=21"),
        ({"n_clusters": 0}, "'n_clusters' parameter"),
        ({"metric": "nonsense"}, "'metric' parameter"),
        ({"method": "clara"}, "'method' parameter"),
        ({"init": "first"}, "'init' parameter"),
        ({"init": [0, 1]}, "n_clusters=3 indices"),
        ({"init": [0, 1, 20]}, "outside of the 20 objects"),
        ({"init": [0, 1, 1]}, "more than once"),
        ({"init": [0.0, 1.0, 2.0]}, "dtype float64"),
        ({"n_init": 0}, "'n_init' parameter"),
        ({"tol": -1}, "'tol' parameter"),
    ],
)
def test_bad_parameters(blobs, params, match):
    with pytest.raises(ValueError, match=match):
        KMedoids(**{"n_clusters": 3, **params}).fit(blobs[:20])


def test_bad_weights(blobs):
    with pytest.raises(ValueError, match="n_samples=2 of positive weight"):
        KMedoids(3).fit(blobs[:20], sample_weight=[1, 1] + [0] * 18)
    with pytest.raises(ValueError, match="sample weight is 0"):
        KMedoids(2, init=[0, 1]).fit(blobs[:20], sample_weight=[0] + [1] * 19)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        KMedoids(2).fit(blobs[:20], sample_weight=[-1] + [1] * 19)


def test_too_few_rounds_warn(blobs):
    with pytest.warns(ConvergenceWarning, match="max_iter=1 rounds"):
        model = KMedoids(6, max_iter=1, n_init=1, random_state=0).fit(blobs)
    assert model.n_iter_ == 1


def test_more_starts_are_no_worse(blobs):
    inertias = [KMedoids(9, n_init=n, random_state=0).fit(blobs).inertia_ for n in (1, 4, 16)]
    assert np.all(np.diff(inertias) <= 0)


def test_number_of_threads_changes_nothing():
    X = np.random.default_rng(0).normal(size=(3000, 20)).astype(np.float32)
    for store_distances in (True, False):
        one, two = (
            KMedoids(
                40, n_init=1, store_distances=store_distances, random_state=0, n_jobs=n_jobs
            ).fit(X)
            for n_jobs in (1, 2)
        )
        assert_array_equal(one.medoid_indices_, two.medoid_indices_)
        assert one.inertia_ == two.inertia_


def test_working_memory_decides_what_is_kept(blobs):
    assert KMedoids()._stored(KMedoids()._source(blobs)).stored
    with config_context(working_memory=1):
        assert not KMedoids()._stored(KMedoids()._source(blobs)).stored


def test_memory_is_linear_without_kept_distances():
    peaks = []
    for n in (4000, 16000):
        X = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
        tracemalloc.start()
        KMedoids(5, n_init=1, store_distances=False, max_iter=2, tol=0.1).fit(X)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # All distances would take 1 GB, 16 times those of the smaller data.
    assert peaks[1] < 6 * peaks[0]
    assert peaks[1] < 2**27


def test_grid_search_over_a_matrix(blobs):
    D = squareform(pdist(blobs))
    search = GridSearchCV(
        KMedoids(metric="precomputed", random_state=0), {"n_clusters": [2, 6]}, cv=3
    ).fit(D)
    assert search.best_params_ == {"n_clusters": 6}


@pytest.mark.parametrize("method", METHODS)
def test_callbacks_see_the_loss_fall(blobs, method):
    recorder = Recorder("round")
    model = KMedoids(6, method=method, n_init=1, random_state=0).set_callbacks(recorder).fit(blobs)
    rounds = ["round"] * model.n_iter_
    assert recorder.tasks == ["setup", "fit", "start", *rounds, "teardown"]
    assert np.all(np.diff(recorder.scores) >= -1e-9)
    assert recorder.scores[-1] == pytest.approx(-model.inertia_)


def test_callbacks_can_end_a_search(blobs):
    recorder = Recorder("round", stop_after=1)
    model = KMedoids(6, n_init=1, random_state=0).set_callbacks(recorder).fit(blobs)
    assert model.n_iter_ == 1
    assert recorder.scores == [pytest.approx(-model.inertia_)]


def test_robust_to_an_outlier():
    X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0], [1, 1000]])
    medoids = KMedoids(2, n_init=5, random_state=0).fit(X)
    means = KMeans(2, n_init=5, random_state=0).fit(X)
    assert np.isin(medoids.cluster_centers_, X).all()
    assert means.cluster_centers_.max() == 1000


def test_imports_no_torch():
    code = (
        "import sys, numpy as np; from skdeepcluster import KMedoids;"
        "KMedoids(2).fit(np.eye(9)[:, :3] + np.arange(9)[:, None]); print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False"]
