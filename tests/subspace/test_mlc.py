"""MLC: two manifolds that become subspaces, views, and what each stage trains."""

import numpy as np
import pytest
import torch

from skdeepcluster import MLC
from skdeepcluster.nn import coding_rate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {
    "hidden_layer_sizes": (48,), "n_components": 3, "batch_size": 100, "learning_rate": 5e-3,
    "pretrain_epochs": 12, "max_epochs": 30, "random_state": 0,
}  # fmt: skip
ONE = SMALL | {"pretrain_epochs": 1, "max_epochs": 1}


@pytest.fixture(scope="module")
def manifolds():
    """Rows along a curve on a sphere, and around a place on it."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(-1.2, 1.2, 100)
    curve = np.stack([np.cos(angle), np.sin(angle), 0.5 * np.sin(3 * angle) - 0.3], axis=1)
    place = np.array([-0.3, 0.2, 0.9]) + 0.1 * rng.normal(size=(100, 3))
    X = np.concatenate([curve, place])
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def test_a_curve_and_a_place_become_orthogonal_subspaces(manifolds):
    model = MLC(2, **SMALL).fit(manifolds)
    y = np.repeat([0, 1], 100)
    assert len(np.unique(model.labels_[:100])) == len(np.unique(model.labels_[100:])) == 1
    assert model.labels_[0] != model.labels_[100]

    def cosines(Z):
        found = np.abs(Z @ Z.T)
        return found[y[:, None] == y].mean(), found[y[:, None] != y].mean()

    within, between = cosines(model.transform(manifolds))
    _, before = cosines(manifolds)
    assert between < 0.1 < 4 * before
    assert within > 5 * between
    # The curve has more directions than the place, and none of its.
    assert sorted(model.subspace_ranks_) == [1, 2]
    line, plane = sorted(model.subspaces_, key=len)
    assert np.abs(line @ plane.T).max() < 0.2


def test_losses_of_both_stages_are_their_equations(manifolds):
    seen = {}

    class Recorded(MLC):
        def _whole_heads(self, fit, batch, views):
            z, c = super()._whole_heads(fit, batch, views)
            seen["z"], seen["c"], seen["n_views"] = z.detach(), c.detach(), len(views)
            return z, c

        def _total_rate(self, fit, batch):
            seen["first"] = super()._total_rate(fit, batch)
            z = seen["z"]
            mean = (z[:, 0] + z[:, 1]) / 2
            torch.testing.assert_close(seen["first"]["rate"], -coding_rate(mean, 0.1))
            cosine = torch.nn.functional.cosine_similarity(z[:, 0], z[:, 1]).abs().mean()
            torch.testing.assert_close(seen["first"]["similarity"], -cosine)
            return seen["first"]

        def _rates(self, z, memberships):
            seen["memberships"] = memberships
            return super()._rates(z, memberships)

    Recorded(2, **ONE | {"n_views": 3}).fit(manifolds)
    assert seen["n_views"] == 3 and seen["z"].shape == (100, 3, 3)
    # The mean of doubly stochastic matrices is one.
    torch.testing.assert_close(seen["memberships"].sum(dim=1), torch.ones(100))
    torch.testing.assert_close(seen["memberships"].sum(dim=0), torch.ones(100), atol=0.1, rtol=0)


def test_equal_views_have_cosine_one(manifolds):
    model = MLC(2, views=lambda x: x, **ONE).fit(manifolds)
    assert model.history_["pretrain"]["similarity"][-1] == pytest.approx(-1, abs=1e-5)


def test_stages_train_their_heads(manifolds):
    start = MLC(2, **SMALL | {"pretrain_epochs": 0, "max_epochs": 0}).fit(manifolds).module_
    first = MLC(2, **ONE | {"max_epochs": 0}).fit(manifolds).module_
    assert not torch.equal(start.feature_head.weight, first.feature_head.weight)
    torch.testing.assert_close(first.cluster_head.weight, first.feature_head.weight)
    both = MLC(2, **ONE).fit(manifolds).module_
    assert not torch.equal(both.cluster_head.weight, both.feature_head.weight)


def test_images_and_signed_memberships():
    images = np.random.default_rng(0).uniform(size=(60, 8, 8))
    params = {"hidden_layer_sizes": (4, 8), "batch_size": 30, "random_state": 0}
    model = MLC(
        3, n_components=4, pretrain_epochs=1, max_epochs=1, signed_memberships=True, **params
    ).fit(images)
    np.testing.assert_array_equal(model.predict(images), model.labels_)
    C = model.transform(images)
    memberships = model.pair_memberships(images)
    assert C.shape == (60, 4) and memberships.shape == (60, 60)


@pytest.mark.parametrize(
    "name, value", [("n_views", 0), ("pretrain_epochs", -1), ("similarity_weight", -1.0)]
)
def test_malformed_parameters(manifolds, name, value):
    with pytest.raises(ValueError, match=name):
        MLC(2, **SMALL | {name: value}).fit(manifolds)
