"""SCAN."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import SCAN
from skdeepcluster.semantic._base import entropy, log_agreement
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(160, n_features=6, centers=4, random_state=1)


@given(seed=st.integers(0, 1000), k=st.integers(2, 9))
def test_objective_is_least_for_certain_equal_and_balanced_rows(seed, k):
    objective = SCAN(k)._objective
    certain = torch.eye(k, dtype=torch.float64).clamp_min(1e-300).log()
    assert objective(certain, [certain]).item() == pytest.approx(-np.log(k))
    g = torch_generator(seed)
    p, q = torch.randn(2, 12, k, generator=g, dtype=torch.float64).mul(3).log_softmax(2)
    assert objective(p, [q]) >= -np.log(k)
    order = torch.randperm(k, generator=g)
    torch.testing.assert_close(objective(p[:, order], [q[:, order]]), objective(p, [q]))


@given(seed=st.integers(0, 1000))
def test_agreement_and_entropy_are_those_of_the_formulas(seed):
    p, q = torch.rand(2, 7, 4, generator=torch_generator(seed)).double().softmax(2)
    expected = (p * q).sum(dim=1).log()
    torch.testing.assert_close(log_agreement(p.log(), q.log()), expected)
    torch.testing.assert_close(entropy(p), -(p * p.log()).sum(dim=1))
    assert entropy(torch.tensor([1.0, 0.0])) == 0


def test_finds_separated_groups_which_it_does_not_untrained(blobs):
    X, y = blobs
    params = {"batch_size": 64, "random_state": 0, "hidden_layer_sizes": (32,), "init": "random"}
    model = SCAN(4, max_epochs=40, learning_rate=5e-3, **params).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.95
    assert model.score(X) == -model.loss_
    assert adjusted_rand_score(y, SCAN(4, max_epochs=0, **params).fit_predict(X)) < 0.8


def test_begins_with_the_clusters_of_the_graph(blobs):
    X, y = blobs
    model = SCAN(4, max_epochs=0, batch_size=32, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.initial_labels_) == 1
    assert (model.labels_ == model.initial_labels_).mean() >= 0.98
    assert 1 < len(model.history_["initialize"]["label"]) < 50
    short = SCAN(4, max_epochs=0, init_epochs=0, random_state=0).fit(X)
    np.testing.assert_array_equal(short.initial_labels_, model.initial_labels_)
    plain = SCAN(4, max_epochs=0, init="random", random_state=0).fit(X)
    np.testing.assert_array_equal(short.predict_proba(X), plain.predict_proba(X))


def test_does_not_end_above_the_objective_of_the_warmup(blobs, monkeypatch):
    X, _ = blobs
    params = {"batch_size": 32, "random_state": 0}
    start = SCAN(4, max_epochs=0, **params).fit(X).predict_proba(X)
    choose = SCAN._choose

    def fitted(*objectives):
        values = iter(objectives)
        monkeypatch.setattr(SCAN, "_choose", lambda self, fit: (choose(self, fit), next(values))[1])
        return SCAN(4, max_epochs=2, **params).fit(X).predict_proba(X)

    np.testing.assert_array_equal(fitted(-3.0, -1.0, -2.0), start)
    assert (fitted(-1.0, -3.0, -2.0) != start).any()


def test_with_given_neighbors_weights_are_random(blobs):
    X, _ = blobs
    params = {"max_epochs": 2, "random_state": 0}
    mined = SCAN(4, init="random", **params).fit(X)
    given = SCAN(4, **params).fit(X, neighbors=mined.neighbors_)
    np.testing.assert_array_equal(given.labels_, mined.labels_)
    assert not hasattr(given, "initial_labels_")


def test_without_entropy_clusters_become_empty(blobs):
    with pytest.warns(ConvergenceWarning, match="fewer than n_clusters=4"):
        brief(SCAN, 4, init="random", entropy_weight=0.0, max_epochs=15, learning_rate=1e-2).fit(
            blobs[0]
        )


def test_best_epoch_is_kept(blobs):
    params = {"init": "random", "max_epochs": 5, "learning_rate": 0.05}
    model = brief(SCAN, 4, n_heads=2, **params).fit(blobs[0])
    criterion = model.history_["train"]["criterion"]
    assert min(criterion) == pytest.approx(model.head_losses_.min(), rel=1e-5)
    assert model.loss_ == pytest.approx(min(criterion), rel=1e-4)


def test_self_labels_make_rows_more_certain(blobs):
    X, y = blobs
    params = {"max_epochs": 6, "learning_rate": 2e-3}
    first = brief(SCAN, 4, **params).fit(X)
    model = brief(SCAN, 4, self_label_epochs=8, confidence_threshold=0.4, **params).fit(X)
    sure = [m.predict_proba(X).max(axis=1).mean() for m in (first, model)]
    assert sure[1] > sure[0]
    assert "label" in model.history_["self-label"]


def test_self_labeling_that_loses_a_cluster_is_undone(blobs, monkeypatch):
    X, _ = blobs
    params = {"max_epochs": 15, "learning_rate": 5e-3}
    first = brief(SCAN, 4, **params).fit(X)
    monkeypatch.setattr(SCAN, "_n_found", lambda self, fit: 4 - fit.epoch - (fit.step > 0))
    model = brief(SCAN, 4, self_label_epochs=8, confidence_threshold=0.1, **params).fit(X)
    np.testing.assert_array_equal(model.predict_proba(X), first.predict_proba(X))
    assert model.n_epochs_ == 1


def test_no_certain_row_changes_nothing(blobs):
    X, _ = blobs
    first = brief(SCAN, 4).fit(X)
    model = brief(SCAN, 4, self_label_epochs=2, confidence_threshold=0.999999, weight_decay=0)
    still = brief(SCAN, 4, weight_decay=0).fit(X)
    np.testing.assert_array_equal(model.fit(X).labels_, still.labels_)
    assert first.labels_.shape == still.labels_.shape


def test_pretext_of_images_gives_the_neighbors():
    images = load_digits().images[:150]
    model = brief(SCAN, 5, hidden_layer_sizes=(8, 16), n_components=16, pretrain_epochs=2)
    model.fit(images)
    assert list(model.history_) == ["pretext", "initialize", "train"]
    # Neighbors in the features of the pretext, which training has moved away from.
    plain = brief(SCAN, 5, hidden_layer_sizes=(8, 16), n_components=16).fit(images)
    assert (model.neighbors_ != plain.neighbors_).any()
    np.testing.assert_array_equal(model.predict(images), model.labels_)


@pytest.mark.parametrize(
    "params", [{"entropy_weight": -1}, {"confidence_threshold": 1.0}, {"pretrain_epochs": -1}]
)
def test_malformed_parameters(params, blobs):
    with pytest.raises(ValueError, match=next(iter(params))):
        brief(SCAN, 4, **params).fit(blobs[0])
