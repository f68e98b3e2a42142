"""Hierarchies of HDBSCAN*: single linkage, condensed trees and the clusters chosen from them.

A linkage joins two nodes at a time. Merges at one lambda that meet are one merge of several parts:
no radius has what lies between them, and what does would follow from the order of the edges. A
dendrogram is laid out as its leaves in an order in which, at every merge, the points of larger
parts come before those of smaller ones. Then

- the points below any part are consecutive, and start where those of its largest part start;
- of n points each of the n - 1 boundaries between two neighbors is the one at which a part of one
  merge begins that is not its largest; `light` holds that part's size there and `height` the
  distance of the merge;
- the nodes along which a cluster keeps its identity while points fall out of it are found by
  hopping over `light`, and what falls out is a slice.

Condensing for some minimum size so touches the merges along large clusters only, and skips every
smaller subtree in one hop.

A point may weigh as much as several equal ones. Its copies are then one point, and `own` is the
distance at which they merge with each other; where the point joins others at that distance, its
copies are parts of size one.
"""

import numpy as np

from libc.math cimport INFINITY, NAN
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc, qsort

from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_parents,
    check_range,
    check_size,
)


cdef int check_linkage(const double[:, ::1] linkage) except -1:
    """Whether each merge joins two nodes that are there, and has their size; whole numbers all."""
    cdef int64_t n = linkage.shape[0] + 1, k, side, child
    cdef double size, node
    cdef bint good = True
    if linkage.shape[1] != 4:
        raise ValueError(f"a linkage has 4 columns, got {linkage.shape[1]}")
    if n >= 2**30:
        raise ValueError(f"a linkage has fewer than 2**30 merges, got {n - 1}")
    cdef uint8_t[::1] joined = np.zeros(2 * n - 1, np.uint8)
    with nogil:
        for k in range(n - 1):
            size = 0
            for side in range(2):
                node = linkage[k, side]
                if not 0 <= node < n + k:
                    good = False
                    break
                child = <int64_t> node
                good = good and child == node and not joined[child]
                joined[child] = True
                size += linkage[child - n, 3] if child >= n else 1
            good = good and linkage[k, 3] == size
            if not good:
                break
    if not good:
        raise ValueError(
            f"merge {k} of the linkage is none of two nodes that stand before it and are not yet "
            f"merged, or has not their size: {np.asarray(linkage[k])}"
        )
    return 0


cdef int64_t _find(int64_t[::1] parent, int64_t i) noexcept nogil:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


def spanning_forest(
    int64_t n, const int32_t[::1] source, const int32_t[::1] target, const int64_t[::1] order
):
    """Kruskal's algorithm: the places of the edges, tried in the given order, that join trees."""
    cdef int64_t e, k, a, b, found = 0
    check_at_least("n", n, 1)
    check_size("target", target.shape[0], source.shape[0])
    check_range("order", order, 0, source.shape[0])
    for k in range(order.shape[0]):
        e = order[k]
        if not (0 <= source[e] < n and 0 <= target[e] < n):
            raise ValueError(f"edge {e} joins {source[e]} and {target[e]}, of {n} nodes")
    cdef int64_t[::1] parent = np.arange(n)
    kept_ = np.empty(min(n - 1, order.shape[0]), np.int64)
    cdef int64_t[::1] kept = kept_
    with nogil:
        for k in range(order.shape[0]):
            e = order[k]
            a = _find(parent, source[e])
            b = _find(parent, target[e])
            if a != b:
                parent[a] = b
                kept[found] = e
                found += 1
                if found == n - 1:
                    break
    return kept_[:found]


def single_linkage(const int64_t[::1] source, const int64_t[::1] target, const double[::1] height):
    """Merges of a spanning tree whose edges increase, as a SciPy linkage matrix."""
    cdef int64_t n = source.shape[0] + 1, k, a = 0, b = 0
    check_size("target", target.shape[0], n - 1)
    check_size("height", height.shape[0], n - 1)
    check_range("source", source, 0, n)
    check_range("target", target, 0, n)
    linkage_ = np.empty((n - 1, 4))
    cdef double[:, ::1] linkage = linkage_
    # Of each point, then of each tree's root: a point above it, the node, its size.
    cdef int64_t[::1] parent = np.arange(n)
    cdef int64_t[::1] node = np.arange(n)
    cdef int64_t[::1] size = np.ones(n, np.int64)
    with nogil:
        for k in range(n - 1):
            a = _find(parent, source[k])
            b = _find(parent, target[k])
            if a == b:
                break
            linkage[k, 0] = <double> node[a]
            linkage[k, 1] = <double> node[b]
            linkage[k, 2] = height[k]
            if size[a] < size[b]:
                a, b = b, a
            parent[b] = a
            size[a] += size[b]
            node[a] = n + k
            linkage[k, 3] = <double> size[a]
    if n > 1 and a == b:
        raise ValueError(f"edge {k} closes a cycle: the edges are of no spanning tree")
    return linkage_


