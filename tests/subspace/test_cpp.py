"""CPP: subspaces that come apart, both ways to collapse, and the number of clusters."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import CPP
from skdeepcluster.displays import NClustersDisplay
from skdeepcluster.metrics import rate_reduction

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {
    "hidden_layer_sizes": (32,), "n_components": 8, "batch_size": 100, "max_epochs": 8,
    "warmup_steps": 10, "random_state": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def cones():
    """Three clusters, each around a direction, of rows of different length."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 100)
    directions = np.linalg.qr(rng.normal(size=(20, 6)))[0].T
    X = directions[y] * rng.uniform(1, 3, size=(300, 1))
    X += 0.5 * rng.normal(size=(300, 1)) * directions[3 + y] + 0.1 * rng.normal(size=X.shape)
    return X, y


@pytest.fixture(scope="module")
def fitted(cones):
    return CPP(3, **SMALL).fit(cones[0])


def test_subspaces_become_orthogonal(cones, fitted):
    X, y = cones
    assert adjusted_rand_score(y, fitted.labels_) > 0.95
    start = CPP(3, **SMALL | {"max_epochs": 0, "warmup_steps": 0}).fit(X)

    def between(model):
        cosines = np.abs(model.transform(X) @ model.transform(X).T)
        return cosines[y[:, None] != y].mean()

    assert between(fitted) < 0.5 * between(start)
    assert -fitted.loss_ > 1.5 * -start.loss_


def test_results_are_consistent(cones, fitted):
    X, _ = cones
    Z = fitted.transform(X)
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1, rtol=1e-5)
    assert -fitted.loss_ == pytest.approx(rate_reduction(Z, fitted.labels_), rel=1e-5)
    assert fitted.score(X) == -fitted.loss_
    np.testing.assert_array_equal(fitted.predict(X), fitted.labels_)
    np.testing.assert_array_equal(fitted.predict_proba(X).argmax(axis=1), fitted.labels_)
    assert [len(basis) for basis in fitted.subspaces_] == fitted.subspace_ranks_.tolist()
    # The subspace of its own cluster holds most of each row.
    held = [
        np.square(fitted.subspaces_[c] @ z).sum() for z, c in zip(Z, fitted.labels_, strict=True)
    ]
    assert np.mean(held) > 0.9
    memberships = fitted.pair_memberships(X[:50])
    np.testing.assert_allclose(memberships.sum(axis=1), 1, rtol=1e-4)


def test_the_number_of_clusters_is_that_of_the_shortest_code(cones):
    X, y = cones
    with warnings.catch_warnings():
        # Whether the curve is flat is not the question here.
        warnings.simplefilter("ignore", UserWarning)
        model = CPP(None, **SMALL | {"max_clusters": 6}).fit(X)
    assert list(model.coding_lengths_) == [1, 2, 3, 4, 5, 6]
    assert model.n_clusters_ == min(model.coding_lengths_, key=model.coding_lengths_.get)
    assert model.predict_proba(X).shape == (len(X), model.n_clusters_)
    assert model.n_clusters_ == len(np.unique(model.labels_)) >= 3
    assert adjusted_rand_score(y, model.labels_) > 0.5
    display = NClustersDisplay.from_estimator(model)
    assert display.lines_["coding_length"].get_ydata().tolist() == [*model.coding_lengths_.values()]
    assert display.n_clusters == model.n_clusters_


def test_each_stage_trains_what_it_should(cones):
    X, _ = cones
    params = SMALL | {"max_epochs": 0}
    start = CPP(3, **params | {"warmup_steps": 0}).fit(X).module_
    warm = CPP(3, **params).fit(X).module_
    assert not torch.equal(start.feature_head.weight, warm.feature_head.weight)
    for model in (start, warm):
        # The head of the memberships begins as the other one.
        torch.testing.assert_close(model.cluster_head.weight, model.feature_head.weight)
    after = CPP(3, **SMALL | {"max_epochs": 1}).fit(X).module_
    assert not torch.equal(after.cluster_head.weight, after.feature_head.weight)
    assert CPP(3, own_memberships=False, **params).fit(X).module_.cluster_head is None


def test_warm_up_has_so_many_steps(cones):
    class Counted(CPP):
        def _spread(self, fit, batch):
            steps.append(len(batch))
            return super()._spread(fit, batch)

    steps = []
    Counted(3, **SMALL | {"warmup_steps": 7, "max_epochs": 0, "batch_size": 128}).fit(cones[0])
    assert steps == [128] * 7


def test_collapse_is_warned_of(cones):
    X, _ = cones
    with pytest.warns(UserWarning, match="their own clusters only"):
        CPP(3, **SMALL | {"reg": 0.01}).fit(X)
    equal = np.ones((40, 20)) + 1e-6 * X[:40]
    equal[0] += 1
    with pytest.warns(UserWarning, match="alike"):
        CPP(3, **SMALL | {"max_epochs": 0, "warmup_steps": 0}).fit(equal)


def test_landmarks_label_the_other_rows():
    X, y = make_blobs(400, n_features=10, centers=3, random_state=0)
    params = SMALL | {"n_landmarks": 60}
    model = CPP(3, **params).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.9


def test_names_come_from_the_rows_of_each_cluster(cones, fitted):
    X, y = cones
    texts = np.stack([X[y == c].mean(axis=0) for c in range(3)])
    names, shares = fitted.cluster_names(X, texts, list("abc"))
    expected = ["abc"[np.bincount(y[fitted.labels_ == c]).argmax()] for c in range(3)]
    assert names == expected
    assert (shares > 0.9).all()


def test_given_networks_get_heads(cones):
    network = torch.nn.Linear(20, 6)
    model = CPP(3, encoder=network, **SMALL | {"max_epochs": 1}).fit(cones[0])
    assert model.module_.feature_head.weight.shape == (8, 6)
    assert model.transform(cones[0]).shape == (300, 8)


@pytest.mark.parametrize(
    "name, value",
    [("reg", 0.0), ("distortion", 0), ("warmup_steps", -1), ("max_clusters", 0),
     ("n_landmarks", 1), ("n_components", 0), ("membership_weight", -1.0)],
)  # fmt: skip
def test_malformed_parameters(cones, name, value):
    with pytest.raises(ValueError, match=name):
        CPP(3, **SMALL | {name: value}).fit(cones[0])
