"""Pairs, weights and ids as users give them."""

import warnings

import numpy as np

from skdeepcluster.validation import as_array, caller_level


def as_pairs(pairs, name, are_ids):
    """Pairs as an array of two columns."""
    found = np.asarray(as_array([] if pairs is None else pairs))
    if found.size == 0:
        return np.empty((0, 2), dtype=np.intp)
    if found.dtype.kind == "O" and all(isinstance(v, (int, np.integer)) for v in found.flat):
        found = found.astype(np.int64)
    if found.ndim != 2 or found.shape[1] != 2:
        raise ValueError(f"{name} has shape {found.shape}; pairs have shape (n_pairs, 2).")
    if found.dtype.kind not in ("iuUSO" if are_ids else "iu"):
        raise ValueError(
            f"{name} has dtype {found.dtype}; pairs are positions of rows, which are integers, or "
            "ids of the rows, which are integers or strings and listed in ids=. A mask becomes "
            "pairs by numpy.argwhere."
        )
    if found.dtype.kind in "iu" and not are_ids and found.min() < 0:
        raise ValueError(
            f"{name} has the negative position {found.min()}; positions of rows are from 0 on."
        )
    return found


def as_weights(weight, n_pairs, name):
    if weight is None:
        return np.ones(n_pairs)
    weight = np.asarray(as_array(weight), dtype=np.float64)
    if weight.ndim == 0:
        weight = np.full(n_pairs, float(weight))
    if weight.shape != (n_pairs,):
        raise ValueError(f"{name} has shape {weight.shape}; one weight per pair is ({n_pairs},).")
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError(f"{name} must be finite and not negative.")
    return weight


def positions(pairs, ids):
    """Positions of ids among those given; -1 for an id that is not there."""
    if not len(pairs):
        return np.empty((0, 2), dtype=np.intp)
    if ids.dtype.kind not in "iu" or pairs.dtype.kind not in "iu":
        where = {value: position for position, value in enumerate(ids.tolist())}
        found = [where.get(value, -1) for value in pairs.ravel().tolist()]
        return np.array(found, dtype=np.intp).reshape(-1, 2)
    order = np.argsort(ids, kind="stable")
    at = np.minimum(np.searchsorted(ids[order], pairs), len(ids) - 1)
    found = order[at]
    return np.where(ids[found] == pairs, found, -1)


def merged(pairs, weight):
    """Each unordered pair once, with the sum of its weights."""
    if not len(pairs):
        return pairs, weight
    ordered, inverse = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True)
    return ordered, np.bincount(inverse.ravel(), weights=weight, minlength=len(ordered))


def distinct_pairs(n, n_pairs, rng):
    """Different unordered pairs of n positions, uniformly drawn."""
    most = n * (n - 1) // 2
    if n_pairs > most // 2 or most < 10_000:
        first, second = np.triu_indices(n, 1)
        chosen = rng.permutation(most)[:n_pairs]
        return np.column_stack([first[chosen], second[chosen]])
    found = np.empty((0, 2), dtype=np.intp)
    while len(found) < n_pairs:
        drawn = np.sort(rng.randint(n, size=(2 * n_pairs, 2)), axis=1)
        found = np.concatenate([found, drawn[drawn[:, 0] != drawn[:, 1]]])
        # The first of equal ones stays where it is, so that the draw is uniform.
        _, first = np.unique(found, axis=0, return_index=True)
        found = found[np.sort(first)]
    return found[:n_pairs]


def warn_of_conflicts(must, cannot):
    """Warn of pairs that are of both kinds."""
    if len(must) and len(cannot):
        both, counts = np.unique(np.concatenate([must, cannot]), axis=0, return_counts=True)
        twice = both[counts > 1]
        if len(twice):
            i, j = twice[0]
            warnings.warn(
                f"{len(twice)} pairs are both must-links and cannot-links, such as ({i}, {j}). "
                "Methods that may violate pairs take the heavier side; others refuse them.",
                UserWarning,
                stacklevel=caller_level(),
            )


class Frozen:
    """A value whose slots are set once, by `object.__setattr__`."""

    __slots__ = ()

    def _freeze(self, values):
        for name, value in zip(self.__slots__, values, strict=True):
            if value is not None:
                value = value.copy()
                value.flags.writeable = False
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        raise AttributeError(
            "PairwiseConstraints are not to be changed; make others, or use merge()."
        )

    def __getstate__(self):
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other):
        if not isinstance(other, Frozen):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in self.__slots__
        )

    __hash__ = None
