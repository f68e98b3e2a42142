"""Approximate nearest neighbors of all rows, the same for any number of threads."""

import numpy as np

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_range,
    check_shape,
    check_size,
    check_threads,
)


cdef extern from "_neighbor_descent.h" nogil:
    enum:
        LANES
    ctypedef struct neighbor_lists:
        Py_ssize_t k
        float *distances
        int32_t *indices
        uint8_t *fresh
        uint8_t *locks
    ctypedef struct placed:
        float place
        int32_t row
    uint64_t hash_bits(uint64_t x)
    float distance_of(const float *a, const float *b, Py_ssize_t n_features)
    void offer(neighbor_lists lists, int32_t row, int32_t other, float distance)
    void join(const float *X, Py_ssize_t n_features, const int32_t *members, Py_ssize_t n_new,
              Py_ssize_t n_members, float *rows, neighbor_lists lists)
    Py_ssize_t candidates(neighbor_lists lists, const int64_t *starts, const int32_t *reverse,
                          const uint8_t *reverse_fresh, int32_t row, uint64_t seed,
                          Py_ssize_t n_most, uint32_t *priorities, int32_t *members,
                          Py_ssize_t *n_new)
    void compare(const float *X, Py_ssize_t n, const float *queries, Py_ssize_t begin,
                 Py_ssize_t end, Py_ssize_t n_features, int others, neighbor_lists lists)
    void halve(const float *X, Py_ssize_t n_features, placed *items, Py_ssize_t n,
               Py_ssize_t leaf_size, uint64_t seed, float *direction)
    void distances_to_float(const float *X, Py_ssize_t n_features, const float *x,
                            const int32_t *others, Py_ssize_t n, float *out)
    void distances_to_double(const double *X, Py_ssize_t n_features, const double *x,
                             const int32_t *others, Py_ssize_t n, double *out)

cdef enum:
    QUERIES = 16    # that a row meets while it is in the first cache

# Rows that are padded by zeros to a multiple of so many features.
PADDED_TO = LANES


def check_padded(const float[:, ::1] X):
    """Rows whose width is a multiple of `PADDED_TO`, as many as there are indices for."""
    if X.shape[1] % LANES or not X.shape[1]:
        raise ValueError(f"X has {X.shape[1]} columns, expected a multiple of {LANES}")
    check_at_least("the number of rows", X.shape[0], 2)
    if X.shape[0] >= 2**31 - 1:
        raise ValueError(f"X has {X.shape[0]} rows, more than are supported")


def random_trees(const float[:, ::1] X, int n_trees, Py_ssize_t leaf_size, uint64_t seed,
                 int n_threads):
    """The order of rows along the leaves of random trees, each of which halves them by hyperplanes.

    Parameters
    ----------
    X : (n, n_features) array, n_features a multiple of PADDED_TO
    n_trees : int
    leaf_size : int
        The most rows of a leaf, at least 2. Leaves are what is left when the first n // 2 of n rows
        are separated from the others until there are not more than so many.
    seed : int
    n_threads : int

    Returns
    -------
    order : (n_trees, n) array of int32
    """
    check_padded(X)
    check_at_least("n_trees", n_trees, 1)
    check_at_least("leaf_size", leaf_size, 2)
    n_threads = min(check_threads(n_threads), n_trees)
    cdef Py_ssize_t n = X.shape[0], n_features = X.shape[1], i
    order = np.empty((n_trees, n), np.int32)
    cdef int32_t[:, ::1] out = order
    cdef int tree
    # Of each thread.
    cdef int64_t[:, ::1] places = np.empty((n_threads, n), np.int64)
    cdef float[:, ::1] directions = np.empty((n_threads, n_features), np.float32)
    cdef placed *items
    for tree in prange(n_trees, nogil=True, num_threads=n_threads, schedule="dynamic",
                       chunksize=1):
        items = <placed *> &places[threadid(), 0]
        for i in range(n):
            items[i].row = <int32_t> i
        halve(&X[0, 0], n_features, items, n, leaf_size, hash_bits(seed + tree),
              &directions[threadid(), 0])
        for i in range(n):
            out[tree, i] = items[i].row
    return order


