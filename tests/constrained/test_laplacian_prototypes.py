"""LaplacianPrototypeClustering."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import normalize

from skdeepcluster import LaplacianPrototypeClustering

every_prototype = pytest.mark.parametrize("prototype", ["mean", "mean_shift", "medoid"])


def fitted(X, k, y=None, **options):
    return LaplacianPrototypeClustering(k, random_state=0, **options).fit(X, y)


@given(st.integers(0, 300), st.floats(0, 3))
def test_an_update_lowers_the_relaxed_objective_of_a_positive_graph(seed, weight):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(15, 2))
    W = rbf_kernel(X)
    unary = rng.normal(size=(15, 3))

    def objective(z):
        return np.sum(z * np.log(z)) + np.sum(z * unary) - weight / 2 * np.sum(z * (W @ z))

    z = softmax(rng.normal(size=(15, 3)), axis=1)
    values = []
    for _ in range(10):
        values.append(objective(z))
        z = np.maximum(softmax(-unary + weight * W @ z, axis=1), 1e-300)
    assert (np.diff(values) <= 1e-9).all()
    # So does the method, which stops where nothing changes.
    model = LaplacianPrototypeClustering(3, laplacian_weight=weight)
    model.affinity_matrix_ = csr_array(W)
    known = np.zeros(15, dtype=bool)
    found, damped = model._relaxed(unary, known, np.zeros(15, dtype=int))
    assert not damped
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert objective(np.maximum(found, 1e-300)) <= objective(softmax(-unary, axis=1)) + 1e-9


def test_a_graph_that_makes_updates_oscillate_ends():
    # Two nodes that swap their clusters forever.
    model = LaplacianPrototypeClustering(2, laplacian_weight=8.0)
    model.affinity_matrix_ = csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    unary = np.array([[0.0, 0.1], [0.1, 0.0]])
    z, damped = model._relaxed(unary, np.zeros(2, dtype=bool), np.zeros(2, dtype=int))
    np.testing.assert_allclose(z.sum(axis=1), 1)


def test_without_the_graph_means_are_k_means():
    X, _ = make_blobs(150, centers=4, random_state=0)
    model = fitted(X, 4, laplacian_weight=0.0, tol=0)
    reference = KMeans(4, init=model.cluster_centers_, n_init=1).fit(X)
    np.testing.assert_array_equal(model.labels_, reference.labels_)
    np.testing.assert_allclose(model.cluster_centers_, reference.cluster_centers_)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


@every_prototype
def test_labeled_rows_are_one_hot(prototype):
    X, y = make_blobs(100, centers=3, cluster_std=4.0, random_state=0)
    partial = np.where(np.arange(100) < 15, y, -1)
    model = fitted(X, 3, partial, prototype=prototype)
    np.testing.assert_array_equal(model.soft_labels_[:15], np.eye(3)[y[:15]])
    np.testing.assert_array_equal(model.labels_[:15], y[:15])
    np.testing.assert_allclose(model.soft_labels_.sum(axis=1), 1)
    if prototype == "medoid":
        np.testing.assert_array_equal(X[model.medoid_indices_], model.cluster_centers_)


@every_prototype
def test_the_unit_of_the_rows_does_not_matter(prototype):
    X, _ = make_blobs(100, centers=3, random_state=0)
    first, other = (fitted(Z, 3, prototype=prototype) for Z in (X, 1024 * X))
    np.testing.assert_array_equal(first.labels_, other.labels_)
    assert other.energy_ == pytest.approx(first.energy_)


def test_neighbors_agree_more_with_more_weight():
    X, _ = make_blobs(200, centers=4, cluster_std=3.0, random_state=0)

    def apart(weight):
        model = fitted(X, 4, laplacian_weight=weight)
        W = model.affinity_matrix_.tocoo()
        return W.data @ (model.labels_[W.row] != model.labels_[W.col])

    assert apart(3.0) < apart(0.3) < apart(0.0)


@every_prototype
def test_digits_are_clustered_better_than_by_prototypes_alone(prototype):
    X, y = load_digits(return_X_y=True)
    X, y = normalize(X[:1200]), y[:1200]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fitted(X, 10, prototype=prototype, n_init=3)
        alone = fitted(X, 10, prototype=prototype, n_init=3, laplacian_weight=0.0)
    score = normalized_mutual_info_score(y, model.labels_)
    assert score > (0.8 if prototype == "mean" else 0.7)
    assert score > normalized_mutual_info_score(y, alone.labels_)
    assert np.mean(model.predict(X) == model.labels_) > 0.98


def test_labels_spread_to_unlabeled_rows():
    X, y = load_digits(return_X_y=True)
    X, y = normalize(X[:900]), y[:900]
    rng = np.random.default_rng(0)
    partial = np.full(len(y), -1)
    for c in range(10):
        chosen = rng.choice(np.flatnonzero(y == c), 5, replace=False)
        partial[chosen] = c
    unlabeled = partial < 0
    model = fitted(X, 10, partial, n_init=1)
    nearest = fitted(X, 10, partial, n_init=1, laplacian_weight=0.0)
    assert np.mean(model.labels_[unlabeled] == y[unlabeled]) > 0.84
    assert np.mean(model.labels_ == y) > np.mean(nearest.labels_ == y) + 0.02


def test_two_moons_are_not_for_prototypes():
    X, y = make_moons(400, noise=0.05, random_state=0)
    assert adjusted_rand_score(y, fitted(X, 2, laplacian_weight=5.0).labels_) < 0.6
