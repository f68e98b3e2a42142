"""IIC and ContrastiveClustering, which compare rows with views of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, mutual_info_score

from skdeepcluster import IIC, ContrastiveClustering
from skdeepcluster.semantic.contrastive_clustering import contrast_of_clusters
from skdeepcluster.semantic.iic import negative_information
from tests.common import brief, each_class, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
every_method = each_class([IIC, ContrastiveClustering])


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(160, n_features=6, centers=3, random_state=2)


# -- losses --------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1000), k=st.integers(2, 6))
def test_information_of_hard_labels_is_that_of_scikit_learn(seed, k):
    a = np.random.default_rng(seed).integers(k, size=(2, 40))
    p, q = (torch.eye(k, dtype=torch.float64)[torch.tensor(labels)] for labels in a)
    both = np.concatenate([a[0], a[1]]), np.concatenate([a[1], a[0]])
    expected = -mutual_info_score(*both)
    assert negative_information(p.T @ q).item() == pytest.approx(expected, abs=1e-6)
    assert -np.log(k) - 1e-9 <= expected <= 0


@given(seed=st.integers(0, 1000), k=st.integers(2, 6))
def test_information_is_symmetric_and_zero_for_independent_views(seed, k):
    p, q = torch.rand(2, 20, k, generator=torch_generator(seed)).double().softmax(2)
    torch.testing.assert_close(negative_information(p.T @ q), negative_information(q.T @ p))
    m = p.mean(dim=0)
    assert negative_information(m[:, None] * m).item() == pytest.approx(0, abs=1e-6)
    equal = torch.eye(k, dtype=torch.float64) / k
    assert negative_information(equal).item() == pytest.approx(-np.log(k), abs=1e-6)


@given(seed=st.integers(0, 1000), k=st.integers(2, 6), t=st.floats(0.2, 2))
def test_contrast_of_clusters_is_least_for_orthogonal_columns(seed, k, t):
    certain = torch.eye(k).repeat(3, 1)
    least = np.log(1 + (2 * k - 2) * np.exp(-1 / t))
    assert contrast_of_clusters(certain, certain, t).item() == pytest.approx(least, rel=1e-4)
    g = torch_generator(seed)
    p, q = torch.randn(2, 12, k, generator=g).softmax(2)
    found = contrast_of_clusters(p, q, t)
    torch.testing.assert_close(contrast_of_clusters(q, p, t), found)
    order = torch.randperm(k, generator=g)
    torch.testing.assert_close(contrast_of_clusters(p[:, order], q[:, order], t), found)
    rows = torch.randperm(12, generator=g)
    torch.testing.assert_close(contrast_of_clusters(p[rows], q[rows], t), found)


# -- what both find ------------------------------------------------------------------------------


@every_method
def test_finds_separated_groups_which_it_does_not_untrained(Estimator, blobs):
    X, y = blobs
    params = {"batch_size": 80, "random_state": 0, "hidden_layer_sizes": (32,), "n_components": 32}
    model = Estimator(3, max_epochs=25, learning_rate=3e-3, **params).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.95
    assert adjusted_rand_score(y, Estimator(3, max_epochs=0, **params).fit_predict(X)) < 0.8


@every_method
def test_images_and_own_views(Estimator):
    images = load_digits().images[:120]
    model = brief(Estimator, 5, hidden_layer_sizes=(8, 16), n_components=16).fit(images)
    assert model.image_shape_ == (1, 8, 8)
    np.testing.assert_array_equal(model.predict(images), model.labels_)
    assert model.score(images) == -model.loss_
    torch.manual_seed(1)
    own = brief(Estimator, 5, views=lambda x: x + 0.1 * torch.randn_like(x), max_epochs=1)
    X = images.reshape(120, -1)
    first = own.fit(X).predict_proba(X)
    torch.manual_seed(2)
    np.testing.assert_array_equal(own.fit(X).predict_proba(X), first)


def test_overclustering_trains_the_encoder_in_a_step_of_its_own(blobs):
    X, _ = blobs
    model = brief(IIC, 3).fit(X)
    assert set(model.history_["train"]) == {"information", "overclustering", "criterion"}
    assert model.module_.overheads.weights[-1].shape == (5, 128, 9)
    plain = brief(IIC, 3, n_overclusters=0).fit(X)
    assert not hasattr(plain.module_, "overheads")
    assert not np.array_equal(plain.transform(X), model.transform(X))


def test_entropy_weight_keeps_clusters_in_use(blobs):
    model = brief(ContrastiveClustering, 3, entropy_weight=5.0, max_epochs=10).fit(blobs[0])
    assert np.bincount(model.labels_, minlength=3).min() > 10


@pytest.mark.parametrize(
    "Estimator, params",
    [
        (IIC, {"n_overclusters": -1}),
        (IIC, {"n_repeats": 0}),
        (ContrastiveClustering, {"instance_temperature": 0}),
        (ContrastiveClustering, {"n_projected": 0}),
    ],
)
def test_malformed_parameters(Estimator, params, blobs):
    with pytest.raises(ValueError, match=next(iter(params))):
        brief(Estimator, 3, **params).fit(blobs[0])
