"""DCN."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DCN
from skdeepcluster.training import Batch
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -- what it finds -------------------------------------------------------------------------------


def test_loss_against_numpy(X):
    model = brief(DCN, clustering_weight=0.7).fit(X)
    squared = ((model.transform(X)[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    back = model.inverse_transform(model.transform(X))
    loss = ((X - back) ** 2).mean() * model.scale_**2 + 0.35 * squared.min(axis=1).mean()
    assert model.loss_ == pytest.approx(loss, rel=1e-4)
    assert model.inertia_ == pytest.approx(squared.min(axis=1).sum(), rel=1e-4)
    assert set(model.history_["refine"]) == {"reconstruction", "clustering"}
    assert not hasattr(model, "predict_proba")


def test_rows_are_drawn_to_their_centers():
    X = np.random.RandomState(0).randn(260, 12)

    def spread(model):
        Z = model.transform(X)
        return ((Z - model.cluster_centers_[model.labels_]) ** 2).sum() / (
            (Z - Z.mean(0)) ** 2
        ).sum()

    params = {"pretrain_epochs": 20, "max_epochs": 20, "tol": 0}
    free, drawn = (brief(DCN, clustering_weight=weight, **params).fit(X) for weight in (0, 1))
    assert spread(drawn) < 0.8 * spread(free)


# -- the centers ---------------------------------------------------------------------------------


class Rows(torch.nn.Module):
    """An embedding that is the rows themselves."""

    def __init__(self, centers):
        super().__init__()
        self.centers = torch.nn.Parameter(torch.tensor(centers))

    def encode(self, x):
        return x


class OneBatch:
    """What a hook sees of a fit that is one batch of one process."""

    def __init__(self, centers, counts, weights):
        self.module, self.precision = Rows(centers), nullcontext
        self.samples = SimpleNamespace(weights=weights)
        self.state = SimpleNamespace(
            counts=torch.as_tensor(counts), assigned=torch.zeros(100, dtype=torch.int64)
        )

    def whole_batch(self, batch, part):
        return batch.index, part


@given(
    st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 6), st.integers(0, 100), st.booleans()
)
@settings(max_examples=60)
def test_centers_move_as_if_rows_came_one_by_one(seed, n, k, count_init, weighted):
    random = np.random.RandomState(seed)
    Z, centers = random.randn(n, 3), random.randn(k, 3)
    index = random.permutation(100)[:n]
    weights = random.randint(0, 5, 100) / 2 if weighted else np.ones(100)
    first = np.full(k, count_init, dtype=np.float64 if weighted else np.int64)
    fit = OneBatch(centers, first, torch.as_tensor(weights) if weighted else None)
    model = DCN(k)
    model._move_centers(fit, Batch(torch.as_tensor(index), torch.as_tensor(Z)))
    labels = ((Z[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    slow, counts = centers.copy(), np.full(k, float(count_init))
    for z, label, weight in zip(Z, labels, weights[index], strict=True):
        counts[label] += weight
        slow[label] += weight * (z - slow[label]) / max(counts[label], 1e-300)
    np.testing.assert_allclose(fit.module.centers.detach(), slow, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(fit.state.counts, counts)
    np.testing.assert_array_equal(fit.state.assigned[index], labels)
    if count_init == 0 and not weighted:
        for j in set(labels):
            np.testing.assert_allclose(fit.module.centers[j].detach(), Z[labels == j].mean(axis=0))


def test_centers_follow_the_embedding(X):
    """A whole-number division once kept those of the authors' script where they began."""
    placed = brief(DCN, max_epochs=0).fit(X)
    moved = brief(DCN, max_epochs=1, update_interval=10**6).fit(X)
    assert (placed.counts_ == 100).all() and moved.counts_.sum() == 300 + len(X)
    assert (np.abs(placed.cluster_centers_ - moved.cluster_centers_).max(axis=1) > 1e-4).all()


def test_with_a_network_that_rests_it_is_k_means():
    X = load_digits().data[:1000]
    params = {"encoder": (), "pretrain_epochs": 3, "init": "k-means", "learning_rate": 1e-12}
    start = DCN(10, **params, max_epochs=0, random_state=0).fit(X)
    model = DCN(10, **params, max_epochs=20, tol=0, random_state=0).fit(X)
    Z = model.transform(X)
    best = KMeans(10, init=start.cluster_centers_, n_init=1).fit(Z)
    inertia = ((Z - model.cluster_centers_[model.labels_]) ** 2).sum()
    assert inertia < 1.02 * best.inertia_


def test_a_center_without_rows_gets_some(X):
    centers = np.zeros((3, 10))
    centers[1:] = 1e3 * np.arange(1, 3)[:, None]
    model = brief(DCN, init=centers, max_epochs=1).fit(X)
    assert len(set(model.labels_)) == 3


def test_weight_zero_is_an_autoencoder_followed_by_k_means(X):
    params = {"clustering_weight": 0, "init": "k-means", "max_epochs": 20, "update_interval": 1}
    model = brief(DCN, **params, tol=0).fit(X)
    found = KMeans(3, n_init=10, random_state=0).fit_predict(model.transform(X))
    assert adjusted_rand_score(found, model.labels_) > 0.98


# -- streams -------------------------------------------------------------------------------------


def test_the_first_part_of_a_stream_is_a_fit(X):
    first, fitted = brief(DCN).partial_fit(X), brief(DCN).fit(X)
    np.testing.assert_array_equal(first.transform(X), fitted.transform(X))
    assert first.inertia_ == fitted.inertia_


def test_further_parts_count_and_move_the_centers_of_their_rows(X):
    model = brief(DCN, pretrain_epochs=20).fit(X)
    before, counts, mean = model.cluster_centers_.copy(), model.counts_.copy(), model.mean_.copy()
    one = X[model.labels_ == 0]
    for _ in range(5):
        model.partial_fit(one)
    np.testing.assert_array_equal(model.labels_, model.predict(one))
    assert (model.labels_ == 0).all()
    np.testing.assert_array_equal(model.counts_ - counts, [5 * len(one), 0, 0])
    moved = np.linalg.norm(model.cluster_centers_ - before, axis=1)
    assert moved[0] > 0 and (moved[1:] == 0).all()
    np.testing.assert_array_equal(model.mean_, mean)
    assert model.n_epochs_ == 1 and set(model.history_) == {"refine"}


def test_a_stream_draws_rows_to_their_centers(X):
    model = brief(DCN, pretrain_epochs=20, max_epochs=0).fit(X)
    first = model.inertia_
    for _ in range(10):
        model.partial_fit(X)
    assert model.inertia_ < 0.9 * first
