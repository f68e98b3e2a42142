"""The swap search: medoids, the nearest of them to every object, and strategies of swaps."""

import numpy as np

from skdeepcluster._kernels import _medoids

MANY = np.iinfo(np.intp).max
# Rounding errors of a change of the loss, relative to what is summed.
ROUNDING = 1e-14


class Search:
    """Medoids, and for every object the `depth` nearest of them.

    Parameters
    ----------
    source : Source
        Where the distances come from.
    weights : (n,) array of float64
        Weights of the objects in the loss. Only those with a positive weight can be medoids.
    depth : {1, 2, 3}, default=2
        1: medoids are added one by one. 2: swaps lower the total deviation. 3: swaps raise the
        average medoid silhouette.
    cap : float, default=inf
        The silhouette takes larger distances for this one.
    smallest : float, default=0
        Least weight of a cluster: swaps do not make more clusters smaller than that.
    """

    def __init__(self, source, weights, depth=2, cap=np.inf, smallest=0.0):
        self.source = source
        self.cap = cap
        self.smallest = smallest
        self.weights = weights
        self.objects = np.flatnonzero(weights > 0)
        self.n_threads = source.n_threads
        self.near = np.empty((depth, source.n), source.dtype)
        self.slots = np.empty((depth, source.n), np.int32)

    def start(self, medoids):
        """Begin at these medoids."""
        source = self.source
        self.medoids = np.array(medoids, dtype=np.intp)
        k = len(self.medoids)
        source.prepare(self.medoids, len(self.near))
        rows, at = source.candidates(self.medoids)
        self.medoid_rows = rows if source.stored else rows.copy()
        self.medoid_at = np.array(at, dtype=np.intp)
        _medoids.nearest_medoids(
            self.medoid_rows, self.medoid_at, self.medoids, *source.coding, self.near, self.slots,
            self.n_threads,
        )  # fmt: skip
        self.bounds = source.bounds(self.near[-1])
        self.removal = np.zeros(k if len(self.near) > 1 else 1)
        self.scratch = np.empty((source.block_size, len(self.removal)))
        self.change = np.empty(source.block_size)
        self.slot = np.empty(source.block_size, np.int32)
        self.sizes = np.empty(k)
        self.window = 1
        return self

    @property
    def n_candidates(self):
        return len(self.objects) - len(self.medoids)

    def loss(self):
        """What swaps minimize: the sum of distances, or of their ratios for the silhouette."""
        nearest = self.near[0].astype(np.float64)
        if len(self.near) < 3:
            return np.dot(self.weights, nearest)
        nearest = np.minimum(nearest, self.cap)
        second = np.minimum(self.near[1].astype(np.float64), self.cap)
        ratio = np.divide(nearest, second, out=np.zeros_like(nearest), where=second > 0)
        return np.dot(self.weights, ratio)

    def threshold(self, tol):
        """Minimum decrease of the loss by a swap: a fraction of it, above rounding errors."""
        if len(self.near) < 3:
            size = np.dot(self.weights, self.near[1].astype(np.float64))
        else:
            size = self.weights.sum()
        return max(tol * self.loss(), ROUNDING * size)

    def refresh(self):
        """Recompute the losses of removals, so that rounding errors of updates do not add up."""
        if len(self.near) > 1:
            _medoids.removal_losses(self.near, self.slots, self.weights, self.cap, self.removal)

    def small(self):
        """Which clusters have less weight than they should."""
        if self.smallest <= 0:
            return np.zeros(len(self.medoids), dtype=bool)
        sizes = np.empty(len(self.medoids))
        _medoids.cluster_sizes(self.slots, self.weights, sizes)
        return sizes < self.smallest

    def n_small(self):
        return int(np.count_nonzero(self.small()))

    def drop(self):
        """Go on without the medoid that matters least; a small cluster's goes first."""
        self.refresh()
        small = self.small()
        removal = np.where(small, self.removal, np.inf) if small.any() else self.removal
        return self.start(np.delete(self.medoids, np.argmin(removal)))

    def sweep(self, order, tol, quiet, patience, max_swaps=MANY):
        """Swap whenever a candidate, met in this order, lowers the loss by more than tol.

        Returns
        -------
        n_swaps : int
        quiet : int
            Number of consecutive candidates without a swap; the sweep stops at `patience`.
        """
        source = self.source
        n_swaps = 0
        kept_rows = np.empty((0, 0), source.dtype) if source.stored else self.medoid_rows
        for block in source.blocks(order):
            if quiet >= patience or n_swaps >= max_swaps:
                break
            swaps, quiet, self.window = _medoids.sweep(
                *source.candidates(block), block, kept_rows, self.medoid_at, self.medoids,
                *source.coding, self.bounds, self.near, self.slots, self.weights, self.cap,
                self.removal, self.scratch, self.change, self.slot, self.sizes, self.smallest, tol,
                quiet, patience, max_swaps - n_swaps, self.window, self.n_threads,
            )  # fmt: skip
            n_swaps += swaps
        return n_swaps, quiet

    def best(self, slot_by_slot=False):
        """The best of all swaps: change of the loss, candidate and slot."""
        source = self.source
        best = np.inf, None, None
        for block in source.blocks(self.objects):
            if slot_by_slot:
                _medoids.evaluate_slot_by_slot(
                    *source.rows(block), block, self.medoids, self.near, self.slots, self.weights,
                    self.change, self.slot, self.n_threads,
                )  # fmt: skip
            else:
                _medoids.evaluate(
                    *source.candidates(block), block, *source.coding, self.bounds, self.medoids,
                    self.near, self.slots, self.weights, self.cap, self.removal, self.scratch,
                    self.change, self.slot, self.n_threads,
                )  # fmt: skip
            first = np.argmin(self.change[: len(block)])
            if self.change[first] < best[0]:
                best = self.change[first], block[first], self.slot[first]
        return best

    def swap(self, candidate, slot):
        """Make a candidate the medoid of a slot, or of the next one while medoids are added."""
        source = self.source
        rows, at = source.candidates(np.array([candidate]))
        if slot == len(self.medoids):
            self.medoids = np.append(self.medoids, candidate)
            self.medoid_at = np.append(self.medoid_at, slot)
            if not source.stored:
                self.medoid_rows = np.concatenate([self.medoid_rows, rows])
        elif not source.stored:
            self.medoid_rows[slot] = rows[0]
        if source.stored:
            self.medoid_at[slot] = at[0]
        _medoids.swap(
            candidate, slot, self.medoid_rows, self.medoid_at, self.medoids, *source.coding,
            self.near, self.slots, self.weights, self.cap, self.removal, self.bounds,
        )  # fmt: skip


