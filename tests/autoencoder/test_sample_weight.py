"""Weights of rows, in all methods with an autoencoder."""

import numpy as np
import pytest
import torch
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from torch import nn

from skdeepcluster import DCN, DEC, DEPICT, GLDC, HCHC, IDEC, TELL, AutoencoderClusterer, SwAV, VaDE
from tests.common import brief, each_class, family, known

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FAMILY = family("autoencoder")
# Without what is drawn for each row, or is a sum over pairs of rows, or counts them.
PLAIN = {
    DCN: {"count_init": 0},
    DEPICT: {"noise": 0},
    GLDC: {"noise_std": 0, "pair_weight": 0},
    HCHC: {"noise_std": 0, "pair_weight": 0},
}
# Those that draw codes or masks are compared by what they evaluate alone.
DRAWS = {"VaDE", "ClAM"}


@pytest.fixture(scope="module")
def X():
    return make_blobs(70, n_features=6, centers=3, cluster_std=3, random_state=0)[0]


@pytest.fixture(scope="module")
def weights(X):
    # By where rows are, so that it matters.
    return np.digitize(X[:, 0], np.quantile(X[:, 0], [0.2, 0.5, 0.8]))


@each_class(FAMILY)
def test_equal_weights_are_none(Estimator, X):
    models = [brief(Estimator).fit(X, sample_weight=w) for w in (None, np.ones(70), np.full(70, 3))]
    first, *others = models
    for other in others:
        assert other.loss_ == first.loss_ and other.history_ == first.history_
        np.testing.assert_array_equal(other.labels_, first.labels_)
        np.testing.assert_array_equal(other.cluster_centers_, first.cluster_centers_)


@each_class(FAMILY)
def test_integers_are_repeated_rows(Estimator, X, weights):
    # In batches of all rows every step has the same gradient, and every target the same sums.
    params = {
        "init": np.random.RandomState(0).randn(3, 6), "n_components": 6, "batch_size": 1000,
        "pretrain_epochs": 4, "init_epochs": 2, "max_epochs": 4,
    }  # fmt: skip
    if Estimator.__name__ in DRAWS:
        params["max_epochs"] = 0
    if Estimator.__name__ == "ClAM":
        params["temperature"] = 1.0
    params = known(Estimator, params) | PLAIN.get(Estimator, {})
    weighted = brief(Estimator, **params).fit(X, sample_weight=0.7 * weights)
    repeated = brief(Estimator, **params).fit(np.repeat(X, weights, axis=0))
    ignored = brief(Estimator, **params).fit(X)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-3)
    far = abs(ignored.loss_ - repeated.loss_)
    assert far > 5 * abs(weighted.loss_ - repeated.loss_) and far > 2e-4 * repeated.loss_
    assert weighted.history_.keys() == repeated.history_.keys()
    for stage, terms in repeated.history_.items():
        for name, values in terms.items():
            if name == "pair":  # has no weights, as is said
                continue
            found = weighted.history_[stage][name]
            np.testing.assert_allclose(found, values, rtol=2e-3, atol=1e-6)
    # K-means starts elsewhere, and empty centers move to other rows: in another order.
    assert adjusted_rand_score(weighted.predict(X), repeated.predict(X)) == 1
    np.testing.assert_allclose(weighted.mean_, repeated.mean_)
    assert weighted.scale_ == pytest.approx(repeated.scale_)


@pytest.mark.parametrize("init", ["k-means", "neighbors", "spectral", "linkage"])
def test_first_centers(init, X, weights):
    identity = {"encoder": nn.Linear(6, 6), "decoder": nn.Linear(6, 6)}
    nn.init.eye_(identity["encoder"].weight)
    nn.init.zeros_(identity["encoder"].bias)
    epochs = {"pretrain_epochs": 0, "init_epochs": 0, "max_epochs": 0}
    model = DEC(3, init=init, random_state=0, **identity, **epochs).fit(X, sample_weight=weights)
    Z, labels = model.transform(X), model.initial_labels_
    centers = [np.average(Z[labels == j], axis=0, weights=weights[labels == j]) for j in range(3)]
    np.testing.assert_allclose(model.cluster_centers_, centers, atol=1e-4)
    if init == "k-means":
        best = KMeans(3, n_init=20, random_state=0).fit(Z, sample_weight=weights)
        squares = ((Z - model.cluster_centers_[labels]) ** 2).sum(axis=1)
        assert weights @ squares <= best.inertia_ * 1.001


