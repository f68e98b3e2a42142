"""HDBSCAN as an estimator."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import DBSCAN
from sklearn.cluster import HDBSCAN as BruteHDBSCAN
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.model_selection import GridSearchCV

from skdeepcluster import HDBSCAN
from tests.density._samples import fit, parameters, samples, two_blobs


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
    for rows in (None, X[:, :d], new):
        soft, full = model.predict_proba(rows), model.predict_proba(rows, noise=True)
        assert_array_equal(full[:, :-1], soft)
        assert_allclose(full.sum(axis=1), 1)
        labels, strengths = (
            (model.labels_, model.probabilities_)
            if rows is None
            else model.predict(rows, return_probabilities=True)
        )
        some = labels >= 0
        if some.any():
            assert_array_equal(soft[some].argmax(axis=1), labels[some])
        assert_allclose(soft[some].sum(axis=1), strengths[some], atol=1e-12)
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
    assert model.n_clusters_ == expected + 1
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
        ([[1.0, 1.0], [1.0, 2.0]], {"metric": "correlation"}, "rows are constant"),
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
    with pytest.raises(ValueError, match="features"):
        precomputed.predict(distances[:, :20])
    for value in (np.nan, -1.0):
        distances[3, 5] = value
        for method in (precomputed.predict, precomputed.predict_proba, precomputed.score):
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


@given(samples(min_size=5), parameters, st.sampled_from(["euclidean", "canberra", "precomputed"]))
def test_fitted_samples_have_their_outlier_scores(X, params, metric):
    A = pairwise_distances(X, metric="manhattan") if metric == "precomputed" else X
    model = fit(A, metric=metric, **params)
    assert_array_equal(model.score_samples(A), -model.outlier_scores_)


def test_outlier_scores_grow_away_from_the_data():
    X = two_blobs(d=2)
    model = HDBSCAN(10).fit(X)
    ray = np.linspace(12, 60, 40)[:, None] * np.ones(2)
    scores = -model.score_samples(ray)
    assert (np.diff(scores) >= 0).all() and (scores[0] >= 0) and (scores[-1] <= 1)
    assert scores[-1] > 0.9


def test_memberships_by_distances_are_those_by_samples():
    X = two_blobs(60)
    model = HDBSCAN(8, metric="manhattan").fit(X)
    by_distances = HDBSCAN(8, metric="precomputed").fit(pairwise_distances(X, metric="manhattan"))
    new = X + 0.1
    distances = pairwise_distances(new, X, metric="manhattan")
    assert_allclose(by_distances.predict_proba(), model.predict_proba(), atol=1e-12)
    assert_allclose(by_distances.predict_proba(distances), model.predict_proba(new), atol=1e-12)


@given(samples(min_size=8, max_size=40), st.booleans())
def test_wanted_number_has_the_greatest_stability(X, allow_single_cluster):
    model = fit(X, min_cluster_size=2, allow_single_cluster=allow_single_cluster)
    tree = model.condensed_tree_
    n_nodes = len(tree.parent)
    if n_nodes > 13:
        return
    above = [set() for _ in range(n_nodes)]
    for cluster in range(1, n_nodes):
        above[cluster] = above[tree.parent[cluster]] | {int(tree.parent[cluster])}
    candidates = range(0 if allow_single_cluster else 1, n_nodes)
    for k in range(1, n_nodes + 1):
        sums = [
            sum(tree.stability[list(chosen)])
            for chosen in combinations(candidates, k)
            if not any(a in above[b] or b in above[a] for a, b in combinations(chosen, 2))
        ]
        if not sums:
            with pytest.raises(ValueError, match=f"n_clusters={k} is more than the {k - 1}"):
                model.reselect(n_clusters=k)
            break
        found = model.reselect(n_clusters=k).condensed_tree
        assert found.selected.sum() == k
        assert_allclose(tree.stability[found.selected].sum(), max(sums))


def test_wanted_number():
    X, y = make_blobs(600, centers=6, random_state=3)
    own = HDBSCAN(10).fit(X)
    assert set(own.reselect(n_clusters=4).labels) - {-1} == set(range(4))
    assert len(own.reselect(n_clusters=6).cluster_persistence) == 6
    again = own.reselect(n_clusters=own.n_clusters_)
    assert_array_equal(again.labels, own.labels_)
    with pytest.raises(ValueError, match="needs cluster_selection_method='eom'"):
        own.reselect(n_clusters=4, cluster_selection_method="leaf")
    with pytest.raises(ValueError, match="n_clusters"):
        own.reselect(n_clusters=0)


@given(samples(min_size=5), st.floats(0.05, 5))
def test_largest_epsilon(X, epsilon):
    model = fit(X, min_cluster_size=3, cluster_selection_epsilon_max=epsilon)
    tree = model.condensed_tree_
    assert (tree.birth[tree.selected] * epsilon >= 1 - 1e-12).all()
    free = fit(X, min_cluster_size=3, cluster_selection_epsilon_max=1e9)
    assert_array_equal(free.labels_, fit(X, min_cluster_size=3).labels_)


def test_says_where_all_samples_are_noise():
    X = np.random.default_rng(0).random((60, 2))
    with pytest.warns(ConvergenceWarning, match="min_cluster_size=40") as warned:
        model = HDBSCAN(min_cluster_size=40).fit(X)
    assert model.n_clusters_ == 0 and warned[0].filename == __file__