cdef struct Part:
    double mass
    int64_t size
    int64_t first
    int64_t node


cdef int _larger_first(const void *a, const void *b) noexcept nogil:
    """Order of the parts of a merge: the larger, then the one with the first point."""
    if (<Part *> a).mass != (<Part *> b).mass:
        return 1 if (<Part *> b).mass > (<Part *> a).mass else -1
    return 1 if (<Part *> a).first > (<Part *> b).first else -1


cdef class Dendrogram:
    """A linkage matrix laid out for condensing; see the module.

    Parameters
    ----------
    linkage : ndarray of shape (n - 1, 4), float64
    weight, own : ndarrays of shape (n,), float64, or None
        How many equal points each stands for, and the distance at which they merge. By default
        each stands for itself.

    Attributes
    ----------
    order : ndarray of shape (n,)
        Points, those of larger parts first.
    height, light, first : ndarray of shape (n,)
        At each boundary the distance of the merge, and the size and the first point of the part
        that begins there; entry 0 is not used.
    inverse : ndarray of shape (n,)
        The heights as lambda.
    max_lambda : float
        What stands for 1 / 0: twice the largest finite inverse distance.
    weight, own : ndarray of shape (n,) or None
        The weights, and as lambda when the copies of a point separate.
    """

    cdef readonly object order, height, light, first, inverse, weight, own
    cdef readonly double max_lambda

    def __init__(self, const double[:, ::1] linkage, weight=None, own=None):
        cdef int64_t n = linkage.shape[0] + 1, k, node, child, boundary
        cdef int64_t i, side, top, count
        check_linkage(linkage)
        heights = np.asarray(linkage)[:, 2]
        self.weight = self.own = None
        # By node: its mass.
        mass_ = np.ones(2 * n - 1)
        if weight is not None:
            self.weight = check_masses(weight, n)
            own = np.require(own, np.float64, "C")
            check_size("own", own.shape[0], n)
            heights = np.concatenate([heights, own[self.weight > 1]])
            mass_[:n] = self.weight
        least = heights.min(initial=np.inf, where=heights > 0)
        self.max_lambda = min(2 / least, 1e250) if least < np.inf else 1.0
        heights = heights[: n - 1]
        self.order = np.zeros(n, np.int64)
        self.height = np.full(n, np.inf)
        self.light = np.zeros(n, np.int32)
        self.first = np.zeros(n, np.int32)
        self.inverse = np.zeros(n)
        cdef int64_t[::1] order = self.order
        cdef double[::1] height = self.height, inverse = self.inverse
        cdef int32_t[::1] lights = self.light, firsts = self.first
        with np.errstate(divide="ignore"):
            lams_ = np.minimum(1 / heights, self.max_lambda)
            own_ = np.full(n, -1.0)
            if weight is not None:
                self.own = own_ = np.minimum(1 / own, self.max_lambda)
        cdef const double[::1] lams = lams_, own_lams = own_
        cdef double[::1] mass = mass_
        # By node: its first point, and its first place in the layout.
        cdef int32_t[::1] least_point = np.arange(2 * n - 1, dtype=np.int32)
        cdef int32_t[::1] start = np.zeros(2 * n - 1, np.int32)
        # By merge: whether it is within one of several parts.
        cdef uint8_t[::1] within = np.zeros(n, np.uint8)
        cdef int64_t[::1] stack = np.empty(n, np.int64)
        cdef Part *parts = <Part *> malloc(n * sizeof(Part))
        if parts == NULL:
            raise MemoryError()
        with nogil:
            for k in range(n - 1):
                least_point[n + k] = min(
                    least_point[<int64_t> linkage[k, 0]], least_point[<int64_t> linkage[k, 1]]
                )
                mass[n + k] = mass[<int64_t> linkage[k, 0]] + mass[<int64_t> linkage[k, 1]]
            for k in range(n - 2, -1, -1):
                if within[k]:
                    continue
                count = 0
                stack[0] = k
                top = 1
                while top > 0:
                    top -= 1
                    node = stack[top]
                    for side in range(2):
                        child = <int64_t> linkage[node, side]
                        if child >= n and lams[child - n] == lams[k]:
                            within[child - n] = True
                            stack[top] = child - n
                            top += 1
                        else:
                            parts[count].size = (
                                <int64_t> linkage[child - n, 3] if child >= n else 1
                            )
                            parts[count].mass = mass[child]
                            if child < n and own_lams[child] == lams[k]:
                                parts[count].mass = min(mass[child], 1)
                            parts[count].first = least_point[child]
                            parts[count].node = child
                            count += 1
                if count > 2:
                    qsort(parts, count, sizeof(Part), &_larger_first)
                elif _larger_first(&parts[0], &parts[1]) > 0:
                    parts[0], parts[1] = parts[1], parts[0]
                boundary = start[n + k]
                for i in range(count):
                    node = parts[i].node
                    start[node] = <int32_t> boundary
                    if node < n:
                        order[boundary] = node
                    if i > 0:
                        height[boundary] = linkage[k, 2]
                        inverse[boundary] = lams[k]
                        lights[boundary] = <int32_t> parts[i].size
                        firsts[boundary] = <int32_t> parts[i].first
                    boundary += parts[i].size
        free(parts)

    def __reduce__(self):
        state = self.order, self.height, self.light, self.first, self.inverse, self.max_lambda
        return _restore, state if self.weight is None else (*state, (self.weight, self.own))

    def condense(self, double min_cluster_size):
        """The hierarchy of clusters of at least a size, or a weight.

        They are numbered level by level from the root, and within a level by their first points.

        Returns
        -------
        clusters : dict of ndarrays of shape (n_clusters,)
            ``parent`` (-1 for the root), ``birth`` and ``death`` (lambda at which a cluster begins,
            and the largest at which it loses points), ``size``, ``stability``.
        member, leave : ndarrays of shape (n,)
            The cluster that each point falls out of, and when; in the order of the layout.
        """
        cdef int64_t n = self.order.shape[0], top = 0, n_clusters = 1, capacity, i
        cdef int64_t p, s, c, parent, path, end
        cdef int32_t least
        cdef double lam, birth, heavy, light, fallen, enough
        cdef bint weighted = self.weight is not None
        cdef const int64_t[::1] order = self.order
        cdef const int32_t[::1] lights = self.light, firsts = self.first
        cdef const double[::1] inverse = self.inverse
        # A single point never falls out of a cluster of its own.
        if not weighted:
            check_at_least("min_cluster_size", <int64_t> min_cluster_size, 2)
        # Of fewer points nothing splits, and all fall out of the root at its merge.
        enough = min(min_cluster_size, <double> n)
        capacity = 2 * (n // <int64_t> enough) + 1
        # Masses before each place, and as lambda when the copies at it separate.
        before_ = np.empty(0)
        own_ = np.empty(0)
        if weighted:
            before_ = np.concatenate([[0], np.cumsum(self.weight[self.order])])
            own_ = self.own[self.order]
            # Sums of weights are rounded.
            enough = min(min_cluster_size, before_[n]) * (1 - 1e-9)
            capacity = 2 * n + 1
        cdef const double[::1] mass = before_, own = own_
        parent_ = np.empty(capacity, np.int64)
        birth_ = np.empty(capacity)
        death_ = np.zeros(capacity)
        size_ = np.empty(capacity, np.int64)
        mass_ = np.empty(capacity)
        stability_ = np.zeros(capacity)
        depth_ = np.empty(capacity, np.int64)
        first_ = np.empty(capacity, np.int64)
        cdef int64_t[::1] parents = parent_, sizes = size_, depths = depth_, first_points = first_
        cdef double[::1] births = birth_, deaths = death_, stabilities = stability_
        cdef double[::1] masses = mass_
        cdef int64_t[::1] starts = np.empty(capacity, np.int64)
        cdef int64_t[::1] stack = np.empty(capacity, np.int64)
        # Boundaries of a cluster's nodes, and the first points of what lies before them.
        cdef int32_t[::1] boundaries = np.empty(n, np.int32), before = np.empty(n, np.int32)
        member_ = np.zeros(n, np.int32)
        leave_ = np.zeros(n)
        cdef int32_t[::1] member = member_
        cdef double[::1] leave = leave_
        with nogil:
            parents[0] = -1
            births[0] = 0
            sizes[0] = n
            starts[0] = depths[0] = first_points[0] = 0
            if n == 1:
                member[0] = 0
                leave[0] = 0
            else:
                stack[0] = 0
                top = 1
            while top > 0:
                top -= 1
                c = stack[top]
                s = starts[c]
                # The boundaries of this cluster's nodes that are large enough, upwards.
                path = 0
                p = s + 1
                least = <int32_t> order[s]
                while p < s + sizes[c]:
                    if _mass(mass, weighted, s, p + lights[p]) >= enough:
                        boundaries[path] = <int32_t> p
                        before[path] = least
                        path += 1
                    least = min(least, firsts[p])
                    p += lights[p]
                end = s + sizes[c]
                masses[c] = _mass(mass, weighted, s, end)
                birth = lam = births[c]
                # How many points have gone at this lambda: one sum for all parts of a merge.
                fallen = 0
                while path > 0:
                    path -= 1
                    p = boundaries[path]
                    light = _part(mass, own, weighted, p, lights[p], inverse[p], enough)
                    heavy = _mass(mass, weighted, s, p)
                    if inverse[p] != lam:
                        stabilities[c] += (lam - birth) * fallen
                        fallen = 0
                        lam = inverse[p]
                    deaths[c] = lam
                    if light >= enough:
                        # So are all parts of this merge that come before.
                        end = p + lights[p]
                        light = _mass(mass, weighted, p, end)
                        stabilities[c] += (lam - birth) * (fallen + heavy + light)
                        parent = c
                        c = n_clusters
                        while True:
                            n_clusters += 1
                            starts[n_clusters] = p
                            sizes[n_clusters] = lights[p]
                            first_points[n_clusters] = firsts[p]
                            stack[top] = n_clusters
                            top += 1
                            if path == 0 or inverse[boundaries[path - 1]] != lam:
                                break
                            # Not where a stored hierarchy joined two parts at a time.
                            p = boundaries[path - 1]
                            light = _part(mass, own, weighted, p, lights[p], lam, enough)
                            p = boundaries[path]
                            if light < enough:
                                break
                            path -= 1
                            p = boundaries[path]
                        starts[c] = s
                        sizes[c] = p - s
                        masses[c] = _mass(mass, weighted, s, p)
                        end = p
                        first_points[c] = before[path]
                        n_clusters += 1
                        for i in range(c, n_clusters):
                            parents[i] = parent
                            births[i] = lam
                            depths[i] = depths[parent] + 1
                        birth = lam
                        fallen = 0
                    elif heavy >= enough:
                        fallen += _mass(mass, weighted, p, p + lights[p])
                        end = p
                        for i in range(p, p + lights[p]):
                            member[i] = <int32_t> c
                            leave[i] = lam
                    else:
                        light = _mass(mass, weighted, p, p + lights[p])
                        stabilities[c] += (lam - birth) * (fallen + heavy + light)
                        for i in range(s, p + lights[p]):
                            member[i] = <int32_t> c
                            leave[i] = lam
                        break
                else:
                    if not weighted:
                        continue
                    # The copies of one point are left, until they separate.
                    if own[s] != lam:
                        stabilities[c] += (lam - birth) * fallen
                        fallen = 0
                        lam = max(own[s], lam)
                    deaths[c] = lam
                    stabilities[c] += (lam - birth) * (fallen + _mass(mass, weighted, s, end))
                    for i in range(s, end):
                        member[i] = <int32_t> c
                        leave[i] = lam

        old = np.lexsort((first_[:n_clusters], depth_[:n_clusters]))
        new_ = np.empty(n_clusters, np.int32)
        new_[old] = np.arange(n_clusters, dtype=np.int32)
        parent_ = parent_[old]
        parent_[1:] = new_[parent_[1:]]
        clusters = {
            "parent": parent_,
            "birth": birth_[old],
            "death": death_[old],
            "size": (mass_ if weighted else size_)[old],
            "stability": stability_[old],
        }
        cdef int32_t[::1] new = new_
        with nogil:
            for i in range(n):
                member[i] = new[member[i]]
        return clusters, member_, leave_


cdef double _mass(
    const double[::1] before, bint weighted, int64_t start, int64_t end
) noexcept nogil:
    """That of the places from `start` to `end`."""
    return before[end] - before[start] if weighted else <double> (end - start)


cdef double _part(
    const double[::1] before,
    const double[::1] own,
    bint weighted,
    int64_t p,
    int64_t light,
    double lam,
    double enough,
) noexcept nogil:
    """The mass of the part that begins at `p`; too little if it is copies that separate here."""
    cdef double mass = _mass(before, weighted, p, p + light)
    if weighted and light == 1 and own[p] == lam and mass >= enough:
        return min(1.0, enough / 2)
    return mass


def check_masses(weight, n):
    """Weights as float64; positive and finite."""
    weight = np.require(weight, np.float64, "C")
    check_size("weight", weight.shape[0], n)
    if weight.ndim != 1 or not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError("weights must be finite and not negative")
    return weight


cdef int check_layout(const int32_t[::1] light, bint by_size) except -1:
    """Whether larger sides come first and sides lie within each other: what `condense` goes by."""
    cdef int64_t n = light.shape[0], p, top = 0
    cdef int64_t[::1] starts = np.zeros(n, np.int64)
    cdef int64_t[::1] ends = np.full(n, n, np.int64)
    for p in range(1, n):
        while p == ends[top]:
            top -= 1
        if not (
            1 <= light[p] <= ends[top] - p and (not by_size or light[p] <= p - starts[top])
        ):
            raise ValueError(f"the side that begins at place {p} has {light[p]} points")
        top += 1
        starts[top], ends[top] = p, p + light[p]
    return 0


def _restore(order, height, light, *state):
    """The dendrogram of a pickle, of which nothing is taken on trust."""
    cdef Dendrogram self = Dendrogram.__new__(Dendrogram)
    dtypes = np.int64, np.float64, np.int32, np.int32, np.float64
    weight = own = None
    try:
        if isinstance(state[len(state) - 1], tuple):
            *state, (weight, own) = state
        if len(state) == 3:
            first, inverse, max_lambda = state
        else:  # of version 0.1.0.dev0
            inverse, max_lambda, *_ = state
            first = np.array([order[p : p + light[p]].min(initial=0) for p in range(len(order))])
            first = first.astype(np.int32)
        arrays = [np.require(array, None, "CA") for array in (order, height, light, first, inverse)]
        order, height, light, first, inverse = arrays
        if any(array.dtype != dtype for array, dtype in zip(arrays, dtypes, strict=True)):
            raise ValueError("an array has another dtype")
        if order.ndim != 1 or not len(order) or any(a.shape != order.shape for a in arrays):
            raise ValueError("the arrays do not belong to the same number of points")
        if not np.array_equal(np.sort(order), np.arange(len(order))):
            raise ValueError("the points are no permutation")
        check_layout(light, weight is None)
        if weight is not None:
            weight, own = check_masses(weight, len(order)), np.require(own, np.float64, "CA")
            check_size("own", own.shape[0], len(order))
        self.max_lambda = max_lambda
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"corrupt or truncated state of a Dendrogram: {error}") from error
    self.order, self.height, self.light, self.first = order, height, light, first
    self.inverse = inverse
    self.weight, self.own = weight, own
    return self


