"""A graph as one object that can be split, which estimators take in the place of rows."""

import numpy as np

from skdeepcluster.validation import as_adjacency, as_array, check_square


class Graph:
    """Rows with the edges between them; a choice of rows has the edges between these.

    Cross-validation, searches and ``train_test_split`` choose rows of `X` alone and would leave an
    adjacency matrix as it is. A Graph in the place of `X` is split into subgraphs.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_nodes, n_features), default=None
        Features of the nodes; None: their numbers, for methods that read the edges alone.

    adjacency : array-like, sparse matrix or graph of networkx, igraph or PyTorch Geometric
        Weights of the edges.

    Attributes
    ----------
    shape : tuple of int
        The shape of `X`.

    Examples
    --------
    >>> import networkx as nx
    >>> from skdeepcluster import Graph, Leiden
    >>> graph = Graph(adjacency=nx.karate_club_graph())
    >>> len(graph), len(graph[:20])
    (34, 20)
    >>> Leiden(random_state=0).fit_predict(graph[:20]).shape
    (20,)
    """

    def __init__(self, X=None, adjacency=None):
        if adjacency is None:
            raise ValueError("A Graph needs an adjacency.")
        adjacency = as_adjacency(adjacency)
        n = None if X is None else X.shape[0] if hasattr(X, "shape") else len(X)
        self.adjacency = check_square(adjacency, n)
        if X is None:
            X = np.arange(self.adjacency.shape[0], dtype=np.float64)[:, np.newaxis]
        X = as_array(X)
        self.X = X if hasattr(X, "shape") else np.asarray(X)

    @property
    def shape(self):
        """The shape of the features."""
        return self.X.shape

    def __len__(self):
        return self.X.shape[0]

    def __getitem__(self, nodes):
        """The subgraph of some nodes, given by their numbers, a mask or a slice."""
        if isinstance(nodes, tuple):
            # scikit-learn asks for rows and all columns.
            nodes = nodes[0]
        nodes = np.arange(len(self))[nodes]
        if nodes.ndim != 1:
            raise IndexError("Nodes of a Graph are chosen by a one-dimensional index.")
        X = self.X.iloc[nodes] if hasattr(self.X, "iloc") else self.X[nodes]
        return Graph(X, self.adjacency[nodes][:, nodes])

    def __repr__(self):
        return f"Graph(n_nodes={len(self)}, n_entries={self.adjacency.nnz})"
