"""Clusters of the nodes of a graph: modularity, cuts, and whether clusters are connected."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length

from skdeepcluster._kernels._communities import connected_parts, inner_weights
from skdeepcluster.validation import check_adjacency, check_labels


class _Sums(NamedTuple):
    """Weights of clusters; an edge counts from both of its ends."""

    inner: np.ndarray
    volume: np.ndarray
    total: float


def _checked(adjacency, labels, *, directed=False):
    """The graph, and labels from 0 in which each node of noise is a cluster of its own."""
    graph = check_adjacency(adjacency, directed=directed)
    labels = check_labels(labels, "labels")
    check_consistent_length(np.empty(graph.shape[0]), labels)
    noise = labels == -1
    numbers = np.empty(len(labels), np.int32)
    numbers[~noise] = np.unique(labels[~noise], return_inverse=True)[1]
    k = len(np.unique(labels[~noise]))
    numbers[noise] = k + np.arange(noise.sum())
    return graph, numbers, k


def _arrays(graph):
    return graph.indptr.astype(np.int64), graph.indices, graph.data


def _sums(graph, numbers, k):
    n_numbers = int(numbers.max(initial=-1)) + 1
    inner = inner_weights(*_arrays(graph), numbers, n_numbers)[:k]
    volume = np.bincount(numbers, graph.sum(axis=1), n_numbers)[:k]
    return _Sums(inner, volume, float(graph.data.sum()))


def _ratio(numerator, denominator):
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def modularity(adjacency, labels, *, resolution=1.0, directed=False):
    r"""Excess of the weight within clusters over that of a graph of the same degrees.

    .. math:: Q = \sum_c \left( \frac{w_c}{2m} - \gamma \frac{k_c^2}{4m^2} \right),

    with :math:`w_c` the weight within a cluster, from both ends of an edge, :math:`k_c` that of all
    edges of its nodes and :math:`2m` the total. With directions the square is the product of what
    leaves and what enters a cluster.

    Parameters
    ----------
    adjacency : array-like, sparse matrix or graph of shape (n_samples, n_samples)
        Weights of the edges, none negative; graphs of networkx, igraph and PyTorch Geometric are
        taken too.

    labels : array-like of shape (n_samples,)
        Clusters. Nodes labeled -1 are noise and in no cluster.

    resolution : float, default=1.0
        The factor :math:`\gamma`.

    directed : bool, default=False
        Whether edges lead from rows to columns. Otherwise a matrix that is not symmetric becomes
        the mean of both directions, with a warning.

    Returns
    -------
    modularity : float
        At most 1; 0 for a single cluster and resolution 1, and for a graph without edges.

    References
    ----------
    .. [1] M. E. J. Newman, "Modularity and community structure in networks", PNAS 103, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.metrics import modularity
    >>> A = np.kron(np.eye(2), [[0, 1], [1, 0]])
    >>> modularity(A, [0, 0, 1, 1])
    0.5
    """
    graph, numbers, k = _checked(adjacency, labels, directed=directed)
    sums = _sums(graph, numbers, k)
    if not sums.total:
        return 0.0
    entering = np.bincount(numbers, graph.sum(axis=0), len(numbers))[:k]
    expected = resolution * (sums.volume / sums.total) * (entering / sums.total)
    return float((sums.inner / sums.total - expected).sum())


def coverage(adjacency, labels):
    """Share of the weight that is within clusters.

    Parameters
    ----------
    adjacency : array-like, sparse matrix or graph of shape (n_samples, n_samples)
        Weights of the edges, as of :func:`modularity`.

    labels : array-like of shape (n_samples,)
        Clusters, -1 for noise.

    Returns
    -------
    coverage : float
        1 if no edge leaves its cluster, as for a single cluster, and for a graph without edges.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.metrics import coverage
    >>> coverage(np.ones((4, 4)) - np.eye(4), [0, 0, 1, 1])
    0.3333333333333333
    """
    sums = _sums(*_checked(adjacency, labels))
    return float(sums.inner.sum() / sums.total) if sums.total else 1.0


def conductance(adjacency, labels, *, average="mean"):
    r"""Share of the weight of a cluster's edges that leave it, of the smaller side of the cut.

    .. math:: \phi(c) = \frac{\mathrm{cut}(c, \bar c)}{\min(\mathrm{vol}(c), \mathrm{vol}(\bar c))}

    Parameters
    ----------
    adjacency : array-like, sparse matrix or graph of shape (n_samples, n_samples)
        Weights of the edges, as of :func:`modularity`.

    labels : array-like of shape (n_samples,)
        Clusters, -1 for noise.

    average : {"mean", "max"} or None, default="mean"
        The mean of the clusters, the worst of them, or that of each.

    Returns
    -------
    conductance : float or ndarray of shape (n_clusters,)
        From 0, where no edge leaves, to 1; in the order of the labels.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.metrics import conductance
    >>> A = np.diag([1.0, 1.0, 1.0], 1)
    >>> conductance(A + A.T, [0, 0, 1, 1])
    0.3333333333333333
    """
    if average not in ("mean", "max", None):
        raise ValueError(f"average={average!r} must be 'mean', 'max' or None.")
    sums = _sums(*_checked(adjacency, labels))
    found = _ratio(sums.volume - sums.inner, np.minimum(sums.volume, sums.total - sums.volume))
    if average is None:
        return found
    return float(found.mean() if average == "mean" else found.max()) if len(found) else 0.0


def normalized_cut(adjacency, labels):
    r"""Sum over the clusters of the share of their edges that leave them.

    .. math:: \sum_c \frac{\mathrm{cut}(c, \bar c)}{\mathrm{vol}(c)}

    Parameters
    ----------
    adjacency : array-like, sparse matrix or graph of shape (n_samples, n_samples)
        Weights of the edges, as of :func:`modularity`.

    labels : array-like of shape (n_samples,)
        Clusters, -1 for noise.

    Returns
    -------
    cut : float
        From 0 to the number of clusters; compare clusterings of equal number.

    References
    ----------
    .. [1] J. Shi and J. Malik, "Normalized cuts and image segmentation", IEEE Transactions on
           Pattern Analysis and Machine Intelligence 22, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.metrics import normalized_cut
    >>> A = np.diag([1.0, 1.0, 1.0], 1)
    >>> normalized_cut(A + A.T, [0, 0, 1, 1])
    0.6666666666666666
    """
    sums = _sums(*_checked(adjacency, labels))
    return float(_ratio(sums.volume - sums.inner, sums.volume).sum())


def connectedness(adjacency, labels):
    """Share of the nodes that a path within their cluster joins to its largest component.

    Parameters
    ----------
    adjacency : array-like, sparse matrix or graph of shape (n_samples, n_samples)
        Weights of the edges, as of :func:`modularity`.

    labels : array-like of shape (n_samples,)
        Clusters. Nodes labeled -1 are noise and do not count.

    Returns
    -------
    connectedness : float
        1 if every cluster is connected.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.metrics import connectedness
    >>> A = np.diag([1.0, 1.0, 1.0], 1)
    >>> connectedness(A + A.T, [0, 0, 1, 0])
    0.75
    """
    graph, numbers, k = _checked(adjacency, labels)
    parts, n_parts = connected_parts(*_arrays(graph), numbers)
    cluster = np.empty(n_parts, np.int32)
    cluster[parts] = numbers
    largest = np.zeros(int(numbers.max(initial=-1)) + 1, np.int64)
    np.maximum.at(largest, cluster, np.bincount(parts, minlength=n_parts))
    n_counted = int((numbers < k).sum())
    return float(largest[:k].sum() / n_counted) if n_counted else 1.0
