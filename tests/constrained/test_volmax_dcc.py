"""VolMaxDCC: the likelihood of answers, the volume, and what wrong answers do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs

from skdeepcluster import VolMaxDCC
from skdeepcluster.constrained.volmax_dcc import JITTER, log_volume, pair_losses
from skdeepcluster.constraints import IgnoredLabelsWarning, PairwiseConstraints
from skdeepcluster.metrics import clustering_accuracy

# A few epochs are no convergence.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(240, n_features=5, centers=4, cluster_std=1.5, random_state=2)


def model(**options):
    brief = {"hidden_layer_sizes": (32,), "n_components": 32, "batch_size": 64, "max_epochs": 30}
    return VolMaxDCC(4, random_state=0, **brief | options)


def memberships(seed, n, k):
    rng = np.random.default_rng(seed)
    return torch.as_tensor(rng.dirichlet(np.full(k, 0.3), n))


@given(st.integers(0, 1000), st.integers(2, 6))
def test_losses_are_those_of_the_model_whatever_the_order_of_rows_and_clusters(seed, k):
    f, g = memberships(seed, 20, k), memberships(seed + 1, 20, k)
    rng = np.random.default_rng(seed)
    link = rng.random((k, k))
    link = torch.as_tensor((link + link.T) / 2)
    same = torch.as_tensor(rng.integers(2, size=20))
    losses = pair_losses(f, g, link, same)
    p = np.clip(np.einsum("ia,ab,ib->i", f, link, g), 1e-6, 1 - 1e-6)
    np.testing.assert_allclose(losses, -np.log(np.where(same, p, 1 - p)))
    torch.testing.assert_close(pair_losses(g, f, link, same), losses)
    order = rng.permutation(k)
    permuted = pair_losses(f[:, order], g[:, order], link[order][:, order], same)
    torch.testing.assert_close(permuted, losses)
    torch.testing.assert_close(log_volume(f[:, order]), log_volume(f))


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(1, 5))
def test_no_memberships_have_more_volume_than_certain_ones_of_equal_numbers(seed, k, repeats):
    most = log_volume(torch.eye(k, dtype=torch.float64).repeat(repeats, 1))
    assert float(most) == pytest.approx(k * np.log(1 / k + JITTER))
    assert log_volume(memberships(seed, 30, k)) <= most


def test_wrong_answers_are_learned_as_such(blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 1500, flip=0.2, random_state=0)
    learned = model().fit(X, constraints=known)
    plain = model(link_matrix="identity", volume_weight=0.0).fit(X, constraints=known)
    accuracy = [clustering_accuracy(y, m.labels_) for m in (learned, plain)]
    assert accuracy[0] > 0.9 > accuracy[1]
    link = learned.link_matrix_
    np.testing.assert_array_equal(link, link.T)
    # A fifth of the answers is wrong.
    assert np.abs(np.diag(link) - 0.8).max() < 0.15
    assert np.abs(link[~np.eye(4, dtype=bool)] - 0.2).max() < 0.15
    np.testing.assert_array_equal(plain.link_matrix_, np.eye(4))
    truth = PairwiseConstraints.from_labels(y, 5000, random_state=1)
    assert truth.satisfaction(learned.labels_)["balanced"] > 0.9


def test_the_volume_makes_memberships_certain(blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 1500, flip=0.2, random_state=0)
    volumes = [
        model(volume_weight=weight, max_epochs=15).fit(X, constraints=known).volume_
        for weight in (0.0, 0.01)
    ]
    assert volumes[0] + 0.2 < volumes[1]


def test_the_objective_is_that_of_its_memberships(blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 200, random_state=0)
    known = known.merge(known.take(slice(0, 3), slice(0, 3)))  # some weigh more
    partial = np.where(np.arange(240) < 20, y, -1)
    fitted = model(max_epochs=2, volume_weight=0.5, label_weight=2.0)
    fitted.fit(X, partial, constraints=known)
    f = fitted.predict_proba(X)
    p = np.einsum(
        "ia,ab,ib->i", f[known.must_link[:, 0]], fitted.link_matrix_, f[known.must_link[:, 1]]
    )
    q = np.einsum(
        "ia,ab,ib->i", f[known.cannot_link[:, 0]], fitted.link_matrix_, f[known.cannot_link[:, 1]]
    )
    of_pairs = -known.must_link_weight @ np.log(p) - known.cannot_link_weight @ np.log(1 - q)
    of_pairs /= known.must_link_weight.sum() + known.cannot_link_weight.sum()
    volume = np.linalg.slogdet(f.T @ f / len(f) + JITTER * np.eye(4)).logabsdet
    of_labels = -np.log(f[np.arange(20), y[:20]]).mean()
    assert fitted.pair_log_loss_ == pytest.approx(of_pairs, rel=1e-4)
    assert fitted.volume_ == pytest.approx(volume, rel=1e-4)
    assert fitted.loss_ == pytest.approx(of_pairs - 0.5 * volume + 2 * of_labels, rel=1e-4)
    assert fitted.score(X) == pytest.approx(0.5 * volume, rel=1e-4)
    assert fitted.n_violations_ == sum(map(len, known.violations(fitted.labels_)))
    assert fitted.transform(X).shape == (240, 32)


def test_known_classes_are_the_first_clusters(blobs):
    X, y = blobs
    partial = np.where(np.arange(240) < 40, y + 3, -1)
    fitted = model().fit(X, partial)
    np.testing.assert_array_equal(fitted.classes_, [3, 4, 5, 6])
    assert np.mean(fitted.labels_ == y) > 0.9
    assert np.isnan(fitted.pair_log_loss_)
    with pytest.warns(IgnoredLabelsWarning):
        ignored = model(max_epochs=1).fit(X, y)
    np.testing.assert_array_equal(ignored.labels_, model(max_epochs=1).fit(X).labels_)


def test_pairs_find_their_rows_by_ids(blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 300, random_state=0)
    rows = np.arange(0, 240, 2)
    by_id = model(max_epochs=2).fit(X[rows], constraints=known, sample_ids=rows)
    must, cannot = (
        pairs[(pairs % 2 == 0).all(axis=1)] // 2 for pairs in (known.must_link, known.cannot_link)
    )
    by_position = PairwiseConstraints(must, cannot)
    np.testing.assert_array_equal(
        by_id.predict_proba(X),
        model(max_epochs=2).fit(X[rows], constraints=by_position).predict_proba(X),
    )


@settings(max_examples=5)
@given(st.integers(0, 100))
def test_few_and_contradicting_answers_are_accepted(seed):
    X = np.random.default_rng(seed).normal(size=(12, 2))
    with pytest.warns(UserWarning, match="both must-links and cannot-links"):
        known = PairwiseConstraints([[0, 1]], [[0, 1]])
    fitted = VolMaxDCC(
        2, hidden_layer_sizes=(4,), n_components=4, max_epochs=20, random_state=seed
    ).fit(X, constraints=known)
    assert fitted.n_violations_ == 1


def test_inputs_that_are_refused(blobs):
    X, _ = blobs
    with pytest.raises(TypeError, match="constraints is a list"):
        model().fit(X, constraints=[[0, 1]])
    with pytest.raises(ValueError, match="position 240"):
        model().fit(X, constraints=PairwiseConstraints([[0, 240]]))
    with pytest.raises(ValueError, match="more than n_clusters=4"):
        model().fit(X, np.where(np.arange(240) < 10, np.arange(240), -1))
