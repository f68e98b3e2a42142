"""PPP: the same clusters in each run, and a number that the mixture validates."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal, ortho_group
from sklearn.datasets import load_iris, load_wine, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from skdeepcluster import PPP
from skdeepcluster.algorithms.gaussian_mixture import log_posterior, mixture_of_partition
from skdeepcluster.algorithms.kmeans import nearest_center
from skdeepcluster.partition._divisions import divisions, weighted_rand_index

ARI = adjusted_rand_score


def scaled_wine():
    return StandardScaler().fit_transform(load_wine().data)


SETS = {
    "4 blobs": (lambda: make_blobs(600, centers=4, cluster_std=0.8, random_state=0)[0], 4),
    "6 blobs": (lambda: make_blobs(900, n_features=10, centers=6, random_state=0)[0], 6),
    "iris": (lambda: load_iris().data, 2),
    "wine": (scaled_wine, 3),
}


@pytest.mark.parametrize("name", SETS)
def test_the_number_and_the_labels_are_the_same_in_each_run(name):
    make, n_clusters = SETS[name]
    X = make()
    model = PPP(max_clusters=8, random_state=0).fit(X)
    assert model.n_clusters_ == n_clusters
    for seed in (1, None):
        assert_array_equal(PPP(max_clusters=8, random_state=seed).fit_predict(X), model.labels_)
    order = np.random.default_rng(0).permutation(len(X))
    assert_array_equal(PPP(max_clusters=8).fit_predict(X[order]), model.labels_[order])
    shifted = PPP(max_clusters=8).fit_predict(X + 7.0)
    assert_array_equal(shifted, model.labels_)
    assert_array_equal(model.predict(X), model.labels_)


def test_rotations_leave_the_labels_as_they_are():
    X = make_blobs(400, n_features=3, centers=4, random_state=1)[0]
    turned = X @ ortho_group.rvs(3, random_state=0)
    model = PPP(max_clusters=6, covariance_type="full")
    assert_array_equal(model.fit_predict(turned), model.fit_predict(X))


def test_wine_has_the_clusters_of_its_cultivars():
    assert ARI(load_wine().target, PPP().fit_predict(scaled_wine())) >= 0.85


def test_three_gaussians_are_three_clusters():
    rng = np.random.default_rng(0)
    X = np.concatenate([20 * np.eye(3, 2)[i] + rng.normal(size=(100, 2)) for i in range(3)])
    model = PPP().fit(X)
    assert model.n_clusters_ == 3
    assert model.core_mask_.mean() > 0.99


@pytest.mark.parametrize("n_features", [2, 5])
def test_one_gaussian_is_one_cluster(n_features):
    X = np.random.default_rng(0).normal(size=(1000, n_features))
    model = PPP(max_clusters=8, n_init=4).fit(X)
    assert model.n_clusters_ == 1
    assert_array_equal(model.labels_, 0)
    with pytest.warns(ConvergenceWarning, match="not validated"):
        model = PPP(max_clusters=3, min_clusters=3, n_init=2).fit(X[:300])
    assert model.n_clusters_ == 3


def test_uniform_rows_are_not_validated():
    X = np.random.default_rng(0).uniform(size=(1000, 2))
    with pytest.warns(ConvergenceWarning, match="not validated"):
        model = PPP(max_clusters=8, n_init=4).fit(X)
    assert model.scores_["score"][1:].max() < 0.9
    assert model.scores_["score"][model.n_clusters_ - 1] < 0.5


def test_the_mixture_matters():
    """A long and a round blob: k-means alone cuts the long one."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(300, 2)) * [4, 0.5], rng.normal(size=(300, 2)) + [3, 5]])
    model = PPP(max_clusters=2, min_clusters=2, threshold=0.5, assign="core").fit(X)
    assert 0 < model.core_mask_.mean() < 1
    assert_array_equal(model.labels_ == -1, ~model.core_mask_)
    assert_array_equal(model.predict(X), model.labels_)
    truth = np.repeat([0, 1], 300)
    whole = PPP(max_clusters=2, min_clusters=2, threshold=0.5).fit(X)
    kmeans = nearest_center(whole._coordinates(X), whole._centers, 1)
    assert ARI(truth, whole.labels_) > 0.95 > ARI(truth, kmeans)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), k=st.integers(2, 4), threshold=st.floats(0.5, 1))