def select(
    const int64_t[::1] parent,
    const double[::1] birth,
    const double[::1] size,
    const double[::1] stability,
    bint leaves,
    double epsilon,
    double max_size,
    bint with_root,
    double max_epsilon=INFINITY,
):
    """Mark the clusters of a condensed tree that make the flat clustering.

    Either the leaves, or the disjoint clusters of greatest total stability, of those that are at
    most as large as `max_size` and born at a distance of at most `max_epsilon`; then those born below
    the distance `epsilon` give way to their first ancestor born above it. Clusters stand after
    their parents.

    Returns
    -------
    selected : ndarray of shape (n_clusters,), bool
    label : ndarray of shape (n_clusters,)
        The flat cluster that each is part of, or -1.
    """
    cdef int64_t n = parent.shape[0], c, a, first = 0 if with_root and not leaves else 1
    check_parents(parent)
    check_size("birth", birth.shape[0], n)
    check_size("size", size.shape[0], n)
    check_size("stability", stability.shape[0], n)
    selected_ = np.zeros(n, np.uint8)
    cdef uint8_t[::1] selected = selected_
    cdef uint8_t[::1] inner = np.zeros(n, np.uint8)
    cdef uint8_t[::1] covered = np.zeros(n, np.uint8)
    cdef double[::1] below = np.zeros(n)
    cdef double value
    label_ = np.full(n, -1, np.int64)
    cdef int64_t[::1] label = label_
    cdef int64_t count = 0
    with nogil:
        for c in range(1, n):
            inner[parent[c]] = True
        for c in range(n - 1, first - 1, -1):
            if leaves:
                selected[c] = not inner[c]
                continue
            value = stability[c]
            if below[c] > value or size[c] > max_size or birth[c] * max_epsilon < 1:
                value = below[c]
            else:
                selected[c] = True
            if c > 0:
                below[parent[c]] += value
        _drop_nested(parent, selected, covered)
        if epsilon > 0 and not selected[0]:
            for c in range(1, n):
                if selected[c] and birth[c] * epsilon > 1:
                    selected[c] = False
                    a = c
                    while parent[a] != 0 and birth[parent[a]] * epsilon >= 1:
                        a = parent[a]
                    if parent[a] != 0 or with_root:
                        a = parent[a]
                    selected[a] = True
            _drop_nested(parent, selected, covered)
        for c in range(n):
            if selected[c]:
                label[c] = count
                count += 1
            elif c > 0:
                label[c] = label[parent[c]]
    return selected_.view(bool), label_


