"""SemiSupervisedKMeans and SplitMergeGaussianMixture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_t
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import SemiSupervisedKMeans, SplitMergeGaussianMixture
from skdeepcluster.discovery._niw import GaussianPrior
from skdeepcluster.metrics import clustering_accuracy


def half_labeled(y, known, share=0.5, seed=0):
    """Partial labels: some rows of the known classes have one."""
    rng = np.random.default_rng(seed)
    return np.where(np.isin(y, known) & (rng.random(len(y)) < share), y, -1)


@given(st.integers(0, 300))
def test_labeled_rows_stay_and_others_are_at_the_nearest_center(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 2))
    y = rng.integers(-1, 3, 30)
    y[:4] = -1, 0, 1, 2
    model = SemiSupervisedKMeans(5, n_init=2, tol=0, random_state=0).fit(X, y)
    labeled = y >= 0
    np.testing.assert_array_equal(model.labels_[labeled], y[labeled])
    np.testing.assert_array_equal(model.labels_[~labeled], model.predict(X)[~labeled])
    for j in np.unique(model.labels_):
        np.testing.assert_allclose(model.cluster_centers_[j], X[model.labels_ == j].mean(axis=0))
    own = np.square(X - model.cluster_centers_[model.labels_]).sum()
    assert model.inertia_ == pytest.approx(own)


def test_new_classes_are_found_beside_known_ones():
    X, y = make_blobs(240, centers=6, n_features=8, random_state=0)
    partial = half_labeled(y, [1, 4])
    model = SemiSupervisedKMeans(6, random_state=0).fit(X, partial)
    assert clustering_accuracy(y, model.labels_) == 1
    assert model.classes_.tolist() == [1, 4]
    assert set(model.labels_[y == 4]) == {1}
    reference = KMeans(6, n_init=10, random_state=0).fit(X)
    assert SemiSupervisedKMeans(6, random_state=0).fit(X).inertia_ == pytest.approx(
        reference.inertia_
    )


def test_more_known_classes_than_clusters():
    with pytest.raises(ValueError, match="3 known classes, more than n_clusters=2"):
        SemiSupervisedKMeans(2).fit(np.eye(5), [0, 1, 2, -1, -1])
    with pytest.raises(ValueError, match="3 known classes, more than n_clusters_init=2"):
        SplitMergeGaussianMixture(n_clusters_init=2).fit(np.eye(5), [0, 1, 2, -1, -1])


@given(st.integers(0, 100), st.integers(1, 3))
def test_the_marginal_is_the_chain_of_predictive_densities(seed, d):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(6, d))
    prior = GaussianPrior(rng.normal(size=d), 0.5, d + 1.5, 0.7)
    expected = 0.0
    mean, kappa, nu, matrix = prior.mean, prior.kappa, prior.nu, prior.scale * np.eye(d)
    for x in rows:
        df = nu - d + 1
        shape = matrix * (kappa + 1) / (kappa * df)
        expected += multivariate_t.logpdf(x, loc=mean, shape=shape, df=df)
        matrix = matrix + kappa / (kappa + 1) * np.outer(x - mean, x - mean)
        mean = (kappa * mean + x) / (kappa + 1)
        kappa, nu = kappa + 1, nu + 1
    assert prior.log_marginal(rows) == pytest.approx(expected)
    assert prior.log_marginal(rows[::-1]) == pytest.approx(expected)


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(1200, n_features=8, centers=12, random_state=0)


@pytest.mark.parametrize("start", [5, 8, 12, 18, 25])
def test_the_number_of_blobs_is_found_from_any_start(blobs, start):
    X, y = blobs
    model = SplitMergeGaussianMixture(n_clusters_init=start, random_state=0)
    model.fit(X, half_labeled(y, range(4)))
    assert model.n_clusters_ == 12
    assert clustering_accuracy(y, model.labels_) == 1
    assert model.history_[0] == start
    np.testing.assert_array_equal(model.is_known_, np.arange(12) < 4)
    np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), model.labels_)


def test_one_gaussian_is_not_split():
    for seed in range(5):
        X = np.random.default_rng(seed).normal(size=(300, 2))
        assert SplitMergeGaussianMixture(random_state=0).fit(X).n_clusters_ == 1


def test_alpha_decides_at_the_extremes(blobs):
    X, _ = blobs
    assert SplitMergeGaussianMixture(alpha=1e-300, random_state=0).fit(X[:60]).n_clusters_ == 1
    with pytest.warns(Warning, match="max_rounds=2"):
        many = SplitMergeGaussianMixture(alpha=1e300, max_rounds=2, random_state=0).fit(X[:100])
    assert many.history_ == [1, 2]


def test_tests_in_principal_components(blobs):
    X, y = blobs
    wide = np.hstack([X, 0.1 * np.random.default_rng(0).normal(size=(len(X), 230))])
    with pytest.warns(UserWarning, match="set n_components"):
        SplitMergeGaussianMixture(max_rounds=1).fit(wide[:20])
    model = SplitMergeGaussianMixture(n_components=8, random_state=0).fit(wide)
    assert adjusted_rand_score(y, model.labels_) > 0.95
    assert model.covariances_.shape == (model.n_clusters_, 8, 8)
    np.testing.assert_array_equal(model.predict(wide), model.labels_)
    with pytest.raises(ValueError, match="nu=6.5 must be more than 7"):
        SplitMergeGaussianMixture(nu=6.5).fit(X)


def test_chance_is_that_of_the_seed(blobs):
    X, _ = blobs
    model = SplitMergeGaussianMixture(stochastic=True, random_state=0)
    np.testing.assert_array_equal(model.fit(X).labels_, model.fit(X).labels_)


def test_digits_with_five_known_classes():
    X, y = load_digits(return_X_y=True)
    partial = half_labeled(y, range(5))
    model = SplitMergeGaussianMixture(n_components=16, random_state=0).fit(X, partial)
    assert 9 <= model.n_clusters_ <= 13
    unlabeled = partial < 0
    assert clustering_accuracy(y[unlabeled], model.labels_[unlabeled]) > 0.62
