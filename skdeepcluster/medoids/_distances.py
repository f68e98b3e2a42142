"""Sources of the distances of a swap search.

A source gives rows of distances, from chosen objects to all. A matrix has them all; the others
compute them block by block, in memory linear in the number of objects. A Euclidean source can also
give, instead of distances, cheap bounds of them that hold in a space of few dimensions.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
from scipy.spatial.distance import num_obs_y
from sklearn.metrics import euclidean_distances
from sklearn.utils.extmath import row_norms

from skdeepcluster._kernels import _medoids
from skdeepcluster.algorithms import kmeans
from skdeepcluster.algorithms.projections import cheapest_dimension, coordinates, leading_axes
from skdeepcluster.validation import check_distance_matrix, metric_distances

# Largest size of a block of rows: in bytes, and in rows, which a search evaluates together.
BLOCK_BYTES = 2**27
BLOCK_ROWS = 512
# Rows of a matrix product that one thread computes.
PRODUCT_ROWS = 128
# Rows of a matrix in memory cost nothing.
MATRIX_ROWS = 4096
# A distance whose square is below this fraction of the squared norms is computed from differences:
# the inner product has lost too many digits.
CANCELLATION = 1e-2


class Source:
    """Rows of distances among n objects."""

    # Whether all rows are in memory, so that copies are pointless.
    stored = False

    def __init__(self, n, dtype, n_threads):
        self.n = n
        self.dtype = np.dtype(dtype)
        self.n_threads = n_threads
        # How rows of candidates are encoded: features, norms, slack, squared; see the kernel.
        self.coding = np.empty((0, 0), dtype), np.empty(0, dtype), 0.0, False
        self.block_size = int(
            np.clip(BLOCK_BYTES // (n * self.dtype.itemsize), n_threads, BLOCK_ROWS)
        )

    def blocks(self, chosen):
        """Cut an array of objects into pieces whose rows fit into memory."""
        for begin in range(0, len(chosen), self.block_size):
            yield chosen[begin : begin + self.block_size]

    def rows(self, chosen):
        """Distances from chosen objects to all: an array, and where in it their rows are."""
        raise NotImplementedError

    def row(self, index):
        rows, at = self.rows(np.array([index]))
        return rows[at[0]]

    def between(self, chosen, others):
        """Distances from chosen objects to some others."""
        rows, at = self.rows(np.asarray(chosen))
        return rows[np.ix_(at, others)]

    def nearest(self, medoids):
        """Labels and distances of the nearest of some medoids, for all objects."""
        rows, at = self.rows(np.asarray(medoids))
        labels = rows[at].argmin(axis=0)
        return labels.astype(np.int32), rows[at[labels], np.arange(self.n)]

    def subset(self, chosen):
        """All distances among chosen objects."""
        return Matrix(np.ascontiguousarray(self.between(chosen, chosen)), self.n_threads)

    def prepare(self, medoids, depth):
        """Get ready for a search that starts at these medoids and keeps the `depth` nearest."""

    def candidates(self, chosen):
        """Distances from chosen objects to all, or lower bounds of them as `coding` says."""
        return self.rows(chosen)

    def bounds(self, near):
        """Thresholds for rows of candidates, to find the objects that are nearer than `near`."""
        return near


class Matrix(Source):
    """All distances in a full symmetric matrix, in memory or mapped from a file."""

    stored = True

    def __init__(self, D, n_threads):
        super().__init__(len(D), D.dtype, n_threads)
        self.block_size = MATRIX_ROWS
        self.D = D

    def rows(self, chosen):
        return self.D, chosen


class Condensed(Source):
    """The upper triangle of a matrix, as `scipy.spatial.distance.pdist` returns it."""

    def __init__(self, condensed, n_threads):
        super().__init__(num_obs_y(condensed), condensed.dtype, n_threads)
        self.condensed = condensed

    def rows(self, chosen):
        rows = np.empty((len(chosen), self.n), self.dtype)
        _medoids.condensed_rows(self.condensed, chosen, rows, self.n_threads)
        return rows, np.arange(len(chosen))

    def matrix(self):
        return Matrix(self.rows(np.arange(self.n))[0], self.n_threads)


class Metric(Source):
    """Distances by any metric of scikit-learn or the user, computed on demand."""

    def __init__(self, X, metric, metric_params, n_threads):
        super().__init__(X.shape[0], X.dtype, n_threads)
        self.X = X
        self.metric = metric
        self.metric_params = metric_params
        if callable(metric):
            # Only a few, as calls are slow; two arrays, since symmetry is assumed for one.
            few = np.linspace(0, self.n - 1, min(self.n, 32)).astype(np.intp)
            self._check_matrix(self._pairwise(self.X[few], self.X[few]))

    def _pairwise(self, X, Y):
        return metric_distances(
            X, Y, self.metric, self.metric_params, n_jobs=self.n_threads, dtype=self.dtype
        )

    def _check_matrix(self, D):
        check_distance_matrix(D, f"Distances by metric={self.metric!r}", n_threads=self.n_threads)
        return D

    def between(self, chosen, others):
        chosen, others = np.asarray(chosen), np.asarray(others)
        D = self._pairwise(self.X[chosen], self.X[others])
        # Rounding may leave a distance of an object to itself.
        D[chosen[:, np.newaxis] == others] = 0
        return D

    def rows(self, chosen):
        rows = self._pairwise(self.X[chosen], self.X)
        rows[np.arange(len(chosen)), chosen] = 0
        return rows, np.arange(len(chosen))

    def subset(self, chosen):
        return Matrix(self._check_matrix(self.between(chosen, chosen)), self.n_threads)

    def matrix(self):
        D = self._pairwise(self.X, self.X)
        np.fill_diagonal(D, 0)
        return Matrix(self._check_matrix(D), self.n_threads)


class Euclidean(Source):
    """Euclidean distances, squared or not, of the rows of X.

    A search needs to know a distance only if it is less than that of the object to the last of its
    nearest medoids. A lower bound sorts most of the others out; see `algorithms.projections`.
    """

    def __init__(self, X, squared, n_threads):
        super().__init__(len(X), X.dtype, n_threads)
        self.X = X
        self.squared = squared
        self.n_dimensions = None

    def between(self, chosen, others):
        return exact_euclidean(self.X[chosen], self.X[others], self.squared, self.n_threads)

    def rows(self, chosen):
        rows = exact_euclidean(self.X[chosen], self.X, self.squared, self.n_threads)
        return rows, np.arange(len(chosen))

    def nearest(self, medoids):
        return nearest_center(self.X, self.X[medoids], self.squared, self.n_threads)

    def subset(self, chosen):
        return Euclidean(self.X[chosen], self.squared, self.n_threads).matrix()

    def matrix(self):
        X = self.X - self.mean.astype(self.dtype)
        norms = row_norms(X, squared=True)
        D = np.empty((self.n, self.n), self.dtype)
        buffer = np.empty(self.block_size * self.n, self.dtype)
        for first in range(0, self.n, self.block_size):
            block = slice(first, first + self.block_size)
            shape = len(X[block]), self.n - first
            products = buffer[: shape[0] * shape[1]].reshape(shape)
            negated_products(X[block], X[first:], products, self.n_threads)
            _medoids.euclidean_from_products(
                self.X, first, products, norms, self.squared, CANCELLATION, self.n_threads
            )
            mirror(products[:, : shape[0]])
            D[block, first:] = products
            D[first:, block] = products.T
        return Matrix(D, self.n_threads)

    @cached_property
    def mean(self):
        return self.X.mean(axis=0, dtype=np.float64)

    @cached_property
    def sample(self):
        """A few rows, centered."""
        return self.X[np.linspace(0, self.n - 1, min(self.n, 2000)).astype(np.intp)] - self.mean

    @cached_property
    def axes(self):
        """Leading principal directions."""
        return leading_axes(self.sample)

    def prepare(self, medoids, depth):
        to_medoids = euclidean_distances(self.sample, self.X[medoids] - self.mean, squared=True)
        last = min(depth, len(medoids)) - 1
        reach = np.partition(to_medoids, last)[:, last]
        few = np.linspace(0, len(self.sample) - 1, 32).astype(np.intp)

        def share(n_dimensions):
            z = coordinates(self.sample, self.axes, n_dimensions)
            return np.mean(euclidean_distances(z[few], z, squared=True) < reach)

        n_dimensions = cheapest_dimension(self.axes, share)
        if n_dimensions == self.n_dimensions:
            return
        self.n_dimensions = n_dimensions
        self.coordinates = np.concatenate(
            [
                coordinates(self.X[block] - self.mean, self.axes, n_dimensions)
                for block in self.blocks(np.arange(self.n))
            ]
        ).astype(self.dtype, copy=False)
        # Room for the rounding of inner products, and of coordinates, in float32.
        slack = 2 * (self.coordinates.shape[1] + 16) * np.finfo(np.float32).eps
        self.coding = self.X, row_norms(self.coordinates, squared=True), slack, self.squared
        self.buffer = np.empty((self.block_size, self.n), self.dtype)

    def candidates(self, chosen):
        fits = len(chosen) <= len(self.buffer)
        rows = self.buffer[: len(chosen)] if fits else np.empty((len(chosen), self.n), self.dtype)
        negated_products(self.coordinates[chosen], self.coordinates, rows, self.n_threads)
        return rows, np.arange(len(chosen))

    def bounds(self, near):
        _, norms, slack, squared = self.coding
        bounds = np.empty_like(near)
        _medoids.reach_bounds(near, norms, slack, squared, bounds)
        return bounds


def mirror(D):
    """Make a square matrix symmetric by copying its upper triangle to the lower one.

    Libraries round the products (x, y) and (y, x) differently.
    """
    np.copyto(D, D.T, where=np.tri(len(D), k=-1, dtype=bool))


def negated_products(X, Y, out, n_threads):
    """Minus the inner products of the rows of X and of Y.

    Not by threads of BLAS, which keep spinning and slow the kernels' threads down. The result does
    not depend on their number.
    """

    def compute(begin):
        part = slice(begin, begin + PRODUCT_ROWS)
        np.matmul(-X[part], Y.T, out=out[part])

    begins = range(0, len(X), PRODUCT_ROWS)
    if len(begins) == 1:  # as in searches that need few rows at a time
        compute(0)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(compute, begins))


def exact_euclidean(X, Y, squared, n_threads):
    """Euclidean distances from differences of the features; 0 for identical rows."""
    out = np.empty((len(X), len(Y)), X.dtype)
    _medoids.euclidean(X, Y, squared, out, n_threads)
    return out


def nearest_center(X, centers, squared, n_threads):
    """Labels and Euclidean distances of the nearest centers."""
    centers = centers.astype(X.dtype, copy=False)
    labels, squares = kmeans.nearest_center(X, centers, n_threads, return_squares=True)
    return labels, squares if squared else np.sqrt(squares)
