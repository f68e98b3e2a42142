"""Groups of an embedding and the anchors that stand for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import pairwise_distances_argmin

from skdeepcluster.assignment import grouped_anchors, moved_anchors, spherical_kmeans


def directions(sizes, d=8, spread=0.08, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(sizes)), sizes)
    Z = np.eye(d)[y] + spread * rng.normal(size=(len(y), d))
    return (Z / np.linalg.norm(Z, axis=1, keepdims=True)).astype(np.float32), y


@pytest.mark.parametrize("rule", ["spectral", "average", "k-means"])
def test_separated_groups(rule):
    Z, y = directions([60, 60, 60])
    anchors, clusters = grouped_anchors(Z, 3, 30, rule)
    assert adjusted_rand_score(y, clusters[pairwise_distances_argmin(Z, anchors)]) == 1
    np.testing.assert_allclose(np.linalg.norm(anchors, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("rule", ["spectral", "average"])
def test_groups_of_unequal_size(rule):
    Z, y = directions([500, 30, 30], spread=0.15)
    anchors, clusters = grouped_anchors(Z, 3, 60, rule)
    assert adjusted_rand_score(y, clusters[pairwise_distances_argmin(Z, anchors)]) > 0.98
    # A cluster has anchors as its size asks for, and at least one.
    counts = np.bincount(clusters)
    assert counts.max() > 5 * counts.min()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 30), st.integers(1, 5), st.integers(1, 12), st.integers(0, 100),
    st.sampled_from(["spectral", "average", "k-means"]),
)  # fmt: skip
def test_numbers_of_anchors(n, n_clusters, more, seed, rule):
    n_clusters = min(n, n_clusters)
    n_anchors = min(n, n_clusters + more)
    Z = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    anchors, clusters = grouped_anchors(Z, n_clusters, n_anchors, rule)
    assert len(anchors) == len(clusters) <= n_anchors
    assert set(clusters) <= set(range(n_clusters))
    assert np.isfinite(anchors).all()


def test_anchors_follow_their_rows():
    Z, y = directions([40, 40])
    anchors = np.eye(8, dtype=np.float32)[[0, 1, 5]]
    moved = moved_anchors(Z, anchors)
    for j in range(2):
        mean = Z[y == j].mean(axis=0)
        np.testing.assert_allclose(moved[j], mean / np.linalg.norm(mean), rtol=1e-5)
    np.testing.assert_array_equal(moved[2], anchors[2])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 1000))
def test_spherical_k_means(n, k, seed):
    k = min(n, k)
    Z = np.random.default_rng(seed).normal(size=(n, 4))
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    objective = []
    for max_iter in (0, 1, 5, 20):
        centers, labels = spherical_kmeans(Z, k, max_iter=max_iter, seed=seed)
        np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 1)
        cosine = Z @ centers.T
        np.testing.assert_allclose(cosine[np.arange(n), labels], cosine.max(axis=1))
        objective.append(cosine.max(axis=1).sum())
    assert (np.diff(objective) >= -1e-9).all()
