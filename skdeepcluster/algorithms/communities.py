"""Communities of a graph by Leiden's or Louvain's method, with any number of threads."""

import math
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from skdeepcluster._kernels._communities import (
    aggregated,
    connected_parts,
    inner_weights,
    move_nodes,
    refine,
    renumbered,
)

# Gains below this share of the weights of a graph are rounding.
ROUNDING = 1e-13
# Runs in search of a resolution.
MAX_SEARCH = 30


class NullModel(NamedTuple):
    """What weights are compared with.

    Attributes
    ----------
    masses : (n, 2) array
        Of the nodes, as sources and as targets of edges.
    factor : float
        Of the product of two masses, at resolution 1.
    """

    masses: np.ndarray
    factor: float


def null_model(objective, graph, adjacency=None):
    """The null model of an objective.

    Parameters
    ----------
    objective : {"modularity", "cpm", "erdos_renyi"}
    graph : csr_array of shape (n, n)
        Symmetric weights.
    adjacency : csr_array of shape (n, n), optional
        Weights from rows to columns, if they have a direction: `graph` is the mean of both.

    Returns
    -------
    model : NullModel
    """
    n, total = graph.shape[0], graph.data.sum()
    if objective == "modularity":
        sums = [graph.sum(axis=axis) for axis in (1, 1)]
        if adjacency is not None:
            sums = [adjacency.sum(axis=axis) for axis in (1, 0)]
        return NullModel(np.stack(sums, axis=1), 1 / (2 * total) if total else 0.0)
    factor = 0.5
    if objective == "erdos_renyi":
        factor *= total / max(n * (n - 1), 1)
    return NullModel(np.ones((n, 2)), factor)


def quality(graph, labels, model, resolution):
    r"""The objective of communities, in parts of the weight of the graph.

    .. math:: \frac{1}{w} \sum_c \left( w_c - 2 g A_c B_c \right),

    :math:`w_c` being the weight within a community and :math:`g` resolution times factor. For
    modularity it is modularity.
    """
    total = float(graph.data.sum())
    k = int(labels.max()) + 1
    inner = inner_weights(*_arrays(graph), labels, k)
    A, B = (np.bincount(labels, column, k) for column in model.masses.T)
    return math.fsum(inner - 2 * resolution * model.factor * A * B) / total if total else 0.0


def _arrays(graph):
    """Arrays of a graph as the kernels take them."""
    return (
        graph.indptr.astype(np.int64, copy=False),
        graph.indices.astype(np.int32, copy=False),
        graph.data.astype(np.float64, copy=False),
    )


def n_components(graph):
    """How many components a graph with symmetric weights has."""
    return connected_parts(*_arrays(graph), np.zeros(graph.shape[0], np.int32))[1]


def _as_csr(arrays):
    indptr, indices, weights = arrays
    return csr_array((weights, indices, indptr), shape=(len(indptr) - 1, len(indptr) - 1))


def communities(
    graph, model, *, resolution=1.0, algorithm="leiden", max_iter=10, temperature=0.01, fixed=None,
    seed=0, n_threads=1,
):  # fmt: skip
    """Communities by Leiden's method [1]_, each connected, or by Louvain's [2]_.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights, none negative.
    model : NullModel
    resolution : float
    algorithm : {"leiden", "louvain"}
    max_iter : int
        Most iterations, each from the result of the one before.
    temperature : float
        Of the random choice in refinement, in mean weights of edges.
    fixed : (n,) array of int32, optional
        Nodes of equal labels stay in one community, those of different ones apart; -1 for others.
    seed : int
    n_threads : int

    Returns
    -------
    labels : (n,) array of int32
        By decreasing size, then in the order of first nodes.
    n_iter : int
        Iterations that were needed.

    References
    ----------
    .. [1] V. A. Traag, L. Waltman and N. J. van Eck, "From Louvain to Leiden: guaranteeing
           well-connected communities", Scientific Reports 9, 2019. :arxiv:`1810.08473`
    .. [2] V. D. Blondel, J.-L. Guillaume, R. Lambiotte and E. Lefebvre, "Fast unfolding of
           communities in large networks", Journal of Statistical Mechanics, 2008.
           :arxiv:`0803.0476`
    """
    arrays, masses, n = _arrays(graph), model.masses, graph.shape[0]
    total = arrays[2].sum()
    settings = {
        "resolution": resolution * model.factor, "least": ROUNDING * total, "n_threads": n_threads
    }  # fmt: skip
    temperature *= total / max(len(arrays[2]), 1)
    is_fixed, joined = np.zeros(n, np.int32), None
    if fixed is not None and (fixed >= 0).any():
        joined, n_joined = _one_for_each_label(fixed)
        is_fixed = np.zeros(n_joined, np.int32)
        is_fixed[joined[fixed >= 0]] = 1
        arrays = aggregated(*arrays, joined, n_joined, n_threads)
        masses = _sums(masses, joined, n_joined)
    labels = np.arange(len(masses), dtype=np.int32)
    rng = np.random.default_rng(seed)
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        before = labels
        labels = _iteration(
            arrays, masses, labels, is_fixed, algorithm == "leiden", temperature, rng, settings
        )
        if np.array_equal(labels, before):
            break
    labels = _polished(arrays, masses, labels, is_fixed, rng, settings)
    if joined is not None:
        labels = labels[joined]
    return by_size(labels), n_iter


