"""DCN."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler

from skdeepcluster import DCN
from skdeepcluster.training import Batch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BRIEF = {
    "hidden_layer_sizes": (16,), "pretrain_epochs": 3, "max_epochs": 3, "batch_size": 64,
    "random_state": 0,
}  # fmt: skip


def brief(n_clusters=3, **params):
    return DCN(n_clusters, **{**BRIEF, **params})


@pytest.fixture(scope="module")
def X():
    return make_blobs(260, n_features=12, centers=3, center_box=(-9, 9), random_state=0)[0]


# -- what it finds -------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["spectral", "k-means"])
def test_separated_groups(init):
    X, y = make_blobs(1200, centers=4, n_features=20, center_box=(-8, 8), random_state=0)
    X = StandardScaler().fit_transform(X)
    model = DCN(4, hidden_layer_sizes=(64,), pretrain_epochs=15, init=init, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert model.n_epochs_ < 20


def test_digits_better_than_k_means():
    X, y = load_digits(return_X_y=True)
    labels = DCN(10, hidden_layer_sizes=(256,), pretrain_epochs=25, random_state=0).fit_predict(X)
    assert normalized_mutual_info_score(y, labels) > 0.76


@pytest.mark.parametrize("n", [64, 65, 260])
def test_labels_are_predictions(n, X):
    model = brief().fit(X[:n])
    np.testing.assert_array_equal(model.labels_, model.predict(X[:n]))
    squared = ((model.transform(X[:n])[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    np.testing.assert_array_equal(model.labels_, squared.argmin(axis=1))
    assert model.score(X[:n]) == -model.loss_
    assert set(model.history_["refine"]) == {"reconstruction", "clustering"}
    assert not hasattr(model, "predict_proba")


def test_loss_against_numpy(X):
    model = brief(clustering_weight=0.7).fit(X)
    squared = ((model.transform(X)[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    back = model.inverse_transform(model.transform(X))
    loss = ((X - back) ** 2).mean() * model.scale_**2 + 0.35 * squared.min(axis=1).mean()
    assert model.loss_ == pytest.approx(loss, rel=1e-4)


def test_rows_are_drawn_to_their_centers():
    X = np.random.RandomState(0).randn(260, 12)

    def spread(model):
        Z = model.transform(X)
        return ((Z - model.cluster_centers_[model.labels_]) ** 2).sum() / (
            (Z - Z.mean(0)) ** 2
        ).sum()

    params = {"pretrain_epochs": 20, "max_epochs": 20, "tol": 0}
    free, drawn = (brief(clustering_weight=weight, **params).fit(X) for weight in (0, 1))
    assert spread(drawn) < 0.8 * spread(free)


# -- the centres ---------------------------------------------------------------------------------


class Rows(torch.nn.Module):
    """An embedding that is the rows themselves."""

    def __init__(self, centers):
        super().__init__()
        self.centers = torch.nn.Parameter(torch.tensor(centers))

    def encode(self, x):
        return x


class OneBatch:
    """What a hook sees of a fit that is one batch of one process."""

    def __init__(self, centers, counts):
        self.module, self.precision = Rows(centers), nullcontext
        self.state = SimpleNamespace(
            counts=torch.as_tensor(counts), assigned=torch.zeros(100, dtype=torch.int64)
        )

    def whole_batch(self, batch, part):
        return batch.index, part


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 6), st.integers(0, 100))
@settings(max_examples=50)
def test_centers_move_as_if_rows_came_one_by_one(seed, n, k, count_init):
    random = np.random.RandomState(seed)
    Z, centers = random.randn(n, 3), random.randn(k, 3)
    index = random.permutation(100)[:n]
    fit = OneBatch(centers, np.full(k, count_init))
    model = DCN(k)
    model._move_centers(fit, Batch(torch.as_tensor(index), torch.as_tensor(Z)))
    labels = ((Z[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    slow, counts = centers.copy(), np.full(k, count_init)
    for z, label in zip(Z, labels, strict=True):
        counts[label] += 1
        slow[label] += (z - slow[label]) / counts[label]
    np.testing.assert_allclose(fit.module.centers.detach(), slow, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(fit.state.counts, counts)
    np.testing.assert_array_equal(fit.state.assigned[index], labels)
    if count_init == 0:
        for j in set(labels):
            np.testing.assert_allclose(fit.module.centers[j].detach(), Z[labels == j].mean(axis=0))


def test_centers_follow_the_embedding(X):
    """A whole-number division once kept those of the authors' script where they began."""
    placed = brief(max_epochs=0).fit(X)
    moved = brief(max_epochs=1, update_interval=10**6).fit(X)
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
    model = brief(init=centers, max_epochs=1).fit(X)
    assert len(set(model.labels_)) == 3


def test_weight_zero_is_an_autoencoder_followed_by_k_means(X):
    params = {"clustering_weight": 0, "init": "k-means", "max_epochs": 20, "update_interval": 1}
    model = brief(**params, tol=0).fit(X)
    found = KMeans(3, n_init=10, random_state=0).fit_predict(model.transform(X))
    assert adjusted_rand_score(found, model.labels_) > 0.98


# -- parameters and restarts ---------------------------------------------------------------------


def test_tol_ends_the_training(X):
    assert brief(tol=1.5).fit(X).n_epochs_ == 0
    assert brief(tol=0.5, max_epochs=50).fit(X).n_epochs_ <= 2
    assert brief(tol=0, max_epochs=7).fit(X).n_epochs_ == 7


def test_n_init_keeps_the_lowest_objective(X):
    losses = []

    class Watched(DCN):
        def _evaluate(self, module, samples):
            found = super()._evaluate(module, samples)
            losses.append(found[0])
            return found

    model = Watched(3, n_init=3, **BRIEF).fit(X)
    assert len(set(losses[:3])) == 3 and model.loss_ == min(losses)


@pytest.mark.parametrize(
    "params",
    [
        {"clustering_weight": -1}, {"count_init": -1}, {"count_init": 0.5}, {"update_interval": 0},
        {"tol": -1}, {"init": "random"}, {"init": np.zeros((2, 10))},
    ],
)  # fmt: skip
def test_malformed_parameters(params, X):
    with pytest.raises(ValueError, match=next(iter(params))):
        brief(**params).fit(X)


def test_no_time_at_all(X):
    with pytest.warns(ConvergenceWarning, match="max_time"):
        model = brief(max_time=1e-9).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_fewer_distinct_rows_than_clusters():
    X = np.repeat(np.eye(3), 20, axis=0)
    with pytest.warns(ConvergenceWarning, match="fewer than n_clusters=5"):
        model = brief(5).fit(X)
    assert len(set(model.labels_)) <= 3


def test_convolutions():
    X = np.random.RandomState(0).randn(120, 6, 7)
    model = brief(encoder="conv", hidden_layer_sizes=(4, 6)).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.inverse_transform(model.cluster_centers_).shape == (3, 42)
