"""SubclassContrastive."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdeepcluster import SubclassContrastive
from skdeepcluster.discovery.subclass_contrastive import class_temperatures

BRIEF = {"hidden_layer_sizes": (16,), "n_components": 8, "n_projected": 8, "random_state": 0}


@pytest.fixture(scope="module")
def blobs():
    """A class of four blobs and two of one."""
    X, modes = make_blobs([30] * 4 + [20, 15], n_features=6, random_state=0)
    return X, np.array(["a", "a", "a", "a", "b", "c"])[modes]


@pytest.fixture(scope="module")
def digits():
    """Digits, of which the class 0 has six, the class 1 two, and the others one."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X[order], y[order], np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 3])[y[order]]


# -- what it is for ------------------------------------------------------------------------------


class WithoutLoss(SubclassContrastive):
    def _contrast_both(self, fit, batch):
        return {name: 0 * term for name, term in super()._contrast_both(fit, batch).items()}


class SubclassesOfOthers(SubclassContrastive):
    """Subclasses are those of other rows of the class."""

    def _divide(self, fit, Z, seed):
        super()._divide(fit, Z, seed)
        label = fit.side.rows["label"]
        for c in label.unique():
            rows = (label == c).nonzero()[:, 0]
            order = torch.randperm(len(rows), generator=fit.generator)
            fit.state.subclass[rows] = fit.state.subclass[rows[order]]


def structure(digits, Estimator=SubclassContrastive, **params):
    """Of the variance within the classes of new rows, the share that lies between digits."""
    X, y, label = digits
    params = {"max_epochs": 25, "hidden_layer_sizes": (64,), "batch_size": 100} | params
    model = Estimator(random_state=0, **params).fit(X[:400], label[:400])
    Z, y, label = model.transform(X[400:]), y[400:], label[400:]
    Z = Z - np.stack([Z[label == c].mean(axis=0) for c in range(4)])[label]
    means = np.stack([Z[y == digit].mean(axis=0) for digit in range(10)])
    return np.square(means[y]).sum() / np.square(Z).sum()


def test_structure_within_classes_is_kept(digits):
    assert structure(digits) > 0.41


@pytest.mark.parametrize(
    "without",
    [
        {"max_epochs": 0},
        {"max_epochs": 0, "pretrain_epochs": 35},
        {"Estimator": WithoutLoss},
        {"Estimator": SubclassesOfOthers},
    ],
    ids=["epochs", "subclasses", "loss", "target"],
)
def test_without_a_part_it_is_not(digits, without):
    assert structure(digits, **without) < 0.39


# -- temperatures --------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(0, 500))
def test_temperatures_against_loops(n_classes, seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 30, size=n_classes)
    label = rng.permutation(np.repeat(np.arange(n_classes), counts))
    Z = rng.normal(size=(len(label), 3)) * rng.uniform(0.1, 1, size=n_classes)[label, np.newaxis]
    spreads = []
    for c, n in enumerate(counts):
        rows = Z[label == c]
        spreads.append(np.mean([np.linalg.norm(z - rows.mean(axis=0)) for z in rows]))
        spreads[c] /= np.log(n + 10)
    spreads = np.clip(spreads, *np.percentile(spreads, [20, 80]))
    divided = rng.random(n_classes) < 0.5
    expected = 0.2 * np.where(divided, np.exp(spreads / max(spreads.mean(), 1e-300)), 1)
    known = (torch.as_tensor(values) for values in (Z, label, divided))
    found = class_temperatures(*known, 0.2).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (found[divided] >= 0.2).all() and (found[~divided] == 0.2).all()


