"""DivClust: diversity of the clusterings, and their consensus."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import ContrastiveClustering, DivClust
from skdeepcluster.metrics import clustering_diversity
from skdeepcluster.semantic.divclust import clustering_similarity, excess_similarity
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
few = settings(max_examples=15)
WIDTHS = {"hidden_layer_sizes": (16,), "n_components": 16, "random_state": 0}


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(160, n_features=6, centers=3, random_state=2)


@few
@given(seed=st.integers(0, 10**6), k=st.integers(2, 5))
def test_similarity_is_bounded_and_blind_to_names_and_order(seed, k):
    g = torch_generator(seed)
    p = (3 * torch.randn(3, 12, k, generator=g)).softmax(2)
    a = clustering_similarity(p)
    assert a.min() >= 0 and a.max() <= 1 + 1e-6
    torch.testing.assert_close(a.diagonal(), torch.ones(3))
    order, rows = torch.randperm(k, generator=g), torch.randperm(12, generator=g)
    renamed = p.clone()
    renamed[0] = p[0][:, order]
    torch.testing.assert_close(clustering_similarity(renamed[:, rows]), a)
    same = torch.stack([p[0], p[0][:, order]])
    torch.testing.assert_close(clustering_similarity(same), torch.ones(2, 2))


@few
@given(seed=st.integers(0, 10**6), k=st.integers(2, 5))
def test_similarity_of_hard_labels_is_the_cosine_of_indicators(seed, k):
    labels = np.random.default_rng(seed).integers(k, size=(2, 30))
    p = torch.eye(k)[torch.as_tensor(labels)]
    expected = 0.0
    for c in range(k):
        inside = labels[0] == c
        sizes = [max(1, inside.sum() * (labels[1] == d).sum()) ** 0.5 for d in range(k)]
        expected += max((inside & (labels[1] == d)).sum() / sizes[d] for d in range(k)) / k
    assert clustering_similarity(p)[0, 1].item() == pytest.approx(expected, abs=1e-6)


def test_only_similarity_above_the_bound_has_a_gradient():
    p = torch.randn(3, 12, 4, generator=torch_generator()).softmax(2).requires_grad_()
    a = clustering_similarity(p.detach())
    a.fill_diagonal_(0)
    high, low = a.max().item() + 1e-3, a[a > 0].min().item() - 1e-3
    (still,) = torch.autograd.grad(excess_similarity(p, high), p)
    assert not still.any()
    assert excess_similarity(p, low).item() == pytest.approx((a.sum().item() - 6 * low) / 3, 1e-4)
    (moved,) = torch.autograd.grad(excess_similarity(p, low), p)
    assert moved.any()


def test_clusterings_are_as_diverse_as_wanted_and_not_without_the_bound(blobs, monkeypatch):
    monkeypatch.setattr("skdeepcluster.semantic.divclust.INTERVAL", 4)
    params = WIDTHS | {"batch_size": 80, "max_epochs": 60, "learning_rate": 3e-3, "n_heads": 3}
    natural = DivClust(3, diversity=0.0, **params).fit(blobs[0])
    model = DivClust(3, diversity=0.4, **params).fit(blobs[0])
    assert natural.similarity_bound_ == 1 and "similarity" not in natural.history_["train"]
    assert natural.diversity_ < 0.1
    assert abs(model.diversity_ - 0.4) < 0.15
    assert model.similarity_bound_ < 1
    assert model.diversity_ == clustering_diversity(model.head_labels_)


def test_consensus_is_found_again_for_rows(blobs):
    X, y = blobs
    params = WIDTHS | {"batch_size": 80, "max_epochs": 25, "learning_rate": 3e-3}
    model = DivClust(3, **params).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.9
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(proba.argmax(axis=1), model.labels_)
    assert model.head_labels_.shape == (5, 160)


def test_one_head_is_contrastive_clustering(blobs):
    X, _ = blobs
    params = WIDTHS | {"n_heads": 1, "max_epochs": 2}
    model = DivClust(3, **params).fit(X)
    assert model.diversity_ == 0
    history = ContrastiveClustering(3, **params).fit(X).history_["train"]
    del history["criterion"]
    assert model.history_["train"] == history
    assert adjusted_rand_score(model.head_labels_[0], model.labels_) == 1


@pytest.mark.parametrize("value", [1.0, -0.1, "some"])
def test_malformed_diversity(blobs, value):
    with pytest.raises(ValueError, match="diversity"):
        brief(DivClust, diversity=value).fit(blobs[0])
