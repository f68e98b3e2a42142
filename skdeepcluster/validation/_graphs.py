"""Checks of graphs: sparse and dense matrices, and those of other libraries."""

import sys
import warnings

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_array

from skdeepcluster.validation._callers import caller_level
from skdeepcluster.validation._rows import FLOATS, as_array


def as_adjacency(graph):
    """The adjacency matrix of a graph of another library; anything else as it is.

    Parameters
    ----------
    graph : object
        A graph of networkx or igraph, or data of PyTorch Geometric, with weights where their edges
        have some. Nodes are in the order of the graph.

    Returns
    -------
    adjacency : csr_array or object
    """
    networkx, igraph = sys.modules.get("networkx"), sys.modules.get("igraph")
    if networkx is not None and isinstance(graph, networkx.Graph):
        if graph.number_of_nodes() == 0:
            raise ValueError("The graph has no nodes.")
        return csr_array(networkx.to_scipy_sparse_array(graph, dtype=np.float64))
    if igraph is not None and isinstance(graph, igraph.Graph):
        edges = np.array(graph.get_edgelist(), np.int64).reshape(-1, 2)
        weights = graph.es["weight"] if "weight" in graph.es.attributes() else np.ones(len(edges))
        return _from_edges(edges.T, weights, graph.vcount(), graph.is_directed())
    if hasattr(graph, "edge_index") and hasattr(graph, "num_nodes"):
        edges = np.asarray(as_array(graph.edge_index), np.int64)
        weights = getattr(graph, "edge_weight", None)
        weights = np.ones(edges.shape[1]) if weights is None else as_array(weights)
        # There an undirected edge is stored in both directions.
        return _from_edges(edges, weights, int(graph.num_nodes), directed=True)
    return graph


def _from_edges(edges, weights, n, directed):
    source, target = edges
    weights = np.asarray(weights, np.float64)
    if not directed:
        once = source != target
        weights = np.concatenate([weights, weights[once]])
        source, target = (
            np.concatenate([source, target[once]]),
            np.concatenate([target, source[once]]),
        )
    return csr_array((weights, (source, target)), shape=(n, n))


def check_square(graph, n_samples=None, name="adjacency"):
    """A square sparse matrix of finite numbers, canonical, whose arrays may be the user's own.

    Parameters
    ----------
    graph : array-like, sparse matrix or graph of networkx, igraph or PyTorch Geometric
    n_samples : int, optional
        Number of nodes that it must have.
    name : str, default="adjacency"
        The argument that an error is about.

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples), float32 or float64
    """
    graph = as_adjacency(as_array(graph))
    try:
        if issparse(graph):
            # A new object: SciPy caches what it knows of the indices, which may have changed.
            graph = graph.tocsr()
            graph = csr_array((graph.data, graph.indices, graph.indptr), shape=graph.shape)
            graph.check_format(full_check=True)
        graph = check_array(graph, accept_sparse="csr", dtype=FLOATS, input_name=name)
    except ValueError as error:
        raise ValueError(f"{name} is no graph: {error}") from error
    if graph.shape[0] != graph.shape[1] or n_samples not in (None, graph.shape[0]):
        wanted = "" if n_samples is None else f" for the {n_samples} rows of X"
        raise ValueError(
            f"{name} has shape {graph.shape}; a square matrix{wanted} is required. To split a "
            "graph, as for cross-validation, take the subgraph of the nodes of each split: "
            "skdeepcluster.Graph does so."
        )
    graph = csr_array(graph)
    if not graph.has_canonical_format:
        graph = graph.copy()
        graph.sum_duplicates()
    return graph


def check_adjacency(graph, n_samples=None, name="adjacency", *, directed=False):
    """Weights of the edges of a graph, none negative.

    Parameters
    ----------
    graph : array-like, sparse matrix or graph of networkx, igraph or PyTorch Geometric
    n_samples : int, optional
        Number of nodes that it must have.
    name : str, default="adjacency"
        The argument that an error is about.
    directed : bool, default=False
        Whether edges may have a direction, from rows to columns. Otherwise a matrix that is not
        symmetric becomes the mean of both directions, with a warning.

    Returns
    -------
    adjacency : csr_array of shape (n_samples, n_samples), float64
        Indices are sorted, of 32 bits, and entries of 0 are left out. Loops are on the diagonal.

    Raises
    ------
    ValueError
        If it is not square, of another size, or has entries that are negative, NaN or infinite.
    """
    graph = check_square(graph, n_samples, name)
    if graph.data.min(initial=0) < 0:
        raise ValueError(f"{name} must not have negative weights; found {graph.data.min():.3g}.")
    if max(graph.shape[0], 2) > np.iinfo(np.int32).max:
        raise ValueError(f"{name} has too many nodes: {graph.shape[0]}.")
    graph = csr_array(
        (graph.data.astype(np.float64, copy=False), graph.indices, graph.indptr), shape=graph.shape
    )
    if not graph.data.all():
        graph = graph.copy()
        graph.eliminate_zeros()
    if not directed:
        graph = _symmetric(graph, name)
    graph.indices = graph.indices.astype(np.int32, copy=False)
    if graph.nnz <= np.iinfo(np.int32).max:
        graph.indptr = graph.indptr.astype(np.int32, copy=False)
    with np.errstate(over="ignore"):
        total = graph.data.sum()
    if not total < np.sqrt(np.finfo(np.float64).max):
        raise ValueError(f"The weights of {name} are too large: they add up to {total:.3g}.")
    return graph


def _symmetric(graph, name):
    reverse = csr_array(graph.T)
    reverse.sort_indices()
    same = np.array_equal(graph.indptr, reverse.indptr) and np.array_equal(
        graph.indices, reverse.indices
    )
    if same and np.array_equal(graph.data, reverse.data):
        return graph
    # Rounding, as in a product of a matrix with its transpose, is no direction.
    if not (same and np.allclose(graph.data, reverse.data, rtol=1e-5, atol=0)):
        warnings.warn(
            f"{name} is not symmetric; the weight of an edge is the mean of both directions.",
            UserWarning,
            stacklevel=caller_level(),
        )
    graph = csr_array((graph + reverse) / 2)
    graph.sort_indices()
    return graph
