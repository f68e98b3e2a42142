"""MetricLearningClusterer: a metric of known classes, and clusters of others."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster import MetricLearningClusterer
from skdeepcluster.constraints import IgnoredLabelsWarning
from skdeepcluster.nn import PAIR_DISTANCES, PAIR_LOSSES

BRIEF = {"max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def loud():
    """Classes that differ in a few features, and others that vary more and mean nothing."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(20), 30)
    means = rng.normal(0, 4, (20, 5))
    X = np.column_stack([means[y] + rng.normal(size=(600, 5)), rng.normal(0, 4, (600, 45))])
    return X, y, np.where(y < 10, y, -1)


def without_loss(stage):
    def loss(fit, batch):
        return {name: 0 * term for name, term in stage.loss(fit, batch).items()}

    return replace(stage, loss=loss)


class WithoutLoss(MetricLearningClusterer):
    def _stages(self):
        return [without_loss(stage) for stage in super()._stages()]


class LabelsOfOthers(MetricLearningClusterer):
    def _side(self, *args, **side):
        found = super()._side(*args, **side)
        known = found.rows["label"] >= 0
        label = found.rows["label"][known]
        order = np.random.default_rng(0).permutation(len(label))
        found.rows["label"][known] = label[order]
        return found


def information(data, Estimator=MetricLearningClusterer, **params):
    X, y, partial = data
    model = Estimator(10, **{"max_epochs": 50, "random_state": 0} | params).fit(X, partial)
    novel = partial < 0
    return normalized_mutual_info_score(y[novel], model.labels_[novel])


def test_known_classes_show_what_discriminates_novel_ones(loud):
    X, y, partial = loud
    novel = partial < 0
    raw = KMeans(10, n_init=10, random_state=0).fit_predict(X[novel])
    assert normalized_mutual_info_score(y[novel], raw) < 0.5
    assert information(loud) > 0.9


@pytest.mark.parametrize(
    "without",
    [{"max_epochs": 0}, {"Estimator": WithoutLoss}, {"Estimator": LabelsOfOthers}],
    ids=["epochs", "loss", "target"],
)
def test_without_a_part_they_do_not(loud, without):
    assert information(loud, **without) < 0.5


@pytest.mark.parametrize("metric", PAIR_DISTANCES)
@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_every_loss_of_every_distance_does(loud, loss, metric):
    assert information(loud, loss=loss, metric=metric, learning_rate=0.01, max_epochs=15) > 0.7


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(sorted(PAIR_DISTANCES)), st.sampled_from("fd"))
def test_labeled_rows_keep_their_classes_and_others_get_none_of_them(seed, metric, dtype):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(40, 3)).astype(dtype), rng.integers(0, 6, size=40)
    y[:12] = np.repeat(np.arange(6), 2)
    partial = np.where(y < 3, 10 + y, -1)
    model = MetricLearningClusterer(2, metric=metric, **BRIEF).fit(X, partial)
    np.testing.assert_array_equal(model.classes_, [10, 11, 12])
    known = partial >= 0
    np.testing.assert_array_equal(model.labels_[known], y[known])
    assert set(model.labels_[~known]) <= {3, 4}
    Z = model.transform(X)
    assert Z.dtype == model.cluster_centers_.dtype == X.dtype
    if metric != "euclidean":
        np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1, rtol=1e-5)
    if metric == "snr":
        np.testing.assert_allclose(Z.mean(axis=1), 0, atol=1e-6)
    squares = np.square(Z[:, None] - model.cluster_centers_).sum(axis=2)
    np.testing.assert_allclose(
        squares[np.arange(40), model.predict(X)], squares.min(axis=1), atol=1e-5
    )
    assert model.loss_ == pytest.approx(squares.min(axis=1).mean(), rel=1e-4, abs=1e-6)
    assert model.score(X) == pytest.approx(-model.loss_, rel=1e-6)


@pytest.mark.parametrize("encoder", ["mlp", torch.nn.Linear(6, 5)], ids=["rows", "module"])
def test_training_begins_at_principal_axes(encoder):
    X, y = make_blobs(80, n_features=6, centers=4, random_state=0)
    partial = np.where(y < 2, y, -1)
    model = MetricLearningClusterer(2, encoder=encoder, max_epochs=0, random_state=0)
    Z = model.fit(X, partial).transform(X)
    F = (X - model.mean_) * model.scale_
    if encoder != "mlp":
        F = encoder(torch.as_tensor(F, dtype=torch.float32)).detach().numpy()
    F = F - F.mean(axis=0)
    F /= np.sqrt(F.var(axis=0).sum())
    # The same distances, in axes of decreasing variance.
    np.testing.assert_allclose(Z @ Z.T, F @ F.T, atol=1e-4)
    covariance = Z.T @ Z / len(Z)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-4)
    assert (np.diff(np.diag(covariance)) <= 1e-5).all()


