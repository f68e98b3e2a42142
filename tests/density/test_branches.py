"""Branches of clusters: arms of stars, against none in blobs."""

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HDBSCAN
from tests.density._samples import fit, parameters, samples


def star(n_arms, n=150, seed=0, center=(0, 0)):
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(n_arms) / n_arms
    arms = np.repeat(np.c_[np.cos(angle), np.sin(angle)], n, axis=0)
    along = rng.uniform(0, 9, (n * n_arms, 1))
    X = arms * along + rng.normal(scale=0.2, size=(n * n_arms, 2)) + center
    return X, np.repeat(np.arange(n_arms), n), along[:, 0]


@pytest.mark.parametrize("n_arms", [3, 5])
def test_arms_of_a_star(n_arms):
    X, arm, along = star(n_arms)
    model = HDBSCAN(25, allow_single_cluster=True).fit(X)
    assert model.n_clusters_ == 1
    found = model.branches()
    assert_array_equal(found.n_branches, [n_arms])
    outer = (along > 3) & (found.labels >= 0)
    assert outer.sum() > 0.6 * len(X)
    assert adjusted_rand_score(arm[outer], found.labels[outer]) > 0.98
    # The center has a label of its own, the first.
    assert along[found.labels == 0].mean() < along[found.labels > 0].mean()
    assert_array_equal(found.clusters, np.zeros(n_arms + 1))


def test_clusters_with_and_without_branches():
    X, _, _ = star(4)
    blob = make_blobs(300, centers=[[30, 0]], random_state=0)[0]
    bar = np.c_[np.random.default_rng(0).uniform(40, 60, 300), np.full(300, 30.0)]
    bar[:, 1] += np.random.default_rng(1).normal(scale=0.2, size=300)
    X = np.r_[X, blob, bar]
    model = HDBSCAN(40).fit(X)
    of = [
        int(np.bincount(model.labels_[rows] + 1).argmax()) - 1
        for rows in np.split(np.arange(1200), [600, 900])
    ]
    found = model.branches()
    assert model.n_clusters_ == 3
    assert_array_equal(found.n_branches[of], [4, 0, 0])
    # Two ends are branches only if asked for.
    assert_array_equal(model.branches(sides=True).n_branches[of], [4, 0, 2])
    assert (model.branches(min_branch_size=500).n_branches == 0).all()
    assert_array_equal(model.branches(min_branch_size=500).labels, model.labels_)


@settings(max_examples=30, deadline=None)
@given(samples(min_size=8), parameters)
def test_labels_refine_the_clusters(X, params):
    model = fit(X, **params)
    for sides in (False, True):
        found = model.branches(sides=sides)
        assert_array_equal(found.labels < 0, model.labels_ < 0)
        some = found.labels >= 0
        assert_array_equal(found.clusters[found.labels[some]], model.labels_[some])
        assert_array_equal(np.unique(found.labels[some]), np.arange(len(found.clusters)))
        assert set(found.n_branches) <= {0, *range(3 - sides, len(X))}


def test_parts_of_a_cluster_between_which_noise_lies():
    # Merged by epsilon, with a bridge of noise: neither neighbors nor the tree connect them.
    X = np.r_[np.linspace(0, 0.2, 5), 0.9, np.linspace(1.6, 1.8, 5)][:, np.newaxis]
    model = HDBSCAN(3, min_samples=2, cluster_selection_epsilon=0.8).fit(X)
    model.labels_ = np.where(np.arange(11) == 5, -1, 0)
    model.n_clusters_ = 1
    model.probabilities_ = np.ones(11)
    found = model.branches(sides=True)
    assert_array_equal(found.n_branches, [2])
    # Of each part the outer samples; the center has the label 0.
    assert found.labels[0] != found.labels[-1]
    assert set(found.labels[:5]) <= {0, found.labels[0]}
    assert set(found.labels[6:]) <= {0, found.labels[-1]}


def test_weights_and_left_out_samples():
    X, _, _ = star(3)
    weight = np.ones(len(X))
    weight[::10] = 0
    model = HDBSCAN(25, allow_single_cluster=True).fit(X, sample_weight=weight)
    assert_array_equal(model.branches().n_branches, [3])
    X[5] = np.nan
    model = HDBSCAN(25, allow_single_cluster=True).fit(X)
    found = model.branches()
    assert found.labels[5] == -1 and found.n_branches[0] == 3


def test_scale_changes_nothing():
    X, _, _ = star(3)
    labels = [
        HDBSCAN(25, allow_single_cluster=True).fit(X * 2.0**e).branches().labels
        for e in (0, 300, -300)
    ]
    assert_array_equal(labels[0], labels[1])
    assert_array_equal(labels[0], labels[2])


def test_bad_input():
    X, _, _ = star(3, 20)
    with pytest.raises(ValueError, match="min_branch_size"):
        fit(X).branches(min_branch_size=1)
    D = np.linalg.norm(X[:, np.newaxis] - X, axis=2)
    models = (
        HDBSCAN(metric="precomputed").fit(D),
        HDBSCAN(metric="nan_euclidean").fit(X),
        HDBSCAN().fit(csr_array(X)),
    )
    for model in models:
        with pytest.raises(ValueError, match="needs dense samples"):
            model.branches()
