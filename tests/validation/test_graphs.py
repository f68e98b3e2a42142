"""Graphs as they come in: matrices and graphs of other libraries."""

import sys
from types import ModuleType, SimpleNamespace

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch

from skdeepcluster import Graph
from skdeepcluster.validation import check_adjacency, check_square

A = np.array([[0.0, 2, 0, 1], [2, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 3]])
TRIANGLE = nx.Graph([("a", "b"), ("b", "c"), ("c", "a")])


@pytest.mark.parametrize(
    "form", [np.asarray, list, sp.csr_matrix, sp.csc_array, sp.coo_array, torch.tensor]
)
def test_matrices_of_any_kind(form):
    found = check_adjacency(form(A), 4)
    assert isinstance(found, sp.csr_array) and found.dtype == np.float64
    assert found.indices.dtype == np.int32 and found.has_canonical_format
    np.testing.assert_array_equal(found.toarray(), A)


def test_arrays_are_taken_as_they_are():
    given = sp.csr_array(A)
    assert np.shares_memory(check_adjacency(given).data, given.data)


def test_graphs_of_networkx():
    np.testing.assert_array_equal(check_adjacency(TRIANGLE).toarray(), 1 - np.eye(3))
    weighted = nx.Graph()
    weighted.add_edge(0, 1, weight=2.5)
    weighted.add_node(2)
    found = check_adjacency(weighted).toarray()
    assert found[0, 1] == found[1, 0] == 2.5 and found.sum() == 5
    found = check_adjacency(nx.DiGraph([(0, 1), (1, 2)]), directed=True).toarray()
    np.testing.assert_array_equal(found, [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    with pytest.raises(ValueError, match="no nodes"):
        check_adjacency(nx.Graph())


def test_graphs_of_igraph(monkeypatch):
    """As its interface is documented; the library need not be installed."""

    class Edges(dict):
        def attributes(self):
            return list(self)

    class IGraph:
        def __init__(self, edges, weights=None, directed=False):
            self.edges, self.directed = edges, directed
            self.es = Edges() if weights is None else Edges(weight=weights)

        def get_edgelist(self):
            return self.edges

        def vcount(self):
            return 4

        def is_directed(self):
            return self.directed

    module = ModuleType("igraph")
    module.Graph = IGraph
    monkeypatch.setitem(sys.modules, "igraph", module)
    graph = IGraph([(0, 1), (0, 3), (3, 3)], [2, 1, 3])
    np.testing.assert_array_equal(check_adjacency(graph, 4).toarray(), A)
    found = check_adjacency(IGraph([(0, 1)], directed=True), directed=True)
    assert found[0, 1] == found.sum() == 1


def test_data_of_pytorch_geometric():
    data = SimpleNamespace(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=3, edge_weight=None)
    np.testing.assert_array_equal(
        check_adjacency(data).toarray(), [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    )


def test_one_direction_becomes_the_mean_of_both():
    directed = sp.csr_array(np.triu(A))
    with pytest.warns(UserWarning, match="adjacency is not symmetric"):
        found = check_adjacency(directed)
    np.testing.assert_array_equal(found.toarray(), (np.triu(A) + np.triu(A).T) / 2)
    np.testing.assert_array_equal(check_adjacency(directed, directed=True).toarray(), np.triu(A))


def test_rounding_is_no_direction():
    F = np.random.default_rng(0).random((30, 7)).astype(np.float32)
    product = F @ F.T
    product[0, 1] *= 1 + 1e-6
    found = check_adjacency(product)
    np.testing.assert_array_equal(found.toarray(), found.T.toarray())


@pytest.mark.parametrize(
    "graph, message",
    [
        (A[:3], r"shape \(3, 4\); a square matrix"),
        (A[:3, :3], r"shape \(3, 3\); a square matrix for the 4 rows of X"),
        (-A, "negative weights; found -3"),
        (A + np.nan, "NaN"),
        (A + np.inf, "infinity"),
        (A * 1e300, "too large"),
        (A[0], "no graph"),
        ("abc", "no graph"),
        (sp.csr_array(A.astype(complex)), "no graph"),
    ],
)
def test_what_is_no_graph(graph, message):
    with pytest.raises(ValueError, match=message):
        check_adjacency(graph, 4)


def test_indices_that_are_not_there():
    graph = sp.csr_array(A)
    graph.indices[0] = 9
    with pytest.raises(ValueError, match="no graph"):
        check_adjacency(graph)


def test_negative_weights_of_signed_graphs():
    np.testing.assert_array_equal(check_square(-A, 4).toarray(), -A)


def test_splits_of_a_graph_are_subgraphs():
    from sklearn.model_selection import KFold, train_test_split

    X = np.arange(8.0).reshape(4, 2)
    graph = Graph(X, A)
    assert graph.shape == (4, 2) and len(graph) == 4
    for chosen in ([3, 0], np.array([True, False, False, True]), slice(0, 4, 3)):
        part = graph[chosen]
        nodes = np.arange(4)[chosen]
        np.testing.assert_array_equal(part.X, X[nodes])
        np.testing.assert_array_equal(part.adjacency.toarray(), A[np.ix_(nodes, nodes)])
    train, test = train_test_split(graph, random_state=0)
    assert len(train) == 3 and len(test) == 1 and train.adjacency.shape == (3, 3)
    assert sum(len(test) for _, test in KFold(2).split(graph)) == 4


def test_a_graph_needs_edges():
    with pytest.raises(ValueError, match="needs an adjacency"):
        Graph(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"shape \(4, 4\)"):
        Graph(np.ones((3, 2)), A)
    assert Graph(adjacency=TRIANGLE).X.ravel().tolist() == [0, 1, 2]
