"""Smaller graphs that stand for a graph: nodes joined with those they have most in common with."""

import numpy as np
from scipy.sparse import csr_array, diags_array

from skdeepcluster.algorithms.groups import components, members


def joined_by_strongest(graph):
    """Groups of nodes, in which each is with the neighbor of its strongest edge.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights, no loops. Of equally strong edges the first counts.

    Returns
    -------
    groups : (n,) array of int32
        Numbered in the order of their first nodes; nodes without edges are alone.
    """
    n = graph.shape[0]
    sizes = np.diff(graph.indptr)
    some = np.flatnonzero(sizes)
    rows = np.repeat(np.arange(n), sizes)
    strongest = np.zeros(n)
    strongest[some] = np.maximum.reduceat(graph.data, graph.indptr[some]) if len(some) else 0
    hits = np.flatnonzero(graph.data == strongest[rows])
    source, first = np.unique(rows[hits], return_index=True)
    target = graph.indices[hits[first]]
    return components(n, source, target)


def contracted(graph, groups):
    """The graph of groups of nodes: weights between two groups are added, those within left out."""
    member = members(groups, groups.max() + 1).astype(graph.dtype)
    between = csr_array(member.T @ graph @ member)
    between.setdiag(0)
    between.eliminate_zeros()
    between.sort_indices()
    return between


def relative_weights(graph):
    r"""Weights in parts of the strongest ones of both ends,
    :math:`w_{ij} / \sqrt{\max_k w_{ik} \max_k w_{jk}}`: at most 1."""
    strongest = graph.max(axis=1).toarray().ravel()
    scale = diags_array(np.divide(1, np.sqrt(strongest), where=strongest > 0, out=strongest * 0))
    relative = csr_array(scale @ graph @ scale)
    relative.sort_indices()
    return relative


def strongest_edges(graph, n_edges):
    """The graph of the edges that are among the strongest of one of their ends.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights.
    n_edges : int
        Strongest edges of each node; of equally strong ones the first count.

    Returns
    -------
    graph : csr_array of shape (n, n)
        Symmetric; the graph itself where no node has more edges.
    """
    sizes = np.diff(graph.indptr)
    if sizes.max(initial=0) <= n_edges:
        return graph
    rows = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-graph.data, rows))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(graph.indptr[:-1], sizes)
    kept = rank < n_edges
    entries = graph.data[kept], (rows[kept], graph.indices[kept])
    one_way = csr_array(entries, shape=graph.shape)
    both = csr_array(one_way.maximum(one_way.T))
    both.sort_indices()
    return both


def coarse_levels(graph, most_nodes, fewest_nodes, n_levels):
    """Smaller and smaller graphs of groups of nodes, from the first that is small enough.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights, no loops.
    most_nodes, fewest_nodes : int
        The first level is the largest with at most so many nodes, but at least so many, or else the
        smallest that has more (the graph itself, maybe); further ones have at least so many.
    n_levels : int
        At most so many.

    Returns
    -------
    levels : list of (graph, node)
        The node of each row in each graph, (n,) int32 arrays.
    """
    node, levels = np.arange(graph.shape[0], dtype=np.int32), []
    while True:
        if graph.shape[0] <= most_nodes:
            levels.append((graph, node))
        if len(levels) == n_levels or not graph.nnz:
            break
        groups = joined_by_strongest(graph)
        if groups.max() + 1 < fewest_nodes:
            break
        graph, node = contracted(graph, groups), groups[node]
    return levels or [(graph, node)]
