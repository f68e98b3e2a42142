"""TELL."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize
from torch import nn

from skdeepcluster import TELL
from skdeepcluster.autoencoder.tell import _cosine
from skdeepcluster.training import Batch
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def blobs(n=260):
    return make_blobs(n, n_features=12, centers=3, center_box=(-9, 9), random_state=0)


@pytest.fixture(scope="module")
def X():
    return blobs()[0]


# -- what it finds -------------------------------------------------------------------------------


def test_loss_against_numpy(X):
    model = brief(TELL, clustering_weight=0.7).fit(X)
    H = model.transform(X)
    squared = ((H[:, None] - model.cluster_centers_) ** 2).sum(axis=2).min(axis=1)
    back = model.inverse_transform(H)
    loss = ((X - back) ** 2).mean() * model.scale_**2 + 0.7 * squared.mean()
    assert model.loss_ == pytest.approx(loss, rel=1e-4)
    assert set(model.history_["refine"]) == {"reconstruction", "clustering"}


def test_prototypes_are_decoded_centers(X):
    model = brief(TELL, pretrain_epochs=40, max_epochs=20).fit(X)
    np.testing.assert_allclose(
        model.decoded_centers_,
        model.inverse_transform(model.cluster_centers_),
        rtol=1e-4,
        atol=1e-4,
    )
    for j, prototype in enumerate(model.decoded_centers_):
        means = np.array([X[model.labels_ == c].mean(axis=0) for c in range(3)])
        assert np.square(means - prototype).sum(axis=1).argmin() == j


@pytest.mark.parametrize("temperature", [0.01, 0.1, 2.0])
def test_probabilities_fall_with_the_distance_to_the_centers(X, temperature):
    model = brief(TELL, temperature=temperature).fit(X)
    squared = ((model.transform(X)[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    expected = softmax(-squared / temperature, axis=1)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-4)
    plain = brief(TELL).fit(X)
    np.testing.assert_array_equal(model.labels_, plain.labels_)
    np.testing.assert_array_equal(model.cluster_centers_, plain.cluster_centers_)


# -- the layer -----------------------------------------------------------------------------------


class Layer:
    """What hooks see of a fit whose embedding is the rows, of unit length, themselves."""

    def __init__(self, centers, epoch=0):
        self.module = nn.Module()
        self.module.centers = nn.Parameter(torch.tensor(centers))
        self.epoch = epoch
        self.state = SimpleNamespace(used=torch.zeros(len(centers), dtype=torch.bool))

    def step(self, model, H):
        cosine = _cosine(torch.tensor(H), self.module.centers).amax(dim=1)
        (2 - 2 * cosine).mean().backward()
        gradient = self.module.centers.grad.clone()
        model._move_centers(self, None)
        return gradient.numpy()


def unit(random, n, d):
    return normalize(random.randn(n, d))


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 6), st.floats(1e-3, 1.0))
@settings(max_examples=50)
def test_steps_of_one_length_on_the_sphere(seed, n, k, center_step):
    random = np.random.RandomState(seed)
    H, centers = unit(random, n, 4), unit(random, k, 4)
    fit = Layer(centers)
    gradient = fit.step(TELL(k, center_step=center_step), H)
    labels = (H @ centers.T).argmax(axis=1)
    moved = fit.module.centers.detach().numpy()
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, rtol=1e-12)
    assert fit.module.centers.grad is None
    for j in range(k):
        total = H[labels == j].sum(axis=0)
        np.testing.assert_allclose(gradient[j], -2 * total / n, atol=1e-12)
        if (labels == j).any():
            expected = centers[j] + center_step * total / np.linalg.norm(total)
            np.testing.assert_allclose(moved[j], expected / np.linalg.norm(expected), atol=1e-10)
        else:
            np.testing.assert_allclose(moved[j], centers[j], atol=1e-15)
        assert fit.state.used[j] == (labels == j).any()


@given(st.integers(0, 10**6))
@settings(max_examples=50)
def test_the_distance_is_linear_on_the_sphere(seed):
    random = np.random.RandomState(seed)
    H, centers = unit(random, 30, 5), unit(random, 4, 5)
    squared = ((H[:, None] - centers) ** 2).sum(axis=2)
    np.testing.assert_allclose(2 - H @ (2 * centers).T, squared, atol=1e-12)
    assert squared.min() >= 0 and squared.max() <= 4 + 1e-12


def test_the_layer_alone_is_spherical_k_means():
    H = normalize(load_digits().data)
    random = np.random.RandomState(0)
    best = KMeans(10, n_init=10, random_state=0).fit(H)
    start = normalize(H[random.permutation(len(H))[:10]])
    fit, model = Layer(start), TELL(10, center_step=0.02)
    for _ in range(60):
        for rows in np.array_split(random.permutation(len(H)), 7):
            fit.step(model, H[rows])
    inertia = (2 - 2 * (H @ fit.module.centers.detach().numpy().T).max(axis=1)).sum()
    spherical = (2 - 2 * (H @ normalize(best.cluster_centers_).T).max(axis=1)).sum()
    assert inertia < 1.1 * spherical


def test_centers_and_network_move_in_turn(X):
    seen = []

    class Watched(TELL):
        def _move_centers(self, fit, batch):
            before = fit.module.centers.detach().clone()
            super()._move_centers(fit, batch)
            after = fit.module.centers.detach()
            seen.append((fit.epoch % 2, torch.equal(before, after)))
            np.testing.assert_allclose(after.norm(dim=1), 1, rtol=1e-6)
            assert fit.module.centers.grad is None

    brief(Watched).fit(X)
    assert {turn for turn, _ in seen} == {0, 1}
    assert all(still == bool(turn) for turn, still in seen)


def test_in_even_epochs_the_network_does_not_see_the_clusters(X):
    model = brief(TELL, max_epochs=0).fit(X)
    rows = torch.as_tensor((X - model.mean_) * model.scale_, dtype=torch.float32)
    batch = Batch(torch.arange(len(rows)), rows)
    module = model.module_.train()
    for epoch, moves_network in ((0, False), (1, True)):
        terms = model._alternate(SimpleNamespace(module=module, epoch=epoch), batch)
        module.zero_grad(set_to_none=True)
        terms["clustering"].backward()
        gradients = [p.grad is not None for p in module.encoder.parameters()]
        assert all(gradients) == any(gradients) == moves_network
        assert (module.centers.grad is None) == moves_network


def test_a_center_that_no_row_meets_gets_some(X):
    model = brief(TELL, max_epochs=0).fit(X)
    H = model.transform(X)
    away = -normalize(H.mean(axis=0, keepdims=True))
    init = np.concatenate([model.cluster_centers_[:2], away])
    assert len(set((H @ init.T).argmax(axis=1))) == 2
    found = brief(TELL, init=init, max_epochs=4).fit(X)
    assert len(set(found.labels_)) == 3


def test_random_directions(X):
    model = brief(TELL, init="random", pretrain_epochs=0, max_epochs=30).fit(X)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, rtol=1e-6)
    assert len(set(model.labels_)) == 3


# -- streams -------------------------------------------------------------------------------------


def test_a_stream_ends_where_one_fit_does():
    X, y = blobs(2000)
    model = TELL(3, hidden_layer_sizes=(32,), pretrain_epochs=20, random_state=0)
    for begin in range(0, 2000, 400):
        chunk = X[begin : begin + 400]
        assert model.partial_fit(chunk) is model
        np.testing.assert_array_equal(model.labels_, model.predict(chunk))
        np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, rtol=1e-6)
    assert adjusted_rand_score(y, model.predict(X)) == 1
    assert model.n_epochs_ == 1 and set(model.history_) == {"refine"}


def test_centers_follow_a_stream(X):
    model = brief(TELL, pretrain_epochs=20).fit(X)
    before, module = model.cluster_centers_, model.module_
    mean, scale = model.mean_.copy(), model.scale_
    one = X[model.labels_ == 0]
    for _ in range(20):
        model.partial_fit(one)
    moved = np.linalg.norm(model.cluster_centers_ - before, axis=1)
    assert moved[0] > 0 and (moved[1:] < 1e-5).all()
    assert model.module_ is not module
    np.testing.assert_array_equal(model.mean_, mean)
    assert model.scale_ == scale
    model.partial_fit(X[:1])
    assert model.labels_.shape == (1,)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :5])


def test_the_first_part_of_a_stream_is_a_fit(X):
    first, fitted = brief(TELL).partial_fit(X), brief(TELL).fit(X)
    np.testing.assert_array_equal(first.transform(X), fitted.transform(X))
    with pytest.raises(ValueError, match="n_samples=2 should be >= n_clusters=3"):
        brief(TELL).partial_fit(X[:2])


# -- parameters ----------------------------------------------------------------------------------


def test_init_by_centers(X):
    init = np.random.RandomState(0).randn(3, 10)
    model = brief(TELL, init=init, max_epochs=0).fit(X)
    np.testing.assert_allclose(model.cluster_centers_, normalize(init), rtol=1e-5)
    with pytest.raises(ValueError, match=r"\(3, 10\)"):
        brief(TELL, init=init[:2]).fit(X)
