"""Groups of an embedding and the anchors that stand for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import pairwise_distances_argmin

from skdeepcluster.algorithms.degree_linkage import linkage_labels
from skdeepcluster.algorithms.kmeans import spherical_kmeans
from skdeepcluster.algorithms.spectral import cut_of_pairs, landmark_spectral
from skdeepcluster.assignment import grouped_anchors, moved_anchors


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
    st.sampled_from(["spectral", "average", "k-means"]), st.integers(0, 2),
)  # fmt: skip
def test_numbers_of_anchors(n, n_clusters, more, seed, rule, n_views):
    n_clusters = min(n, n_clusters)
    n_anchors = min(n, n_clusters + more)
    Z = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    views = np.stack([Z] * n_views) if n_views else None
    anchors, clusters = grouped_anchors(Z, n_clusters, n_anchors, rule, views)
    assert len(anchors) == len(clusters) <= n_anchors
    assert set(clusters) <= set(range(n_clusters))
    assert np.isfinite(anchors).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100), st.floats(0.1, 0.4))
def test_groups_hold_rows_and_views_together(seed, spread):
    """About as well as the better of cuts and merges."""
    Z, _ = directions([150, 90, 60], spread=spread, seed=seed)
    moved = Z + 0.1 * np.random.default_rng(seed).normal(size=(2, *Z.shape))
    views = (moved / np.linalg.norm(moved, axis=2, keepdims=True)).astype(np.float32)

    def cut(anchors, clusters):
        own = clusters[pairwise_distances_argmin(Z, anchors)]
        seen = clusters[pairwise_distances_argmin(views.reshape(-1, 8), anchors)]
        return cut_of_pairs(np.resize(own, len(seen)), seen, 3)

    found = cut(*grouped_anchors(Z, 3, 30, "spectral", views))
    labels = [landmark_spectral(Z, 3, views=views), linkage_labels(Z, 3)]
    means = [np.stack([Z[part == j].mean(axis=0) for j in range(3)]) for part in labels]
    # With a mean for each cluster instead of anchors that follow its shape.
    assert found <= min(cut(mean, np.arange(3)) for mean in means) + 0.1


def test_merges_are_taken_where_views_say_so():
    """A group of two kinds that views connect, and outliers that cuts make a group of."""
    rng = np.random.default_rng(0)
    angles = np.concatenate([rng.uniform(0, 1.2, 400), rng.uniform(1.6, 2.8, 400), [4.0, 4.01]])
    Z = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    turned = angles + rng.uniform(-0.1, 0.1, (2, len(angles)))
    views = np.stack([np.cos(turned), np.sin(turned)], axis=2).astype(np.float32)
    anchors, clusters = grouped_anchors(Z, 2, 20, "spectral", views)
    own = clusters[pairwise_distances_argmin(Z, anchors)]
    assert adjusted_rand_score(np.repeat([0, 1], 400), own[:800]) == 1


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