cdef class Descent:
    """Lists of the nearest neighbors known so far.

    Parameters
    ----------
    X : (n, n_features) array, n_features a multiple of PADDED_TO
    n_neighbors : int
        From 1 to n - 1.
    n_threads : int
        It does not change the result.
    """

    cdef const float[:, ::1] X
    cdef readonly object distances, indices
    cdef float[:, ::1] _distances
    cdef int32_t[:, ::1] _indices
    cdef uint8_t[:, ::1] _fresh
    cdef uint8_t[::1] _locks
    cdef neighbor_lists lists
    cdef int n_threads

    def __init__(self, const float[:, ::1] X, Py_ssize_t n_neighbors, int n_threads):
        check_padded(X)
        check_at_least("n_neighbors", n_neighbors, 1)
        check_at_least("n - n_neighbors", X.shape[0] - n_neighbors, 1)
        self.n_threads = check_threads(n_threads)
        self.X = X
        shape = X.shape[0], n_neighbors
        self.distances = np.full(shape, INFINITY, np.float32)
        self.indices = np.full(shape, np.iinfo(np.int32).max, np.int32)
        self._distances, self._indices = self.distances, self.indices
        self._fresh = np.zeros(shape, np.uint8)
        self._locks = np.zeros(X.shape[0], np.uint8)
        self.lists.k = n_neighbors
        self.lists.distances = &self._distances[0, 0]
        self.lists.indices = &self._indices[0, 0]
        self.lists.fresh = &self._fresh[0, 0]
        self.lists.locks = &self._locks[0]

    def join_leaves(self, const int32_t[::1] order, const int64_t[::1] starts):
        """Offer to each other all rows of each leaf.

        Parameters
        ----------
        order : (n,) array
            Rows, leaf after leaf.
        starts : (n_leaves + 1,) array
            Where leaves begin, and the last one ends.
        """
        cdef Py_ssize_t n_leaves = starts.shape[0] - 1, leaf, largest = 0, n_features
        n_features = self.X.shape[1]
        check_range("order", order, 0, self.X.shape[0])
        check_at_least("the number of leaves", n_leaves, 1)
        check_range("starts", starts, 0, order.shape[0] + 1)
        for leaf in range(n_leaves):
            check_at_least("the size of a leaf", starts[leaf + 1] - starts[leaf], 0)
            largest = max(largest, starts[leaf + 1] - starts[leaf])
        # Of each thread.
        cdef float[:, ::1] rows = np.empty((self.n_threads, largest * n_features), np.float32)
        for leaf in prange(n_leaves, nogil=True, num_threads=self.n_threads, schedule="dynamic",
                           chunksize=4):
            join(&self.X[0, 0], n_features, &order[0] + starts[leaf],
                 starts[leaf + 1] - starts[leaf], starts[leaf + 1] - starts[leaf],
                 &rows[threadid(), 0], self.lists)

    def fill(self, uint64_t seed):
        """Offer random rows to those that have fewer neighbors than they should."""
        cdef Py_ssize_t n = self.X.shape[0], k = self.lists.k, row, i, tries
        cdef int32_t other
        for row in prange(n, nogil=True, num_threads=self.n_threads, schedule="static"):
            for tries in range(20 * k):
                if self._distances[row, 0] < INFINITY:
                    break
                other = <int32_t> (hash_bits(seed ^ hash_bits(row * 20 * k + tries)) % <uint64_t> n)
                if other != row:
                    offer(self.lists, <int32_t> row, other, distance_of(
                        &self.X[row, 0], &self.X[other, 0], self.X.shape[1]))
            # Rows one after the other, where chance has not found enough of a few.
            for i in range(1, n):
                if self._distances[row, 0] < INFINITY:
                    break
                other = <int32_t> ((row + i) % n)
                offer(self.lists, <int32_t> row, other, distance_of(
                    &self.X[row, 0], &self.X[other, 0], self.X.shape[1]))

    def descend(self, Py_ssize_t n_candidates, uint64_t seed):
        """Offer to each other neighbors and rows that have a row for a neighbor.

        Parameters
        ----------
        n_candidates : int
            How many that came in the last pass, and of others, each row brings together.
        seed : int
            Another one in each pass.

        Returns
        -------
        n_fresh : int
            How many neighbors came in this pass.
        """
        check_at_least("n_candidates", n_candidates, 1)
        cdef Py_ssize_t n = self.X.shape[0], k = self.lists.k, row, i, n_features = self.X.shape[1]
        cdef Py_ssize_t n_members, n_new, n_fresh = 0
        cdef int32_t other
        cdef int64_t[::1] starts = np.zeros(n + 2, np.int64)
        cdef int32_t[::1] reverse = np.empty(n * k, np.int32)
        cdef uint8_t[::1] reverse_fresh = np.empty(n * k, np.uint8)
        cdef int32_t[:, ::1] members = np.empty((n, 2 * n_candidates), np.int32)
        cdef int32_t[:, ::1] sizes = np.empty((n, 2), np.int32)
        # Of each thread.
        cdef uint32_t[:, ::1] priorities = np.empty((self.n_threads, 2 * n_candidates), np.uint32)
        cdef float[:, ::1] rows
        rows = np.empty((self.n_threads, 2 * n_candidates * n_features), np.float32)
        with nogil:
            # Rows by their neighbors, in the order of the rows. While it is filled, a start is one
            # place ahead.
            for row in range(n):
                for i in range(k):
                    other = self._indices[row, i]
                    if other < n:
                        starts[other + 2] += 1
            for row in range(n + 1):
                starts[row + 1] += starts[row]
            for row in range(n):
                for i in range(k):
                    other = self._indices[row, i]
                    if other < n:
                        reverse[starts[other + 1]] = <int32_t> row
                        reverse_fresh[starts[other + 1]] = self._fresh[row, i]
                        starts[other + 1] += 1
        for row in prange(n, nogil=True, num_threads=self.n_threads, schedule="static"):
            n_new = 0
            n_members = candidates(
                self.lists, &starts[0], &reverse[0], &reverse_fresh[0], <int32_t> row, seed,
                n_candidates, &priorities[threadid(), 0], &members[row, 0], &n_new)
            sizes[row, 0] = <int32_t> n_new
            sizes[row, 1] = <int32_t> n_members
        # All have chosen: what had its turn is not fresh any more.
        for row in prange(n, nogil=True, num_threads=self.n_threads, schedule="static"):
            for i in range(k):
                if self._fresh[row, i]:
                    for n_new in range(sizes[row, 0]):
                        if members[row, n_new] == self._indices[row, i]:
                            self._fresh[row, i] = 0
                            break
        for row in prange(n, nogil=True, num_threads=self.n_threads, schedule="dynamic",
                          chunksize=64):
            join(&self.X[0, 0], n_features, &members[row, 0], sizes[row, 0], sizes[row, 1],
                 &rows[threadid(), 0], self.lists)
        with nogil:
            for row in range(n):
                for i in range(k):
                    n_fresh += self._fresh[row, i]
        return n_fresh


