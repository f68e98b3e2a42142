"""VaDE."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from torch import nn

from skdeepcluster import AutoencoderClusterer, VaDE
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def model(X):
    return brief(VaDE).fit(X)


# -- what it finds -------------------------------------------------------------------------------


def test_groups_of_other_sizes_keep_them():
    """A linear picture of a mixture in the plane, with shares 0.2, 0.3 and 0.5."""
    random = np.random.RandomState(0)
    y = random.choice(3, 1200, p=[0.2, 0.3, 0.5])
    Z = np.array([[0, 0], [6, 0], [0, 6]])[y] + random.randn(1200, 2)
    X = Z @ random.randn(2, 20) + 0.1 * random.randn(1200, 20)
    model = VaDE(3, hidden_layer_sizes=(64,), pretrain_epochs=20, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.97
    np.testing.assert_allclose(sorted(model.weights_), [0.2, 0.3, 0.5], atol=0.05)


def test_digits_better_than_a_mixture_of_the_code():
    X, y = load_digits(return_X_y=True)
    params = {"hidden_layer_sizes": (256,), "random_state": 0}
    mixture = GaussianMixture(10, covariance_type="diag", n_init=10)
    before = AutoencoderClusterer(clusterer=mixture, max_epochs=25, **params).fit_predict(X)
    found = VaDE(10, init="mixture", pretrain_epochs=25, **params).fit_predict(X)
    start = normalized_mutual_info_score(y, before)
    assert normalized_mutual_info_score(y, found) > start + 0.02


# -- the bound -----------------------------------------------------------------------------------


def numpy_posterior(model, Z):
    sigma = np.sqrt(model.covariances_)
    log_density = norm.logpdf(Z[:, None], model.cluster_centers_, sigma).sum(axis=2)
    log_joint = np.log(model.weights_) + log_density
    return log_joint - logsumexp(log_joint, axis=1, keepdims=True)


def test_posterior_against_a_mixture_of_scikit_learn(model, X):
    Z = model.transform(X)
    mixture = GaussianMixture(3, covariance_type="diag")
    mixture.weights_, mixture.means_ = model.weights_, model.cluster_centers_
    mixture.covariances_ = model.covariances_
    mixture.precisions_cholesky_ = 1 / np.sqrt(model.covariances_)
    gamma = model.predict_proba(X)
    np.testing.assert_allclose(gamma, mixture.predict_proba(Z), atol=1e-4)
    np.testing.assert_allclose(gamma, np.exp(numpy_posterior(model, Z)), atol=1e-4)
    np.testing.assert_allclose(gamma.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_bound_against_numpy(likelihood, X):
    if likelihood == "bernoulli":
        X = (X - X.min()) / np.ptp(X)
    model = brief(VaDE, likelihood=likelihood, reconstruction_weight=1.7).fit(X)
    m, back = model.transform(X), model.inverse_transform(model.transform(X))
    rows = torch.as_tensor((X - model.mean_) * model.scale_, dtype=torch.float32)
    with torch.no_grad():
        log_s2 = model._posterior(model.module_, rows)[1].numpy().astype(float)
    if likelihood == "gaussian":
        nll = 0.5 * ((X - back) ** 2).sum(axis=1) * model.scale_**2
    else:
        nll = -(X * np.log(back) + (1 - X) * np.log(1 - back)).sum(axis=1)
    bound = np.empty(len(X))
    log_gamma = numpy_posterior(model, m)
    for i in range(len(X)):
        bound[i] = -1.7 * nll[i]
        for c in range(3):
            gamma = np.exp(log_gamma[i, c])
            mu, variance = model.cluster_centers_[c], model.covariances_[c]
            expected = (
                np.log(2 * np.pi * variance) + (np.exp(log_s2[i]) + (m[i] - mu) ** 2) / variance
            )
            bound[i] += gamma * (np.log(model.weights_[c]) - log_gamma[i, c])
            bound[i] -= gamma * 0.5 * expected.sum()
        bound[i] += 0.5 * (1 + np.log(2 * np.pi) + log_s2[i]).sum()
    np.testing.assert_allclose(model.score_samples(X), bound, rtol=1e-3, atol=1e-3)
    assert model.loss_ == pytest.approx(-bound.mean(), rel=1e-4)
    assert set(model.history_["refine"]) == {"reconstruction", "divergence"}


def bare(k, d, seed):
    """A module that is nothing but a mixture."""
    random = np.random.RandomState(seed)
    module = nn.Module()
    module.centers = nn.Parameter(torch.tensor(random.randn(k, d)))
    module.log_variances = nn.Parameter(torch.tensor(random.randn(k, d)))
    module.logits = nn.Parameter(torch.tensor(random.randn(k)))
    return module


@given(st.integers(0, 10**6))
@settings(max_examples=5)
def test_divergence_against_draws(seed):
    """KL(q(z) q(c) || p(z, c)) as a mean over draws from q."""
    module, random = bare(3, 2, seed), np.random.RandomState(seed)
    mean, log_variance = random.randn(1, 2), random.randn(1, 2)
    log_gamma = np.log(random.dirichlet(np.ones(3), size=1))
    with torch.no_grad():
        found = VaDE()._divergence(module, *map(torch.tensor, (mean, log_variance, log_gamma)))
    sigma = np.exp(0.5 * log_variance)
    z = mean + sigma * random.randn(200_000, 2)
    centers, spread = module.centers.detach().numpy(), (0.5 * module.log_variances).exp()
    log_p = norm.logpdf(z[:, None], centers, spread.detach().numpy()).sum(axis=2)
    log_p += torch.log_softmax(module.logits, dim=0).detach().numpy()
    log_q = norm.logpdf(z, mean, sigma).sum(axis=1)[:, None] + log_gamma
    drawn = (np.exp(log_gamma) * (log_q - log_p)).sum(axis=1)
    assert found.item() == pytest.approx(drawn.mean(), abs=6 * drawn.std() / 200_000**0.5 + 1e-9)


def test_one_standard_component_is_a_variational_autoencoder():
    module = bare(1, 4, 0)
    with torch.no_grad():
        module.centers.zero_(), module.log_variances.zero_()
        mean, log_variance = torch.randn(50, 4, dtype=torch.float64), torch.randn(50, 4)
        found = VaDE()._divergence(module, mean, log_variance, torch.zeros(50, 1))
    expected = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
    torch.testing.assert_close(found, expected, check_dtype=False, rtol=1e-5, atol=1e-5)


def test_a_posterior_far_from_all_components_is_one(model):
    far = torch.full((5, model.n_components_), 1e4) * torch.randn(5, 1).sign()
    with torch.no_grad():
        log_gamma = torch.log_softmax(model._log_joint(model.module_, far), dim=1)
    np.testing.assert_allclose(log_gamma.exp().sum(dim=1), 1, rtol=1e-5)
    assert log_gamma.isfinite().all()


def test_the_bound_rises(X):
    history = brief(VaDE, max_epochs=60, init="mixture").fit(X).history_["refine"]
    loss = np.sum(list(history.values()), axis=0).reshape(-1, 10).mean(axis=1)
    assert (np.diff(loss) < 0.02 * abs(loss[0])).all() and loss[-1] < loss[0]


# -- the start -----------------------------------------------------------------------------------


def test_it_begins_with_the_mixture_of_the_code(X):
    model = brief(VaDE, init="mixture", max_epochs=0, pretrain_epochs=10).fit(X)
    mixture = GaussianMixture(3, covariance_type="diag", n_init=10, random_state=0)
    mixture.fit(model.transform(X))
    np.testing.assert_allclose(np.sort(model.weights_), np.sort(mixture.weights_), atol=0.02)
    order, other = (
        np.argsort(centers[:, 0]) for centers in (model.cluster_centers_, mixture.means_)
    )
    np.testing.assert_allclose(
        model.cluster_centers_[order], mixture.means_[other], atol=0.05 * mixture.means_.std()
    )
    np.testing.assert_allclose(
        model.covariances_[order], mixture.covariances_[other], rtol=0.1, atol=1e-4
    )


def test_init_by_centers(X):
    start = brief(VaDE, init="k-means", max_epochs=0).fit(X)
    model = brief(VaDE, init=start.cluster_centers_, max_epochs=0).fit(X)
    np.testing.assert_allclose(model.cluster_centers_, start.cluster_centers_, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match=r"\(3, 10\)"):
        brief(VaDE, init=start.cluster_centers_[:2]).fit(X)


# -- new rows ------------------------------------------------------------------------------------


def test_sample(X):
    params = {"hidden_layer_sizes": (32,), "batch_size": 32, "random_state": 0}
    model = VaDE(3, pretrain_epochs=20, **params).fit(X)
    new, labels = model.sample(3000)
    assert new.shape == (3000, 12) and new.dtype == np.float64
    np.testing.assert_allclose(np.bincount(labels) / 3000, model.weights_, atol=0.05)
    for c in range(3):
        some, of = model.sample(200, cluster=c)
        assert (of == c).all() and (model.predict(some) == c).mean() > 0.98
        rows = X[model.labels_ == c]
        assert np.abs(some.mean(axis=0) - rows.mean(axis=0)).max() < rows.std()
    for wrong in ({"n_samples": 0}, {"cluster": 3}, {"cluster": -1}, {"cluster": "a"}):
        with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
            model.sample(**wrong)


def test_sample_is_reproducible_and_in_the_precision_of_the_data(X):
    model = brief(VaDE).fit(X.astype(np.float32))
    first, second = model.sample(7), model.sample(7)
    assert first[0].dtype == np.float32
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_strange_rows_have_a_low_bound(model, X):
    strange = X.mean(axis=0) + 10 * (X - X.mean(axis=0))[:50]
    assert model.score_samples(strange).max() < np.median(model.score_samples(X))


# -- parameters ----------------------------------------------------------------------------------


def test_bernoulli_is_for_the_unit_interval(X):
    X = (X - X.min()) / np.ptp(X)
    model = brief(VaDE, likelihood="bernoulli").fit(X)
    assert model.scale_ == 1 and (model.mean_ == 0).all()
    new = model.sample(20)[0]
    assert new.min() > 0 and new.max() < 1
    with pytest.raises(ValueError, match="likelihood='bernoulli' needs entries"):
        brief(VaDE, likelihood="bernoulli").fit(X + 0.5)


def test_convolutions():
    X = np.random.RandomState(0).rand(120, 6, 7)
    model = brief(VaDE, encoder="conv", hidden_layer_sizes=(4, 6), likelihood="bernoulli").fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.sample(4)[0].shape == (4, 42)
