import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, load_wine, make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import ClAM

X, y = make_blobs(300, centers=4, n_features=5, random_state=0)
seeds = st.integers(0, 2**32)


def memory(seed, n_clusters=4, n_features=5, beta=0.7, **params):
    """An estimator and a module with given memories."""
    clam = ClAM(n_clusters, **params)
    module = clam._build((n_features,), None, torch.Generator().manual_seed(0))
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        module.centers.copy_(torch.as_tensor(rng.normal(size=(n_clusters, n_features))))
        module.beta.fill_(beta)
    return clam, module, torch.as_tensor(rng.normal(size=(20, n_features)), dtype=torch.float32)


def energy(module, v):
    squares = (v[:, None] - module.centers).square().sum(dim=2)
    return -(-module.beta * squares).logsumexp(dim=1) / module.beta


def fit(**params):
    params = {"random_state": 0, "max_epochs": 5} | params
    return ClAM(params.pop("n_clusters", 4), **params).fit(X)


def test_without_an_encoder_its_parameters_do_nothing():
    of_an_encoder = {
        "decoder": torch.nn.Identity(),
        "hidden_layer_sizes": (7,),
        "init_epochs": 3,
        "layerwise_epochs": 1,
        "n_components": 2,
        "noise": 0.5,
        "pretrain_epochs": 1,
    }
    plain, other = fit(), fit(**of_an_encoder)
    assert_array_equal(plain.cluster_centers_, other.cluster_centers_)
    assert list(other.history_) == ["refine"]


@given(seeds, st.floats(0.1, 5))
@settings(max_examples=25)
def test_a_step_follows_the_gradient_of_the_energy(seed, beta):
    clam, module, v = memory(seed, beta=beta, inner_iter=10)
    v.requires_grad_()
    (gradient,) = torch.autograd.grad(energy(module, v).sum(), v)
    one = ClAM(4, inner_iter=1)._evolve(module, v)
    assert_allclose((one - v).detach(), -gradient / 2, atol=1e-4)


@given(seeds, st.floats(0.1, 5), st.integers(1, 10))
@settings(max_examples=25)
def test_energy_never_grows(seed, beta, inner_iter):
    clam, module, v = memory(seed, beta=beta, inner_iter=inner_iter)
    with torch.no_grad():
        before, after = energy(module, v), energy(module, clam._evolve(module, v))
    assert (after <= before + 1e-5).all()


@given(seeds)
@settings(max_examples=25)
def test_visible_entries_stay(seed):
    clam, module, v = memory(seed)
    hidden = torch.rand(v.shape, generator=torch.Generator().manual_seed(seed % 2**31)) < 0.4
    after = clam._evolve(module, v, hidden)
    assert torch.equal(after[~hidden], v[~hidden])
    assert not torch.equal(after[hidden], v[hidden])
    errors = clam._errors(module, v, hidden)
    expected = clam._evolve(module, torch.where(hidden, module.fill, v), hidden)
    assert_allclose(errors.detach(), ((v - expected) * hidden).square().detach(), rtol=1e-6)


def test_one_memory_is_reached_in_one_whole_step():
    clam, module, v = memory(0, n_clusters=1, inner_iter=1)
    with torch.no_grad():
        assert_allclose(clam._evolve(module, v), module.centers.expand_as(v), atol=1e-6)


def test_large_beta_is_nearest_center():
    clam, module, v = memory(0, beta=1e6)
    with torch.no_grad():
        labels = clam._log_proba(module, v).argmax(dim=1)
    assert_array_equal(labels, torch.cdist(v, module.centers.detach()).argmin(dim=1))


def test_one_cluster_learns_the_mean():
    model = fit(n_clusters=1, max_epochs=30)
    assert_allclose(model.decoded_centers_[0], X.mean(axis=0), atol=0.1 * X.std())
    # What remains is the variance of the entries, which is 1 on average.
    assert model.loss_ == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("temperature", [10.0, 2.0, "scale"])
@pytest.mark.parametrize("init", ["k-means", "k-means++", "spectral"])
def test_blobs(temperature, init):
    assert (
        adjusted_rand_score(y, fit(temperature=temperature, init=init, max_epochs=10).labels_) == 1
    )


