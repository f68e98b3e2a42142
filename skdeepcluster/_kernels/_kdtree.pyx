"""KD tree with threaded nearest-neighbour search; see ``_kdtree.h`` for its layout."""

import numpy as np

from cython cimport floating
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc

from skdeepcluster._kernels._checks cimport check_at_least, check_threads

METRICS = ("euclidean", "manhattan", "chebyshev")

cdef void _fill(
    const floating *X, kd_tree *tree, const kd_item *items, int32_t leaf, int64_t[::1] index
) noexcept nogil:
    """Copy the rows of a leaf, feature after feature, and bound them."""
    cdef int64_t first = <int64_t> leaf * KD_LANES, row
    cdef int32_t d = tree.d, f, lane
    cdef floating x
    cdef floating *block = <floating *> tree.points + first * d
    cdef floating *box = <floating *> tree.boxes + <int64_t> tree.leaf_node[leaf] * 2 * d
    for f in range(d):
        box[f] = <floating> INFINITY
        box[d + f] = <floating> -INFINITY
    for lane in range(KD_LANES):
        if first + lane >= tree.n:
            for f in range(d):
                block[f * KD_LANES + lane] = <floating> INFINITY
            continue
        row = items[first + lane].row
        index[first + lane] = row
        for f in range(d):
            x = X[row * d + f]
            block[f * KD_LANES + lane] = x
            box[f] = min(box[f], x)
            box[d + f] = max(box[d + f], x)


cdef int _build(
    const floating[:, ::1] X,
    kd_tree *tree,
    int64_t[::1] index,
    const int32_t[::1] first_leaf,
    const int32_t[::1] last_leaf,
    int n_threads,
) except -1 nogil:
    cdef kd_item *items = <kd_item *> malloc(tree.n * sizeof(kd_item))
    cdef int64_t i
    cdef int32_t t, node, f, d = tree.d
    cdef floating *boxes = <floating *> tree.boxes
    cdef floating *box
    cdef const floating *left
    cdef const floating *right
    if items == NULL:
        raise MemoryError()
    for i in range(tree.n):
        items[i].row = i
    with parallel(num_threads=n_threads):
        # One thread makes the tasks, the others take theirs at the end of the region.
        if threadid() == 0:
            if floating is double:
                kd_split_euclidean_64(&X[0, 0], tree, items, 0, &first_leaf[0], &last_leaf[0])
            else:
                kd_split_euclidean_32(&X[0, 0], tree, items, 0, &first_leaf[0], &last_leaf[0])
    for t in prange(tree.n_leaves, schedule="static", num_threads=n_threads):
        _fill(&X[0, 0], tree, items, t, index)
    for node in range(tree.n_nodes - 1, -1, -1):
        if tree.left[node] >= 0:
            box = boxes + <int64_t> node * 2 * d
            left = boxes + <int64_t> tree.left[node] * 2 * d
            right = boxes + <int64_t> tree.right[node] * 2 * d
            for f in range(d):
                box[f] = min(left[f], right[f])
                box[d + f] = max(left[d + f], right[d + f])
    free(items)
    return 0