def nearest_in(const float[:, ::1] X, const float[:, ::1] queries, Py_ssize_t n_neighbors,
               bint others, int n_threads):
    """The nearest rows of each query, by all distances.

    Parameters
    ----------
    X : (n, n_features) array, n_features a multiple of PADDED_TO
    queries : (n_queries, n_features) array
    n_neighbors : int
        At most n, or n - 1.
    others : bool
        Whether queries are the rows of X themselves, which are no neighbors of their own.
    n_threads : int

    Returns
    -------
    indices : (n_queries, n_neighbors) array of int32
        In no particular order.
    """
    cdef Py_ssize_t n = X.shape[0], n_features = X.shape[1], n_queries = queries.shape[0]
    cdef Py_ssize_t begin, first, row, query, task, n_tasks = (n_queries + QUERIES - 1) // QUERIES
    cdef neighbor_lists lists
    check_padded(X)
    check_size("the features of queries", queries.shape[1], n_features)
    check_at_least("n_neighbors", n_neighbors, 1)
    check_at_least("n - n_neighbors", n - n_neighbors, 1 if others else 0)
    if others:
        check_size("queries", n_queries, n)
    n_threads = check_threads(n_threads)
    shape = n_queries, n_neighbors
    indices = np.full(shape, np.iinfo(np.int32).max, np.int32)
    if not n_queries:
        return indices
    cdef int32_t[:, ::1] values = indices
    cdef float[:, ::1] distances = np.full(shape, INFINITY, np.float32)
    cdef uint8_t[:, ::1] fresh = np.zeros(shape, np.uint8)
    cdef uint8_t[::1] locks = np.zeros(n_queries, np.uint8)
    lists.k = n_neighbors
    lists.distances, lists.indices = &distances[0, 0], &values[0, 0]
    lists.fresh, lists.locks = &fresh[0, 0], &locks[0]
    for task in prange(n_tasks, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1):
        begin = task * QUERIES
        compare(&X[0, 0], n, &queries[0, 0], begin, min(n_queries, begin + QUERIES), n_features,
                others, lists)
    return indices