def test_temperatures_of_rows_in_one_place():
    found = class_temperatures(torch.ones(6, 2), torch.arange(6) // 3, torch.ones(2) > 0, 0.1)
    torch.testing.assert_close(found, torch.full((2,), 0.1))


# -- the fit -------------------------------------------------------------------------------------


class Watched(SubclassContrastive):
    """Compares the loss of each batch with a slow one, and counts divisions."""

    def _stages(self):
        self.divided = []
        return super()._stages()

    def _divide(self, fit, Z, seed):
        super()._divide(fit, Z, seed)
        self.divided.append((len(fit.history), fit.epoch))

    def _projected_views(self, fit, batch, *args):
        self.seen = super()._projected_views(fit, batch, *args)
        return self.seen

    def _contrast_both(self, fit, batch):
        terms = super()._contrast_both(fit, batch)
        z = torch.cat(self.seen).detach()
        row = batch.index.repeat(2).tolist()
        subclass, label = fit.state.subclass.tolist(), fit.side.rows["label"].tolist()
        taus = fit.module.temperatures.tolist()
        wanted = {"subclass": [], "class": []}
        for i, r in enumerate(row):
            others = [j for j in range(len(row)) if j != i]
            own = [j for j in others if row[j] == r]
            away = [j for j in others if subclass[row[j]] != subclass[r]]
            near = [j for j in others if subclass[row[j]] == subclass[r]]
            alike = own + [j for j in away if label[row[j]] == label[r]]
            s = z @ z[i]
            wanted["subclass"].append(cross_entropy(s / self.temperature, near, others))
            wanted["class"].append(cross_entropy(s / taus[label[r]], alike, own + away))
        for name, values in wanted.items():
            torch.testing.assert_close(terms[name].detach(), torch.stack(values).mean())
        return terms


def cross_entropy(logits, positive, compared):
    return logits[compared].logsumexp(dim=0) - logits[positive].mean()


def test_the_loss_row_by_row(blobs):
    X, y = blobs
    model = Watched(max_epochs=5, update_interval=2, pretrain_epochs=1, batch_size=64, **BRIEF)
    model.fit(X, y)
    assert set(model.history_["train"]) == {"subclass", "class"}
    assert set(model.history_["pretrain"]) == {"class"}
    # Before the epochs 0, 2 and 4, and at the end.
    assert [epoch for _, epoch in model.divided] == [0, 2, 4, 5]


def test_subclasses_are_those_of_the_embedding(blobs):
    X, y = blobs
    model = SubclassContrastive(max_epochs=4, min_subclass_size=12, **BRIEF).fit(X, y)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.n_subclasses_.tolist() == [8, 1, 1] and model.n_clusters_ == 10
    np.testing.assert_array_equal(model.subclass_to_class_[model.labels_], y)
    assert np.ptp(np.bincount(model.labels_[y == "a"])) == 0
    Z = model.transform(X)
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1, rtol=1e-5)
    for j, center in enumerate(model.cluster_centers_):
        mean = Z[model.labels_ == j].mean(axis=0)
        np.testing.assert_allclose(center, mean / np.linalg.norm(mean), atol=1e-5)
    cosines = Z @ model.cluster_centers_.T
    np.testing.assert_array_equal(model.predict(X), cosines.argmax(axis=1))
    scores = np.exp(cosines / model.temperature)
    proba = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), proba, atol=1e-4)
    # Classes are named as they were given; numbers in the place of strings change nothing.
    numbers = np.unique(y, return_inverse=True)[1] + 5
    other = SubclassContrastive(max_epochs=4, min_subclass_size=12, **BRIEF).fit(X, numbers)
    np.testing.assert_array_equal(other.labels_, model.labels_)
    assert other.classes_.tolist() == [5, 6, 7]


def test_undivided_classes_keep_the_temperature(blobs):
    X, y = blobs
    model = SubclassContrastive(max_epochs=1, **BRIEF).fit(X, y)
    a, b, c = model.class_temperatures_
    assert a > model.temperature
    np.testing.assert_allclose([b, c], model.temperature, rtol=1e-6)


def test_a_clusterer_divides(blobs):
    X, y = blobs
    clusterer = KMeans(n_init=1)
    model = SubclassContrastive(clusterer=clusterer, max_epochs=2, **BRIEF).fit(X, y)
    sizes = np.bincount(model.labels_[y == "a"])
    assert len(sizes) == 8 and np.ptp(sizes) > 1
    assert not hasattr(clusterer, "labels_")


def test_without_classes_views_are_contrasted():
    X = make_blobs(60, n_features=6, random_state=0)[0]
    model = SubclassContrastive(max_epochs=2, pretrain_epochs=2, **BRIEF).fit(X)
    assert model.classes_.tolist() == [0] and model.n_clusters_ == 6
    assert set(model.history_["train"]) == {"subclass"}
    few = model.set_params(max_epochs=1).fit(X[:9])
    assert few.labels_.tolist() == [0] * 9
    # Rows are groups of their own: else all would be drawn together.
    assert few.history_["train"]["subclass"][0] > 1


def test_images_and_a_pipeline():
    X, y = load_digits(return_X_y=True)
    X, y = X[:80].reshape(-1, 8, 8), y[:80] % 3
    model = SubclassContrastive(max_epochs=1, pretrain_epochs=1, n_components=8, random_state=0)
    model.set_params(hidden_layer_sizes=(4,))
    pipeline = make_pipeline(model, LogisticRegression(class_weight="balanced")).fit(X, y)
    assert set(pipeline.predict(X)) <= {0, 1, 2}
    assert pipeline[:-1].transform(X).shape == (80, 8)


def test_other_classes_are_another_fit(blobs, tmp_path):
    X, y = blobs
    path = str(tmp_path / "state")
    options = {"max_epochs": 1, "pretrain_epochs": 1, "checkpoint": path, **BRIEF}
    first = SubclassContrastive(**options).fit(X, y)
    assert first.n_epochs_ == 1
    again = SubclassContrastive(**options).fit(X, y)
    np.testing.assert_array_equal(again.labels_, first.labels_)
    assert again.classes_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="belongs to a fit with other data"):
        SubclassContrastive(**options).fit(X, np.where(y == "a", "d", y))


def test_what_classes_cannot_be(blobs):
    X, y = blobs
    model = SubclassContrastive(max_epochs=1, pretrain_epochs=1, **BRIEF)
    with pytest.raises(ValueError, match="y has 3 labels, X 155 rows"):
        model.fit(X, y[:3])
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X, np.where(y == "a", np.nan, 1.0))
    with pytest.raises(ValueError, match="fractional"):
        model.fit(X, np.linspace(0, 1, len(X)))