def test_validated_rows_are_those_of_the_definition(seed, k, threshold):
    X = make_blobs(80, centers=k, cluster_std=2.0, random_state=seed)[0]
    model = PPP(max_clusters=k, min_clusters=k, threshold=threshold, n_init=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    proba = model.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1)
    nearest = nearest_center(model._coordinates(X), model._centers, 1)
    expected = (proba.argmax(axis=1) == nearest) & (proba.max(axis=1) >= threshold)
    assert_array_equal(model.core_mask_, expected)
    at = list(model.scores_["n_clusters"]).index(k)
    assert model.scores_["agreement"][at] == pytest.approx(expected.mean())
    assert 0 <= model.scores_["score"][at] <= 1
    along = model.means_ - X.mean(axis=0)
    axis = np.linalg.svd(X - X.mean(axis=0))[2][0]
    steps = np.diff(along @ axis)
    assert (steps >= 0).all() or (steps <= 0).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 1000))
def test_weights_are_repeated_rows(seed):
    rng = np.random.default_rng(seed)
    X = make_blobs(60, centers=3, random_state=seed)[0]
    w = rng.integers(0, 4, len(X))
    weighted = PPP(max_clusters=5, n_init=3)
    repeated = PPP(max_clusters=5, n_init=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weighted.fit(X, sample_weight=w)
        repeated.fit(np.repeat(X, w, axis=0))
    assert weighted.n_clusters_ == repeated.n_clusters_
    assert_array_equal(np.repeat(weighted.labels_, w), repeated.labels_)
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, rtol=1e-6, atol=1e-8)
    assert weighted.inertia_ == pytest.approx(repeated.inertia_)


@given(seed=st.integers(0, 1000))
def test_the_rand_index_of_weights_is_that_of_repeated_rows(seed):
    rng = np.random.default_rng(seed)
    a, b, w = rng.integers(3, size=12), rng.integers(4, size=12), rng.integers(1, 5, 12)
    found = weighted_rand_index(a, b, w.astype(float))
    assert found == pytest.approx(ARI(np.repeat(a, w), np.repeat(b, w)))


def test_divisions_are_nested():
    X = make_blobs(100, centers=5, random_state=0)[0]
    found = divisions(X, np.ones(100), 8)
    assert [len(found[k]) for k in range(1, 9)] == list(range(1, 9))
    for k in range(1, 8):
        kept = (found[k][:, None] == found[k + 1][None]).all(axis=2).any(axis=1)
        assert kept.sum() == k - 1


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_the_mixture_climbs_and_its_densities_are_gaussian(kind):
    X, y = make_blobs(150, n_features=3, centers=3, cluster_std=3.0, random_state=0)
    before = -np.inf
    for max_iter in range(6):
        mixture = mixture_of_partition(X, y, 3, covariance_type=kind, max_iter=max_iter, tol=0)
        assert mixture.log_likelihood >= before
        before = mixture.log_likelihood
    full = mixture.covariances if kind == "full" else [np.diag(c) for c in mixture.covariances]
    density = sum(
        pi * multivariate_normal(mean, cov).pdf(X)
        for pi, mean, cov in zip(mixture.weights, mixture.means, full, strict=True)
    )
    assert_allclose(log_posterior(X, mixture)[1], np.log(density))
    assert mixture.log_likelihood == pytest.approx(np.log(density).sum())
    assert mixture.n_parameters == {"full": 3 * (6 + 3) + 2, "diag": 3 * (3 + 3) + 2}[kind]


def test_densities_are_in_the_units_of_the_rows():
    X = 1000 * make_blobs(200, centers=2, random_state=0)[0] + 5e4
    model = PPP(max_clusters=2, min_clusters=2, covariance_type="full").fit(X)
    density = sum(
        pi * multivariate_normal(mean, cov).pdf(X)
        for pi, mean, cov in zip(model.weights_, model.means_, model.covariances_, strict=True)
    )
    assert_allclose(model.score_samples(X), np.log(density), rtol=1e-6)
    assert model.score(X) == pytest.approx(-model.inertia_)


def test_many_rows_are_reduced_to_means():
    X, y = make_blobs(3000, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    model = PPP(max_clusters=5, max_samples=400).fit(X)
    assert model.n_clusters_ == 3 and ARI(y, model.labels_) == 1
    with pytest.warns(UserWarning, match="max_loss"):
        PPP(max_clusters=5, max_samples=40, max_loss=0.0).fit(X)


def test_bad_input():
    X = load_iris().data
    with pytest.raises(ValueError, match="max_clusters=2 should be >= min_clusters=4"):
        PPP(max_clusters=2, min_clusters=4).fit(X)
    with pytest.raises(ValueError, match="should be >= min_clusters=30"):
        PPP(min_clusters=30).fit(X[:20])
    with pytest.raises(ValueError, match="large enough for a mixture"):
        PPP(max_clusters=60, min_clusters=50, n_init=1).fit(X[:60])
    constant = PPP().fit(np.ones((20, 3)))
    assert constant.n_clusters_ == 1
