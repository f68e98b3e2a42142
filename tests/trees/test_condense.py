import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.cluster.hierarchy import linkage
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN
from skdeepcluster._kernels._trees import Dendrogram
from skdeepcluster.trees import condensed_tree, exemplars, flat_clusters, persistence

X, y = make_blobs(120, centers=3, cluster_std=0.3, random_state=0)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"method": "leaf"},
        {"epsilon": 0.5},
        {"max_cluster_size": 30},
        {"allow_single_cluster": True},
    ],
)
def test_is_the_selection_of_hdbscan(params):
    names = {"method": "cluster_selection_method", "epsilon": "cluster_selection_epsilon"}
    model = HDBSCAN(10, **{names.get(name, name): value for name, value in params.items()}).fit(X)
    tree = condensed_tree(model.single_linkage_tree_.linkage, 10, **params)
    labels, strengths, sizes = flat_clusters(tree, tree.member, tree.leave, tree.order)
    assert_array_equal(labels, model.labels_)
    assert_array_equal(strengths, model.probabilities_)
    assert_array_equal(sizes, np.bincount(labels[labels >= 0], minlength=len(sizes)))
    assert_array_equal(persistence(tree, sizes), model.cluster_persistence_)
    for found, expected in zip(exemplars(tree), model.exemplar_indices_, strict=True):
        assert_array_equal(found, expected)


def test_a_matrix_or_its_dendrogram():
    merges = linkage(X)
    tree, same = condensed_tree(merges, 10), condensed_tree(Dendrogram(merges), 10)
    assert_array_equal(tree.to_numpy(), same.to_numpy())
    labels, _, _ = flat_clusters(tree, tree.point_cluster, tree.point_lambda)
    clustered = labels >= 0
    assert clustered.mean() > 0.9
    pairs = np.unique(np.column_stack([labels, y])[clustered], axis=0)
    assert len(pairs) == 3  # each cluster is one blob
