"""Weights of a graph of nearest neighbors, and places of its rows in few dimensions."""

import numpy as np
from scipy.optimize import curve_fit
from scipy.sparse import csr_array

from skdeepcluster._kernels._layout import PLACE_WIDTH, fuzzy_weights, run_epochs, table_places
from skdeepcluster.algorithms.coarsening import relative_weights
from skdeepcluster.algorithms.neighbors import neighbor_matrix
from skdeepcluster.algorithms.spectral import REGULARIZATIONS, graph_coordinates

# Coordinates that a layout may have.
MAX_COMPONENTS = PLACE_WIDTH
# Rows move in so many blocks per epoch.
N_BLOCKS = 8
N_NEGATIVES = 5
# Side of the cube in which a layout begins, and what keeps copies of a row from one place.
START_SIDE, START_NOISE = 10.0, 1e-4


def fuzzy_graph(distances, indices, n_threads, local_connectivity=1.0):
    r"""The undirected graph of nearest neighbors with UMAP's weights [1]_.

    With :math:`p_{ij}` as in `fuzzy_weights`, :math:`w_{ij} = p_{ij} + p_{ji} - p_{ij} p_{ji}`.

    Parameters
    ----------
    distances : (n, n_neighbors) array
        Increasing.
    indices : (n, n_neighbors) array
    n_threads : int
    local_connectivity : float, default=1.0

    Returns
    -------
    graph : csr_array of shape (n, n), float32
        Symmetric, indices sorted.

    References
    ----------
    .. [1] L. McInnes, J. Healy and J. Melville, "UMAP: uniform manifold approximation and
           projection for dimension reduction", 2018. :arxiv:`1802.03426`
    """
    distances = np.ascontiguousarray(distances, np.float64)
    weights = fuzzy_weights(distances, local_connectivity, n_threads)
    directed = neighbor_matrix(weights, indices, len(indices))
    reverse = csr_array(directed.T)
    graph = csr_array(directed + reverse - directed.multiply(reverse))
    graph.sort_indices()
    return graph


def similarity_curve(min_dist, spread=1.0):
    """The parameters a and b of :math:`1 / (1 + a r^{2b})`, nearest to 1 up to `min_dist` and
    :math:`e^{-(r - min\\_dist) / spread}` beyond."""
    r = np.linspace(0, 3 * spread, 300)
    target = np.where(r < min_dist, 1.0, np.exp(-(r - min_dist) / spread))
    (a, b), _ = curve_fit(lambda r, a, b: 1 / (1 + a * r ** (2 * b)), r, target)
    return float(a), float(b)


def start_of_layout(Z, n_components, rng):
    """Places at the beginning: the leading coordinates, each stretched over the same range.

    Parameters
    ----------
    Z : (n, n_coordinates) array
        Coordinates along principal directions. Where there are fewer than `n_components`, the
        others begin at zero.
    n_components : int
    rng : np.random.Generator

    Returns
    -------
    start : (n, n_components) array of float32
    """
    start = np.zeros((len(Z), n_components), np.float32)
    width = min(n_components, Z.shape[1])
    low, high = Z[:, :width].min(axis=0), Z[:, :width].max(axis=0)
    varies = high > low
    scale = np.divide(START_SIDE, high - low, out=np.zeros(width), where=varies)
    start[:, :width] = (Z[:, :width] - (low + high) / 2) * scale
    return start + rng.normal(0, START_NOISE, start.shape).astype(np.float32)


def places_of_graph(graph, *, n_epochs=500, min_dist=0.3, seed=0, n_threads=1):
    """A layout of the nodes of a graph in the plane, from its leading eigenvectors.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights, none negative.
    n_epochs, min_dist, seed, n_threads
        As in `graph_layout`.

    Returns
    -------
    places : (n, 2) array of float32
    """
    n = graph.shape[0]
    rng = np.random.default_rng(seed)
    coordinates = np.zeros((n, 0), np.float32)
    if graph.nnz:
        # The first is about the same for all nodes.
        coordinates = graph_coordinates(graph, REGULARIZATIONS[0], min(3, n))[:, -2::-1]
    start = start_of_layout(coordinates, 2, rng)
    # Where eigenvectors do not separate nodes, chance does.
    start += rng.normal(0, START_SIDE / 100, start.shape).astype(np.float32)
    weights = csr_array(relative_weights(graph), dtype=np.float32)
    weights.setdiag(0)
    weights.eliminate_zeros()
    weights.sort_indices()
    return graph_layout(
        weights, start, n_epochs=n_epochs, min_dist=min_dist, seed=seed, n_threads=n_threads
    )


def graph_layout(graph, start, *, n_epochs, min_dist, seed, n_threads):
    r"""Places of the rows of a graph, by UMAP's objective and negative sampling.

    Minimized is

    .. math:: -\sum_{ij} w_{ij} \log v_{ij} - \sum_{ij} (1 - w_{ij}) \log (1 - v_{ij}), \quad
        v_{ij} = \frac{1}{1 + a \|z_i - z_j\|^{2b}}.

    In each epoch an edge acts with a frequency in proportion to its weight, and each action comes
    with some random pairs. Rows move in blocks; those of a block see each other where they were
    before it, so the layout is the same for any number of threads.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights.
    start : (n, n_components) array
        At most `MAX_COMPONENTS`.
    n_epochs : int
    min_dist : float
    seed : int
    n_threads : int

    Returns
    -------
    places : (n, n_components) array of float32
    """
    n, n_components = start.shape
    places = np.zeros((n, PLACE_WIDTH), np.float32)
    places[:, :n_components] = start
    weights = graph.data / max(graph.data.max(initial=0), np.finfo(np.float32).tiny)
    acts = weights >= 1 / max(n_epochs, 1)
    counts = np.concatenate([[0], np.cumsum(acts)])
    a, b = similarity_curve(min_dist)
    squares = table_places().astype(np.float64)
    attraction = 2 * a * b * squares ** (b - 1) / (1 + a * squares**b)
    repulsion = 2 * b / ((0.001 + squares) * (1 + a * squares**b))
    order = np.random.default_rng(seed).permutation(n).astype(np.int32)
    blocks = np.linspace(0, n, N_BLOCKS + 1).astype(np.int64)

    run_epochs(
        places, counts[graph.indptr].astype(np.int64), graph.indices[acts].astype(np.int32),
        weights[acts].astype(np.float32), order, blocks, n_epochs, seed, N_NEGATIVES, 1.0,
        attraction.astype(np.float32), repulsion.astype(np.float32), n_threads,
    )  # fmt: skip
    return places[:, :n_components].copy()
