"""Objects from scores of edges: candidates around a seed, and pieces that hang together."""

import heapq

import numpy as np
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.metrics import adjusted_rand_score

from skdeepcluster.validation import as_array, check_labels

# Points of a cluster that is found where no objects are known.
SMALLEST = 5
# Thresholds that are compared.
THRESHOLDS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)


def known_objects(y, sets, points):
    """The object of each point, unique over sets; -1 is noise.

    Parameters
    ----------
    y : array-like of shape (n,) or None
        Objects that are compared within sets only. None: what HDBSCAN finds in each set.
    sets : ndarray of shape (n,), int64
        From 0.
    points : ndarray of shape (n, n_features)
        Only used without `y`.
    """
    n = len(sets)
    if y is None:
        y = np.full(n, -1)
        order = np.argsort(sets, kind="stable")
        for rows in np.split(order, np.cumsum(np.bincount(sets))[:-1]):
            # It needs two of these to tell them apart.
            if len(rows) >= 2 * SMALLEST:
                y[rows] = HDBSCAN(SMALLEST, copy=True).fit_predict(points[rows])
    y = check_labels(as_array(y), "y")
    if len(y) != n:
        raise ValueError(f"y has {len(y)} labels, X {n} rows")
    known = np.flatnonzero(y != -1)
    _, y = np.unique(y, return_inverse=True)
    objects = np.full(n, -1)
    objects[known] = np.unique((sets * (y.max() + 1) + y)[known], return_inverse=True)[1]
    return objects


def grown(graph, seed, least, most, free=None):
    """Points in the order in which the most probable edges lead to them.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Probabilities of the edges.
    seed : int
    least : float
        Edges less probable are not followed.
    most : int
        Number of points at most.
    free : ndarray of shape (n,), bool, optional
        Points that may be reached; by default all.

    Returns
    -------
    points : list of int
        The seed first.
    """
    starts, neighbors, probability = graph.indptr, graph.indices, graph.data
    points, seen, queue = [], set(), [(-np.inf, seed)]
    # The most probable edge to each point so far: less probable ones need no place in the queue.
    best = {}
    while queue and len(points) < most:
        _, point = heapq.heappop(queue)
        if point in seen:
            continue
        seen.add(point)
        points.append(point)
        edges = slice(starts[point], starts[point + 1])
        for other, p in zip(neighbors[edges].tolist(), probability[edges].tolist(), strict=True):
            if p < max(least, best.get(other, 0.0)) or other in seen:
                continue
            if free is None or free[other]:
                best[other] = p
                heapq.heappush(queue, (-p, other))
    return points


def candidates(graph, seeds, objects, *, least, most, n_pivots):
    """Candidates around seeds, and which of them are of the object of most of the pivots.

    Parameters
    ----------
    graph, least, most
        As in `grown`.
    seeds : list of int
    objects : ndarray of shape (n,), int64
        -1 is noise, of which no object consists.
    n_pivots : int
        The first so many candidates.

    Returns
    -------
    rows : ndarray of shape (n_seeds, n_candidates), int64
    inside, true : ndarray of shape (n_seeds, n_candidates), bool
        Which entries of `rows` are candidates, and which of these are members.
    """
    lists = [grown(graph, seed, least, most) for seed in seeds]
    target = np.array([majority(objects[points[:n_pivots]]) for points in lists])[:, None]
    rows, inside = padded(lists)
    return rows, inside, inside & (objects[rows] == target) & (target >= 0)


def padded(lists):
    """Lists of numbers as rows of one array, and where it holds them."""
    sizes = np.array([len(numbers) for numbers in lists], dtype=np.int64)
    inside = np.arange(sizes.max(initial=1)) < sizes[:, None]
    rows = np.zeros(inside.shape, dtype=np.int64)
    rows[inside] = np.concatenate([np.empty(0, dtype=np.int64), *map(np.asarray, lists)])
    return rows, inside


def majority(objects):
    """The most frequent number, of several the first."""
    values, places, counts = np.unique(objects, return_index=True, return_counts=True)
    return values[np.lexsort((places, -counts))[0]]


def pieces(graph, threshold, min_size):
    """Points that hang together by edges at least so probable; -1 in pieces that are smaller."""
    kept = graph.copy()
    kept.data[kept.data < threshold] = 0
    kept.eliminate_zeros()
    return without_small(connected_components(kept, directed=False)[1], min_size)


def dense_pieces(graph, threshold, min_size):
    """DBSCAN for distances of one minus the probability; -1 is noise."""
    distances = graph.copy()
    # A distance of exactly 0 would be no entry.
    distances.data = np.maximum(1 - graph.data, 1e-12)
    model = DBSCAN(eps=max(1 - threshold, 1e-12), min_samples=3, metric="precomputed")
    return without_small(model.fit_predict(distances), min_size)


def best_threshold(graph, sets, objects, read_out):
    """The threshold with the best mean adjusted Rand index of the sets, of several the middle one.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Probabilities of the edges.
    sets, objects : ndarray of shape (n,), int64
    read_out : callable (graph, threshold) -> ndarray of shape (n,)
        Labels of the points.
    """
    order = np.argsort(sets, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(sets[order])) + 1)
    scores = []
    for threshold in THRESHOLDS:
        labels = read_out(graph, threshold)
        scores.append(np.mean([adjusted_rand_score(objects[r], labels[r]) for r in rows]))
    best = np.flatnonzero(np.array(scores) >= max(scores) - 1e-9)
    return THRESHOLDS[best[len(best) // 2]]


def without_small(labels, min_size):
    """Labels in which clusters that are smaller are -1."""
    small = np.bincount(labels[labels >= 0], minlength=1) < min_size
    return np.where((labels >= 0) & ~small[labels], labels, -1)


def completed(graph, sets, members, *, least, most, min_size):
    """Objects that grow around one seed after the other, in all sets at once.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Probabilities of the edges, none between sets.
    sets : ndarray of shape (n,), int64
        The number of the set of each point, from 0.
    members : callable (rows, inside) -> ndarray of shape (n_seeds, n_candidates), bool
        Which of the candidates in each row are of the object of the first of them.
    least, most : float, int
        As in `grown`.
    min_size : int
        Points of an object.

    Returns
    -------
    labels : ndarray of shape (n,), int64
        -1 is noise.
    """
    n = len(sets)
    labels = np.full(n, -1)
    free, seedable = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    count = 0
    while True:
        seeds = _surest(graph, sets, free, seedable, least)
        if not len(seeds):
            return labels
        rows, inside = padded([grown(graph, s, least, most, free) for s in seeds])
        chosen = members(rows, inside) & inside
        for seed, candidates, taken in zip(seeds, rows, chosen, strict=True):
            found = candidates[taken]
            # A seed whose object is too small is not tried again, but may still be joined.
            seedable[seed] = False
            if len(found) >= min_size:
                labels[found] = count
                free[found] = seedable[found] = False
                count += 1


def _surest(graph, sets, free, seedable, least):
    """In each set the free point with the most probable edge to another free one."""
    graph = graph.tocoo()
    first, second = graph.coords
    kept = seedable[first] & free[second] & (graph.data >= least)
    first, p = first[kept], graph.data[kept]
    order = np.lexsort((first, -p, sets[first]))
    _, places = np.unique(sets[first][order], return_index=True)
    return first[order][places]
