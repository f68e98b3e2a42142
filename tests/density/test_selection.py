"""Layers of several granularities, sizes that choose themselves and clusters of short life."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HDBSCAN
from tests.density._samples import fit, parameters, samples


def nested(std=1.0):
    """Two groups of two blobs."""
    centers = np.array([[0, 0], [0, 8], [40, 0], [40, 8]])
    return make_blobs(400, centers=centers, cluster_std=std, random_state=0)


@pytest.mark.parametrize("weight", [None, np.full(400, 0.5)])
def test_layers(weight):
    X, y = nested()
    model = HDBSCAN("auto", cluster_selection_method="leaf").fit(X, sample_weight=weight)
    layers = model.layers()
    numbers = [len(layer.cluster_persistence) for layer in layers]
    assert numbers == sorted(set(numbers), reverse=True) and numbers[-2:] == [4, 2]
    assert adjusted_rand_score(layers[-1].labels, y // 2) == 1
    for layer in layers:
        same = model.reselect(min_cluster_size=layer.min_cluster_size)
        assert_array_equal(layer.labels, same.labels)
    longest = max(layers, key=lambda layer: layer.persistence)
    assert model.n_clusters_ == 4 == len(longest.cluster_persistence)
    assert_array_equal(model.labels_, longest.labels)
    assert model.condensed_tree_.min_cluster_size == longest.min_cluster_size
    assert_array_equal(model.predict(X), model.labels_)


def test_auto_without_layers():
    assert HDBSCAN("auto").fit(np.zeros((30, 2))).n_clusters_ == 0
    assert HDBSCAN("auto").fit([[0.0], [1.0]]).layers() == []
    X, _ = nested()
    given_size = HDBSCAN(7, min_samples=5).fit(X)
    auto = HDBSCAN("auto").fit(X)
    assert_array_equal(auto.core_distances_, given_size.core_distances_)
    chosen = given_size.reselect(min_cluster_size="auto")
    assert_array_equal(chosen.labels, auto.labels_)


def lives(tree):
    deepest = tree.death.copy()
    for node in range(len(tree.parent) - 1, 0, -1):
        deepest[tree.parent[node]] = max(deepest[tree.parent[node]], deepest[node])
    return (deepest - tree.birth)[1:]


@given(samples(min_size=8), parameters, st.floats(0, 3))
def test_persistence(X, params, share):
    full = fit(X, **params)
    # Lives of clusters, and values between them.
    least = (
        share * np.median(lives(full.condensed_tree_))
        if len(full.condensed_tree_.parent) > 1
        else 1
    )
    model = fit(X, **params, cluster_selection_persistence=least)
    tree, before = model.condensed_tree_, full.condensed_tree_
    assert (lives(tree) >= least).all()
    if least <= lives(before).min(initial=np.inf):
        assert_array_equal(model.labels_, full.labels_)
        assert_array_equal(tree.parent, before.parent)
        assert_allclose(tree.stability, before.stability, rtol=1e-9, atol=1e-12)
    # Every cluster that is left was one; none has a single part.
    assert set(zip(tree.birth, tree.size, strict=True)) <= set(
        zip(before.birth, before.size, strict=True)
    )
    assert (np.bincount(tree.parent[1:], minlength=1) != 1).all()
    assert (tree.birth[1:] >= tree.death[tree.parent[1:]] * (1 - 1e-12)).all()
    stability = np.bincount(tree.member, tree.leave - tree.birth[tree.member], len(tree.parent))
    for node in range(len(tree.parent) - 1, 0, -1):
        above = tree.parent[node]
        stability[above] += tree.size[node] * (tree.birth[node] - tree.birth[above])
    assert_allclose(tree.stability, stability, rtol=1e-9, atol=1e-12)
    sizes = np.bincount(tree.member, minlength=len(tree.parent))
    for node in range(len(tree.parent) - 1, 0, -1):
        sizes[tree.parent[node]] += sizes[node]
    assert (sizes[1:] >= 0).all() and sizes[0] == len(X)
    assert_array_equal(model.predict(X), model.labels_)


def test_persistence_removes_bumps():
    X, y = nested()
    bumpy = HDBSCAN(4, min_samples=3, cluster_selection_method="leaf").fit(X)
    assert bumpy.n_clusters_ > 8
    longest = np.sort(lives(bumpy.condensed_tree_))
    smooth = bumpy.reselect(cluster_selection_persistence=longest[-6])
    assert 2 <= len(smooth.cluster_persistence) < bumpy.n_clusters_ / 2
    # In units of inverse distances.
    far = HDBSCAN(4, min_samples=3, cluster_selection_method="leaf").fit(X * 2.0**300)
    scaled = far.reselect(cluster_selection_persistence=longest[-6] * 2.0**-300)
    assert_array_equal(scaled.labels, smooth.labels)


# Copies of a row are together below half of the least distance of others.
@example(np.array([[0.0], [1.0], [1.0], [1.5], [2.5], [3.0], [3.5], [4.0]]), 2, 0.3, True)
@given(samples(min_size=8), st.integers(2, 8), st.floats(0.3, 2), st.booleans())
def test_cut(X, size, factor, weighted):
    weight = 1 + np.arange(len(X)) % 2 if weighted else None
    model = HDBSCAN(size, min_samples=3, alpha=2**0.5).fit(X, sample_weight=weight)
    epsilon = factor * np.median(model.minimum_spanning_tree_.distance) or 1.0
    cut = model.reselect(cluster_selection_method="cut", cluster_selection_epsilon=epsilon)
    expected = model.dbscan_clustering(epsilon, size)
    assert_array_equal(cut.labels >= 0, expected >= 0)
    assert len(np.unique(np.c_[cut.labels, expected], axis=0)) == len(np.unique(expected))
    assert len(np.unique(cut.labels)) == len(np.unique(expected))
    params = {"cluster_selection_method": "cut", "cluster_selection_epsilon": epsilon}
    refit = HDBSCAN(size, min_samples=3, alpha=2**0.5, **params).fit(X, sample_weight=weight)
    assert_array_equal(refit.labels_, cut.labels)
    assert_array_equal(refit.predict(X), cut.labels)
    # Inside, the largest membership is that of the label.
    soft, some = refit.predict_proba(), cut.labels >= 0
    assert_array_equal(soft.argmax(axis=1)[some] if some.any() else [], cut.labels[some])


def test_cut_needs_a_distance():
    with pytest.raises(ValueError, match="positive value"):
        HDBSCAN(cluster_selection_method="cut").fit(nested()[0])
