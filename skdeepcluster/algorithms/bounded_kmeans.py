"""K-means with many clusters, of rows in memory or on disk, by bounds of few dimensions.

For few clusters of an embedding in memory, `kmeans` is faster; see there.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import numpy as np
from sklearn import get_config
from sklearn.utils import assert_all_finite
from sklearn.utils.extmath import row_norms

from skdeepcluster._kernels import _kmeans
from skdeepcluster.algorithms.kmeans import move_to_means
from skdeepcluster.algorithms.projections import cheapest_dimension, coordinates, leading_axes
from skdeepcluster.validation import FLOATS, dtype_in_range, unit_rows
from skdeepcluster.validation._inputs import is_on_disk

# Bytes read from a file at once.
READ_BYTES = 2**26
# Bounds held at once, and centers they are computed for at once.
N_BOUNDS = 2**18
N_CENTERS = 4096
# Rows by which the dimensions of bounds are chosen.
SAMPLE_ROWS = 2000
# Multiplications in a pass over all rows and centers above which choosing dimensions pays.
WORTH_A_CHOICE = 2**30
# Seeds are chosen among at least so many rows, and at least so many per seed.
MIN_SEED_ROWS = 10_000
SEED_ROWS = 10


def ranges(n, size):
    size = max(1, int(size))
    return (slice(begin, min(begin + size, n)) for begin in range(0, n, size))


def room():
    """Bytes of working memory."""
    return get_config()["working_memory"] * 2**20


class Rows:
    """Rows of an array, read in blocks, and bounds of their inner products with centers.

    See `projections`. Where few dimensions are of no help, all features are multiplied.
    """

    def __init__(self, X, n_threads, *, unit=False, index=None, scale=0.0):
        self.X, self.n_threads, self.unit, self.index = X, n_threads, unit, index
        self.shape = (len(X) if index is None else len(index)), X.shape[1]
        self.dtype = X.dtype if X.dtype in FLOATS else np.dtype(np.float64)
        self.n_dimensions = self.stored = None
        self.on_disk = is_on_disk(X)
        if not self.on_disk:
            self.X = self._checked(X)
        self._check_range(scale)
        every = max(1, self.shape[0] // SAMPLE_ROWS)
        sample = self.take(slice(None, None, every))
        self.shift = sample.mean(axis=0, dtype=np.float64).astype(self.dtype)
        self.sample = sample - self.shift
        # Relative rounding error of inner products.
        self.slack = (self.shape[1] + 16) * np.finfo(self.dtype).eps
        self.use_dimensions(self.shape[1])

    # ---------------------------------------------------------------- reading

    def _checked(self, rows):
        """Contiguous rows in the type of the computation, scaled to unit length with `unit`."""
        rows = np.ascontiguousarray(rows, self.dtype)
        return unit_rows(rows) if self.unit else rows

    def take(self, index):
        """Some rows, in memory unless they are a range of an array."""
        if self.on_disk:
            chosen = index if self.index is None else self.index[index]
            return self._checked(self.X[chosen])
        return self.X[index]

    def subset(self, index):
        """A subset of the rows, which stays on disk if it does not fit into working memory."""
        if self.on_disk and len(index) * self.shape[1] * self.dtype.itemsize > room():
            chosen = index if self.index is None else self.index[index]
            return Rows(self.X, self.n_threads, unit=self.unit, index=chosen)
        return Rows(self.take(index), self.n_threads, unit=self.unit)

    def blocks(self):
        """Pairs of a range of rows and the rows."""
        size = self.shape[0]
        if self.on_disk:
            size = READ_BYTES // (self.shape[1] * self.dtype.itemsize)
        return ((block, self.take(block)) for block in ranges(self.shape[0], size))

    def _check_range(self, largest):
        for _, rows in self.blocks():
            extremes = np.abs([rows.min(), rows.max()])
            if not np.isfinite(extremes).all():
                assert_all_finite(rows, input_name="X")
            largest = max(largest, *extremes.astype(np.float64))
        dtype = dtype_in_range(self.dtype, largest, self.shape[1])
        if dtype != self.dtype:
            self.dtype = dtype
            self.X = self.X if self.on_disk else self._checked(self.X)

    # ---------------------------------------------------------------- bounds

    @cached_property
    def axes(self):
        """Leading directions; none where few dimensions cannot save much."""
        return leading_axes(self.sample)

    def use_dimensions(self, n_dimensions):
        if n_dimensions != self.n_dimensions:
            self.n_dimensions = n_dimensions
            self.stored = None

    def choose_dimensions(self, centers):
        """Choose the number of dimensions that leaves least work with these centers."""
        if self.shape[0] * centers.size < WORTH_A_CHOICE:
            return self.use_dimensions(self.shape[1])
        few = self.sample[:: max(1, len(self.sample) // 128)]
        C = (centers - self.shift)[:N_CENTERS]
        inner = few @ C.T
        halves = row_norms(C, squared=True) / 2
        near = (halves - inner).min(axis=1, keepdims=True)

        def share(m):
            y, z = self._leading(few, m), self._leading(C, m)
            return np.mean(halves - y @ z.T <= near)

        self.use_dimensions(cheapest_dimension(self.axes, share))

    def _leading(self, centered, m):
        return coordinates(centered, self.axes, m, self.slack)

    def coordinates(self, rows, block=None):
        """Coordinates of rows and their squared norms."""
        if block is not None and self.stored is not None:
            return self.stored[0][block], self.stored[1][block]
        centered = rows - self.shift
        return self._leading(centered, self.n_dimensions), row_norms(centered, squared=True)

    def store_coordinates(self):
        """Cache the coordinates of all rows if they have few dimensions and fit into memory."""
        n, m = self.shape[0], self.n_dimensions
        if self.stored is not None or m == self.shape[1]:
            return
        if self.on_disk and n * (m + 2) * self.dtype.itemsize > room():
            return
        stored = np.empty((n, m + 1), self.dtype), np.empty(n, self.dtype)

        def work(whole, rows, blocks):
            for block in blocks:
                where = slice(whole.start + block.start, whole.start + block.stop)
                stored[0][where], stored[1][where] = self.coordinates(rows[block])

        for whole, rows in self.blocks():
            self._in_threads(partial(work, whole, rows), ranges(len(rows), 1024))
        self.stored = stored

    # ---------------------------------------------------------------- k-means

    def nearest(self, centers, labels, distances, sums=None):
        """Update the nearest center of each row, starting from the known one, if any.

        With `sums`, the rows of each center are added to it, and their numbers returned.
        """
        centers = np.ascontiguousarray(centers, self.dtype)
        parts = [
            (part.start, np.negative(z), -norms / 2, np.sqrt(norms.max()))
            for part in ranges(len(centers), N_CENTERS)
            for z, norms in [self.coordinates(centers[part])]
        ]
        size = max(1, N_BOUNDS // min(N_CENTERS, len(centers)))
        counts = 0

        def work(whole, rows, blocks):
            """Label blocks of the rows in `whole` until none is left."""
            buffer = np.empty(size * min(N_CENTERS, len(centers)), self.dtype)
            for block in blocks:
                x = rows[block]
                where = slice(whole.start + block.start, whole.start + block.stop)
                y, norms = self.coordinates(x, where)
                for first, z, bounds, longest in parts:
                    products = buffer[: len(x) * len(z)].reshape(len(x), len(z))
                    np.matmul(y, z.T, out=products)
                    _kmeans.nearest_center(
                        x, centers, first, products, bounds, self._margins(norms, longest),
                        labels[where], distances[where], first == 0,
                    )  # fmt: skip

        for whole, rows in self.blocks():
            self._in_threads(partial(work, whole, rows), ranges(len(rows), size))
            if sums is not None:
                counts = counts + _kmeans.sum_by_label(rows, labels[whole], sums, self.n_threads)
        return counts

    def _in_threads(self, work, blocks):
        """Let threads take blocks from a list until all are done.

        Not OpenMP threads: they and those of matrix products would wait for each other.
        """
        blocks = iter(list(blocks))
        if self.n_threads == 1:
            return work(blocks)
        with ThreadPoolExecutor(self.n_threads) as pool:
            list(pool.map(work, [blocks] * self.n_threads))

    def _margins(self, norms, longest):
        return (self.slack * np.square(np.sqrt(norms) + longest) - norms / 2).astype(self.dtype)


def seeds(rows, k, rng):
    """Rows drawn one by one, each the best of a few drawn by their squared distance (k-means++).

    Large data is subsampled.
    """
    n, size = rows.shape[0], max(MIN_SEED_ROWS, SEED_ROWS * k)
    X = rows.take(np.sort(rng.choice(n, size, replace=False)) if size < n else slice(None))
    rows.choose_dimensions(X[rng.choice(len(X), k, replace=False)])
    y, norms = rows.coordinates(X)
    margins = rows._margins(norms, np.sqrt(norms.max()))
    near = np.full(len(X), np.finfo(rows.dtype).max, rows.dtype)
    chosen = np.empty(k, np.intp)
    n_trials = 2 + int(np.log(k))

    def gains(candidates, bounds, update):
        return _kmeans.gains_of_candidates(
            X, X[candidates], np.matmul(-y[candidates], y.T), -norms[candidates] / 2, bounds, near,
            update,
        )  # fmt: skip

    for i in range(k):
        bounds = near / 2 + margins
        if i == 0:
            best = rng.integers(len(X), size=1)
        else:
            total = np.cumsum(near, dtype=np.float64)
            candidates = np.searchsorted(total, rng.random(n_trials) * total[-1], side="right")
            candidates = np.minimum(candidates, len(X) - 1)
            best = candidates[[np.argmax(gains(candidates, bounds, False))]]
        gains(best, bounds, True)
        chosen[i] = best[0]
    return X[chosen]


def fill_empty(rows, centers, labels, distances):
    """Move each center without rows to one of the rows farthest from their own centers.

    No cluster loses its last row: some stay empty only where all other rows are copies.

    Parameters
    ----------
    rows : Rows
    centers : (k, d) array
    labels : (n,) array of int32
        Output: also of the rows that are centers now.
    distances : (n,) array
        Squared, to the centers that the labels say. Output likewise.

    Returns
    -------
    centers : (k, d) array
    moved : array of int
        The rows that are centers now.
    left : array of int32
        Their clusters before.
    """
    counts = np.bincount(labels, minlength=len(centers))
    empty = np.flatnonzero(counts == 0)
    moved = []
    for row in np.argsort(-distances, kind="stable") if len(empty) else ():
        if len(moved) == len(empty) or distances[row] == 0:
            break
        if counts[labels[row]] > 1:
            counts[labels[row]] -= 1
            moved.append(row)
    moved = np.sort(np.array(moved, np.intp))
    left = labels[moved]
    if len(moved):
        centers = centers.copy()
        labels[moved], distances[moved] = empty[: len(moved)], 0
        centers[labels[moved]] = rows.take(moved)
    return centers, moved, left


def settle(rows, centers, labels, distances):
    """Label rows by fixed centers, of which only empty ones move; return the centers."""
    rows.nearest(centers, labels, distances)
    while True:
        centers, moved, _ = fill_empty(rows, centers, labels, distances)
        if not len(moved):
            return centers
        # Others may lose their rows now; but each time more rows are centers.
        rows.nearest(centers, labels, distances)


def lloyd(rows, centers, max_iter, tol, on_pass=None):
    """Move centers to the means of their rows until convergence; empty ones to the farthest rows.

    Returns centers, labels, squared distances and the number of passes.
    """
    n = rows.shape[0]
    labels = np.full(n, -1, np.int32)
    distances = np.empty(n, rows.dtype)
    centers = np.ascontiguousarray(centers, rows.dtype)
    tol = tol * rows.sample.var(axis=0, dtype=np.float64).mean()
    for n_iter in range(1, max_iter + 1):
        before = labels.copy()
        if n_iter in (1, 2, 4):
            rows.choose_dimensions(centers)
            rows.store_coordinates()
        sums = np.zeros(centers.shape)
        counts = rows.nearest(centers, labels, distances, sums)
        if np.array_equal(labels, before):
            return centers, labels, distances, n_iter
        centers, filled, left = fill_empty(rows, centers, labels, distances)
        if len(filled):
            some = rows.take(filled).astype(np.float64)
            np.subtract.at(sums, left, some)
            sums[labels[filled]] = some
            counts = np.bincount(labels, minlength=len(centers))
        centers, movement = move_to_means(centers, sums, counts, rows.dtype, unit=rows.unit)
        stop = on_pass is not None and on_pass(centers)
        if movement <= tol or stop:
            break
    centers = settle(rows, centers, labels, distances)
    return centers, labels, distances, n_iter