def test_training_lowers_the_objective():
    start, end = fit(max_epochs=0), fit(max_epochs=20)
    assert end.loss_ < start.loss_
    assert start.score(X) == pytest.approx(-start.loss_)


@pytest.mark.parametrize(("load", "below"), [(load_iris, 0.01), (load_wine, 0.01)])
def test_as_good_as_k_means(load, below):
    rows = StandardScaler().fit_transform(load().data)
    reference = KMeans(3, n_init=100, random_state=0).fit_predict(rows)
    labels = ClAM(3, max_epochs=30, random_state=0).fit_predict(rows)
    assert silhouette_score(rows, labels) > silhouette_score(rows, reference) - below


def test_hidden_entries():
    """Every feature is hidden alike often, as many in each row, and together when shared."""
    seen = []

    class Spy(ClAM):
        def _errors(self, module, z, hidden, missing=None):
            if z.requires_grad or torch.is_grad_enabled():
                seen.append(hidden.clone())
            return super()._errors(module, z, hidden, missing)

    Spy(4, max_epochs=6, mask_ratio=0.4, batch_size=300, random_state=0).fit(X)
    steps = [hidden for hidden in seen if len(hidden) == len(X)][:6]
    assert len(steps) == 6
    for epoch, hidden in enumerate(steps):
        assert (hidden.sum(dim=1) == 2).all()
        assert (hidden == hidden[0]).all() == (epoch % 3 == 2)
    share = torch.cat([steps[i] for i in (0, 1, 3, 4)]).float().mean(dim=0)
    assert_allclose(share, 0.4, atol=0.06)


def test_most_rows_at_their_centers():
    rows = np.repeat([[1, 3], [2, 1], [3, 3], [4, 1]], 4, axis=0)
    model = ClAM(3, max_epochs=2, random_state=0).fit(rows)
    assert 0.01 < model.temperature_ < 1
    assert_array_equal(model.labels_.reshape(4, 4), model.labels_[::4, None].repeat(4, axis=1))


def test_with_an_encoder():
    model = fit(encoder=[16], n_components=3, pretrain_epochs=10, learning_rate=0.01, max_epochs=10)
    assert model.cluster_centers_.shape == (4, 3)
    assert model.transform(X).shape == (300, 3)
    assert_allclose(
        model.inverse_transform(model.cluster_centers_), model.decoded_centers_, rtol=1e-4
    )
    assert adjusted_rand_score(y, model.labels_) > 0.9
    assert list(model.history_) == ["pretrain", "refine"]
    taught = fit(encoder=[16], pretrain_epochs=2, init="spectral", max_epochs=2)
    assert list(taught.history_) == ["pretrain", "initialize", "refine"]


def test_without_an_encoder_the_embedding_is_the_rows():
    model = fit()
    rows = model.transform(X)
    assert_allclose(rows, (X - X.mean(axis=0)) * model.scale_, atol=1e-5)
    assert_allclose(model.inverse_transform(rows), X, atol=1e-4)
    assert_allclose(
        model.inverse_transform(model.cluster_centers_), model.decoded_centers_, atol=1e-4
    )
    images = X[:, :4].reshape(-1, 2, 2)
    assert ClAM(4, max_epochs=1, random_state=0).fit(images).decoded_centers_.shape == (4, 4)


def test_given_memories_and_temperature():
    start = fit(max_epochs=0)
    again = fit(max_epochs=0, init=start.cluster_centers_, temperature=start.temperature_)
    assert_allclose(again.cluster_centers_, start.cluster_centers_, rtol=1e-6)
    assert again.temperature_ == pytest.approx(start.temperature_)
    drawn = fit(max_epochs=0, init="random").cluster_centers_
    assert abs(drawn.mean() - 0.1) < 0.1 and 0.05 < drawn.std() < 0.2


def test_bad_input():
    with pytest.raises(ValueError, match="n_features=1"):
        ClAM(2).fit(X[:, :1])
    with pytest.raises(ValueError, match="'mask_ratio' parameter"):
        fit(mask_ratio=1.0)
    with pytest.raises(ValueError, match=r"init has shape \(2, 5\)"):
        fit(init=X[:2])
    pipeline = make_pipeline(StandardScaler(), ClAM(4, max_epochs=1, random_state=0))
    assert pipeline.fit(X).predict_proba(X).shape == (300, 4)
