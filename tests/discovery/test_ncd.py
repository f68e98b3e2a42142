"""NCDKMeans and NCDSpectralClustering."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, pairwise_distances

from skdeepcluster import NCDKMeans, NCDSpectralClustering
from skdeepcluster.algorithms.known_kmeans import drawn_centers
from skdeepcluster.constraints import PartialLabelKFold, constraint_search
from skdeepcluster.metrics import clustering_accuracy

BOTH = pytest.mark.parametrize("Estimator", [NCDKMeans, NCDSpectralClustering])


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(200, centers=6, n_features=5, random_state=1)


@BOTH
def test_known_rows_keep_their_class_and_novel_ones_get_none_of_them(blobs, Estimator):
    X, y = blobs
    partial = np.where(y < 3, y * 10, -1)
    model = Estimator(3, random_state=0).fit(X, partial)
    np.testing.assert_array_equal(model.labels_[y < 3], y[y < 3])
    assert set(model.labels_[y >= 3]) == {3, 4, 5}
    assert model.classes_.tolist() == [0, 10, 20]
    assert clustering_accuracy(y, model.labels_) == 1


@BOTH
def test_fewer_novel_rows_than_clusters(blobs, Estimator):
    X, y = blobs
    partial = y.copy()
    partial[:2] = -1
    with pytest.raises(ValueError, match="n_samples=2 of unknown class should be >= n_clusters=3"):
        Estimator(3).fit(X, partial)


def test_without_known_classes_it_is_k_means(blobs):
    X, y = blobs
    model = NCDKMeans(6, seeding_power=2.0, random_state=0).fit(X)
    assert model.inertia_ == pytest.approx(KMeans(6, n_init=10, random_state=0).fit(X).inertia_)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_seeds_fall_on_novel_blobs():
    centers = 100.0 * np.eye(8)
    X, y = make_blobs(400, centers=centers, random_state=0)
    for seed in range(20):
        rng = np.random.RandomState(seed)
        found = drawn_centers(X, centers[:4], 4, rng, power=2.0)[4:]
        assert sorted(pairwise_distances(found, centers).argmin(axis=1)) == [4, 5, 6, 7]


def test_new_rows_may_be_of_known_classes(blobs):
    X, y = blobs
    model = NCDKMeans(3, random_state=0).fit(X[:150], np.where(y < 3, y, -1)[:150])
    assert clustering_accuracy(y[150:], model.predict(X[150:])) == 1
    known = y[150:] < 3
    np.testing.assert_array_equal(model.predict(X[150:])[known], y[150:][known])
    np.testing.assert_allclose(model.cluster_centers_[0], X[:150][y[:150] == 0].mean(axis=0))


def test_the_weakest_edge_has_the_affinity_that_the_width_is_chosen_for(blobs):
    X, _ = blobs
    model = NCDSpectralClustering(6, min_dist=0.3, random_state=0).fit(X)
    longest = minimum_spanning_tree(pairwise_distances(X)).data.max()
    assert np.exp(-(longest**2) / (2 * model.sigma_**2)) == pytest.approx(np.sqrt(0.3))
    assert model.embedding_.shape == (200, 6)
    # Eigenvectors.
    A = np.exp(-(pairwise_distances(X) ** 2) / (2 * model.sigma_**2))
    np.fill_diagonal(A, 0)
    scale = A.sum(axis=0) ** -0.5
    product = scale[:, np.newaxis] * A * scale @ model.embedding_
    values = np.einsum("ij,ij->j", product, model.embedding_)
    np.testing.assert_allclose(product, values * model.embedding_, atol=1e-9)
    assert (np.diff(values) < 1e-12).all() and values[0] < 1


def test_repeated_rows_and_scales(blobs):
    X, y = blobs
    model = NCDSpectralClustering(6, random_state=0).fit(np.vstack([X, X]))
    np.testing.assert_array_equal(model.labels_[:200], model.labels_[200:])
    other = NCDSpectralClustering(6, random_state=0).fit(1e200 * X)
    assert adjusted_rand_score(other.labels_, model.labels_[:200]) == 1


def test_hidden_classes_choose_parameters(blobs):
    X, y = blobs
    partial = np.where(y < 4, y, -1)
    cv = PartialLabelKFold(2, mode="classes", random_state=0)
    found = constraint_search(
        NCDKMeans(random_state=0), {"n_clusters": [1, 4, 9]}, X, partial, cv=cv
    )
    # Two hidden classes and two unknown ones.
    assert found["best_params"] == {"n_clusters": 4}
    assert found["best_score"] == 1


@pytest.mark.parametrize(
    "Estimator, least",
    [(NCDKMeans, 0.93), (NCDSpectralClustering, 0.94)],
    ids=["kmeans", "spectral"],
)
def test_novel_digits(Estimator, least):
    X, y = load_digits(return_X_y=True)
    partial = np.where(np.isin(y, [1, 2, 7, 8, 9]), y, -1)
    novel = partial < 0
    labels = Estimator(5, random_state=0).fit_predict(X, partial)
    assert clustering_accuracy(y[novel], labels[novel]) > least
