"""Clusters for noise."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.datasets import make_moons

from skdeepcluster import HDBSCAN

STRATEGIES = ["exemplar", "probability", "density_path"]


def moons():
    X, y = make_moons(600, noise=0.1, random_state=0)
    return X, y, HDBSCAN(20, min_samples=15).fit(X)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_noise_is_assigned(strategy):
    X, y, model = moons()
    before = model.labels_.copy()
    noise = before < 0
    assert noise.any() and model.n_clusters_ > 1
    labels, confidence = model.assign_noise(strategy)
    assert_array_equal(model.labels_, before)
    assert_array_equal(labels[~noise], before[~noise])
    assert_array_equal(confidence[~noise], model.probabilities_[~noise])
    assert (labels >= 0).all() and ((confidence >= 0) & (confidence <= 1)).all()
    some, sure = model.assign_noise(strategy, threshold=0.3)
    assert_array_equal(sure, confidence)
    assert_array_equal(some[noise], np.where(confidence >= 0.3, labels, -1)[noise])


def test_nearest_exemplar():
    X, _, model = moons()
    labels, _ = model.assign_noise("exemplar")
    nearest = np.array([cdist(X, X[rows]).min(axis=1) for rows in model.exemplar_indices_])
    noise = model.labels_ < 0
    assert_array_equal(labels[noise], nearest.argmin(axis=0)[noise])


def test_path_has_the_shortest_longest_edge():
    X, _, model = moons()
    labels, confidence = model.assign_noise("density_path")
    # Longest edges of the shortest paths, by relaxation through all rows.
    distances = cdist(X, X)
    core = model.core_distances_
    longest = np.maximum(distances, np.maximum.outer(core, core))
    for k in range(len(X)):
        longest = np.minimum(longest, np.maximum.outer(longest[:, k], longest[k]))
    clusters = range(model.n_clusters_)
    best = np.array([longest[:, model.labels_ == k].min(axis=1) for k in clusters])
    noise = np.flatnonzero(model.labels_ < 0)
    np.testing.assert_allclose(best[labels[noise], noise], best[:, noise].min(axis=0))
    tree = model.condensed_tree_
    densest = tree.death[tree.selected][labels[noise]]
    expected = np.minimum(1, 1 / best[labels[noise], noise] / densest)
    np.testing.assert_allclose(confidence[noise], expected)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_clusters_or_distances(strategy):
    X = np.random.default_rng(0).uniform(size=(40, 2))
    labels, confidence = HDBSCAN(30).fit(X).assign_noise(strategy)
    assert (labels == -1).all() and (confidence == 0).all()
    X, _, _ = moons()
    X[3] = np.nan
    labels, confidence = HDBSCAN(20, min_samples=15).fit(X).assign_noise(strategy)
    assert labels[3] == -1 and confidence[3] == 0


def test_bad_parameters():
    model = moons()[2]
    with pytest.raises(ValueError, match="strategy"):
        model.assign_noise("nearest")
    with pytest.raises(ValueError, match="threshold"):
        model.assign_noise(threshold=2.0)
