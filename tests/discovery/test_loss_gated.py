"""LossGatedClusterer."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.datasets import load_digits, make_blobs

from skdeepcluster import LossGatedClusterer, correct_labels, loss_gate
from skdeepcluster.metrics import clustering_accuracy
from skdeepcluster.nn import with_margin
from tests.common import torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BRIEF = {"hidden_layer_sizes": (16,), "n_components": 8, "random_state": 0}


def flipped(y, k, share=0.3, seed=0):
    """Labels, a share of which is another one at random."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(y)) < share, (y + rng.integers(1, k, len(y))) % k, y)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600] / 16, y[:600], flipped(y[:600], 10, 0.4)


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(200, centers=10 * np.eye(8)[:4], random_state=0)
    return X, y, flipped(y, 4)


def fitted(digits, Estimator=LossGatedClusterer, **params):
    X, _, noisy = digits
    options = {"n_rounds": 1, "max_epochs": 20, "learning_rate": 3e-3, "random_state": 0}
    return Estimator(10, **options | params).fit(X, pseudo_labels=noisy)


@pytest.fixture(scope="module")
def gated(digits):
    return fitted(digits)


class TrustInOthers(LossGatedClusterer):
    """Rows are trusted for the losses of others."""

    def _trusted(self, fit, losses, label):
        return super()._trusted(fit, losses.roll(1), label)


