"""HDBSCAN with any metric, with precomputed distances and with sparse rows."""

from math import inf

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.metrics.pairwise import nan_euclidean_distances

from skdeepcluster import HDBSCAN
from skdeepcluster.validation import METRICS, SPARSE_METRICS
from tests.common import BOOLEAN
from tests.density._samples import two_blobs


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
    assert_array_equal(sparse.labels_, full.labels_)


@pytest.mark.parametrize("weighted", [False, True])
def test_new_samples_of_a_graph(weighted):
    """With all distances stored they are placed as by an array."""
    X, _ = make_blobs(150, centers=3, random_state=0)
    fitted, new = X[:100], X[100:] + 0.01
    distances, others = pairwise_distances(fitted, metric="l1"), pairwise_distances(new, fitted)
    weight = np.random.default_rng(0).integers(0, 3, 100) if weighted else None
    full = HDBSCAN(8, metric="precomputed").fit(distances, sample_weight=weight)
    stored = (distances.ravel(), np.tile(np.arange(100), 100), np.arange(0, 10_001, 100))
    graph = sp.csr_array(stored, shape=(100, 100))
    sparse = HDBSCAN(8, metric="precomputed").fit(graph, sample_weight=weight)
    assert_array_equal(sparse.labels_, full.labels_)
    assert_array_equal(sparse.predict_proba(), full.predict_proba())
    for form in (sp.csr_array, np.asarray):
        assert_array_equal(sparse.predict(form(others)), full.predict(others))
        assert_array_equal(sparse.predict_proba(form(others)), full.predict_proba(others))
        assert_array_equal(sparse.score_samples(form(others)), full.score_samples(others))
    assert_array_equal(sparse.predict(graph), sparse.labels_)
    nothing = sp.csr_array((2, 100))
    assert_array_equal(sparse.predict(nothing), -1)
    assert_array_equal(sparse.predict_proba(nothing), 0)


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


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("sparse", [False, True])
def test_every_metric_places_the_rows_that_it_was_fitted_on(metric, sparse):
    X = two_blobs(30, 2 if metric == "haversine" else 6).round(1) / 12 + 0.5
    if metric in BOOLEAN | {"matching"}:
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
    if metric in BOOLEAN | {"matching"}:
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


def test_zero_rows_under_cosine_are_as_far_as_what_is_perpendicular():
    X = np.random.default_rng(0).random((60, 3)) + 0.1
    zero = np.zeros((1, 3))
    by_tree = HDBSCAN(5, metric="cosine").fit(X)
    by_blocks = HDBSCAN(5, metric="cosine", algorithm="brute").fit(X)
    assert_array_equal(by_tree.predict(zero), by_blocks.predict(zero))
    assert_array_equal(by_tree.predict_proba(zero), by_blocks.predict_proba(zero))
    short = HDBSCAN(5, metric="cosine").fit(np.r_[X, X[:1] * 1e-200])
    assert_allclose(short.core_distances_[-1], short.core_distances_[0])


@pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
def test_correlation(algorithm):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(3, 12))
    X = centers[rng.integers(0, 3, 150)] + 0.5 * rng.normal(size=(150, 12))
    X = X * rng.uniform(0.5, 3, (150, 1)) + 5 * rng.normal(size=(150, 1))
    model = HDBSCAN(10, metric="correlation", algorithm=algorithm).fit(X)
    distances = pairwise_distances(X, metric="correlation")
    np.fill_diagonal(distances, 0)
    other = HDBSCAN(10, metric="precomputed").fit((distances + distances.T) / 2)
    assert_array_equal(model.labels_, other.labels_)
    assert model.n_clusters_ == 3
    assert_allclose(model.core_distances_, other.core_distances_, rtol=1e-9)
    some = model.labels_ >= 0
    assert (model.predict(3 * X - 1) == model.labels_)[some].mean() > 0.98
    X[4] = 0.1
    with pytest.raises(ValueError, match="1 rows are constant"):
        HDBSCAN(10, metric="correlation", algorithm=algorithm).fit(X)
