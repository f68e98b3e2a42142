"""DeepCluster and DeepClusterV2."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from skdeepcluster import DeepCluster, DeepClusterV2, DeeperCluster
from skdeepcluster.algorithms.power_iteration import power_iteration_labels
from skdeepcluster.selfsupervised.deepcluster import balanced_rows, whitened
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 1000))
def test_rows_are_drawn_evenly_over_labels(sizes, seed):
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    rows = balanced_rows(labels, torch_generator(seed))
    assert len(rows) == len(labels)
    counts = torch.bincount(labels[rows], minlength=len(sizes))
    assert counts.max() - counts.min() <= 1
    for label, size in enumerate(sizes):
        drawn = rows[labels[rows] == label]
        assert len(drawn.unique()) == min(size, len(drawn))


@settings(max_examples=20, deadline=None)
@given(st.integers(12, 40), st.integers(1, 6), st.integers(0, 1000))
def test_whitened_features(n, d, seed):
    rng = np.random.default_rng(seed)
    # No direction varies so little that its variance counts as none.
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
    features = rng.normal(size=(n, d)) * rng.uniform(0.5, 1, size=d) @ axes + 5
    white = whitened(features, 256)
    np.testing.assert_allclose(np.linalg.norm(white, axis=1), 1, rtol=1e-6)
    components = PCA(whiten=True).fit_transform(features)
    components /= np.linalg.norm(components, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(white), np.abs(components), atol=1e-5)


def test_whitening_with_fewer_dimensions_than_features():
    features = np.ones((10, 4), dtype=np.float32)
    features[:, 0] = np.arange(10)
    white = whitened(features, 256)
    # One direction is left, and the middle of ten rows lies between two of them.
    np.testing.assert_allclose(np.abs(white[:, 0]), 1)
    np.testing.assert_allclose(white[:, 1:], 0, atol=1e-6)
    np.testing.assert_array_equal(np.sign(white[:5, 0]), -np.sign(white[5:, 0]))
    assert (whitened(np.ones((5, 3)), 256) == 0).all()


def test_a_new_head_has_new_weights_and_no_memory(X):
    heads = []

    class Watched(DeepCluster):
        def _renew_heads(self, fit):
            super()._renew_heads(fit)
            heads.append(fit.module.head.weight.detach().clone())
            for optimizer in fit.optimizers:
                assert fit.module.head.weight not in optimizer.state

    brief(Watched, 4, update_interval=1, max_epochs=4).fit(X)
    assert len(heads) == 4
    assert not torch.equal(heads[0], heads[1])


def test_a_round_is_not_cut_short(X):
    model = brief(DeepCluster, 4, update_interval=3, max_epochs=8).fit(X)
    similarity = model.history_["train"]["similarity"]
    # The second round began after epoch 3; a third would have had two epochs.
    assert similarity[:2] == [0.0, 0.0] and len(set(similarity[2:])) == 1


def test_prototypes_are_centers_and_labels_the_nearest(X):
    model = brief(DeepClusterV2, 4, n_heads=2, n_prototypes=12).fit(X)
    assert model.prototypes_.shape == (2, 12, 64)
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=2), 1, rtol=1e-5)
    assert model.pseudo_labels_.shape == (2, 256)
    assert not np.array_equal(*model.pseudo_labels_)


def test_groups_of_a_graph(X):
    seen = []

    class Watched(DeepCluster):
        def _group(self, fit, features):
            labels = super()._group(fit, features)
            np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
            np.testing.assert_array_equal(labels, power_iteration_labels(features))
            seen.append(int(labels.max()) + 1)
            return labels

        def _loss_of_batch(self, fit, batch):
            terms = super()._loss_of_batch(fit, batch)
            # Outputs that are no group have no part in the softmax.
            assert fit.module.head.out_features == len(X) // 2
            fit.module.head.bias.data[seen[-1] :] = 1e3
            return terms

    params = {"clustering": "pic", "update_interval": 1, "max_epochs": 4}
    model = brief(Watched, 4, **params).fit(X)
    assert len(seen) == 4 and model.n_prototypes_ == seen[-1] != 40
    # With these outputs it would be a thousand.
    assert max(model.history_["train"]["label"]) < 2 * np.log(len(X))
    assert len(np.unique(model.pseudo_labels_)) == model.n_prototypes_
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    with pytest.raises(ValueError, match="clustering"):
        brief(DeeperCluster, clustering="pic").fit(X)