def test_wrong_labels_are_found_and_corrected(digits, gated):
    X, y, noisy = digits
    right = noisy == y
    assert (gated.labels_ == y).mean() > 0.92 > right.mean() + 0.25
    assert right[gated.reliable_].mean() > 0.9
    assert gated.reliable_[right].mean() > 0.95
    np.testing.assert_array_equal(gated.labels_, gated.predict(X))
    np.testing.assert_array_equal(gated.initial_labels_, noisy)
    np.testing.assert_array_equal(gated.pseudo_labels_, noisy)
    assert gated.n_clusters_ == 10 and gated.n_rounds_ == 1
    assert gated.score(X) == -gated.loss_
    np.testing.assert_allclose(np.linalg.norm(gated.transform(X), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(gated.prototypes_, axis=1), 1, rtol=1e-5)
    # The gate is that of the losses of the rows themselves.
    losses = -np.log(gated.predict_proba(X)[np.arange(len(X)), noisy])
    gate = loss_gate(losses)
    np.testing.assert_allclose(gated.loss_gate_.threshold, gate.threshold, rtol=1e-3)
    np.testing.assert_array_equal(gated.reliable_, gate.trusted | (losses < math.log(2)))
    # No gate before it starts, and thresholds from then on.
    assert np.isinf(gated.loss_thresholds_[:6]).all()
    assert np.isfinite(gated.loss_thresholds_[-10:]).all()
    history = gated.history_["round 1"]
    assert set(history) == {"label", "correction", "trusted"}
    assert history["correction"][11] == 0 < history["correction"][12]
    assert history["trusted"][0] == 1 and 0.4 < history["trusted"][-1] < 0.8


@pytest.mark.parametrize(
    "without",
    [{"max_epochs": 0}, {"gate_start": 1.0}, {"Estimator": TrustInOthers}],
    ids=["epochs", "gate", "target"],
)
def test_without_a_part_fewer_labels_are_right(digits, gated, without):
    y = digits[1]
    found = fitted(digits, **without)
    assert (found.labels_ == y).mean() < (gated.labels_ == y).mean() - 0.02


def test_accuracy_rises_above_that_of_k_means():
    X, y = load_digits(return_X_y=True)
    model = LossGatedClusterer(10, learning_rate=3e-3, max_epochs=8, random_state=0).fit(X[:1200])
    before, after = (
        clustering_accuracy(y[:1200], labels) for labels in (model.initial_labels_, model.labels_)
    )
    assert after > before + 0.02


class PlainLoss(LossGatedClusterer):
    """Training on pseudo-labels as they are."""

    def _loss(self, fit, batch):
        label = fit.state.label[batch.index]
        (view,) = self._views(fit, batch, 1)
        z = fit.module.encode(view)
        logits = z @ F.normalize(fit.module.prototypes, dim=1).T / self.temperature
        losses = F.cross_entropy(logits, label, reduction="none")
        fit.state.losses[batch.index] = losses.detach().double()
        return {"label": losses.sum() / len(batch)}


def test_without_a_gate_it_is_plain_training(blobs):
    X, _, noisy = blobs
    options = {"n_rounds": 1, "max_epochs": 4, "gate_start": 1, "correct_start": 1} | BRIEF
    model, plain = (
        Estimator(4, **options).fit(X, pseudo_labels=noisy)
        for Estimator in (LossGatedClusterer, PlainLoss)
    )
    np.testing.assert_array_equal(model.transform(X), plain.transform(X))
    assert model.history_["round 1"]["label"] == plain.history_["round 1"]["label"]


class Watched(LossGatedClusterer):
    """Compares the loss of each batch with a slow one."""

    def _loss(self, fit, batch):
        views = []
        make = super()._views
        self.__dict__["_views"] = lambda *args: views.append(make(*args)) or views[-1]
        terms = super()._loss(fit, batch)
        del self.__dict__["_views"]
        w = F.normalize(fit.module.prototypes, dim=1)
        seen = (fit.module.encode(views[0][0]) @ w.T).detach() / self.temperature
        clean = (fit.module.encode(batch.x) @ w.T).detach()
        label, correction = torch.zeros(()), torch.zeros(())
        for i, row in enumerate(batch.index.tolist()):
            own = int(fit.state.label[row])
            log_p = F.log_softmax(seen[i], dim=0)
            trusted = own >= 0
            if own >= 0:
                torch.testing.assert_close(fit.state.losses[row].float(), -log_p[own])
                if fit.epoch >= max(1, 0.25 * self.max_epochs):
                    trusted = -log_p[own] <= fit.state.threshold
            if trusted:
                label -= log_p[own]
            elif fit.epoch >= max(1, 0.5 * self.max_epochs):
                q = correct_labels(clean[i : i + 1], [-1], [False], confidence=0.4).targets[0]
                correction -= (torch.as_tensor(q).float() * log_p).sum()
        n = len(batch)
        torch.testing.assert_close(terms["label"].detach(), label / n)
        torch.testing.assert_close(terms["correction"].detach(), correction / n)
        return terms


def test_the_loss_row_by_row(blobs):
    X, _, noisy = blobs
    noisy = np.where(np.arange(len(X)) % 20, noisy, -1)
    model = Watched(
        4, n_rounds=1, max_epochs=8, gate_start=0.25, correct_start=0.5, confidence=0.4, **BRIEF
    ).fit(X, pseudo_labels=noisy)
    assert model.history_["round 1"]["correction"][-1] > 0
    # Rows without a label have a class, and no reliable label.
    np.testing.assert_array_equal(model.initial_labels_, noisy)
    assert not model.reliable_[noisy < 0].any() and model.labels_.min() >= 0


@settings(max_examples=20, deadline=None)
@given(st.floats(0, math.pi / 2), st.integers(2, 5), st.integers(0, 99))
def test_margins_turn_the_own_angle(margin, k, seed):
    generator = torch_generator(seed)
    cosine = 2 * torch.rand(20, k, generator=generator, dtype=torch.float64) - 1
    label = torch.randint(-1, k, (20,), generator=generator)
    found = with_margin(cosine, label, margin)
    for i in range(20):
        for c in range(k):
            value = float(cosine[i, c])
            if c == label[i]:
                angle = math.acos(value) + margin
                if angle < math.pi:
                    value = math.cos(angle)
                else:
                    value = value - margin * math.sin(margin)
            assert float(found[i, c]) == pytest.approx(value, abs=1e-5)
    assert (found <= cosine + 1e-9).all()


def test_margins_train(blobs):
    X, y, noisy = blobs
    options = {"n_rounds": 1, "temperature": 1 / 30, "margin": 0.2, "max_epochs": 10} | BRIEF
    model = LossGatedClusterer(4, **options).fit(X, pseudo_labels=noisy)
    assert (model.labels_ == y).mean() > 0.95


def test_rounds_end_when_clusters_stay(blobs):
    X, y, _ = blobs
    model = LossGatedClusterer(4, n_rounds=3, max_epochs=3, **BRIEF).fit(X)
    assert model.n_rounds_ == 1 and set(model.history_) == {"round 1"}
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    # Labels that say nothing are replaced by clusters of the embedding.
    noise = np.random.default_rng(0).integers(0, 4, len(X))
    model = LossGatedClusterer(4, n_rounds=2, max_epochs=3, **BRIEF).fit(X, pseudo_labels=noise)
    assert model.n_rounds_ == 2 and len(model.loss_thresholds_) == 6
    assert clustering_accuracy(y, model.pseudo_labels_) > clustering_accuracy(y, noise) + 0.3


class Thirds(ClusterMixin, BaseEstimator):
    """Some rows are noise."""

    def fit_predict(self, X, y=None):
        return np.array([2, -1, 5])[np.arange(len(X)) % 3]


def test_any_clusterer_begins(blobs):
    X = blobs[0]
    model = LossGatedClusterer(4, clusterer=Thirds(), n_rounds=1, max_epochs=1, **BRIEF).fit(X)
    np.testing.assert_array_equal(model.initial_labels_, np.array([0, -1, 1])[np.arange(200) % 3])
    assert model.n_clusters_ == 2 and model.prototypes_.shape == (2, 8)


@pytest.mark.parametrize(
    "labels, message",
    [
        (np.zeros(7), "has 7 labels, but X has 200 rows"),
        (np.full(200, -1), "pseudo_labels has no cluster"),
        (np.full(200, -2), "integers from 0 on"),
        (np.full(200, "a"), "integers from 0 on"),
        (np.full(200, np.nan), "contains NaN"),
        (np.full(200, 0.5), "discrete labels"),
    ],
)
def test_labels_that_are_none(blobs, labels, message):
    with pytest.raises(ValueError, match=message):
        LossGatedClusterer(4, max_epochs=1, **BRIEF).fit(blobs[0], pseudo_labels=labels)
