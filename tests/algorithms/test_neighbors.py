"""Nearest neighbors by trees, by blocks and by stored entries."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import coo_array, csr_array
from scipy.spatial.distance import cdist

from skdeepcluster.algorithms.neighbors import (
    connectivity_graph,
    entries_by_row,
    nearest_by_blocks,
    nearest_entries,
    nearest_neighbors,
    tree_metric,
)

X = np.random.default_rng(0).normal(size=(80, 3))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_all_ways_find_the_same(metric):
    names = {"manhattan": "cityblock"}
    D = cdist(X, X, names.get(metric, metric))
    lengths, neighbors = nearest_neighbors(X, 5, metric=tree_metric(metric))
    by_blocks = nearest_by_blocks(lambda rows: D[rows], len(X), 5)
    assert_array_equal(neighbors, by_blocks[1])
    assert_allclose(lengths, by_blocks[0])
    rows, columns, values = nearest_entries(csr_array(D), 5)
    assert_array_equal(rows, np.repeat(np.arange(len(X)), 5))
    assert_array_equal(columns, neighbors.ravel())
    assert_allclose(values, lengths.ravel())
    if metric == "euclidean":
        joined = np.zeros(D.shape, bool)
        joined[rows, columns] = joined[columns, rows] = True
        assert_array_equal(connectivity_graph(X, 5).toarray(), joined)


def test_entries_are_sorted_and_summed_without_the_diagonal():
    at = [0, 0, 0, 0, 2, 1], [1, 2, 1, 0, 0, 1]
    matrix = coo_array(([1.0, 3.0, 1.0, 9.0, 4.0, 7.0], at), shape=(3, 3))
    assert_array_equal(entries_by_row(matrix), [[0, 0, 2], [1, 2, 0], [2, 3, 4]])
    assert_array_equal(entries_by_row(matrix, descending=True), [[0, 0, 2], [2, 1, 0], [3, 2, 4]])
    assert_array_equal(nearest_entries(matrix, 1), [[0, 2], [1, 0], [2, 4]])


def test_metrics_of_the_tree():
    assert tree_metric("l2") == "euclidean"
    assert tree_metric("cosine") is None
    assert tree_metric("euclidean", {"p": 2}) is None
    assert tree_metric(lambda x, y: 0.0) is None