cdef class KDTree:
    """Balanced KD tree over the rows of a matrix.

    Parameters
    ----------
    X : C-contiguous ndarray of shape (n, d), float32 or float64
    metric : {"euclidean", "manhattan", "chebyshev"}
    n_threads : int

    Attributes
    ----------
    index : ndarray of shape (n,)
        The row of ``X`` at each position of the tree.
    """

    def __init__(self, X, str metric="euclidean", int n_threads=1):
        cdef const double[:, ::1] X64
        cdef const float[:, ::1] X32
        # A view of an array has its dtype, dimensions and layout checked.
        X = np.asarray(X)
        if X.dtype == np.float32:
            X32 = X
        else:
            X64 = X
        n_threads = check_threads(n_threads)
        self._lay_out(X.shape[0], X.shape[1], X.dtype, metric)
        points = aligned_empty(self.c.n_leaves * KD_LANES * <int64_t> self.c.d, X.dtype)
        boxes = np.empty((self.c.n_nodes, 2, self.c.d), X.dtype)
        first_leaf, last_leaf = self._take(points, boxes, np.empty(self.c.n, np.int64))
        if self.single:
            _build[float](X32, &self.c, self.index, first_leaf, last_leaf, n_threads)
        else:
            _build[double](X64, &self.c, self.index, first_leaf, last_leaf, n_threads)

    cdef _lay_out(self, int64_t n, int64_t d, dtype, str metric):
        """What the number of rows and features decides."""
        check_at_least("the number of rows", n, 1)
        check_at_least("the number of features", d, 1)
        if max(n, d) >= 2**31 - KD_LANES:
            raise ValueError(f"the tree holds fewer than 2**31 rows and features, got {(n, d)}")
        if metric not in METRICS:
            raise ValueError(f"metric must be one of {METRICS}, got {metric!r}")
        self.arrays = None  # those of a tree that is built anew do not fit
        self.dtype = np.dtype(dtype)
        self.single = self.dtype == np.float32
        self.metric = metric
        self.metric_code = METRICS.index(metric)
        self.c.n = n
        self.c.d = <int32_t> d
        self.c.n_leaves = <int32_t> ((n + KD_LANES - 1) // KD_LANES)
        self.c.n_nodes = 2 * self.c.n_leaves - 1

    cdef _take(self, points, boxes, index):
        """Hold the arrays and let the C structure point into them."""
        left, right, parent, first_leaf, last_leaf, leaf_node = self._shape()
        self.c.left = <int32_t *> <size_t> left.ctypes.data
        self.c.right = <int32_t *> <size_t> right.ctypes.data
        self.c.parent = <int32_t *> <size_t> parent.ctypes.data
        self.c.leaf_node = <int32_t *> <size_t> leaf_node.ctypes.data
        self.c.points = <void *> <size_t> points.ctypes.data
        self.c.boxes = <void *> <size_t> boxes.ctypes.data
        self.index = index
        self.arrays = {
            "points": points, "boxes": boxes, "left": left, "right": right,
            "parent": parent, "leaf_node": leaf_node,
        }
        return first_leaf, last_leaf

    cdef int check_built(self) except -1:
        if self.arrays is None:
            raise ValueError("the tree has not been built")
        return 0

    cdef int check_queries(self, KDTree queries) except -1:
        """Raw rows of the one are compared with those of the other."""
        self.check_built()
        queries.check_built()
        if queries.dtype != self.dtype or queries.c.d != self.c.d or queries.metric != self.metric:
            raise ValueError(
                f"queries of dtype {queries.dtype}, {queries.c.d} features and "
                f"metric={queries.metric!r} do not fit a tree of dtype {self.dtype}, "
                f"{self.c.d} features and metric={self.metric!r}"
            )
        return 0

    def _shape(self):
        """Number the nodes in preorder; each inner node halves its leaves."""
        cdef int32_t n_nodes = self.c.n_nodes, node, middle
        left_ = np.full(n_nodes, -1, np.int32)
        right_ = np.empty(n_nodes, np.int32)
        parent_ = np.full(n_nodes, -1, np.int32)
        first_ = np.empty(n_nodes, np.int32)
        last_ = np.empty(n_nodes, np.int32)
        leaf_node_ = np.empty(self.c.n_leaves, np.int32)
        cdef int32_t[::1] left = left_, right = right_, parent = parent_, first = first_
        cdef int32_t[::1] last = last_, leaf_node = leaf_node_
        first[0] = 0
        last[0] = self.c.n_leaves
        for node in range(n_nodes):
            if last[node] - first[node] == 1:
                right[node] = first[node]
                leaf_node[first[node]] = node
                continue
            middle = (first[node] + last[node]) // 2
            left[node] = node + 1
            right[node] = node + 2 * (middle - first[node])
            parent[left[node]] = parent[right[node]] = node
            first[left[node]] = first[node]
            last[left[node]] = first[right[node]] = middle
            last[right[node]] = last[node]
        return left_, right_, parent_, first_, last_, leaf_node_

    def __reduce__(self):
        self.check_built()
        # How nodes are linked follows from the number of rows.
        arrays = {name: np.array(self.arrays[name]) for name in ("points", "boxes")}
        return _restore, (self.c.n, self.c.d, self.single, self.metric, self.index, arrays)

    @property
    def n_padded(self):
        """Positions of all leaves, those of the last one's padding included."""
        self.check_built()
        return self.c.n_leaves * KD_LANES

    def knn(self, int k, int n_threads=1, KDTree queries=None):
        """The k nearest points of every point, itself included.

        Parameters
        ----------
        k : int
            At most n.
        n_threads : int
        queries : KDTree or None
            Look for neighbours of these points, of the same dtype, features and metric; None: of
            the tree's own.

        Returns
        -------
        distances : ndarray of shape (n_queries, k)
            Reduced distances, increasing, one row per query position.
        positions : ndarray of shape (n_queries, k), int32
        reach : ndarray of shape (n_queries,)
            Every point that is not listed is farther than this.
        """
        cdef KDTree source = self if queries is None else queries
        cdef bint own = queries is None
        self.check_queries(source)
        n_threads = check_threads(n_threads)
        if not 1 <= k <= self.c.n:
            raise ValueError(f"k must be from 1 to {self.c.n}, the number of rows, got {k}")
        cdef int64_t n = source.c.n, first, item = source.dtype.itemsize
        cdef int32_t leaf, m
        distances_ = np.empty((n, k), self.dtype)
        positions_ = np.empty((n, k), np.int32)
        reach_ = np.empty(n, self.dtype)
        cdef int32_t[:, ::1] positions = positions_
        cdef char *distances = <char *> <size_t> distances_.ctypes.data
        cdef char *reach = <char *> <size_t> reach_.ctypes.data
        cdef char *points = <char *> source.c.points
        cdef char *boxes = <char *> source.c.boxes
        cdef kd_knn_function search = kd_knn[self.single][self.metric_code]
        with nogil:
            for leaf in prange(
                source.c.n_leaves, schedule="dynamic", chunksize=4, num_threads=n_threads
            ):
                first = <int64_t> leaf * KD_LANES
                m = <int32_t> min(KD_LANES, n - first)
                search(
                    &self.c,
                    points + first * source.c.d * item,
                    boxes + <int64_t> source.c.leaf_node[leaf] * 2 * source.c.d * item,
                    m,
                    leaf if own else -1,
                    k,
                    distances + first * k * item,
                    &positions[first, 0],
                    reach + first * item,
                )
        return distances_, positions_, reach_


def reduced_distances(X, Y, str metric, int n_threads=1):
    """Reduced distances of all pairs of rows, to the last bit those that a tree computes.

    Parameters
    ----------
    X : ndarray of shape (m, d), float32 or float64
    Y : ndarray of shape (n, d), of the same dtype
    metric : {"euclidean", "manhattan", "chebyshev"}
    n_threads : int

    Returns
    -------
    distances : ndarray of shape (m, n)
    """
    X, Y = np.asarray(X), np.asarray(Y)
    n_threads = check_threads(n_threads)
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {METRICS}, got {metric!r}")
    if X.ndim != 2 or Y.ndim != 2 or X.shape[1] != Y.shape[1]:
        raise ValueError(f"rows of the same length are needed, got {X.shape} and {Y.shape}")
    if X.dtype != Y.dtype or X.dtype not in (np.float32, np.float64):
        raise ValueError(f"rows must be float32 or float64 alike, got {X.dtype} and {Y.dtype}")
    queries_, points_ = _leaves(X), _leaves(Y)
    distances_ = np.empty((X.shape[0], Y.shape[0]), X.dtype)
    cdef int64_t m = X.shape[0], n = Y.shape[0], item = X.dtype.itemsize, first
    cdef int64_t n_leaves = (m + KD_LANES - 1) // KD_LANES, leaf
    cdef int32_t d = X.shape[1]
    cdef char *queries = <char *> <size_t> queries_.ctypes.data
    cdef char *points = <char *> <size_t> points_.ctypes.data
    cdef char *distances = <char *> <size_t> distances_.ctypes.data
    cdef kd_distances_function compute = kd_distances[X.dtype == np.float32][METRICS.index(metric)]
    for leaf in prange(n_leaves, schedule="static", num_threads=n_threads, nogil=True):
        first = leaf * KD_LANES
        compute(
            queries + first * d * item, <int> min(KD_LANES, m - first), points, n, d,
            distances + first * n * item,
        )
    return distances_


def _leaves(X):
    """Rows in their own order, laid out as the leaves of a tree."""
    n, d = X.shape
    rows = np.zeros((-(-n // KD_LANES) * KD_LANES, d), X.dtype)
    rows[:n] = X
    leaves = aligned_empty(rows.size, X.dtype).reshape(-1, d, KD_LANES)
    leaves[:] = rows.reshape(-1, KD_LANES, d).transpose(0, 2, 1)
    return leaves


def aligned_empty(size, dtype):
    """Empty vector that begins at a cache line."""
    dtype = np.dtype(dtype)
    buffer = np.empty(size + 64 // dtype.itemsize, dtype)
    skip = (-buffer.ctypes.data % 64) // dtype.itemsize
    return buffer[skip : skip + size]


def _restore(n, d, single, metric, index, arrays):
    """The tree of a pickle, of which nothing is taken on trust."""
    cdef KDTree tree = KDTree.__new__(KDTree)
    dtype = np.dtype(np.float32 if single else np.float64)
    try:
        tree._lay_out(n, d, dtype, metric)
        stored = np.asarray(arrays["points"])
        boxes = np.require(arrays["boxes"], None, "CA")
        index = np.require(index, None, "CA")
        size = tree.c.n_leaves * KD_LANES * <int64_t> tree.c.d
        if stored.shape != (size,) or boxes.shape != (tree.c.n_nodes, 2, d) or index.shape != (n,):
            raise ValueError("an array has another shape")
        if stored.dtype != dtype or boxes.dtype != dtype or index.dtype != np.int64:
            raise ValueError("an array has another dtype")
        if not np.array_equal(np.sort(index), np.arange(n)):
            raise ValueError("the rows are no permutation")
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"corrupt or truncated state of a KDTree: {error}") from error
    points = aligned_empty(size, dtype)
    points[:] = stored
    tree._take(points, boxes, index)
    return tree
