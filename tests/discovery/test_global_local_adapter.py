"""GlobalLocalAdapter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import GlobalLocalAdapter
from skdeepcluster.constraints import IgnoredLabelsWarning

BRIEF = {"hidden_layer_sizes": (16,), "n_components": 8, "random_state": 0}


@pytest.fixture(scope="module")
def shifted():
    """Digits 0 to 5, and others with noise that lack two of them and have four new ones."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:1200] / 16, y[:1200]
    rng = np.random.default_rng(0)
    old = rng.random(len(y)) < 0.5
    new = ~old & ~np.isin(y, [4, 5])
    X[new] = np.clip(0.7 * X[new] + 0.1 + rng.normal(0, 3 / 16, X[new].shape), 0, 1)
    rows = (old & (y < 6)) | new
    return X[rows], np.where(old & (y < 6), y, -1)[rows], np.where(y < 6, y, -1)[rows]


def h_score(y, labels):
    known = np.mean([(labels[y == c] == c).mean() for c in np.unique(y[y >= 0])])
    unknown = (labels[y < 0] == -1).mean()
    return 2 * known * unknown / max(known + unknown, 1e-12)


def without_loss(stage):
    def loss(fit, batch):
        return {name: 0 * term for name, term in stage.loss(fit, batch).items()}

    return replace(stage, loss=loss)


class WithoutLoss(GlobalLocalAdapter):
    def _stages(self):
        first, adapt = super()._stages()
        return [first, without_loss(adapt)]


class TargetsOfOthers(GlobalLocalAdapter):
    """Pseudo-labels and neighbors' predictions are those of other rows."""

    def _renew(self, fit):
        super()._renew(fit)
        order = torch.randperm(len(fit.state.y), generator=fit.generator)
        fit.state.y, fit.state.p = fit.state.y[order], fit.state.p[order]


def gain(shifted, Estimator=GlobalLocalAdapter, **params):
    X, partial, y = shifted
    model = Estimator(8, **{"random_state": 0} | params)
    model.fit(X, partial)
    new = partial < 0
    before = h_score(y[new], model.source_labels_[new])
    return model, h_score(y[new], model.labels_[new]) - before


def test_adaptation_helps_where_rows_have_shifted(shifted):
    model, gained = gain(shifted)
    assert gained > 0.1
    X, partial, y = shifted
    known = partial >= 0
    np.testing.assert_array_equal(model.labels_[known], partial[known])
    np.testing.assert_array_equal(model.predict(X)[~known], model.labels_[~known])
    np.testing.assert_array_equal(model.classes_, np.arange(6))
    scores = model.unknown_score(X)
    assert scores.min() >= 0 and scores.max() <= 1
    np.testing.assert_array_equal(scores > 0.55, model.predict(X) < 0)
    np.testing.assert_allclose(model.loss_, scores.mean(), rtol=1e-5)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    "without",
    [{"max_epochs": 0}, {"Estimator": WithoutLoss}, {"Estimator": TargetsOfOthers}],
    ids=["epochs", "loss", "target"],
)
def test_without_a_part_it_does_not(shifted, without):
    assert gain(shifted, **without)[1] < 0.1