class Watched(MetricLearningClusterer):
    """Compares the terms and gradients of each batch with those of a slow way."""

    def _terms(self, fit, batch):
        terms = super()._terms(fit, batch)
        module, label = fit.module, fit.side.rows["label"][batch.index]
        assert (label >= 0).all()
        # Several rows of several classes, none of them twice in a group.
        assert len(label.unique()) > 1
        assert torch.bincount(label).max() > 1
        features = module.encode(batch.x)
        h = module.embedding(features).detach()
        n = len(h)
        torch.testing.assert_close(terms["zero_mean"], h.sum(dim=1).abs().mean())
        pairs = [(i, j) for i in range(n) for j in range(n) if label[i] != label[j]]
        energy = sum((h[i] - h[j]).square().sum() for i, j in pairs) / 2 / len(pairs)
        torch.testing.assert_close(terms["energy"].detach(), energy.log(), rtol=1e-4, atol=1e-5)
        encoder = list(module.encoder.parameters())
        options = {"retain_graph": True, "allow_unused": True}
        of_encoder = torch.autograd.grad(terms["energy"], encoder, **options)
        assert all(gradient is None for gradient in of_encoder)
        (of_axes,) = torch.autograd.grad(terms["energy"], [module.embedding.weight], **options)
        assert of_axes.abs().max() > 0
        of_encoder = torch.autograd.grad(terms["metric"], encoder, **options)
        assert all(gradient.abs().max() > 0 for gradient in of_encoder)
        return terms


def test_energy_confuses_the_last_layer_alone():
    X, y = make_blobs(80, n_features=6, centers=5, cluster_std=4, random_state=0)
    options = {"hidden_layer_sizes": (8,), "energy_weight": 0.1, "zero_mean_weight": 0.005}
    model = Watched(2, batch_size=16, **options, **BRIEF).fit(X, np.where(y < 3, y, -1))
    assert set(model.history_["train"]) == {"metric", "zero_mean", "energy", "norm"}


def test_more_confusion_brings_known_classes_together(loud):
    X, _, partial = loud
    known = partial >= 0
    spread = []
    for weight in (0.01, 0.3):
        model = MetricLearningClusterer(10, energy_weight=weight, max_epochs=10, random_state=0)
        Z = model.fit(X, partial).transform(X[known])
        spread.append(Z.var(axis=0).sum())
    assert spread[1] < 0.8 * spread[0]


def test_without_weights_there_is_the_loss_alone(loud):
    X, _, partial = loud
    model = MetricLearningClusterer(10, **BRIEF).fit(X, partial)
    assert set(model.history_["train"]) == {"metric"}


def test_classes_of_one_row_are_only_compared_with_others():
    X, y = make_blobs(60, n_features=4, centers=4, random_state=0)
    partial = np.where(y < 2, y, -1)
    partial[np.flatnonzero(y == 2)[0]] = 2
    model = MetricLearningClusterer(2, **BRIEF).fit(X, partial)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


def test_what_labels_cannot_be():
    X, y = make_blobs(30, n_features=3, centers=3, random_state=0)
    model = MetricLearningClusterer(2, **BRIEF)
    with pytest.raises(ValueError, match="one known class; at least two"):
        model.fit(X, np.where(y == 0, 0, -1))
    with pytest.raises(ValueError, match="one row of each known class"):
        model.fit(X, np.where(np.arange(30) < 3, np.arange(30), -1))
    with pytest.raises(ValueError, match="of unknown class"):
        model.fit(X, np.where(np.arange(30) < 29, y, -1))
    with pytest.raises(ValueError, match="y has missing values"):
        model.fit(X, np.where(y == 0, 0, np.nan))
    for params, rows in (({"n_components": 1}, X), ({}, X[:, :1])):
        with pytest.raises(ValueError, match="embedding of width 2 or more"):
            MetricLearningClusterer(2, metric="snr", **params, **BRIEF).fit(rows)


@pytest.mark.parametrize("metric", PAIR_DISTANCES)
def test_equal_rows_have_no_axes(metric):
    model = MetricLearningClusterer(1, metric=metric, **BRIEF)
    model.fit(np.ones((20, 3)), [0] * 5 + [1] * 5 + [-1] * 10)
    assert model.loss_ == 0
    np.testing.assert_array_equal(model.labels_[10:], 2)


def test_images_have_convolutions():
    X = np.random.default_rng(0).normal(size=(24, 1, 8, 8))
    partial = np.repeat([0, 1, -1], 8)
    model = MetricLearningClusterer(2, hidden_layer_sizes=(4,), n_components=3, **BRIEF)
    assert model.fit(X, partial).transform(X).shape == (24, 3)
    assert any(isinstance(layer, torch.nn.Conv2d) for layer in model.module_.encoder)


def test_without_labels_clusters_of_k_means_are_taken_as_known():
    X, y = make_blobs(90, n_features=4, centers=3, random_state=0)
    with pytest.warns(IgnoredLabelsWarning):
        model = MetricLearningClusterer(3, **BRIEF).fit(X, y)
    assert not len(model.classes_)
    np.testing.assert_array_equal(model.labels_, MetricLearningClusterer(3, **BRIEF).fit(X).labels_)
    assert normalized_mutual_info_score(y, model.labels_) > 0.9
