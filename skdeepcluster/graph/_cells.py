"""Which points of a set may be linked: pairs of Voronoi cells that linked points were seen in."""

import numpy as np
from scipy.sparse import csr_array

from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.algorithms.kmeans import kmeans, nearest_center

# Links of held-out sets of which so many must be between linked cells.
RECALL = 0.99
# Cells at most, and points of each.
MOST_CELLS, CELL_POINTS = 4096, 20


def spanning_links(points):
    """The links of a minimum spanning tree, by Prim's algorithm.

    Parameters
    ----------
    points : ndarray of shape (n, n_features)

    Returns
    -------
    links : ndarray of shape (n - 1, 2), int64
    """
    n = len(points)
    links = np.empty((max(0, n - 1), 2), dtype=np.int64)
    nearest = np.full(n, np.inf)
    parent = np.zeros(n, dtype=np.int64)
    outside = np.ones(n, dtype=bool)
    last = 0
    for number in range(n - 1):
        outside[last] = False
        squares = np.square(points - points[last]).sum(axis=1)
        closer = outside & (squares < nearest)
        nearest[closer], parent[closer] = squares[closer], last
        last = int(np.argmin(np.where(outside, nearest, np.inf)))
        links[number] = parent[last], last
    return links


def object_links(points, kind):
    """Pairs of points of one object that are adjacent in it.

    Parameters
    ----------
    points : ndarray of shape (n, n_features)
    kind : {"tree", "hops", "all"}
        Those of a minimum spanning tree, with those two hops apart in it, or all pairs.

    Returns
    -------
    links : ndarray of shape (n_links, 2), int64
        Each pair once.
    """
    n = len(points)
    if kind == "all":
        return np.stack(np.triu_indices(n, 1), axis=1)
    links = spanning_links(points)
    if kind == "tree" or n < 3:
        return links
    tree = csr_array((np.ones(len(links)), links.T), shape=(n, n))
    tree = tree + tree.T
    reached = (tree + tree @ tree).tocoo()
    first, second = reached.coords
    return np.stack([first, second], axis=1)[first < second].astype(np.int64)


def links_of_objects(points, objects, kind):
    """Links within all objects of all sets.

    Parameters
    ----------
    points : ndarray of shape (n, n_features)
    objects : ndarray of shape (n,), int64
        The object of each point, unique over sets; -1 is noise.
    kind : {"tree", "hops", "all"}

    Returns
    -------
    links : ndarray of shape (n_links, 2), int64
    """
    order = np.argsort(objects, kind="stable")
    order = order[objects[order] >= 0]
    starts = np.flatnonzero(np.diff(objects[order], prepend=-1))
    found = [np.empty((0, 2), dtype=np.int64)]
    for rows in np.split(order, starts[1:]) if len(order) else ():
        found.append(rows[object_links(points[rows], kind)])
    return np.concatenate(found)


def linked_cells(cells, links, n_cells, min_count=1):
    """Pairs of cells that linked points lie in.

    Parameters
    ----------
    cells : ndarray of shape (n,), int64
    links : ndarray of shape (n_links, 2), int64
    n_cells : int
    min_count : int, default=1
        Links that a pair of cells needs.

    Returns
    -------
    keys : ndarray of shape (n_pairs,), int64
        ``first * n_cells + second`` of each pair, in both directions, sorted.
    """
    first, second = cells[links].T if len(links) else np.empty((2, 0), dtype=np.int64)
    low, high = np.minimum(first, second), np.maximum(first, second)
    keys, counts = np.unique(low * n_cells + high, return_counts=True)
    keys = keys[counts >= min_count]
    return np.unique(np.concatenate([keys, (keys % n_cells) * n_cells + keys // n_cells]))


def edges_within_sets(cells, sets, keys, n_cells):
    """Pairs of points of one set whose cells are linked.

    Parameters
    ----------
    cells, sets : ndarray of shape (n,), int64
        The cell and the set of each point.
    keys : ndarray of shape (n_pairs,), int64
        As `linked_cells` gives them.
    n_cells : int

    Returns
    -------
    edges : ndarray of shape (n_edges, 2), int64
        In both directions, sorted by the first point and then by the second; none from a point to
        itself.
    """
    n = len(cells)
    # Each point looks up, for each partner of its cell, the points of its set in that cell.
    bounds = np.searchsorted(keys, np.arange(n_cells + 1) * n_cells)
    n_partners = bounds[cells + 1] - bounds[cells]
    point = np.repeat(np.arange(n), n_partners)
    partner = keys[_ranges(bounds[cells], n_partners)] % n_cells
    order = np.lexsort((cells, sets))
    places = sets[order] * n_cells + cells[order]
    wanted = sets[point] * n_cells + partner
    begin = np.searchsorted(places, wanted)
    n_found = np.searchsorted(places, wanted, side="right") - begin
    first = np.repeat(point, n_found)
    second = order[_ranges(begin, n_found)]
    kept = first != second
    first, second = first[kept], second[kept]
    sorting = np.lexsort((second, first))
    return np.stack([first[sorting], second[sorting]], axis=1)


def divided(points, links, held, n_cells=None, *, min_count=1, seed=0):
    """Voronoi cells of points, and which of them are linked.

    Parameters
    ----------
    points : ndarray of shape (n, n_features), float32
    links : ndarray of shape (n_links, 2), int64
    held : ndarray of shape (n,), bool
        Points from which nothing is learned but how many cells there may be.
    n_cells : int, optional
        By default the largest power of two that leaves the links of held-out points.
    min_count, seed : int

    Returns
    -------
    centers : ndarray of shape (n_cells, n_features)
    keys : ndarray of shape (n_pairs,), int64
        Linked cells, as `linked_cells` gives them.
    recall : float
        Share of the held-out links, or of all if none is, that are between linked cells.
    """
    rows = points[~held]
    known, new = links[~held[links[:, 0]]], links[held[links[:, 0]]]
    if not len(new):
        new = links

    def cells_of(number):
        centers, _ = kmeans(rows, number, n_init=1, max_iter=10, seed=seed)
        cells = nearest(points, centers)
        keys = linked_cells(cells, known, number, min_count)
        found = np.isin(cells[new[:, 0]] * number + cells[new[:, 1]], keys)
        return centers, keys, float(found.mean()) if len(new) else 1.0

    if n_cells is not None:
        return cells_of(min(n_cells, len(rows)))
    best, number = cells_of(1), 2
    while number <= min(MOST_CELLS, len(rows) // CELL_POINTS):
        finer = cells_of(number)
        if finer[2] < RECALL:
            break
        best, number = finer, 2 * number
    return best


def nearest(points, centers):
    """The nearest center of each point, the first of equally near ones."""
    rows = np.ascontiguousarray(points, dtype=centers.dtype)
    found = nearest_center(rows, np.ascontiguousarray(centers), effective_n_threads())
    return found.astype(np.int64)


def _ranges(starts, lengths):
    """The numbers from each start on, concatenated."""
    ends = np.cumsum(lengths)
    offsets = np.repeat(starts - (ends - lengths), lengths)
    return np.arange(ends[-1] if len(ends) else 0) + offsets