# Strategies that improve a solution: after each round they yield how many medoids changed, and
# whether they are done.


def eager(search, order, tol):
    """FasterPAM and FasterMSC: swap in each candidate at once if it helps, until none does."""
    quiet = 0
    done = False
    while not done:
        search.refresh()
        before = search.loss()
        n_swaps, quiet = search.sweep(order, search.threshold(tol), quiet, search.n_candidates)
        # Swaps that gain no more than rounding errors might never end.
        done = quiet >= search.n_candidates or not search.loss() < before
        yield n_swaps, done


def steepest(search, tol, slot_by_slot=False):
    """PAM and FastPAM1: the best of all swaps in each round."""
    done = False
    while not done:
        search.refresh()
        before = search.loss()
        change, candidate, slot = search.best(slot_by_slot)
        good = change < -search.threshold(tol)
        if good:
            search.swap(candidate, slot)
        done = not search.loss() < before
        yield int(good), done


def random_neighbors(search, n_neighbors, tol, random_state):
    """FastCLARANS: the first good swap among candidates drawn at random, until there is none."""
    done = False
    while not done:
        search.refresh()
        before = search.loss()
        drawn = random_state.permutation(np.setdiff1d(search.objects, search.medoids))[:n_neighbors]
        threshold = search.threshold(tol)
        n_swaps = quiet = begin = 0
        size = search.n_threads
        # Rows are computed for few candidates at first: often one of them is good.
        while not n_swaps and begin < len(drawn):
            n_swaps, quiet = search.sweep(
                drawn[begin : begin + size], threshold, quiet, len(drawn), max_swaps=1
            )
            begin += size
            size *= 2
        done = not n_swaps or not search.loss() < before
        yield n_swaps, done


def alternate(search):
    """Voronoi iteration: every cluster's best medoid, then new clusters."""
    done = False
    while not done:
        medoids = np.array(
            [
                best_within(search, np.flatnonzero(search.slots[0] == slot), medoid)
                for slot, medoid in enumerate(search.medoids)
            ]
        )
        n_changed = int(np.sum(medoids != search.medoids))
        done = n_changed == 0
        if not done:
            search.start(medoids)
        yield n_changed, done


def best_within(search, members, medoid):
    """The member with the least sum of distances to the others; if tied, the current medoid."""
    members = members[search.weights[members] > 0]
    sums = np.concatenate(
        [
            search.source.between(block, members) @ search.weights[members]
            for block in search.source.blocks(members)
        ]
    )
    best = np.argmin(sums)
    return members[best] if sums[best] < sums[members == medoid] else medoid
