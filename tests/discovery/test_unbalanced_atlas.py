"""UnbalancedAtlas."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import is_clusterer
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from torch import nn

from skdeepcluster import UnbalancedAtlas
from skdeepcluster.constraints import PairwiseConstraints
from skdeepcluster.discovery import unbalanced_atlas
from skdeepcluster.discovery.unbalanced_atlas import (
    contrast_with_views,
    distance_from_uniform,
    target_of,
)
from skdeepcluster.nn import contrast
from tests.common import torch_generator

BRIEF = {
    "hidden_layer_sizes": (16,), "n_components": 5, "batch_size": 50, "max_epochs": 2,
    "random_state": 0,
}  # fmt: skip
# Minus the cross entropy of finding the own view among those of 200 digits.
FOUND = -2.9


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:500], y[:500]


# -- functions -----------------------------------------------------------------------------------

sizes = st.integers(1, 6)


@given(sizes, sizes, st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_distance_from_uniform_lies_between_uniform_and_certain_memberships(n, h, seed):
    q = torch.rand(n, h, generator=torch_generator(seed)).softmax(dim=1)
    wanted = [sum((value - 1 / h) ** 2 for value in row) for row in q.tolist()]
    found = distance_from_uniform(q)
    torch.testing.assert_close(found, torch.tensor(wanted))
    assert found.max() <= 1 - 1 / h + 1e-6
    torch.testing.assert_close(distance_from_uniform(torch.full((n, h), 1 / h)), torch.zeros(n))
    certain = distance_from_uniform(torch.eye(h))
    torch.testing.assert_close(certain, torch.full((h,), 1 - 1 / h))


@given(st.integers(2, 6), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_its_gradient_leads_to_the_nearest_vertex(h, seed):
    logits = torch.randn(4, h, generator=torch_generator(seed)).requires_grad_()
    nearest = logits.argmax(dim=1)
    before = logits.softmax(dim=1).max(dim=1).values.detach()
    for _ in range(5):
        (gradient,) = torch.autograd.grad(
            distance_from_uniform(logits.softmax(dim=1)).sum(), logits
        )
        logits = (logits + gradient).detach().requires_grad_()
    q = logits.softmax(dim=1)
    assert (q.argmax(dim=1) == nearest).all()
    assert (q.max(dim=1).values > before).all()


@given(sizes, sizes, sizes, st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_targets_chart_by_chart(h, n, d, seed):
    generator = torch_generator(seed)
    charts = torch.randn(h, n, d, generator=generator)
    q = torch.rand(n, h, generator=generator).softmax(dim=1)
    mixed = torch.zeros(n, d)
    for i in range(n):
        for c in range(h):
            mixed[i] += q[i, c] * charts[c, i]
    torch.testing.assert_close(target_of(charts, q, "mixture"), mixed)
    torch.testing.assert_close(target_of(charts, q, "mean"), sum(charts) / h)
    own = torch.randint(h, (n,), generator=generator)
    alone = target_of(charts, F.one_hot(own, h).float(), "mixture")
    torch.testing.assert_close(alone, charts[own, torch.arange(n)])


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_contrast_with_views_row_by_row(n, n_candidates, seed):
    generator = torch_generator(seed)
    z, views = (F.normalize(torch.randn(n, 3, generator=generator), dim=1) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unbalanced_atlas, "CANDIDATES", n_candidates)
        patch.setattr(unbalanced_atlas, "BLOCK_ROWS", 5)
        found = contrast_with_views(z, views, 0.5).item()
    step = 0 if min(n, n_candidates) == 1 else (n - 1) / (min(n, n_candidates) - 1)
    chosen = {round(i * step) for i in range(min(n, n_candidates))}
    total = 0.0
    for i in range(n):
        # A choice between two places, just halfway, is the only one that rounding decides.
        weight = {j: math.exp(float(z[i] @ views[j]) / 0.5) for j in chosen | {i}}
        total -= math.log(weight[i] / sum(weight.values()))
    assert found == pytest.approx(total / n, rel=1e-5, abs=1e-6)


# -- training ------------------------------------------------------------------------------------


class Watched(UnbalancedAtlas):
    """Compares the terms of each batch with slow ones."""

    def _loss(self, fit, batch):
        seen = []
        handle = fit.module.register_forward_hook(lambda module, x, out: seen.append(out))
        terms = super()._loss(fit, batch)
        handle.remove()
        ((charts, log_q),) = seen
        q, n = log_q.exp(), len(batch.index)
        weights = q.T[:, :, None] if self.target == "mixture" else 1 / self.n_charts
        z = (weights * charts).sum(dim=0)
        z = z / z.norm(dim=1, keepdim=True)
        wanted = contrast(z, torch.arange(n).repeat_interleave(2), self.temperature)
        torch.testing.assert_close(terms["contrast"], wanted)
        q = q.detach().double().numpy()
        h = self.n_charts
        unbalance = np.mean([sum((value - 1 / h) ** 2 for value in row) for row in q])
        assert terms["unbalance"].item() == pytest.approx(1 - 1 / h - unbalance, abs=1e-5)
        mean = q.mean(axis=0)
        entropy = -sum(value * math.log(value) for value in mean if value > 0)
        assert terms["balance"].item() == pytest.approx(math.log(h) - entropy, abs=1e-5)
        return terms


@pytest.mark.parametrize("target", ["mean", "mixture"])
@pytest.mark.parametrize("n_charts", [1, 3])
def test_the_loss_row_by_row(X, target, n_charts):
    weights = {"unbalance_weight": 0.5, "balance_weight": 0.25}
    model = Watched(n_charts, target=target, **weights, **BRIEF).fit(X)
    assert set(model.history_["train"]) == {"contrast", "unbalance", "balance"}
    if n_charts == 1:
        np.testing.assert_allclose(model.history_["train"]["unbalance"], 0, atol=1e-6)
        np.testing.assert_allclose(model.history_["train"]["balance"], 0, atol=1e-6)
        np.testing.assert_array_equal(model.predict_proba(X), 1)


def gradients(X, target):
    """Those of the contrast alone with respect to memberships and charts."""
    found = []

    class Contrast(UnbalancedAtlas):
        def _loss(self, fit, batch):
            terms = super()._loss(fit, batch)
            wanted = [fit.module.gate.weight, fit.module.charts.weights[0]]
            found.append(
                torch.autograd.grad(terms["contrast"], wanted, retain_graph=True, allow_unused=True)
            )
            return terms

    Contrast(3, target=target, **BRIEF).fit(X)
    return found


def test_the_mean_target_teaches_memberships_and_charts_nothing_of_their_own(X):
    for gate, charts in gradients(X, "mean"):
        assert gate is None or (gate == 0).all()
        for chart in charts[1:]:
            torch.testing.assert_close(chart, charts[0], rtol=1e-4, atol=1e-8)
    for gate, charts in gradients(X, "mixture"):
        assert gate.abs().max() > 1e-5
        assert (charts[1] - charts[0]).abs().max() > 1e-4
    # So charts differ after training as they did before.
    before, after = (
        UnbalancedAtlas(3, **BRIEF | {"max_epochs": n}).fit(X).module_.charts.weights[0].detach()
        for n in (0, 3)
    )
    assert (after[0] - before[0]).abs().max() > 0.005
    torch.testing.assert_close(after[1:] - after[0], before[1:] - before[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("target", ["mean", "mixture"])
def test_each_row_is_embedded_by_its_own_chart(X, target):
    model = UnbalancedAtlas(4, target=target, balance_weight=1.0, **BRIEF).fit(X)
    Z, labels, q = model.transform(X), model.predict(X), model.predict_proba(X)
    np.testing.assert_array_equal(labels, model.labels_)
    np.testing.assert_array_equal(labels, q.argmax(axis=1))
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-5)
    assert model.n_charts_used_ == len(set(labels)) > 1
    module = model.module_
    with torch.no_grad():
        x = torch.as_tensor((X - model.mean_) * model.scale_, dtype=torch.float32)
        features = module.encoder(x)
        for i, label in enumerate(labels):
            own = module.charts.one(features[i : i + 1], int(label))[0]
            np.testing.assert_allclose(Z[i], own / own.norm(), rtol=1e-3, atol=1e-5)
    assert model.score(X) == -model.loss_


def test_the_objective_is_that_of_the_parameters(X):
    weights = {"unbalance_weight": 0.7, "balance_weight": 0.3}
    model = UnbalancedAtlas(3, target="mixture", **weights, **BRIEF).fit(X)
    plain = UnbalancedAtlas(3, target="mixture", **weights, **BRIEF).fit(X)
    plain.set_params(unbalance_weight=0.0, balance_weight=0.0)
    q = torch.as_tensor(model.predict_proba(X))
    mean = q.mean(dim=0)
    unbalance = 2 / 3 - distance_from_uniform(q).mean().item()
    balance = math.log(3) + (mean * mean.log()).sum().item()
    wanted = -plain.score(X) + 0.7 * unbalance + 0.3 * balance
    assert model.loss_ == pytest.approx(wanted, rel=1e-5)


# -- what it reaches -----------------------------------------------------------------------------


class WithoutLoss(UnbalancedAtlas):
    def _stages(self):
        (stage,) = super()._stages()

        def loss(fit, batch):
            return {name: 0 * term for name, term in stage.loss(fit, batch).items()}

        return [replace(stage, loss=loss)]


class ViewsOfOthers(UnbalancedAtlas):
    def _views(self, fit, batch, n_views=2, n_local=0):
        views = super()._views(fit, batch, n_views, n_local)
        return [view.roll(i, 0) for i, view in enumerate(views)]


def found_views(digits, Estimator=UnbalancedAtlas, **params):
    """How surely rows that no fit has seen find their own view."""
    params = {"max_epochs": 15, "target": "mixture", "temperature": 0.1} | params
    params |= {"hidden_layer_sizes": (64,), "batch_size": 100, "random_state": 0}
    model = Estimator(3, **params).fit(digits[0][:300])
    return model.set_params(unbalance_weight=0.0).score(digits[0][300:])


@pytest.mark.parametrize("target", ["mean", "mixture"])
def test_rows_find_their_views(digits, target):
    assert found_views(digits, target=target) > FOUND


@pytest.mark.parametrize(
    "without",
    [{"max_epochs": 0}, {"Estimator": WithoutLoss}, {"Estimator": ViewsOfOthers}],
    ids=["epochs", "loss", "views"],
)
def test_without_a_part_they_do_not(digits, without):
    assert found_views(digits, **without) < FOUND


def information(digits, Estimator=UnbalancedAtlas, **params):
    X, y = digits
    known = {"unbalance_weight": 1.0, "balance_weight": 3.0, "temperature": 1.0}
    known |= {"hidden_layer_sizes": (128,), "max_epochs": 20, "batch_size": 100}
    known |= {"learning_rate": 3e-3}
    model = Estimator(10, target="mixture", random_state=0, **known | params).fit(X)
    return normalized_mutual_info_score(y, model.labels_)


def test_charts_that_are_kept_in_use_are_clusters(digits):
    assert information(digits) > 0.6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "without",
    [{"max_epochs": 0}, {"Estimator": WithoutLoss}, {"balance_weight": 0.0},
     {"unbalance_weight": 0.0}],
    ids=["epochs", "loss", "balance", "unbalance"],
)  # fmt: skip
def test_without_a_part_they_are_not(digits, without):
    assert information(digits, **without) < 0.57


def test_memberships_become_certain(digits):
    X = digits[0][:200]
    params = BRIEF | {"max_epochs": 15, "learning_rate": 0.01}
    certain, plain = (
        UnbalancedAtlas(4, unbalance_weight=weight, **params).fit(X).predict_proba(X).max(axis=1)
        for weight in (1.0, 0.0)
    )
    assert certain.mean() > 0.9
    assert plain.mean() < 0.6


def test_a_single_chart_for_all_rows_is_told(X):
    params = {"unbalance_weight": 30.0, "learning_rate": 0.1, **BRIEF}
    with pytest.warns(ConvergenceWarning, match="uses one of n_charts=2 charts"):
        model = UnbalancedAtlas(2, target="mixture", **params | {"max_epochs": 20}).fit(X)
    assert model.n_charts_used_ == 1


def test_it_is_a_clusterer_where_charts_are_learned():
    assert is_clusterer(UnbalancedAtlas(target="mixture"))
    assert not is_clusterer(UnbalancedAtlas())


# -- rows, networks, pairs -----------------------------------------------------------------------


def test_networks(X):
    images = np.random.default_rng(0).random((60, 8, 8))
    model = UnbalancedAtlas(3, **BRIEF | {"hidden_layer_sizes": (4, 8)}).fit(images)
    assert model.image_shape_ == (1, 8, 8)
    assert any(isinstance(part, nn.Conv2d) for part in model.module_.modules())
    assert model.transform(images).shape == (60, 5)
    given = nn.Sequential(nn.Linear(6, 7), nn.Tanh())
    model = UnbalancedAtlas(3, encoder=given, **BRIEF).fit(X)
    assert model.module_.gate.in_features == 7
    assert model.get_feature_names_out().shape == (5,)
    linear = UnbalancedAtlas(3, **BRIEF | {"hidden_layer_sizes": ()}).fit(X)
    assert linear.module_.gate.in_features == 6


class Seen(UnbalancedAtlas):
    def _loss(self, fit, batch):
        counts = getattr(fit.state, "counts", torch.zeros(len(fit.samples)))
        assert batch.index.shape[1:] == (2,)
        fit.state.counts = counts.index_add(0, batch.index.flatten(), torch.ones(2 * len(batch)))
        return super()._loss(fit, batch)

    def _attributes(self, fit):
        return super()._attributes(fit) | {"counts_": fit.state.counts.numpy()}


def test_pairs_of_rows_in_the_place_of_views(X):
    frames = np.column_stack([np.arange(79), np.arange(1, 80)])
    pairs = PairwiseConstraints(frames)
    model = Seen(3, **BRIEF).fit(X, constraints=pairs)
    np.testing.assert_array_equal(model.counts_[1:79], 4)
    np.testing.assert_array_equal(model.counts_[80:], 0)
    same = (model.labels_[frames[:, 0]] == model.labels_[frames[:, 1]]).mean()
    assert model.constraint_satisfaction_["must_link"] == pytest.approx(same)
    assert model.n_violations_ == round((1 - same) * len(frames))
    ids = np.arange(120) + 1000
    named = PairwiseConstraints(frames + 1000, ids=ids)
    by_name = Seen(3, **BRIEF).fit(X[::-1], constraints=named, sample_ids=ids[::-1])
    np.testing.assert_array_equal(by_name.counts_[::-1], model.counts_)


def test_pairs_are_drawn_together(digits):
    """Rows of one class are near each other only where pairs say that they belong together."""
    X, y = digits
    rng = np.random.default_rng(0)
    pairs = [rng.permutation(np.flatnonzero(y == c))[:40].reshape(-1, 2) for c in range(10)]
    params = {"hidden_layer_sizes": (64,), "batch_size": 50, "max_epochs": 20, "random_state": 0}

    def between(constraints):
        Z = UnbalancedAtlas(1, **params).fit(X, constraints=constraints).transform(X)
        Z = Z - Z.mean(axis=0)
        means = np.stack([Z[y == c].mean(axis=0) for c in range(10)])
        return np.square(means[y]).sum() / np.square(Z).sum()

    right = between(PairwiseConstraints(np.concatenate(pairs)))
    wrong = between(
        PairwiseConstraints(rng.permutation(np.concatenate(pairs).ravel()).reshape(-1, 2))
    )
    assert right > wrong + 0.15


def test_what_is_refused(X):
    with pytest.raises(ValueError, match="1 cannot-links, which are not used"):
        UnbalancedAtlas(**BRIEF).fit(X, constraints=PairwiseConstraints([[0, 1]], [[2, 3]]))
    with pytest.raises(TypeError, match="PairwiseConstraints"):
        UnbalancedAtlas(**BRIEF).fit(X, constraints=[[0, 1]])
    with pytest.raises(ValueError, match="'target' parameter"):
        UnbalancedAtlas(target="median", **BRIEF).fit(X)
    with pytest.raises(ValueError, match="'n_charts' parameter"):
        UnbalancedAtlas(0, **BRIEF).fit(X)
