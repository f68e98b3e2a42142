"""Linkage matrices from and to trees, against SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import cut_tree, fcluster, linkage
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import HDBSCAN, GraphDegreeLinkage, KMedoids, from_linkage, to_scipy_linkage
from skdeepcluster.trees import labels_of_merges, node_sizes


@pytest.fixture(scope="module")
def X():
    return make_blobs(60, n_features=3, centers=3, random_state=0)[0]


@pytest.mark.parametrize("method", ["single", "average", "complete", "ward"])
def test_agglomerations_of_scikit_learn_are_those_of_scipy(X, method):
    model = AgglomerativeClustering(linkage=method, compute_distances=True).fit(X)
    Z, expected = to_scipy_linkage(model), linkage(X, method)
    assert_allclose(Z[:, 2], expected[:, 2])
    assert_array_equal(Z[:, 3], expected[:, 3])
    assert_array_equal(np.sort(Z[:, :2]), np.sort(expected[:, :2]))


def test_models_and_trees_of_this_package(X):
    hdbscan = make_pipeline(StandardScaler(), HDBSCAN(min_cluster_size=5)).fit(X)
    model = hdbscan[-1]
    Z = to_scipy_linkage(hdbscan)
    assert_array_equal(Z, model.single_linkage_tree_.linkage)
    assert_array_equal(to_scipy_linkage(model.single_linkage_tree_), Z)
    assert_array_equal(to_scipy_linkage(Z), Z)
    degree = GraphDegreeLinkage(n_clusters=3).fit(X)
    flat = fcluster(to_scipy_linkage(degree), 3, "maxclust")
    assert adjusted_rand_score(flat, degree.labels_) == 1


def test_spanning_trees_become_linkages(X):
    model = HDBSCAN(min_cluster_size=5).fit(X)
    Z = to_scipy_linkage(model.minimum_spanning_tree_)
    assert_array_equal(Z[:, 2], model.single_linkage_tree_.linkage[:, 2])


def test_condensed_trees_of_linkages_are_those_of_hdbscan(X):
    model = HDBSCAN(min_cluster_size=5).fit(X)
    tree = from_linkage(to_scipy_linkage(model), min_cluster_size=5)
    assert_array_equal(tree.to_numpy(), model.condensed_tree_.to_numpy())
    assert_array_equal(from_linkage(linkage(X)).to_numpy(), linkage(X))


@given(n=st.integers(2, 30), seed=st.integers(0, 1000))
def test_cuts_of_merges_are_those_of_scipy(n, seed):
    Z = linkage(np.random.default_rng(seed).normal(size=(n, 2)), "average")
    children = Z[:, :2].astype(int)
    assert_array_equal(node_sizes(children)[n:], Z[:, 3])
    for k in {1, 2, n // 2 + 1, n}:
        labels = labels_of_merges(children, k)
        assert adjusted_rand_score(cut_tree(Z, k)[:, 0], labels) == 1
        _, first = np.unique(labels, return_index=True)
        assert len(first) == k and (np.diff(first) > 0).all()


def test_heights_are_ranks_where_a_model_has_none(X):
    Z = to_scipy_linkage(AgglomerativeClustering(n_clusters=2).fit(X))
    assert_array_equal(Z[:, 2], np.arange(1, len(X)))


def test_what_is_no_tree_is_refused(X):
    with pytest.raises(TypeError, match="KMedoids has no tree"):
        to_scipy_linkage(KMedoids(2, random_state=0).fit(X))
    with pytest.raises(TypeError, match="neither a fitted model nor a tree"):
        to_scipy_linkage(3)
    neighbors = kneighbors_graph(X, 30, include_self=False)
    stopped = AgglomerativeClustering(
        n_clusters=30, connectivity=neighbors + neighbors.T, compute_full_tree=False
    ).fit(X)
    with pytest.raises(ValueError, match="compute_full_tree=True"):
        to_scipy_linkage(stopped)
    good = linkage(X)
    wrong = good.copy()
    wrong[-1, 0] = wrong[-2, 0]
    with pytest.raises(ValueError, match="once"):
        from_linkage(wrong)
    wrong = good.copy()
    wrong[5, 3] += 1
    with pytest.raises(ValueError, match="add up"):
        from_linkage(wrong)
    with pytest.raises(ValueError, match="4 columns"):
        from_linkage(X)
    falling = good.copy()
    falling[:, 2] = falling[::-1, 2]
    with pytest.raises(ValueError, match="fall"):
        from_linkage(falling)
    with pytest.raises(ValueError, match="min_cluster_size"):
        from_linkage(good, method="leaf")
    with pytest.raises(ValueError, match="at least 2"):
        from_linkage(good, min_cluster_size=1)