def test_the_classifier_stays_as_it_was_learned():
    X, y = make_blobs(160, centers=10 * np.eye(8)[:4], random_state=0)
    partial = np.where((y < 3) & (np.arange(160) < 80), y + 5, -1)
    options = {"pretrain_epochs": 10, **BRIEF}
    before = GlobalLocalAdapter(4, max_epochs=0, **options).fit(X, partial)
    after = GlobalLocalAdapter(4, max_epochs=3, **options).fit(X, partial)
    for one, other in zip(
        before.module_.classifier.parameters(), after.module_.classifier.parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    moved = [
        not torch.equal(one, other)
        for one, other in zip(
            before.module_.encoder.parameters(), after.module_.encoder.parameters(), strict=True
        )
    ]
    assert all(moved)
    np.testing.assert_array_equal(after.classes_, [5, 6, 7])
    assert set(after.labels_) <= {-1, 0, 1, 2}
    assert after.n_clusters_ == 4
    assert set(after.history_) == {"pretrain", "adapt"}
    assert set(after.history_["adapt"]) == {"global", "local"}


class Watched(GlobalLocalAdapter):
    """Compares the loss of each batch with a slow one."""

    def _adapt(self, fit, batch):
        z, p = fit.state.z.clone(), fit.state.p.clone()
        places = fit.state.place[batch.index].tolist()
        terms = super()._adapt(fit, batch)
        encoded = fit.module.encode(batch.x)
        own = torch.softmax(fit.module.classifier(encoded), dim=1).detach()
        unit = encoded.detach() / encoded.detach().norm(dim=1, keepdim=True)
        wanted_global, wanted_local = 0.0, 0.0
        for i, place in enumerate(places):
            order = (z @ unit[i]).argsort(descending=True).tolist()
            q = p[[j for j in order if j != place][: self.n_neighbors]].mean(dim=0)
            wanted_global -= (fit.state.y[place] * (own[i] + 1e-5).log()).sum()
            wanted_local -= (q * (own[i] + 1e-5).log()).sum()
            # The bank holds what the network gave for this batch.
            torch.testing.assert_close(fit.state.z[place], unit[i])
            torch.testing.assert_close(fit.state.p[place], own[i])
        others = [i for i in range(len(z)) if i not in places]
        torch.testing.assert_close(fit.state.z[others], z[others], rtol=0, atol=0)
        torch.testing.assert_close(terms["global"].detach(), wanted_global / len(places))
        torch.testing.assert_close(terms["local"].detach(), wanted_local / len(places))
        assert not fit.state.p.requires_grad and not fit.state.z.requires_grad
        sums = fit.state.y.sum(dim=1)
        torch.testing.assert_close(sums, torch.ones_like(sums))
        return terms


def test_the_loss_row_by_row():
    X, y = make_blobs(90, centers=10 * np.eye(8)[:3], random_state=0)
    partial = np.where((y < 2) & (np.arange(90) < 40), y, -1)
    options = {"pretrain_epochs": 5, "max_epochs": 2, "batch_size": 16, **BRIEF}
    Watched(3, **options).fit(X, partial)


def test_a_given_network_needs_no_labels():
    X, y = make_blobs(120, centers=10 * np.eye(8)[:3], random_state=0)
    partial = np.where((y < 2) & (np.arange(120) < 60), y, -1)
    old = GlobalLocalAdapter(3, learning_rate=0.01, **BRIEF).fit(X, partial)
    rows = (X - old.mean_) * old.scale_
    given = {"encoder": old.module_.encoder, "classifier": old.module_.classifier}
    model = GlobalLocalAdapter(3, max_epochs=0, random_state=0, **given).fit(rows)
    np.testing.assert_array_equal(model.labels_, old.predict(X))
    weights = [p.detach().clone() for p in old.module_.parameters()]
    model.set_params(max_epochs=3).fit(rows)
    assert set(model.history_) == {"adapt"}
    np.testing.assert_array_equal(model.classes_, [0, 1])
    for one, other in zip(weights, old.module_.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    with pytest.raises(ValueError, match="no labels are used. Leave out y"):
        model.fit(rows, partial)
    with pytest.raises(ValueError, match="needs the module that it was trained with"):
        GlobalLocalAdapter(3, classifier=old.module_.classifier).fit(rows)
    with pytest.raises(ValueError, match="scores of shape"):
        model.set_params(classifier=torch.nn.Linear(8, 1)).fit(rows)


def test_what_labels_cannot_be():
    X = np.random.default_rng(0).normal(size=(30, 3))
    model = GlobalLocalAdapter(3, max_epochs=1, pretrain_epochs=1, **BRIEF)
    with pytest.raises(ValueError, match="one known class; at least two"):
        model.fit(X, np.where(np.arange(30) < 9, 4, -1))
    labels = np.arange(30) % 2
    with pytest.raises(ValueError, match=r"n_samples=2 without a label should be >= n_clusters=3"):
        model.fit(X, np.where(np.arange(30) < 28, labels, -1))
    with (
        pytest.warns(IgnoredLabelsWarning),
        pytest.warns(ConvergenceWarning, match="finds no row of a known class"),
    ):
        model.set_params(entropy_threshold=0.0).fit(X, labels)
    assert (model.labels_ == -1).all()
