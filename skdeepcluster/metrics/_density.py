"""Validity of clusters of any shape by their density."""

from numbers import Real

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from skdeepcluster._kernels._kdtree import reduced_distances
from skdeepcluster._sklearn import Interval, validate_params
from skdeepcluster.validation import check_labels, scaled_to_range

# Squares of distances that are computed at a time.
BLOCK_ENTRIES = 2**22


@validate_params(
    {
        "X": ["array-like"],
        "labels": ["array-like"],
        "n_dimensions": [Interval(Real, 0, None, closed="neither"), None],
        "per_cluster": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def density_validity(X, labels, *, n_dimensions=None, per_cluster=False):
    r"""Density-based clustering validation (DBCV), for clusters of any shape and noise.

    .. math:: V(C) = \frac{\min_D \mathrm{sep}(C, D) - \mathrm{spar}(C)}
        {\max\{\min_D \mathrm{sep}(C, D), \mathrm{spar}(C)\}}, \qquad
        \mathrm{DBCV} = \sum_C \frac{n_C}{n} V(C),

    where :math:`n` counts noise too. With

    .. math:: a(x) = \left( \frac{1}{n_C - 1} \sum_{y \in C, y \ne x} \|x - y\|^{-d}
        \right)^{-1/d}, \quad m(x, y) = \max\{a(x), a(y), \|x - y\|\},

    the sparseness :math:`\mathrm{spar}(C)` is the longest edge between inner nodes, those of more
    than one edge, of the minimum spanning tree of :math:`C` under :math:`m`, and the separation
    :math:`\mathrm{sep}(C, D)` the least :math:`m` between inner nodes of both. Where no edge, or no
    node, is inner, all are.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows, compared by Euclidean distance.

    labels : array-like of shape (n_samples,)
        Clusters, at least two; -1 is noise. A cluster of one row has the validity 0.

    n_dimensions : float, default=None
        The dimension :math:`d`; by default the number of features. In many dimensions :math:`a(x)`
        tends to the distance to the nearest row: give the dimension that rows fill, if it is known.

    per_cluster : bool, default=False
        Whether to return the validity of each cluster.

    Returns
    -------
    validity : float, or ndarray of shape (n_clusters,)
        From -1 to 1, larger is better; or that of each cluster in the order of their labels.

    Notes
    -----
    Time is :math:`O(n^2)` in the number of rows, memory :math:`O(n)`. Sums are taken in logarithms,
    so powers do not overflow. A row that has a copy in its cluster has :math:`a(x) = 0`, the limit;
    the package hdbscan leaves out zero distances instead. Of equal edges, which are
    many, that between the nearer rows is taken; other implementations may take another tree, which
    changes the inner nodes and the value. Values in different feature spaces cannot be compared.

    References
    ----------
    .. [1] D. Moulavi, P. A. Jaskowiak, R. J. G. B. Campello, A. Zimek and J. Sander,
       "Density-based clustering validation", SDM, 2014.

    Examples
    --------
    >>> from skdeepcluster.metrics import density_validity
    >>> from sklearn.datasets import make_moons
    >>> X, y = make_moons(300, noise=0.05, random_state=0)
    >>> halves = X[:, 0] > 0.5
    >>> bool(density_validity(X, y) > density_validity(X, halves))
    True
    """
    X = check_array(X, dtype=np.float64)
    labels = check_labels(labels, "labels")
    check_consistent_length(X, labels)
    names = np.unique(labels[labels != -1])
    if len(names) < 2:
        raise ValueError(f"DBCV compares clusters, at least 2; labels have {len(names)}.")
    X = np.ascontiguousarray(scaled_to_range(X)[0])
    d = X.shape[1] if n_dimensions is None else n_dimensions
    clusters = [np.flatnonzero(labels == name) for name in names]
    found = [_cluster(X[rows], d) for rows in clusters]
    sparseness = np.array([longest for _, _, longest in found])
    inner = [rows[nodes] for rows, (_, nodes, _) in zip(clusters, found, strict=True)]
    core = np.zeros(len(X))
    for rows, (own, _, _) in zip(clusters, found, strict=True):
        core[rows] = own
    separation = _separations(X, core, inner)
    largest = np.maximum(separation, sparseness)
    validity = np.divide(
        separation - sparseness, largest, out=np.zeros(len(names)), where=largest > 0
    )
    sizes = np.array([len(rows) for rows in clusters])
    validity[sizes == 1] = 0
    return validity if per_cluster else float(sizes @ validity / len(labels))


def _cluster(X, d):
    """Core distances of a cluster's rows, its inner nodes and the longest edge between them."""
    n = len(X)
    if n == 1:
        return np.zeros(1), np.zeros(1, np.intp), 0.0
    core = np.empty(n)
    size = max(1, BLOCK_ENTRIES // n)
    for start in range(0, n, size):
        rows = np.arange(start, min(start + size, n))
        squares = reduced_distances(X[rows], X, "euclidean")
        squares[rows - start, rows] = np.inf
        with np.errstate(divide="ignore"):
            # Relative to the nearest row the sum neither overflows nor vanishes.
            logs = np.log(squares) / 2
        least = logs.min(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            total = np.exp(-d * (logs - least)).sum(axis=1)
            core[rows] = np.exp(least[:, 0] - np.log(total / (n - 1)) / d)
        core[rows[np.isneginf(least[:, 0])]] = 0
    parent, weight = _prim(X, core)
    degree = np.bincount(parent, minlength=n)
    degree[1:] += 1
    inside = degree > 1
    edges = inside[1:] & inside[parent]
    nodes = np.flatnonzero(inside) if inside.any() else np.arange(n)
    return core, nodes, weight[edges if edges.any() else slice(None)].max()


def _prim(X, core):
    """Parents of the rows but the first in a minimum spanning tree, and the edges to them.

    Of equal edges that between the nearer rows is lighter.
    """
    n = len(X)
    best, length = np.full(n, np.inf), np.full(n, np.inf)
    parent, weight = np.zeros(n, np.intp), np.empty(n)
    waiting, new = np.arange(1, n), 0
    while len(waiting):
        apart = X[waiting] - X[new]
        distance = np.sqrt(np.einsum("ij,ij->i", apart, apart))
        reached = np.maximum(distance, np.maximum(core[waiting], core[new]))
        most = best[waiting]
        closer = (reached < most) | ((reached == most) & (distance < length[waiting]))
        rows = waiting[closer]
        parent[rows], best[rows], length[rows] = new, reached[closer], distance[closer]
        least = np.flatnonzero(best[waiting] == best[waiting].min())
        at = least[length[waiting[least]].argmin()]
        new = waiting[at]
        weight[new] = best[new]
        waiting = np.delete(waiting, at)
    return parent[1:], weight[1:]


def _separations(X, core, groups):
    """The least mutual reachability of rows of each group and those of all others."""
    rows = np.concatenate(groups)
    group = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    Y, squares_of_core = np.ascontiguousarray(X[rows]), core[rows] ** 2
    least = np.full(len(groups), np.inf)
    size = max(1, BLOCK_ENTRIES // len(rows))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        squares = reduced_distances(Y[part], Y, "euclidean")
        squares = np.maximum(np.maximum(squares, squares_of_core), squares_of_core[part, None])
        squares[group[part, None] == group] = np.inf
        np.minimum.at(least, group[part], squares.min(axis=1))
    return np.sqrt(least)
