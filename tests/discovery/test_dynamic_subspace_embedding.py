"""DynamicSubspaceEmbedding."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import train_test_split

from skdeepcluster import DynamicSubspaceEmbedding
from skdeepcluster.discovery._learners import BlockNetwork, importance, units_to_split
from skdeepcluster.nn import linear, margin_loss
from skdeepcluster.training import Checkpoint
from tests.common import torch_generator

BRIEF = {"hidden_layer_sizes": (16,), "n_components": 16, "random_state": 0}
# Classes are found at once, and every epoch after the first is one without progress.
SPLITS = BRIEF | {"patience": 1, "min_neurons": 1, "max_epochs": 8, "update_interval": 1}


def blobs(n=120, n_classes=3):
    return make_blobs(n, n_features=6, centers=10 * np.eye(6)[:n_classes], random_state=0)


# -- what it reaches -----------------------------------------------------------------------------


class WithoutLoss(DynamicSubspaceEmbedding):
    def _margin_loss(self, fit, batch):
        return {"margin": 0 * super()._margin_loss(fit, batch)["margin"]}


class LabelsOfOthers(DynamicSubspaceEmbedding):
    def _side(self, *args, **side):
        found = super()._side(*args, **side)
        label = found.rows["label"]
        order = torch.as_tensor(np.random.default_rng(0).permutation(len(label)))
        found.rows["label"] = label[order]
        return found


@pytest.fixture(scope="module")
def digits():
    return train_test_split(*load_digits(return_X_y=True), train_size=400, random_state=0)


def reached(digits, Estimator=DynamicSubspaceEmbedding, **params):
    """How well k-means of new rows in the embedding finds their classes."""
    X, new, y, y_new = digits
    params = {"hidden_layer_sizes": (64,), "max_epochs": 25, "patience": 3} | params
    model = Estimator(random_state=0, **params).fit(X, y)
    labels = KMeans(10, n_init=5, random_state=0).fit_predict(model.transform(new))
    return model, normalized_mutual_info_score(y_new, labels)


def test_new_rows_of_known_classes_are_clusters(digits):
    model, found = reached(digits)
    assert found > 0.82
    X, new, y, y_new = digits
    assert np.mean(model.labels_ == y) > 0.98
    assert np.mean(model.predict(new) == y_new) > 0.88
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    raw = KMeans(10, n_init=5, random_state=0).fit_predict(new)
    assert found > normalized_mutual_info_score(y_new, raw)
    assert model.n_learners_ > 1


@pytest.mark.parametrize(
    "without",
    [{"max_epochs": 0}, {"Estimator": WithoutLoss}, {"Estimator": LabelsOfOthers}],
    ids=["epochs", "loss", "target"],
)
def test_without_a_part_they_are_not(digits, without):
    assert reached(digits, **without)[1] < 0.82


# -- learners ------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 2)), min_size=1, max_size=20),
    st.floats(0, 1), st.integers(1, 6), st.floats(0.1, 10),
)  # fmt: skip
def test_units_of_little_importance_are_given_away(units, threshold, min_neurons, factor):
    products = torch.tensor([value for value, _ in units], dtype=torch.float64)
    learner = torch.tensor([k for _, k in units])
    own = (learner == learner.max()).nonzero()[:, 0].tolist()
    scores = importance(products[own])
    assert scores.min() >= 0 and scores.max() <= 1
    torch.testing.assert_close(importance(factor * products[own]), scores)
    given_away = units_to_split(products, learner, threshold, min_neurons).tolist()
    sizes = np.abs(products[own].numpy())
    kept = []
    if np.ptp(sizes) > 0:
        relative = (sizes - sizes.min()) / np.ptp(sizes)
        kept = [unit for unit, score in zip(own, relative, strict=True) if score > threshold]
    if len(own) <= 2 * min_neurons or len(kept) < min_neurons or len(kept) == len(own):
        assert given_away == []
    else:
        assert sorted([*kept, *given_away]) == own


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), st.integers(0, 100))
def test_blocks_have_the_same_length(learner, seed):
    generator = torch_generator(seed)
    learner = torch.tensor(learner).unique(return_inverse=True)[1]
    network = BlockNetwork(torch.nn.Flatten(), linear(5, len(learner), generator), 2)
    network.learner.copy_(learner)
    x = torch.randn(7, 5, generator=generator)
    z, h = network.encode(x), network.head(x)
    for k in range(network.n_learners):
        block = h[:, learner == k] / h[:, learner == k].norm(dim=1, keepdim=True)
        torch.testing.assert_close(z[:, learner == k], block / network.n_learners**0.5)
        alone = network.encode_for(x, torch.full((7,), k))
        torch.testing.assert_close(alone[:, learner == k], block)
        assert (alone[:, learner != k] == 0).all()
    assert torch.equal(network.encode_for(x, torch.full((7,), -1)), z)


class Watched(DynamicSubspaceEmbedding):
    """Compares importances with stored outputs and gradients, and what a split changes."""

    splits = 0

    def _begin(self, fit):
        super()._begin(fit)
        fit.recorded = []

        def record(layer, inputs, h):
            if h.requires_grad:
                h.register_hook(lambda gradient: fit.recorded.append((h.detach(), gradient)))

        fit.module.head.register_forward_hook(record)

    def _batches(self, fit):
        fit.recorded = []
        return super()._batches(fit)

    def _split(self, fit):
        h, gradient = (torch.cat(tensors) for tensors in zip(*fit.recorded, strict=True))
        torch.testing.assert_close(
            fit.state.products, (h * gradient).sum(dim=0), rtol=1e-3, atol=1e-5
        )
        head, before = fit.module.head, fit.module.learner.clone()
        weights = head.weight.detach().clone(), head.bias.detach().clone()
        (optimizer,) = fit.optimizers
        split = super()._split(fit)
        new = fit.module.learner == fit.module.n_learners - 1
        if not split:
            assert torch.equal(before, fit.module.learner)
            new[:] = False
        torch.testing.assert_close(before[~new], fit.module.learner[~new], rtol=0, atol=0)
        assert (before[new] == before.max()).all()
        for p, old in zip(head.parameters(), weights, strict=True):
            assert torch.equal(p[~new], old[~new])
            assert (p[new] != old[new]).all()
            for name in ("exp_avg", "exp_avg_sq"):
                assert (optimizer.state[p][name][new] == 0).all()
                assert (optimizer.state[p][name][~new] != 0).any()
        type(self).splits += split
        return split


def test_what_a_split_changes():
    X, y = blobs()
    model = Watched(**SPLITS | {"max_learners": 2}).fit(X, y)
    assert Watched.splits == 1 == len(model.split_epochs_)
    assert model.n_learners_ == 2 == len(set(model.learner_index_))
    assert model.learner_index_.shape == (16,)


class Grouped(DynamicSubspaceEmbedding):
    """Follows which learner sees which rows."""

    def _begin(self, fit):
        super()._begin(fit)
        type(self).seen = []

    def _margin_loss(self, fit, batch):
        terms = super()._margin_loss(fit, batch)
        learner = int(batch.side.learner[0])
        labels = batch.side.label
        own = slice(None) if learner < 0 else fit.module.learner == learner
        h = fit.module.head(fit.module.trunk(batch.x))[:, own]
        if fit.module.n_learners > 1 and learner < 0:
            z = fit.module.encode(batch.x)
        else:
            z = h / h.norm(dim=1, keepdim=True)
        torch.testing.assert_close(terms["margin"], margin_loss(z, labels))
        if learner >= 0:
            assert (fit.state.group[batch.index] == learner).all()
        self.seen.append((fit.epoch, learner, batch.index))
        return terms


def test_each_learner_sees_its_own_rows_and_all_units_learn_last():
    X, y = blobs(200, 5)
    model = Grouped(finetune_fraction=0.25, validation_fraction=0.3, **SPLITS).fit(X, y)
    first = model.split_epochs_[0]
    held_out = set(range(200))
    for epoch in range(8):
        learners = {k: set() for e, k, _ in model.seen if e == epoch}
        for e, k, index in model.seen:
            if e == epoch:
                learners[k] |= set(index.tolist())
        if epoch < 6:
            held_out -= set().union(*learners.values())
        if epoch < first or epoch >= 6:
            assert set(learners) == {-1}
        else:
            assert len(learners) > 1 and -1 not in learners
            assert sum(map(len, learners.values())) == len(set().union(*learners.values()))
    assert len(held_out) == 60
    assert len(model.validation_nmi_) == 5
    last = set().union(*(set(index.tolist()) for e, _, index in model.seen if e == 7))
    assert held_out & last


def test_one_learner_is_metric_learning_by_the_margin_loss():
    X, y = blobs()
    options = BRIEF | {"max_epochs": 5, "validation_fraction": 0}
    one = DynamicSubspaceEmbedding(max_learners=1, **options).fit(X, y)
    never = DynamicSubspaceEmbedding(max_learners=4, patience=99, **options).fit(X, y)
    np.testing.assert_array_equal(one.transform(X), never.transform(X))
    assert not len(one.validation_nmi_) and len(never.validation_nmi_) == 3
    kept = DynamicSubspaceEmbedding(score_threshold=1.0, **SPLITS).fit(X, y)
    assert kept.n_learners_ == 1 and not len(kept.split_epochs_)


def test_an_interrupted_fit_goes_on(tmp_path, monkeypatch):
    X, y = blobs()
    whole = DynamicSubspaceEmbedding(**SPLITS).fit(X, y)
    model = DynamicSubspaceEmbedding(checkpoint=tmp_path / "fit.pt", **SPLITS)
    save = Checkpoint.save

    def save_and_stop(checkpoint, state):
        save(checkpoint, state)
        if state["stage_run"]["epoch"] == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "due", lambda checkpoint: True)
    monkeypatch.setattr(Checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    monkeypatch.setattr(Checkpoint, "save", save)
    model.fit(X, y)
    assert whole.n_learners_ > 1
    np.testing.assert_array_equal(model.learner_index_, whole.learner_index_)
    np.testing.assert_array_equal(model.transform(X), whole.transform(X))
    assert model.history_ == whole.history_


# -- labels --------------------------------------------------------------------------------------


def test_a_class_without_labels_gets_a_cluster_of_its_own():
    X, y = blobs(160, 4)
    partial = np.where((y < 3) & (np.arange(160) < 90), y + 5, -1)
    model = DynamicSubspaceEmbedding(4, max_epochs=15, **BRIEF).fit(X, partial)
    np.testing.assert_array_equal(model.classes_, [5, 6, 7])
    assert model.n_clusters_ == 4 and model.cluster_centers_.shape == (4, 16)
    assert np.mean(model.labels_ == y) > 0.9
    distances = np.linalg.norm(model.transform(X)[:, None] - model.cluster_centers_, axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), model.labels_)
    np.testing.assert_allclose(model.loss_, np.square(distances.min(axis=1)).mean(), rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(model.transform(X), axis=1), 1, rtol=1e-5)


def test_unlabeled_rows_do_not_train():
    X, y = blobs()
    partial = np.where(np.arange(120) < 80, y, -1)
    model = Grouped(max_epochs=3, **BRIEF).fit(X, partial)
    assert set(torch.cat([index for _, _, index in model.seen]).tolist()) <= set(range(80))


def test_labels_may_be_any_integers():
    X, y = blobs()
    one = DynamicSubspaceEmbedding(max_epochs=2, **BRIEF).fit(X, y)
    other = DynamicSubspaceEmbedding(max_epochs=2, **BRIEF).fit(X, 3.0 * y - 8)
    np.testing.assert_array_equal(other.classes_, [-8, -5, -2])
    np.testing.assert_array_equal(other.labels_, one.labels_)


@pytest.mark.parametrize(
    "y, what",
    [
        (np.zeros(30), r"y has one class \(n_samples=30\)"),
        (np.arange(30), "no class with two rows"),
        (np.where(np.arange(30) < 9, 1, -1), "one class.* Rows with -1 are unlabeled"),
        (np.where(np.arange(30) < 9, 4.0, np.nan), "missing values.* row 9. Unknown labels .* -1"),
        (np.array(["a", "b", "c"] * 10), "label 'a'.*classes are integers"),
        (np.arange(30) / 2, "label 0.5"),
        (np.arange(29), "one label for each of the 30 rows"),
    ],
)
def test_what_labels_cannot_be(y, what):
    X = np.random.default_rng(0).normal(size=(30, 3))
    with pytest.raises(ValueError, match=what):
        DynamicSubspaceEmbedding(max_epochs=1, **BRIEF).fit(X, y)


def test_without_labels_or_with_too_few_clusters_there_is_a_warning():
    X, y = blobs()
    model = DynamicSubspaceEmbedding(max_epochs=1, **BRIEF)
    with pytest.warns(ConvergenceWarning, match="Without y the classes are clusters of k-means"):
        model.fit(X)
    assert model.n_clusters_ == 8 and not len(model.classes_)
    with pytest.warns(ConvergenceWarning, match="3 classes, more than n_clusters=2"):
        model.set_params(n_clusters=2).fit(X, y)
    assert set(model.labels_) == {0, 1}


# -- images --------------------------------------------------------------------------------------


def test_attention_maps_of_images():
    X, y = load_digits(return_X_y=True)
    X, y = X[:60].reshape(-1, 8, 8), y[:60]
    options = BRIEF | {"hidden_layer_sizes": (4, 8), "max_epochs": 2}
    model = DynamicSubspaceEmbedding(**options).fit(X, y)
    maps = model.attention_maps(X[:5])
    assert maps.shape == (5, 8, 8) and maps.dtype == X.dtype
    assert 0 < maps.min() < maps.max() < 1
    np.testing.assert_array_equal(model.attention_maps(X)[:5], maps)
    # What the map leaves out does not count.
    features, pooling = model.module_.trunk
    with torch.no_grad():
        pooling.layers[-2].bias.fill_(-1e3)
        np.testing.assert_array_equal(pooling(features(torch.ones(2, 1, 8, 8))), 0)
    plain = DynamicSubspaceEmbedding(attention=False, **options).fit(X, y)
    assert not hasattr(plain, "attention_maps")
    assert plain.transform(X).shape == (60, 16)


def test_a_given_network_is_trained_below_a_new_layer():
    X, y = blobs()
    encoder = torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.ReLU())
    before = [p.detach().clone() for p in encoder.parameters()]
    options = BRIEF | {"encoder": encoder, "max_epochs": 2}
    model = DynamicSubspaceEmbedding(**options).fit(X, y)
    assert model.transform(X).shape == (120, 16)
    for p, old, new in zip(
        encoder.parameters(), before, model.module_.trunk.parameters(), strict=True
    ):
        assert torch.equal(p, old) and not torch.equal(new, old)
