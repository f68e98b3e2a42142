"""TURTLE."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import TURTLE
from skdeepcluster.metrics import clustering_accuracy
from skdeepcluster.nn import learned_classifier, linear_cross_entropy, separability
from tests.common import torch_generator

BRIEF = {"max_epochs": 25, "random_state": 0}


@pytest.fixture(scope="module")
def spaces():
    X, y = make_blobs([60] * 4, n_features=6, centers=None, random_state=3)
    rng = np.random.default_rng(0)
    return [X, np.tanh(X @ rng.normal(size=(6, 9)) / 8)], y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_finds_separated_groups_which_it_does_not_untrained(spaces):
    X, y = spaces
    model = TURTLE(4, max_epochs=120, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.95
    start = TURTLE(4, max_epochs=0, random_state=0).fit(X)
    assert adjusted_rand_score(y, start.labels_) < 0.8


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_the_labels_of_others_nothing_is_learned(spaces, monkeypatch):
    """The cross entropy moves labels; with balance alone they stay arbitrary."""
    X, y = spaces

    def balance_only(self, fit, batch, loss=TURTLE._loss):
        terms = loss(self, fit, batch)
        return terms | {"cross_entropy": 0.0 * terms["cross_entropy"]}

    monkeypatch.setattr(TURTLE, "_loss", balance_only)
    assert adjusted_rand_score(y, TURTLE(4, **BRIEF).fit_predict(X)) < 0.8


@given(seed=st.integers(0, 1000), heads=st.integers(1, 3))
def test_inner_step_is_that_of_autograd(seed, heads):
    g = torch_generator(seed)
    z = torch.randn(20, 4, generator=g, dtype=torch.float64)
    labels = torch.rand(20, heads, 3, generator=g, dtype=torch.float64).softmax(2)
    start = torch.randn(5, heads, 3, generator=g, dtype=torch.float64)
    ours = learned_classifier(
        start.clone(), lambda: [(z[:7], labels[:7]), (z[7:], labels[7:])], 20, 3,
        torch.full((heads, 1), 0.05, dtype=torch.float64),
    )  # fmt: skip
    weights = start.clone().requires_grad_()
    adam = torch.optim.Adam([weights], lr=0.05)
    for _ in range(3):
        adam.zero_grad()
        linear_cross_entropy(weights, z, labels).mean(dim=0).sum().backward()
        adam.step()
    torch.testing.assert_close(ours, weights.detach(), rtol=1e-6, atol=1e-6)


@given(seed=st.integers(0, 1000))
def test_cross_entropy_is_at_least_the_entropy_of_the_labels(seed):
    g = torch_generator(seed)
    z, weights = torch.randn(9, 3, generator=g), torch.randn(4, 2, 5, generator=g)
    labels = torch.randn(9, 2, 5, generator=g).softmax(2)
    entropy = -torch.xlogy(labels, labels).sum(dim=2)
    assert (linear_cross_entropy(weights, z, labels) >= entropy - 1e-5).all()


def test_separability_prefers_labels_with_margins():
    X, y = make_blobs(200, n_features=4, centers=3, random_state=0)
    z = torch.tensor((X - X.mean(0)) / X.std(0))
    shuffled = np.random.default_rng(0).permutation(y)
    labels = torch.tensor(np.stack([y, shuffled]))
    good, bad = separability(z, labels, 3, 5, torch_generator()).tolist()
    assert good > 0.95 and bad < 0.6


def test_spaces_by_columns_and_names_are_those_of_a_list(spaces):
    X, _ = spaces
    table = np.hstack(X)
    expected = TURTLE(4, **BRIEF).fit(X)
    for chosen in ([slice(0, 6), slice(6, 15)], [np.arange(6), list(range(6, 15))]):
        model = TURTLE(4, spaces=chosen, **BRIEF).fit(table)
        np.testing.assert_array_equal(model.predict_proba(table), expected.predict_proba(X))
    names = [f"a{i}" for i in range(15)]
    frame = pd.DataFrame(table, columns=names)
    model = TURTLE(4, spaces=[names[:6], names[6:]], **BRIEF).fit(frame)
    np.testing.assert_array_equal(model.predict_proba(frame), expected.predict_proba(X))
    assert [w.shape for w in expected.coef_] == [(4, 6), (4, 9)]
    np.testing.assert_array_equal(expected.predict(X), expected.labels_)
    assert expected.score(X) == -expected.loss_


def test_coefficients_give_the_probabilities(spaces):
    X, _ = spaces
    model = TURTLE(4, **BRIEF).fit(X)
    Z = [X[s].astype(float) for s in range(2)]
    scaled = [(z - z.mean(0)) / z.std(0) for z in Z]
    found = 0
    for z, weights, bias in zip(scaled, model.coef_, model.intercept_, strict=True):
        logits = z @ weights.T + bias
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        found = found + p / p.sum(axis=1, keepdims=True) / 2
    np.testing.assert_allclose(found, model.predict_proba(X), atol=1e-4)


def test_a_prior_allows_for_groups_of_unequal_size():
    X, y = load_digits(return_X_y=True)
    sizes = [170, 131, 101, 78, 61, 47, 36, 28, 21, 17]
    rows = np.concatenate([np.flatnonzero(y == c)[:n] for c, n in enumerate(sizes)])
    X, y = X[rows], y[rows]
    params = {"max_epochs": 80, "n_heads": 2, "random_state": 0}
    equal = TURTLE(10, **params).fit(X)
    unequal = TURTLE(10, prior=1.0, **params).fit(X)
    assert clustering_accuracy(y, unequal.labels_) > clustering_accuracy(y, equal.labels_) + 0.05
    assert np.bincount(unequal.labels_).max() > 120 > np.bincount(equal.labels_).max()


def test_head_with_the_highest_score_is_kept(spaces):
    model = TURTLE(4, n_heads=4, **BRIEF).fit(spaces[0])
    assert model.head_losses_.shape == (4,)
    assert model.best_head_ == model.head_losses_.argmin()
    assert model.generalization_score_ == -model.head_losses_.min()


def test_inner_steps_that_hardly_move_are_named(spaces):
    with pytest.warns(ConvergenceWarning, match="inner_learning_rate"):
        TURTLE(4, inner_learning_rate=1e-4, **BRIEF).fit(spaces[0])


@pytest.mark.parametrize(
    "params, X, message",
    [
        ({"prior": [0.5, 0.5]}, None, "prior has shape"),
        ({"prior": [0.5, 0.5, 0.0, 0.0]}, None, "positive shares"),
        ({"spaces": [[]]}, None, "has no features|holds no indices"),
        ({"spaces": []}, None, "spaces is empty"),
        ({"spaces": [[17]]}, None, "does not fit 15 features"),
        ({"spaces": [["a"]]}, None, "no feature named"),
        ({"inner_learning_rate": [0.1, -1.0]}, None, "inner_learning_rate"),
        ({}, [np.zeros((3, 2)), np.zeros((4, 2))], "which have .3, 4. rows"),
        ({"spaces": [slice(2)]}, [np.zeros((9, 2)), np.zeros((9, 2))], "leave spaces=None"),
    ],
)
def test_malformed_input(params, X, message, spaces):
    X = np.hstack(spaces[0]) if X is None else X
    with pytest.raises(ValueError, match=message):
        TURTLE(4, **params).fit(X)


def test_resumes_from_a_checkpoint(spaces, tmp_path):
    X, _ = spaces
    plain = TURTLE(4, **BRIEF).fit(X)
    path = tmp_path / "fit.pt"
    first = TURTLE(4, checkpoint=path, **BRIEF).fit(X)
    again = TURTLE(4, checkpoint=path, **BRIEF).fit(X)
    for model in (first, again):
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert torch.load(path, weights_only=True)["stage_run"]["finished"]
