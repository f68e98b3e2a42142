"""Coordinate descent of k-means with pairs: labels for fixed centers, centers for fixed labels."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from skdeepcluster._kernels._pair_sweeps import sweep
from skdeepcluster._kernels._sizes import bounded_assignment
from skdeepcluster.algorithms.feasible_labels import feasible_labels
from skdeepcluster.algorithms.known_kmeans import (
    best_start,
    drawn_centers,
    means_of,
    moved_from_empty,
    squared_distances,
    squared_norms,
    variance_of,
)
from skdeepcluster.algorithms.learned_metric import PRIOR, LearnedMetric

# Sweeps of rows in a pass; the next pass goes on where they end.
_SWEEPS = 20
# Metrics that are learned one after the other, at most.
_METRICS = 20


@dataclass
class Found:
    """What a start has found."""

    objective: float
    labels: np.ndarray
    centers: np.ndarray
    n_iter: int
    metric: object = None


class Soft:
    """Pairs have a price.

    Parameters
    ----------
    X : {array, sparse matrix} of shape (n, d), float64
    n_clusters : int
    fixed : array of shape (n,), int32
        Known clusters, -1 for none.
    pairs : RowPairs
    price : float
        Of a violated pair, in units of the variance.
    """

    def __init__(self, X, n_clusters, fixed, pairs, price):
        self.X, self.k, self.fixed, self.pairs = X, n_clusters, fixed, pairs
        self.norms = squared_norms(X)
        self.variance = variance_of(X, self.norms)
        self.free = np.flatnonzero(fixed < 0)
        weights = np.concatenate([pairs.must_weight, pairs.cannot_weight])
        self.price = price * self.variance * weights
        self.indptr, self.partners, index = pairs.graph()
        self.index = index
        self.cannot = (index >= len(pairs.must)).astype(np.uint8)
        self.rows, self.weights = X, None

    def n_starts(self, n_init):
        """How many starts there are: the best of those without pairs, and that of the groups."""
        self.n_init = n_init
        return 2 if n_init > 1 and len(self.pairs.must) else 1

    def _known_centers(self):
        n_known = self.fixed.max(initial=-1) + 1
        return means_of(self.X, self.fixed, n_known) if n_known else np.empty((0, self.X.shape[1]))

    def start(self, number, rng):
        """Initial centers: k-means without pairs, groups of must-links, or rows drawn."""
        known = self._known_centers()
        if number == 0:
            return self._without_pairs(known, rng)
        components = self.pairs.components
        sizes = np.bincount(components)
        groups = np.flatnonzero(sizes > 1)
        if number == 1 and len(groups) and len(known) < self.k:
            groups = groups[np.argsort(-sizes[groups], kind="stable")]
            number_of = np.full(len(sizes), -1)
            number_of[groups] = np.arange(len(groups))
            member = number_of[components]
            means = means_of(self.X, member, len(groups))
            room = min(self.k - len(known), len(groups))
            known = drawn_centers(means, known, room, rng, weights=sizes[groups])
        return drawn_centers(self.X, known, self.k - len(known), rng, norms=self.norms)

    def _without_pairs(self, known, rng):
        """Centers of the best of some runs of k-means, in which known rows stay."""
        tol = 1e-4 * self.variance / max(1, self.X.shape[1])
        return best_start(self.X, known, self.fixed, self.k, self.n_init, rng, tol)

    def costs(self, centers):
        """Of each row in each cluster, without pairs."""
        return squared_distances(self.rows, centers, self.norms)

    def penalties(self):
        return self.price[self.index][:, np.newaxis]

    def first_labels(self, costs):
        return np.where(self.fixed >= 0, self.fixed, costs.argmin(axis=1)).astype(np.int32)

    def assign(self, costs, labels):
        """Labels of lower objective."""
        sweep(
            costs, self.indptr, self.partners, self.cannot, self.penalties(), self.free, labels,
            _SWEEPS,
        )  # fmt: skip
        return labels

    def objective(self, costs, labels):
        apart, together = self.pairs.violated(labels)
        own = costs[np.arange(len(labels)), labels].sum()
        return own + self.price @ np.concatenate([apart, together])

    def update(self, centers, labels):
        return means_of(self.rows, labels, self.k, self.weights, empty=centers)

    def run(self, centers, max_iter, tol):
        """Descend from initial centers."""
        tol = tol * self.variance / max(1, self.X.shape[1])
        costs = self.costs(centers)
        labels = self.first_labels(costs)
        n_iter = 0
        while n_iter < max_iter:
            n_iter += 1
            labels = self.assign(costs, labels)
            own = costs[np.arange(len(labels)), labels]
            movable = np.zeros(len(labels), dtype=bool)
            movable[self.free] = True
            moved = self.update(centers, labels)
            moved = moved_from_empty(self.rows, moved, labels, own, movable)
            movement = np.square(moved - centers).sum()
            centers = moved
            costs = self.costs(centers)
            if movement <= tol:
                break
        labels = self.assign(costs, labels)
        return Found(float(self.objective(costs, labels)), labels, centers, n_iter)


class Hard(Soft):
    """No pair is violated: rows that must-links connect are one."""

    def __init__(self, X, n_clusters, fixed, pairs):
        super().__init__(X, n_clusters, fixed, pairs, 0.0)
        pairs.check_consistent(fixed, n_clusters)
        self.unit = pairs.components
        n_units = self.unit.max() + 1
        self.weights = np.bincount(self.unit, minlength=n_units).astype(np.float64)
        self.rows = means_of(X, self.unit, n_units) if n_units < X.shape[0] else X
        # Of the rows around the means of their units.
        self.norms_of_rows, self.norms = self.norms, squared_norms(self.rows)
        self.within = max(self.norms_of_rows.sum() - self.weights @ self.norms, 0.0)
        self.fixed_rows, self.fixed = self.fixed, np.full(n_units, -1, dtype=np.int32)
        np.maximum.at(self.fixed, self.unit, self.fixed_rows)
        self.free = np.flatnonzero(self.fixed < 0)
        self.graph = pairs.separated_components()
        self.indptr = self.graph.indptr.astype(np.intp)
        self.partners = self.graph.indices.astype(np.intp)
        self.cannot = np.ones(len(self.partners), dtype=np.uint8)

    def start(self, number, rng):
        # Starts are of rows, not of units.
        units = self.norms, self.fixed
        self.norms, self.fixed = self.norms_of_rows, self.fixed_rows
        centers = super().start(number, rng)
        self.norms, self.fixed = units
        return centers

    def costs(self, centers):
        return self.weights[:, np.newaxis] * super().costs(centers)

    def penalties(self):
        return np.full((len(self.partners), 1), np.inf)

    def first_labels(self, costs):
        return feasible_labels(costs, self.graph, self.fixed)

    def objective(self, costs, labels):
        return self.within + costs[np.arange(len(labels)), labels].sum()

    def run(self, centers, max_iter, tol):
        found = super().run(centers, max_iter, tol)
        found.labels = found.labels[self.unit]
        return found


class Sized(Soft):
    """Pairs have a price, and clusters have bounds of their sizes.

    In each pass the prices are those of the labels before: rows move together, at the least cost.
    """

    def __init__(self, X, n_clusters, fixed, pairs, price, bounds):
        super().__init__(X, n_clusters, fixed, pairs, price)
        self.bounds = [np.asarray(bound, dtype=np.int64) for bound in bounds]
        self.prices = np.zeros(n_clusters)
        ends = np.concatenate([pairs.must, pairs.cannot])
        signs = np.where(np.arange(len(ends)) < len(pairs.must), self.price, -self.price)
        both = np.concatenate([ends, ends[:, ::-1]])
        shape = len(fixed), len(fixed)
        self.attraction = csr_array((np.tile(signs, 2), (both[:, 0], both[:, 1])), shape=shape)

    def n_starts(self, n_init):
        self.n_init = n_init
        return 1

    def start(self, number, rng):
        """The best start of k-means without bounds, on a sample if there are many rows."""
        return self._without_pairs(self._known_centers(), rng)

    def first_labels(self, costs):
        self.prices[:] = 0
        return self._bounded(costs)

    def _bounded(self, costs):
        labels = self.fixed.copy()
        labels[self.free] = bounded_assignment(
            np.ascontiguousarray(costs[self.free]), *self.bounds, self.prices
        )
        return labels

    def assign(self, costs, labels):
        if not self.pairs.n_pairs:
            return self._bounded(costs)
        member = csr_array(
            (np.ones(len(labels)), (np.arange(len(labels)), labels)), shape=costs.shape
        )
        found = self._bounded(costs - (self.attraction @ member).toarray())
        # Moves that are good one by one may be bad together.
        return min(labels, found, key=lambda labels: self.objective(costs, labels))


class Metric(Soft):
    """Pairs have a price that depends on a metric, which is learned."""

    def __init__(self, X, n_clusters, fixed, pairs, price, full):
        super().__init__(X, n_clusters, fixed, pairs, price)
        self.unit_price = price * np.concatenate([pairs.must_weight, pairs.cannot_weight])
        self.full, self.original = full, X
        ends = np.concatenate([pairs.must, pairs.cannot])
        self.differences = X[ends[:, 0]] - X[ends[:, 1]]

    def run(self, centers, max_iter, tol):
        """Descend in the metric of equal variances first, then in learned ones."""
        self.metric = LearnedMetric(self.original.var(axis=0), len(self.original), self.full)
        best = None
        n_iter = 0
        for _ in range(_METRICS):
            self._in_metric()
            found = super().run(self.metric.rows(centers), max(1, max_iter - n_iter), tol)
            n_iter += found.n_iter
            centers = means_of(self.original, found.labels, self.k, empty=centers)
            found.centers, found.metric, found.n_iter = centers, self.metric, n_iter
            if best is not None and found.objective >= best.objective:
                break
            best = found
            self._learn(centers, found.labels)
            if n_iter >= max_iter:
                break
        return best

    def _in_metric(self):
        """Rows and prices in the metric as it is."""
        self.rows = self.metric.rows(self.original)
        self.norms = squared_norms(self.rows)
        self.far = self.metric.farthest(self.original)
        lengths = self.metric.squares(self.differences)
        n_must = len(self.pairs.must)
        # Pairs farther than those found have no negative price.
        largest = self.metric.squares(self.far[np.newaxis])
        lengths[n_must:] = np.maximum(largest - lengths[n_must:], 0)
        self.price = self.unit_price * lengths

    def _learn(self, centers, labels):
        apart, together = self.pairs.violated(labels)
        together = len(self.pairs.must) + np.flatnonzero(together)
        apart = np.flatnonzero(apart)
        push = self.unit_price[together]
        metric = LearnedMetric(self.original.var(axis=0), len(self.original), self.full)
        metric.update(
            [
                self.original - centers[labels],
                self.differences[apart],
                self.differences[together],
                self.far[np.newaxis],
            ],
            [np.ones(len(labels)), self.unit_price[apart], -push, np.array([push.sum()])],
        )
        self.metric = metric

    def objective(self, costs, labels):
        # The determinant keeps the metric from vanishing, the trace is that of its prior.
        return (
            super().objective(costs, labels)
            - len(labels) * (1 + PRIOR) * self.metric.log_det
            + len(labels) * PRIOR * self.metric.spherical * self.metric.trace
        )
