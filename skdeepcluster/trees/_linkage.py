"""Linkage matrices in SciPy's format: checks, sizes of nodes and flat clusters."""

import numpy as np
from scipy.cluster.hierarchy import is_valid_linkage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def check_linkage(linkage):
    """Merges in the format of SciPy, float64 and in C order.

    Raises
    ------
    ValueError
        If they are none: nodes merged twice or before they exist, sizes that do not add up.
    """
    try:
        linkage = np.ascontiguousarray(linkage, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"linkage is not a matrix of numbers: {error}") from error
    if linkage.ndim != 2 or linkage.shape[1:] != (4,) or not len(linkage):
        raise ValueError(
            "linkage must have 4 columns and a row for each merge, as "
            f"scipy.cluster.hierarchy.linkage returns it; got shape {linkage.shape}."
        )
    is_valid_linkage(linkage, throw=True, name="linkage")
    n = len(linkage) + 1
    children = linkage[:, :2].astype(np.int64)
    if not np.array_equal(np.sort(children, axis=None), np.arange(2 * n - 2)):
        raise ValueError("linkage must merge each node but the last exactly once.")
    if not np.array_equal(linkage[:, 3], node_sizes(children)[n:]):
        raise ValueError("linkage has sizes in its last column that do not add up.")
    return linkage


def node_sizes(children):
    """Numbers of leaves below the nodes of a binary tree.

    Parameters
    ----------
    children : array of shape (n - 1, 2)
        The nodes that each merge joins; its own node is n plus its row.

    Returns
    -------
    sizes : array of shape (2 n - 1,), int64
    """
    n = len(children) + 1
    sizes = [1] * (2 * n - 1)
    for node, (left, right) in enumerate(np.asarray(children).tolist(), n):
        sizes[node] = sizes[left] + sizes[right]
    return np.array(sizes, dtype=np.int64)


def labels_of_merges(children, n_clusters):
    """Clusters after all but the last merges, numbered by their first samples.

    Parameters
    ----------
    children : array of shape (n - 1, 2)
    n_clusters : int
        At most n.

    Returns
    -------
    labels : array of shape (n,), int32
    """
    children = np.asarray(children)
    n = len(children) + 1
    made = n - n_clusters
    nodes = np.repeat(n + np.arange(made), 2)
    edges = (np.ones(2 * made), (children[:made].ravel(), nodes))
    graph = csr_array(edges, shape=(2 * n - 1, 2 * n - 1))
    of_samples = connected_components(graph, directed=False)[1][:n]
    _, first, labels = np.unique(of_samples, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[labels]