cdef void _drop_nested(
    const int64_t[::1] parent, uint8_t[::1] selected, uint8_t[::1] covered
) noexcept nogil:
    """Unmark every cluster below a marked one."""
    cdef int64_t c, a
    cdef int64_t n = parent.shape[0]
    covered[0] = selected[0]
    for c in range(1, n):
        a = parent[c]
        if covered[a]:
            selected[c] = False
        covered[c] = covered[a] or selected[c]


def assign(
    const int32_t[::1] member,
    const double[::1] leave,
    const int64_t[::1] order,
    const int64_t[::1] label,
    const double[::1] death,
    double least_lambda,
    int64_t n_labels,
):
    """Labels of points, the strengths of their membership and the sizes of the flat clusters.

    `member` and `leave` say where and when the points `order` leave the condensed tree; `label` and
    `death` give for each of its clusters the flat cluster that it is part of (or -1) and the lambda
    at which that one is densest. Points that leave before `least_lambda` are noise.
    """
    cdef int64_t n = member.shape[0], i, c, k
    cdef double strength
    check_size("leave", leave.shape[0], n)
    check_size("order", order.shape[0], n)
    check_size("death", death.shape[0], label.shape[0])
    check_range("member", member, 0, label.shape[0])
    check_range("order", order, 0, n)
    check_range("label", label, -1, n_labels)
    labels_ = np.empty(n, np.int64)
    strengths_ = np.empty(n)
    sizes_ = np.zeros(n_labels, np.int64)
    cdef int64_t[::1] labels = labels_, sizes = sizes_
    cdef double[::1] strengths = strengths_
    with nogil:
        for i in range(n):
            c = member[i]
            k = label[c] if leave[i] >= least_lambda else -1
            strength = 0
            if k >= 0:
                sizes[k] += 1
                strength = leave[i] / death[c] if leave[i] < death[c] else 1
            labels[order[i]] = k
            strengths[order[i]] = strength
    return labels_, strengths_, sizes_