def _iteration(arrays, masses, labels, fixed, refined, temperature, rng, settings):
    """Moves, refinement and aggregation, down to a graph whose nodes are its communities."""
    node = None
    while True:
        labels = labels.copy()
        move_nodes(*arrays, masses, labels, fixed, seed=_seed(rng), **settings)
        labels, k = renumbered(labels)
        if k == len(labels):
            break
        groups, n_groups = labels, k
        if refined:
            found = refine(
                *arrays, masses, labels, temperature=temperature, seed=_seed(rng), **settings
            )
            found, n_found = renumbered(found)
            if n_found < len(labels):
                groups, n_groups = found, n_found
        arrays = aggregated(*arrays, groups, n_groups, settings["n_threads"])
        masses = _sums(masses, groups, n_groups)
        of_groups = np.empty(n_groups, np.int32)
        of_groups[groups] = labels
        now_fixed = np.zeros(n_groups, np.int32)
        now_fixed[groups[fixed != 0]] = 1
        labels, fixed, node = of_groups, now_fixed, groups if node is None else groups[node]
    return renumbered(labels if node is None else labels[node])[0]


def _polished(arrays, masses, labels, fixed, rng, settings):
    """Moves of nodes and separation of communities that are not connected, until neither pays."""
    while True:
        labels, _ = connected_parts(*arrays, labels)
        if not move_nodes(*arrays, masses, labels, fixed, seed=_seed(rng), **settings):
            return labels


def _one_for_each_label(fixed):
    """Nodes joined by their labels, the others alone; and their number."""
    first = {}
    nodes = np.arange(len(fixed), dtype=np.int32)
    for i in np.flatnonzero(fixed >= 0):
        nodes[i] = first.setdefault(int(fixed[i]), i)
    return renumbered(nodes)


def _sums(masses, groups, n_groups):
    return np.stack([np.bincount(groups, column, n_groups) for column in masses.T], axis=1)


def _seed(rng):
    return int(rng.integers(2**63))


def by_size(labels):
    """Labels numbered by decreasing size, of equal sizes in the order of their first ones."""
    labels, k = renumbered(np.ascontiguousarray(labels, dtype=np.int32))
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    number = np.empty(k, np.int32)
    number[order] = np.arange(k, dtype=np.int32)
    return number[labels]


def merged(graph, labels, model, resolution, n_clusters, fixed=None):
    """Communities joined by edges, merged one after another where that costs least.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
    labels : (n,) array of int32
    model : NullModel
    resolution : float
    n_clusters : int
        Merges end with so many, or when no edges join communities that may be merged.
    fixed : (n,) array of int32, optional
        As in `communities`.

    Returns
    -------
    labels : (n,) array of int32
    """
    labels, k = renumbered(labels)
    between = _as_csr(aggregated(*_arrays(graph), labels, k, 1)).toarray()
    A, B = _sums(model.masses, labels, k).T
    held = np.zeros(k, bool)
    if fixed is not None:
        held[labels[fixed >= 0]] = True
    target = np.arange(k, dtype=np.int32)
    alive = k
    while alive > n_clusters:
        gains = between - resolution * model.factor * (np.outer(A, B) + np.outer(B, A))
        gains[(between <= 0) | np.outer(held, held)] = -np.inf
        i, j = np.unravel_index(gains.argmax(), gains.shape)
        if gains[i, j] == -np.inf:
            break
        between[i] += between[j]
        between[:, i] += between[:, j]
        between[i, i] = 0
        between[j] = between[:, j] = 0
        A[i], B[i] = A[i] + A[j], B[i] + B[j]
        held[i] |= held[j]
        target[target == j] = i
        alive -= 1
    return by_size(target[labels])


def search(find, n_clusters, n_least):
    """A resolution with a number of communities, by bisection of its logarithm.

    Parameters
    ----------
    find : callable (resolution) -> labels
    n_clusters : int
    n_least : int
        How many there are at resolution 0.

    Returns
    -------
    labels : array or None
        At least `n_clusters` communities, of all that were found the fewest; None if always fewer
        were.
    resolution : float
    """
    low, high, gamma, best = 0.0, np.inf, 1.0, None
    if n_clusters <= n_least:
        return find(0.0), 0.0
    for _ in range(MAX_SEARCH):
        labels = find(gamma)
        k = int(labels.max()) + 1
        if k >= n_clusters and (best is None or k <= best[0]):
            best = k, labels, gamma
        if k == n_clusters:
            break
        if k < n_clusters:
            low = gamma
            gamma = 4 * gamma if high == np.inf else math.sqrt(low * high)
        else:
            high = gamma
            gamma = gamma / 4 if low == 0 else math.sqrt(low * high)
        if high < np.inf and high - low <= 1e-9 * high:
            break
    return best[1:] if best is not None else (None, gamma)


def agreement(runs):
    """The mean adjusted Rand index of pairs of labelings; 1 for a single one."""
    pairs = [adjusted_rand_score(runs[i], runs[j]) for i in range(len(runs)) for j in range(i)]
    return float(np.mean(pairs)) if pairs else 1.0
