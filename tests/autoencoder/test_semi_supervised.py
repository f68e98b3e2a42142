"""DEC and IDEC with partial labels and pairs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DEC, IDEC
from skdeepcluster.autoencoder._semi_supervised import renamed
from skdeepcluster.constraints import IgnoredLabelsWarning, PairwiseConstraints

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

both = pytest.mark.parametrize("Estimator", [DEC, IDEC])


@pytest.fixture(scope="module")
def blobs():
    """Groups that overlap."""
    return make_blobs(200, n_features=5, centers=3, cluster_std=4.5, random_state=0)


def model(Estimator, **options):
    brief = {
        "hidden_layer_sizes": (16,), "n_components": 2, "pretrain_epochs": 3, "init_epochs": 5,
        "max_epochs": 5, "batch_size": 64, "tol": 0, "learning_rate": 5e-3,
    }  # fmt: skip
    return Estimator(3, random_state=0, **brief | options)


@both
@pytest.mark.parametrize("init", ["neighbors", "k-means"])
def test_nothing_known_is_the_fit_without(Estimator, init, blobs):
    X, y = blobs
    plain = model(Estimator, init=init).fit(X)
    other = model(Estimator, init=init, label_weight=9.0, pair_weight=9.0)
    other.fit(X, np.full(200, -1), constraints=PairwiseConstraints())
    np.testing.assert_array_equal(plain.transform(X), other.transform(X))
    assert plain.history_ == other.history_
    with pytest.warns(IgnoredLabelsWarning):
        other.fit(X, y)
    np.testing.assert_array_equal(plain.transform(X), other.transform(X))
    assert not len(other.classes_)
    assert np.isnan(other.constraint_satisfaction_["all"])


@both
@pytest.mark.parametrize("init", ["neighbors", "k-means"])
def test_labels_name_and_move_the_clusters(Estimator, init, blobs):
    X, y = blobs
    partial = np.where(np.arange(200) % 4 == 0, 2 * y + 1, -1)
    known = partial >= 0
    options = {"init": init, "max_epochs": 15}
    without = model(Estimator, **options).fit_predict(X)
    fitted = model(Estimator, label_weight=3.0, **options).fit(X, partial)
    np.testing.assert_array_equal(fitted.classes_, [1, 3, 5])
    np.testing.assert_array_equal(fitted.initial_labels_[known], y[known])
    assert np.mean(fitted.labels_ == y) > 0.7
    assert adjusted_rand_score(y[~known], fitted.labels_[~known]) > adjusted_rand_score(
        y[~known], without[~known]
    )
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(X))


@both
def test_pairs_are_satisfied_where_they_count(Estimator, blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 300, random_state=0)
    weights = (0.0, 10.0)
    models = [
        model(Estimator, pair_weight=weight, max_epochs=15).fit(X, constraints=known)
        for weight in weights
    ]
    satisfied = [fitted.constraint_satisfaction_["balanced"] for fitted in models]
    assert satisfied[0] < satisfied[1]
    assert satisfied[1] == known.satisfaction(models[1].labels_)["balanced"]
    history = models[1].history_["refine"]["pairs"]
    assert history[-1] < history[0]
    unseen = PairwiseConstraints.from_labels(y, 3000, random_state=1)
    before, after = (unseen.satisfaction(fitted.labels_)["balanced"] for fitted in models)
    assert before < after


def test_the_start_satisfies_pairs_that_k_means_violates(blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 600, random_state=0)
    options = {"init": "k-means", "max_epochs": 0}
    plain, started = model(DEC, **options).fit(X), model(DEC, **options).fit(X, constraints=known)
    shares = [known.satisfaction(m.initial_labels_)["balanced"] for m in (plain, started)]
    assert shares[0] < shares[1]


def test_terms_are_means_over_what_is_known(blobs):
    X, y = blobs
    partial = np.where(np.arange(200) < 20, y, -1)
    known = PairwiseConstraints([[0, 1]], [[2, 3], [3, 4]], must_link_weight=4.0)
    # One batch, and no step moves: the terms of the last stage are those of the model.
    options = {"batch_size": 200, "learning_rate": 1e-12, "max_epochs": 40, "init": "k-means"}
    fitted = model(DEC, **options).fit(X, partial, constraints=known)
    q = fitted.predict_proba(X)
    history = fitted.history_["refine"]
    assert history["label"][-1] == pytest.approx(-np.log(q[np.arange(20), y[:20]]).mean(), rel=1e-4)
    same = np.einsum("ik,jk->ij", q, q)
    must, first, second = (
        -weight * np.log(p)
        for weight, p in ((2, same[0, 1]), (0.5, 1 - same[2, 3]), (0.5, 1 - same[3, 4]))
    )
    # Row 3 has two partners, of which one is drawn.
    possible = [(2 * must + first + second + drawn) / 5 for drawn in (first, second)]
    for value in history["pairs"]:
        assert min(abs(value - p) for p in possible) < 1e-3 * value
    assert len({round(value, 5) for value in history["pairs"]}) == 2


@given(st.integers(0, 1000), st.integers(1, 6))
def test_renaming_permutes_clusters_for_the_most_agreement(seed, k):
    rng = np.random.default_rng(seed)
    labels, fixed = rng.integers(k, size=30), rng.integers(-1, k, size=30)
    found = renamed(labels, fixed, k)
    assert len(np.unique(np.stack([labels, found]), axis=1).T) == len(np.unique(labels))
    known = fixed >= 0
    for _ in range(5):
        other = rng.permutation(k)[labels]
        assert np.sum(found[known] == fixed[known]) >= np.sum(other[known] == fixed[known])


def test_centers_that_are_given_stay_those_of_the_start(blobs):
    X, y = blobs
    centers = np.eye(3, 2)
    fitted = model(DEC, init=centers, max_epochs=0).fit(X, np.where(np.arange(200) < 9, y, -1))
    np.testing.assert_allclose(fitted.cluster_centers_, centers)


def test_inputs_that_are_refused(blobs):
    X, _ = blobs
    with pytest.raises(TypeError, match="constraints is a list"):
        model(DEC).fit(X, constraints=[[0, 1]])
    with pytest.raises(ValueError, match="position 200"):
        model(DEC).fit(X, constraints=PairwiseConstraints([[0, 200]]))
    with pytest.raises(ValueError, match="more than n_clusters=3"):
        model(DEC).fit(X, np.where(np.arange(200) < 9, np.arange(200), -1))


def test_other_knowledge_is_another_fit(blobs, tmp_path):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 30, random_state=0)
    options = {"checkpoint": tmp_path / "fit.pt", "max_epochs": 1}
    first = model(DEC, **options).fit(X, constraints=known)
    again = model(DEC, **options).fit(X, constraints=known)
    np.testing.assert_array_equal(first.labels_, again.labels_)
    with pytest.raises(ValueError, match="other data"):
        model(DEC, **options).fit(X)
    assert isinstance(first.module_, torch.nn.Module)