def attach(
    const int64_t[::1] neighbor,
    const double[::1] query_lambda,
    const int32_t[::1] point_cluster,
    const double[::1] point_lambda,
    const int64_t[::1] parent,
    const double[::1] birth,
):
    """The condensed cluster that a new point joins through its nearest point at some lambda."""
    cdef int64_t n = neighbor.shape[0], i, c
    check_size("query_lambda", query_lambda.shape[0], n)
    check_size("point_lambda", point_lambda.shape[0], point_cluster.shape[0])
    check_size("birth", birth.shape[0], parent.shape[0])
    check_range("neighbor", neighbor, 0, point_cluster.shape[0])
    check_range("point_cluster", point_cluster, 0, parent.shape[0])
    check_parents(parent)
    cluster_ = np.empty(n, np.int32)
    cdef int32_t[::1] cluster = cluster_
    with nogil:
        for i in range(n):
            c = point_cluster[neighbor[i]]
            if query_lambda[i] < point_lambda[neighbor[i]]:
                while c > 0 and birth[c] >= query_lambda[i]:
                    c = parent[c]
            cluster[i] = <int32_t> c
    return cluster_


def cut(const double[:, ::1] linkage, double distance, int64_t min_cluster_size):
    """Components of the dendrogram below a distance; -1 for those smaller than a size.

    Numbered by their first point.
    """
    cdef int64_t n = linkage.shape[0] + 1, i, k, root
    check_linkage(linkage)
    cdef int64_t[::1] parent = np.arange(2 * n - 1)
    cdef int64_t[::1] size = np.ones(2 * n - 1, np.int64)
    cdef int64_t[::1] name = np.full(2 * n - 1, -1, np.int64)
    cdef int64_t count = 0
    labels_ = np.full(n, -1, np.int64)
    cdef int64_t[::1] labels = labels_
    with nogil:
        for k in range(n - 1):
            if linkage[k, 2] > distance:
                break
            parent[<int64_t> linkage[k, 0]] = n + k
            parent[<int64_t> linkage[k, 1]] = n + k
            size[n + k] = <int64_t> linkage[k, 3]
        for i in range(n):
            root = _find(parent, i)
            if size[root] < min_cluster_size:
                continue
            if name[root] < 0:
                name[root] = count
                count += 1
            labels[i] = name[root]
    return labels_


