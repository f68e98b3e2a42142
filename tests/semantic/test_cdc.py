"""CDC: which labels are learned, what calibrates, and which head each loss trains."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import CDC
from skdeepcluster.metrics import expected_calibration_error
from skdeepcluster.semantic.cdc import means_of_groups, orthogonal_rows, selection
from tests.common import torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
few = settings(max_examples=15)
SMALL = {"hidden_layer_sizes": (32,), "n_components": 16, "batch_size": 80, "random_state": 0}


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(160, n_features=6, centers=3, random_state=2)


@few
@given(seed=st.integers(0, 10**6), k=st.integers(2, 5), sharper=st.floats(1, 4))
def test_selected_are_the_most_certain_of_each_cluster_in_numbers_by_confidence(seed, k, sharper):
    r = torch.randn(30, k, generator=torch_generator(seed)).softmax(1)
    most = 30 // k
    expected = set()
    for c in range(k):
        first = r[:, c].argsort(descending=True)[:most]
        n_kept = int(np.floor(r[first].amax(1).double().sum().item() + 1e-9))
        expected |= set(first[:n_kept].tolist())
    assert set(selection(r).nonzero()[:, 0].tolist()) == expected
    assert len(expected) <= k * most


def test_certain_rows_are_all_selected_and_uniform_ones_by_their_share():
    assert selection(torch.eye(4).repeat(5, 1)).all()
    assert selection(torch.full((20, 4), 0.25)).sum() <= 4


@few
@given(seed=st.integers(0, 10**6))
def test_targets_are_constant_means_within_groups(seed):
    g = torch_generator(seed)
    p = torch.randn(20, 3, generator=g).softmax(1)
    labels = torch.randint(4, (20,), generator=g)
    q = means_of_groups(p, labels)
    for group in labels.unique():
        own = q[labels == group]
        torch.testing.assert_close(own, p[labels == group].mean(0).expand_as(own))
    torch.testing.assert_close(q.sum(1), torch.ones(20))
    torch.testing.assert_close(means_of_groups(p, torch.arange(20)), p)
    torch.testing.assert_close(means_of_groups(p, torch.zeros(20).long())[0], p.mean(0))


@few
@given(seed=st.integers(0, 10**6), n=st.integers(1, 6))
def test_prototypes_become_orthogonal(seed, n):
    W = np.random.default_rng(seed).normal(size=(n, 6))
    found = orthogonal_rows(W)
    np.testing.assert_allclose(found @ found.T, np.eye(n), atol=1e-5)
    np.testing.assert_allclose(orthogonal_rows(found), found, atol=1e-5)


def test_heads_begin_alike_with_the_clusters_of_k_means(blobs):
    X, y = blobs
    model = CDC(3, pretrain_epochs=0, max_epochs=0, **SMALL).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.9
    np.testing.assert_allclose(model.predict_proba(X), model.cluster_head_proba(X), atol=1e-6)


def test_each_loss_trains_its_own_head(blobs):
    params = {"pretrain_epochs": 0, "max_epochs": 1} | SMALL
    start = CDC(3, **params | {"max_epochs": 0}).fit(blobs[0]).module_

    class Frozen(CDC):
        without = None

        def _stages(self):
            (stage,) = super()._stages()
            if self.without == "calibration":
                stage.further = []
            else:
                stage.loss = lambda fit, batch: {
                    "none": 0.0 * fit.module.cluster_head[1].weight.sum()
                }
            return [stage]

    def moved(without):
        Frozen.without = without
        module = Frozen(3, **params).fit(blobs[0]).module_
        return {
            name
            for name in ("encoder", "cluster_head", "calibrated_head")
            for a, b in zip(
                getattr(start, name).parameters(), getattr(module, name).parameters(), strict=True
            )
            if not torch.equal(a, b)
        }

    assert moved("calibration") == {"encoder", "cluster_head"}
    assert moved("self_label") == {"calibrated_head"}


def test_calibrated_head_is_less_wrong_about_its_certainty_on_digits():
    X, y = (array[:500] for array in load_digits(return_X_y=True))
    params = {"hidden_layer_sizes": (64,), "n_components": 32, "learning_rate": 5e-4}
    model = CDC(10, pretrain_epochs=15, max_epochs=40, random_state=0, **params).fit(X)
    cluster, calibrated = model.cluster_head_proba(X), model.predict_proba(X)
    assert cluster.max(1).mean() > calibrated.max(1).mean() + 0.03
    error = expected_calibration_error
    assert error(y, calibrated) < error(y, cluster)
    np.testing.assert_array_equal(model.cluster_head_labels_, cluster.argmax(1))
    np.testing.assert_array_equal(model.labels_, calibrated.argmax(1))
    assert set(model.history_) == {"pretext", "train"}
    assert set(model.history_["train"]) == {"self_label", "calibration", "balance"}


def test_features_and_given_encoders(blobs):
    X, _ = blobs
    params = {"pretrain_epochs": 0, "max_epochs": 1} | SMALL
    identity = CDC(3, encoder="identity", **params).fit(X)
    assert identity.n_components_ == 6
    network = torch.nn.Linear(6, 4)
    fixed = CDC(3, encoder=network, train_encoder=False, **params).fit(X)
    torch.testing.assert_close(fixed.module_.encoder.weight, network.weight)
    assert fixed.score(X) == fixed.loss_ * -1


@pytest.mark.parametrize(
    "name, value",
    [("n_hidden", 0), ("n_hidden", 161), ("n_mini_clusters", 0), ("entropy_weight", -1)],
)
def test_malformed_parameters(blobs, name, value):
    with pytest.raises(ValueError, match=name):
        CDC(3, **SMALL, **{name: value}).fit(blobs[0])