def test_the_mixture_begins_with_weighted_shares(X, weights):
    epochs = {"pretrain_epochs": 0, "init_epochs": 0, "max_epochs": 0}
    model = brief(VaDE, init="k-means", **epochs).fit(X, sample_weight=weights)
    counts = np.bincount(model.initial_labels_, weights / weights.mean())
    np.testing.assert_allclose(model.weights_, (counts + 1) / (counts + 1).sum(), rtol=1e-5)


def test_rows_without_weight_do_not_matter_to_k_means():
    X = make_blobs(60, n_features=4, centers=2, random_state=0)[0]
    far = X[:5] + 1000
    weights = np.repeat([1.0, 2.0, 0.0], [30, 30, 5])
    params = {"init": "k-means", "batch_size": 100, "count_init": 0}
    model = brief(DCN, 2, **params).fit(np.vstack([X, far]), sample_weight=weights)
    without = brief(DCN, 2, **params).fit(X, sample_weight=weights[:60])
    assert model.loss_ == pytest.approx(without.loss_, rel=1e-3)
    np.testing.assert_array_equal(
        model.labels_[:60] == model.labels_[0], without.labels_ == without.labels_[0]
    )
    # Three epochs, each of as many rows as there are, by weights of mean one.
    assert model.counts_.sum() == pytest.approx(3 * 65, rel=1e-4)


def test_the_clusterer_gets_them(X, weights):
    def fit(clusterer, rows, w=None):
        model = brief(AutoencoderClusterer, clusterer=clusterer, batch_size=1000)
        return model.fit(rows, sample_weight=w)

    repeated = np.repeat(X, weights, axis=0)
    k_means = KMeans(3, n_init=10, random_state=0)
    weighted = fit(k_means, X, weights)
    assert weighted.clusterer_.inertia_ * weights.mean() == pytest.approx(
        fit(k_means, repeated).clusterer_.inertia_, rel=1e-2
    )
    before = weighted.cluster_centers_
    np.testing.assert_array_equal(weighted.recluster().cluster_centers_, before)
    # One that takes none gets none; means have them all the same.
    model = fit(AgglomerativeClustering(2), X, weights)
    Z, labels = model.embedding_, model.labels_
    for j, center in enumerate(model.cluster_centers_):
        expected = np.average(Z[labels == j], axis=0, weights=weights[labels == j])
        np.testing.assert_allclose(center, expected, rtol=1e-4)


def test_batches_have_the_weights_of_their_rows(X, weights):
    seen = []

    class Watched(DEC):
        def _terms(self, fit, batch, target):
            seen.append((batch.index, batch.weights))
            return super()._terms(fit, batch, target)

    brief(Watched, batch_size=16, init="k-means").fit(X, sample_weight=weights)
    expected = torch.tensor(weights / weights.mean(), dtype=torch.float32)
    assert len(seen) == 15
    for index, found in seen:
        torch.testing.assert_close(found, expected[index])


@pytest.mark.parametrize(
    "weights, message",
    [
        (-np.ones(70), "[Nn]egative values"),
        (np.ones(69), "sample_weight.shape == .69,., expected .70,.!"),
        (np.r_[np.ones(2), np.zeros(68)], "n_samples=2 of positive weight should be >="),
        (np.zeros(70), "at least one non-zero"),
        (np.full(70, np.nan), "NaN"),
    ],
)
def test_malformed_weights(weights, message, X):
    for Estimator in (IDEC, TELL):
        with pytest.raises(ValueError, match=message):
            brief(Estimator).fit(X, sample_weight=weights)


def test_methods_of_views_take_none(X):
    with pytest.raises(TypeError, match="sample_weight"):
        brief(SwAV).fit(X, sample_weight=np.ones(70))


def test_a_checkpoint_belongs_to_its_weights(X, weights, tmp_path):
    params = {"checkpoint": tmp_path / "fit.pt", "init": "k-means"}
    first = brief(IDEC, **params).fit(X, sample_weight=weights)
    again = brief(IDEC, **params).fit(X, sample_weight=weights)
    assert again.history_ == first.history_
    with pytest.raises(ValueError, match="checkpoint"):
        brief(IDEC, **params).fit(X)
