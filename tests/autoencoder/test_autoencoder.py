"""An autoencoder followed by any clusterer."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.random_projection import GaussianRandomProjection

from skdeepcluster import AutoencoderClusterer
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

autoencoder = partial(brief, AutoencoderClusterer)


@pytest.fixture(scope="module")
def X():
    return make_blobs(240, n_features=8, centers=3, random_state=0)[0]


@pytest.fixture(scope="module")
def model(X):
    return autoencoder().fit(X)


def test_without_hidden_layers_it_learns_the_principal_components():
    X = load_digits().data
    pca = PCA(10).fit(X)
    best = np.square(X - pca.inverse_transform(pca.transform(X))).mean()
    model = AutoencoderClusterer(
        10, hidden_layer_sizes=(), n_components=10, max_epochs=150, learning_rate=3e-3,
        random_state=0,
    ).fit(X)  # fmt: skip
    back = model.inverse_transform(model.transform(X))
    assert best * (1 - 1e-6) <= np.square(X - back).mean() <= 1.02 * best
    assert model.loss_ == pytest.approx(np.square(X - back).mean() * model.scale_**2, rel=1e-4)


# -- the code ------------------------------------------------------------------------------------


def test_constraints(X):
    unit = autoencoder(constraint="unit_norm").fit(X)
    np.testing.assert_allclose(np.linalg.norm(unit.transform(X), axis=1), 1, rtol=1e-6)
    # Euclidean k-means on unit rows is spherical k-means.
    Z, centers = unit.embedding_, unit.cluster_centers_
    terms = 1 + (centers**2).sum(axis=1) - 2 * Z @ centers.T
    inertia = terms[np.arange(len(X)), unit.labels_].sum()
    assert unit.clusterer_.inertia_ == pytest.approx(inertia, rel=1e-4)
    simplex = autoencoder(constraint="simplex").fit(X).transform(X)
    assert (simplex >= 0).all()
    np.testing.assert_allclose(simplex.sum(axis=1), 1, rtol=1e-6)
    assert np.abs(autoencoder(constraint="tanh").fit(X).transform(X)).max() < 1
    sigmoid = autoencoder(constraint="sigmoid").fit(X).transform(X)
    assert sigmoid.min() > 0 and sigmoid.max() < 1


def test_centers_of_a_unit_norm_code_have_unit_norm(X):
    model = autoencoder(constraint="unit_norm", clusterer=AgglomerativeClustering(4)).fit(X)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("penalty, power", [("l1", 1), ("l2", 2)])
def test_penalties_shrink_the_code(penalty, power, X):
    params = {"max_epochs": 20}
    free = autoencoder(**params).fit(X)
    held = autoencoder(constraint=penalty, constraint_weight=1.0, **params).fit(X)
    assert np.abs(held.embedding_).mean() < 0.7 * np.abs(free.embedding_).mean()
    assert set(held.history_["pretrain"]) == {"reconstruction", "penalty"}
    back = held.inverse_transform(held.embedding_)
    loss = np.square((X - back) * held.scale_).mean()
    loss += (np.abs(held.embedding_) ** power).mean()
    assert held.loss_ == pytest.approx(loss, rel=1e-4)


# -- losses --------------------------------------------------------------------------------------


@given(st.floats(-35, 35), st.integers(0, 5))
@settings(max_examples=8)
def test_cosine_looks_at_directions_alone(exponent, seed):
    X = np.random.RandomState(seed).randn(60, 5)
    params = {"loss": "cosine", "max_epochs": 2}
    expected = autoencoder(**params).fit(X)
    each = 2.0 ** np.random.RandomState(seed).randint(-60, 60, (60, 1))
    for scaled in (X * 2.0 ** round(exponent), X * each):
        model = autoencoder(**params).fit(scaled)
        np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_allclose(
        autoencoder(**params).fit(3 * X).transform(X), expected.transform(X), atol=1e-4
    )


def test_centered_cosine_ignores_the_level_of_rows(X):
    params = {"loss": "cosine", "center_samples": True}
    expected = autoencoder(**params).fit(X)
    moved = autoencoder(**params).fit(4 * X + 16 * np.arange(len(X))[:, None])
    assert adjusted_rand_score(moved.labels_, expected.labels_) > 0.98


def test_cosine_of_rows_without_direction(X):
    X = X.copy()
    X[7] = 5
    autoencoder(loss="cosine").fit(X)
    with pytest.raises(ValueError, match="loss='cosine'.*zero"):
        autoencoder(loss="cosine", center_samples=True).fit(X)
    X[7] = 0
    with pytest.raises(ValueError, match="loss='cosine'.*zero"):
        autoencoder(loss="cosine").fit(X)


def test_bce_is_for_the_unit_interval(X):
    X = (X - X.min()) / np.ptp(X)
    model = autoencoder(loss="bce").fit(X)
    assert model.scale_ == 1 and (model.mean_ == 0).all()
    back = model.inverse_transform(model.transform(X))
    assert back.min() > 0 and back.max() < 1
    loss = -(X * np.log(back) + (1 - X) * np.log(1 - back)).mean()
    assert model.loss_ == pytest.approx(loss, rel=1e-4)
    for wrong in (X + 0.01, X - 0.01):
        with pytest.raises(ValueError, match="loss='bce' needs entries of X in \\[0, 1\\]"):
            autoencoder(loss="bce").fit(wrong)


@pytest.mark.parametrize("loss", ["mse", "mae", "bce", "cosine"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite(loss, value, X):
    X = (X - X.min()) / np.ptp(X) + 0.0
    X[5, 5] = value
    with pytest.raises(ValueError, match="NaN|infinity"):
        autoencoder(loss=loss).fit(X)


def test_held_out_rows_choose_the_epoch(X):
    model = autoencoder(
        validation_fraction=0.2, max_epochs=400, learning_rate=0.02, patience=3
    ).fit(X)
    losses = model.history_["pretrain"]["validation"]
    assert model.n_epochs_ == len(losses) < 400
    assert np.argmin(losses) == len(losses) - 4


# -- rejection -----------------------------------------------------------------------------------


def test_coverage_grows_with_the_threshold(X):
    coverage = []
    for threshold in (0, 0.01, 0.1, 0.5, 1, 2, None):
        model = autoencoder(reject_threshold=threshold).fit(X)
        limit = np.inf if threshold is None else threshold
        np.testing.assert_array_equal(model.labels_ == -1, model.reconstruction_error_ > limit)
        np.testing.assert_array_equal(model.predict(X), model.labels_)
        assert model.coverage_ == pytest.approx((model.labels_ >= 0).mean())
        coverage.append(model.coverage_)
    assert coverage == sorted(coverage)
    assert coverage[0] < 0.05 and coverage[-2:] == [1, 1]


def test_reconstruction_error_against_numpy(model, X):
    back = model.inverse_transform(model.embedding_)
    a, b = (X - model.mean_), (back - model.mean_)
    cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(model.reconstruction_error_, 1 - cosine, atol=1e-5)


# -- the second stage ----------------------------------------------------------------------------


def test_default_is_k_means_of_the_code(model, X):
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_array_equal(model.transform(X), model.embedding_)
    squared = ((model.embedding_[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    np.testing.assert_array_equal(squared.argmin(axis=1), model.labels_)
    assert not hasattr(model, "predict_proba")


@pytest.mark.parametrize(
    "clusterer",
    [
        KMeans(4, n_init=3), AgglomerativeClustering(4), SpectralClustering(3),
        GaussianMixture(3), HDBSCAN(min_cluster_size=5, copy=True), DBSCAN(eps=0.05),
    ],
    ids=lambda clusterer: type(clusterer).__name__,
)  # fmt: skip
def test_any_clusterer(clusterer, model, X):
    before = clusterer.get_params()
    found = autoencoder(clusterer=clusterer).fit(X)
    assert clusterer.get_params() == before and not hasattr(clusterer, "labels_")
    seeded = clone(clusterer)
    if "random_state" in before:
        seeded.set_params(random_state=found.clusterer_.random_state)
        assert found.clusterer_.random_state is not None
    Z = found.embedding_.astype(np.float32)
    np.testing.assert_array_equal(found.labels_, seeded.fit_predict(Z))
    np.testing.assert_array_equal(found.embedding_, model.embedding_)
    labels = found.labels_.copy()
    found.recluster(clusterer)
    np.testing.assert_array_equal(found.labels_, labels)
    predicted = found.predict(X)
    if hasattr(clusterer, "predict"):
        np.testing.assert_array_equal(predicted, labels)
    else:
        assert set(predicted) <= set(labels)
    again = autoencoder(clusterer=clusterer).fit(X)
    np.testing.assert_array_equal(again.labels_, labels)


def test_probabilities_of_a_mixture(X):
    model = autoencoder(clusterer=GaussianMixture(3))
    assert hasattr(model, "predict_proba")
    proba = model.fit(X).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(proba.argmax(axis=1), model.labels_)
    model.recluster(KMeans(3))
    assert not hasattr(model, "predict_proba")


def test_recluster_takes_other_numbers_without_training(X):
    model = autoencoder().fit(X)
    module, Z = model.module_, model.embedding_.copy()
    for k in (2, 5):
        model.recluster(AgglomerativeClustering(k))
        assert len(set(model.labels_)) == k == len(model.cluster_centers_) == model.n_clusters_
        np.testing.assert_allclose(
            model.cluster_centers_[1], Z[model.labels_ == 1].mean(axis=0), rtol=1e-4, atol=1e-5
        )
    model.recluster()
    np.testing.assert_array_equal(model.labels_, autoencoder().fit(X).labels_)
    assert model.module_ is module
    np.testing.assert_array_equal(model.embedding_, Z)


def test_nothing_but_noise(X):
    model = autoencoder(clusterer=DBSCAN(eps=1e-9)).fit(X)
    assert (model.labels_ == -1).all() and (model.predict(X) == -1).all()
    assert model.cluster_centers_.shape == (0, 8)
    assert model.n_clusters_ == 0


class Gap(AgglomerativeClustering):
    """Numbers its clusters 0, 2, 4, ..."""

    def fit_predict(self, X, y=None):
        return 2 * super().fit_predict(X)


def test_clusters_without_rows(X):
    model = autoencoder(clusterer=Gap(3)).fit(X)
    assert np.isnan(model.cluster_centers_[1]).all()
    assert set(model.predict(X)) == {0, 2, 4} == set(model.labels_)


def test_seed_of_the_clusterer_is_the_user_s(X):
    model = autoencoder(clusterer=KMeans(3, random_state=7)).fit(X)
    assert model.clusterer_.random_state == 7


def projections_and_centers():
    halves = [("one", GaussianRandomProjection(3)), ("other", GaussianRandomProjection(3))]
    return make_pipeline(FeatureUnion(halves), KMeans(6, n_init=1, init="random"))


def test_seed_reaches_every_step_of_the_clusterer(X):
    np.random.seed(0)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (autoencoder(clusterer=projections_and_centers()).fit(X) for _ in range(2))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_array_equal(first.labels_, second.labels_)
    one, other = (step.components_ for _, step in first.clusterer_[0].transformer_list)
    assert not np.allclose(one, other)
    labels = first.labels_.copy()
    np.testing.assert_array_equal(first.recluster().labels_, labels)
    elsewhere = autoencoder(clusterer=projections_and_centers(), random_state=1).fit(X)
    assert elsewhere.clusterer_[1].random_state != first.clusterer_[1].random_state


def test_steps_with_seeds_of_their_own_keep_them(X):
    steps = make_pipeline(GaussianRandomProjection(3, random_state=5), KMeans(3))
    found = autoencoder(clusterer=steps).fit(X).clusterer_
    assert found[0].random_state == 5 and found[1].random_state is not None


def test_nested_parameters(X):
    model = autoencoder(clusterer=KMeans(3)).set_params(clusterer__n_clusters=5).fit(X)
    assert len(model.cluster_centers_) == 5


def test_given_clusterer_has_its_own_number_of_clusters():
    X = np.random.RandomState(0).randn(5, 3)
    assert len(set(autoencoder(8, clusterer=AgglomerativeClustering(2)).fit(X).labels_)) == 2
    with pytest.raises(ValueError, match="n_samples=5 should be >= n_clusters=8"):
        autoencoder(8).fit(X)


def test_inference_is_independent_of_company(X):
    X = np.random.RandomState(0).randn(900, 8)
    model = autoencoder(loss="cosine", reject_threshold=0.3).fit(X[:300])
    order = np.random.RandomState(1).permutation(900)
    for method in (model.transform, model.predict):
        whole = method(X)
        np.testing.assert_array_equal(method(X[order]), whole[order])
        for i in (0, 511, 899):
            np.testing.assert_array_equal(method(X[[i]])[0], whole[i])