def spread_labels(
    const int64_t[::1] source, const int64_t[::1] target, const int64_t[::1] labels
):
    """Labels of points that have none, along the edges of a spanning tree, which increase.

    A point takes the label of the first labeled one on its way, along which the longest edge is
    the shortest possible.

    Returns
    -------
    labels : ndarray of shape (n,)
    edge : ndarray of shape (n,)
        The edge that joins each point to a labeled one; -1 for those that had a label.
    """
    cdef int64_t n = labels.shape[0], k, a, b, ra, rb, i
    check_size("target", target.shape[0], source.shape[0])
    check_range("source", source, 0, n)
    check_range("target", target, 0, n)
    labels_ = np.array(labels)
    edge_ = np.full(n, -1, np.int64)
    cdef int64_t[::1] found = labels_, edge = edge_
    cdef int64_t[::1] parent = np.arange(n)
    # Of each root: whether its points have labels; and of each point the next of its component.
    cdef uint8_t[::1] known = (np.asarray(labels) >= 0).astype(np.uint8)
    cdef int64_t[::1] following = np.arange(n)
    cdef int64_t[::1] size = np.ones(n, np.int64)
    with nogil:
        for k in range(source.shape[0]):
            a = source[k]
            b = target[k]
            ra = _find(parent, a)
            rb = _find(parent, b)
            if ra == rb:
                continue
            if known[ra] != known[rb]:
                if known[rb]:
                    a, b = b, a
                i = b
                while True:
                    found[i] = found[a]
                    edge[i] = k
                    i = following[i]
                    if i == b:
                        break
            if size[ra] < size[rb]:
                ra, rb = rb, ra
            parent[rb] = ra
            size[ra] += size[rb]
            known[ra] = known[ra] or known[rb]
            following[ra], following[rb] = following[rb], following[ra]
    return labels_, edge_