def rank(const floating[:, ::1] X, const floating[:, ::1] queries,
         const int32_t[:, ::1] candidates, Py_ssize_t n_neighbors, int n_threads):
    """The nearest of some candidates by all features.

    Parameters
    ----------
    X : (n, n_features) array
    queries : (n_queries, n_features) array
    candidates : (n_queries, n_candidates) array
        Rows of X, different ones for each query.
    n_neighbors : int
        At most n_candidates.
    n_threads : int

    Returns
    -------
    distances : (n_queries, n_neighbors) array of X's dtype
        Squared, increasing; of equal ones the first index first.
    indices : (n_queries, n_neighbors) array of int32
    """
    cdef Py_ssize_t n = queries.shape[0], n_candidates = candidates.shape[1], row, i, place
    check_size("candidates", candidates.shape[0], n)
    check_size("the features of queries", queries.shape[1], X.shape[1])
    check_at_least("n_neighbors", n_neighbors, 1)
    check_at_least("n_candidates - n_neighbors", n_candidates - n_neighbors, 0)
    cdef const int32_t[::1] flat = np.asarray(candidates).reshape(-1)
    check_range("candidates", flat, 0, X.shape[0])
    n_threads = check_threads(n_threads)
    dtype = np.float32 if floating is float else np.float64
    if not n:
        return np.empty((0, n_neighbors), dtype), np.empty((0, n_neighbors), np.int32)
    squares, indices = np.empty((n, n_neighbors), dtype), np.empty((n, n_neighbors), np.int32)
    cdef floating[:, ::1] out = squares
    cdef int32_t[:, ::1] nearest = indices
    # Of each thread.
    cdef floating[:, ::1] squares_found = np.empty((n_threads, n_candidates), dtype)
    cdef floating *found
    cdef floating square
    cdef int32_t other
    for row in prange(n, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=64):
        found = &squares_found[threadid(), 0]
        if floating is float:
            distances_to_float(&X[0, 0], X.shape[1], &queries[row, 0], &candidates[row, 0],
                               n_candidates, found)
        else:
            distances_to_double(&X[0, 0], X.shape[1], &queries[row, 0], &candidates[row, 0],
                                n_candidates, found)
        for i in range(n_candidates):
            square = found[i]
            other = candidates[row, i]
            place = min(i, n_neighbors)
            while place > 0 and (
                out[row, place - 1] > square
                or (out[row, place - 1] == square and nearest[row, place - 1] > other)
            ):
                if place < n_neighbors:
                    out[row, place] = out[row, place - 1]
                    nearest[row, place] = nearest[row, place - 1]
                place = place - 1
            if place < n_neighbors:
                out[row, place] = square
                nearest[row, place] = other
    return squares, indices
