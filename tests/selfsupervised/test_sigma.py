"""SIGMA."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from skdeepcluster import SIGMA
from skdeepcluster.selfsupervised.swav import balanced_codes
from skdeepcluster.training import Batch
from skdeepcluster.views import MaskedViews, TabularViews
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def parts(n=12, d=6, k=5, p=4, **params):
    """An estimator with its network, and what a step needs of a fit."""
    model = SIGMA(2, n_components=p, hidden_layer_sizes=(8,), **params)
    plan = SimpleNamespace(n_prototypes=k, n_anchors=2)
    module = model._build((d,), plan, torch_generator(1))
    fit = SimpleNamespace(
        module=module,
        processes=SimpleNamespace(share=lambda whole: whole),
        whole_batch=lambda batch, own: (None, own),
        generator=torch_generator(2),
        uniform=lambda batch, *shape: torch.rand(n, *shape, generator=torch_generator(3)),
        normal=lambda batch, *shape: torch.randn(n, *shape, generator=torch_generator(4)),
        batch_rows=lambda batch: (batch.x, torch.arange(n)),
    )
    x = torch.randn(n, d, generator=torch_generator(5))
    return model, fit, Batch(torch.arange(n), x)


def slow_codes(scores, reg, n_iter):
    """The sweeps of the paper, in linear space: prototypes, then rows."""
    Q = np.exp(scores.double().numpy() / reg)
    for _ in range(n_iter):
        Q = Q / Q.sum(axis=0) / Q.shape[1]
        Q = Q / Q.sum(axis=1, keepdims=True) / len(Q)
    return Q * len(Q)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 6), st.integers(1, 12))
def test_codes_are_those_of_the_slow_sweeps(seed, n, k, n_iter):
    scores = 2 * torch.rand(n, k, generator=torch_generator(seed)) - 1
    soft = balanced_codes(scores, 0.05, n_iter, hard=False)
    np.testing.assert_allclose(soft, slow_codes(scores, 0.05, n_iter), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(n))
    hard = balanced_codes(scores, 0.05, n_iter, hard=True)
    assert torch.equal(hard.argmax(dim=1), soft.argmax(dim=1))
    assert ((hard == 0) | (hard == 1)).all() and (hard.sum(dim=1) == 1).all()


def test_soft_codes_without_entropy_are_the_optimal_plan():
    scores = 2 * torch.rand(12, 4, generator=torch_generator(0)) - 1
    soft = balanced_codes(scores, 1e-3, 5000, hard=False)
    # Three places for rows at each prototype.
    best = linear_sum_assignment(-np.repeat(scores.numpy(), 3, axis=1))[1] // 3
    hard = balanced_codes(scores, 1e-3, 5000, hard=True)
    assert torch.equal(hard, F.one_hot(torch.as_tensor(best), 4).float())
    torch.testing.assert_close(soft, hard, rtol=0, atol=5e-3)


@pytest.mark.parametrize("hard", [False, True])
def test_each_network_learns_the_codes_of_the_other(hard):
    model, fit, batch = parts(hard_codes=hard)
    terms = model._loss_of_batch(fit, batch)
    (masked,) = model._views(fit, batch, 1)
    C = fit.module.prototypes.detach()
    phi = F.normalize(fit.module.target.encoder(batch.x), dim=1) @ C.T
    psi = F.normalize(fit.module.encoder(masked), dim=1) @ C.T
    code = {}
    for name, scores in (("phi", phi), ("psi", psi)):
        q = torch.as_tensor(slow_codes(scores.detach(), 0.05, 10))
        code[name] = F.one_hot(q.argmax(dim=1), q.shape[1]).double() if hard else q
    expected = {
        "masked": -(code["phi"] * F.log_softmax(psi / 0.1, dim=1)).sum(dim=1).mean(),
        "target": -(code["psi"] * F.log_softmax(phi / 0.1, dim=1)).sum(dim=1).mean(),
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name].double(), value, rtol=1e-4, atol=1e-6)


def test_what_each_term_trains():
    model, fit, batch = parts()
    for name, trained, still in (("masked", "encoder", "target"), ("target", "target", "encoder")):
        fit.module.zero_grad(set_to_none=True)
        model._loss_of_batch(fit, batch)[name].backward()
        for part, moves in ((trained, True), (still, False)):
            gradients = [p.grad for p in getattr(fit.module, part).parameters()]
            assert all((g is not None and bool(g.any())) == moves for g in gradients)
        # The masked network does not move the prototypes that it is measured by.
        assert (fit.module.prototypes.grad is None) == (name == "masked")


def test_prototypes_keep_length_one(X):
    lengths = []

    class Watched(SIGMA):
        def _loss_of_batch(self, fit, batch):
            lengths.append(fit.module.prototypes.detach().norm(dim=1))
            return super()._loss_of_batch(fit, batch)

    model = brief(Watched, 4).fit(X)
    torch.testing.assert_close(torch.stack(lengths), torch.ones(len(lengths), 40))
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=1), 1, rtol=1e-5)
    terms = model.history_["train"]
    assert terms["masked"][-1] < terms["masked"][0] and terms["target"][-1] < terms["target"][0]


def test_agreement_without_balance_collapses(X):
    """Distances between the networks in the place of codes: rows come together."""

    class Distance(SIGMA):
        def _loss_of_batch(self, fit, batch):
            (masked,) = self._views(fit, batch, 1)
            z = fit.module.encode(masked)
            return {"distance": (z - fit.module.target.encode(batch.x)).square().sum(1).mean()}

    def spread(Estimator):
        model = brief(Estimator, 4, max_epochs=20, learning_rate=1e-2).fit(X)
        return np.sqrt(model.transform(X).var(axis=0).sum())

    # 0.74 without training.
    assert spread(Distance) < 0.4 < 0.8 < spread(SIGMA)


def test_parameters_act(X):
    usual = brief(SIGMA, 4).fit(X).history_
    for changed in (
        {"mask_ratio": 0.2},
        {"views": TabularViews()},
        {"target_hidden_layer_sizes": (4,)},
        {"target_hidden_layer_sizes": ()},
        {"temperature": 0.2},
        {"reg": 0.5, "hard_codes": False},
        {"inner_iter": 1},
    ):
        assert brief(SIGMA, 4, **changed).fit(X).history_ != usual
    same = brief(SIGMA, 4, views=MaskedViews(0.5)).fit(X)
    assert same.history_ == usual


@pytest.mark.parametrize("widths", [(0,), (2.5,), ("a",)])
def test_widths_that_are_none(X, widths):
    with pytest.raises(ValueError, match="target_hidden_layer_sizes"):
        brief(SIGMA, 4, target_hidden_layer_sizes=widths).fit(X)


@pytest.mark.parametrize("ratio", [0, 1, -0.5])
def test_ratios_that_hide_all_or_nothing(X, ratio):
    with pytest.raises(ValueError, match="mask_ratio"):
        brief(SIGMA, 4, mask_ratio=ratio).fit(X)


def test_hidden_columns_hardly_matter_to_the_clusters():
    """Four copies of two columns: a network that learned with masks reads what is left of them."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    centers = np.array([[2, 0], [-1, 1.7], [-1, -1.7]])
    X = np.tile((centers[y] + 0.4 * rng.normal(size=(300, 2))).astype(np.float32), 4)
    x = torch.as_tensor(X)
    masked = MaskedViews(0.5)(x, draws_of(x)).numpy()

    def kept(max_epochs):
        params = {"hidden_layer_sizes": (64,), "batch_size": 100, "learning_rate": 3e-3}
        model = SIGMA(3, max_epochs=max_epochs, random_state=0, **params).fit(X)
        # The mean of the columns is 0 up to noise: what is hidden stays in place of it.
        return np.mean(model.predict(masked + model.mean_) == model.predict(X + model.mean_))

    assert kept(30) > 0.97 and kept(30) > kept(0) + 0.02


def draws_of(x):
    from skdeepcluster.views._draws import Draws

    return Draws(x, torch_generator(0))