def subtree_death(const int64_t[::1] parent, const double[::1] death):
    """The largest lambda at or below each cluster."""
    cdef int64_t c
    check_parents(parent)
    check_size("death", death.shape[0], parent.shape[0])
    deepest_ = np.array(death)
    cdef double[::1] deepest = deepest_
    for c in range(parent.shape[0] - 1, 0, -1):
        deepest[parent[c]] = max(deepest[parent[c]], deepest[c])
    return deepest_


def merge_lambdas(const int64_t[::1] parent, const double[::1] birth, const int64_t[::1] chosen):
    """Lambda at which each cluster and each chosen one part; NaN where one lies in the other."""
    cdef int64_t n = parent.shape[0], m = chosen.shape[0], c, k
    check_parents(parent)
    check_size("birth", birth.shape[0], n)
    check_range("chosen", chosen, 0, n)
    result_ = np.empty((n, m))
    cdef double[:, ::1] result = result_
    cdef uint8_t[::1] above = np.empty(n, np.uint8)
    with nogil:
        for k in range(m):
            for c in range(n):
                above[c] = False
            c = chosen[k]
            while c >= 0:
                above[c] = True
                c = parent[c]
            for c in range(n):
                if above[c] or parent[c] == chosen[k]:
                    result[c, k] = NAN
                elif above[parent[c]]:
                    result[c, k] = birth[c]
                else:
                    result[c, k] = result[parent[c], k]
    return result_
