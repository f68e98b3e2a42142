"""Initial medoids, and samples that are searched for some."""

from numbers import Integral

import numpy as np

from skdeepcluster.medoids._search import Search
from skdeepcluster.validation import as_array


def sample_size(max_samples, n, k, name="n_clusters"):
    """The number of the n objects that a search for k medoids looks at."""
    if max_samples == "auto":
        size = max(1000, 40 * k)
    elif isinstance(max_samples, Integral):
        size = max_samples
    else:
        size = int(np.ceil(max_samples * n))
    size = min(size, n)
    # Medoids alone would have nothing to be swapped for.
    if size < k or size == k < n:
        raise ValueError(
            f"max_samples={max_samples} gives samples of {size} objects; they must have more than "
            f"{name}={k}."
        )
    return size


def check_init(init, k, weights):
    """A name, or the indices of k different objects of positive weight."""
    if isinstance(init, str):
        return init
    medoids = np.asarray(as_array(init))
    if medoids.shape != (k,) or medoids.dtype.kind not in "iu":
        raise ValueError(
            f"init must hold n_clusters={k} indices; it has shape {medoids.shape} and dtype "
            f"{medoids.dtype}."
        )
    if medoids.min() < 0 or medoids.max() >= len(weights):
        raise ValueError(f"init has indices outside of the {len(weights)} objects: {medoids}.")
    if len(np.unique(medoids)) < k:
        raise ValueError(f"init has an index more than once: {medoids}.")
    if not weights[medoids].all():
        raise ValueError("init has an object whose sample weight is 0.")
    return medoids


def initial_medoids(init, k, source, weights, random_state):
    """k different objects of positive weight, chosen as `init` says, or those it has."""
    if not isinstance(init, str):
        return init
    objects = np.flatnonzero(weights > 0)
    if init == "random":
        return random_state.permutation(objects)[:k]
    return {"build": build, "lab": lab, "k-medoids++": k_medoids_plusplus}[init](
        k, source, weights, objects, random_state
    )


def build(k, source, weights, objects, random_state=None):
    """BUILD: the object with the least sum of distances, then what lowers the loss most."""
    search = Search(source, weights, depth=1).start(one_medoid(source, weights))
    for slot in range(1, k):
        _, medoid, _ = search.best()
        search.swap(medoid, slot)
    return search.medoids


def one_medoid(source, weights):
    """The object with the least weighted sum of distances to all."""
    objects = np.flatnonzero(weights > 0)
    sums = []
    for block in source.blocks(objects):
        rows, at = source.rows(block)
        sums.append(rows[at] @ weights)
    return objects[[np.argmin(np.concatenate(sums))]]


def lab(k, source, weights, objects, random_state):
    """LAB: BUILD, each of whose steps looks at a new sample of 10 + sqrt(n) objects only."""
    size = 10 + int(np.ceil(np.sqrt(len(objects))))
    medoids = []
    for _ in range(k):
        sample = random_state.permutation(np.setdiff1d(objects, medoids))[:size]
        nearest = source.between(sample, medoids).min(axis=1) if medoids else np.inf
        joined = np.minimum(source.between(sample, sample), nearest)
        medoids.append(sample[np.argmin(joined @ weights[sample])])
    return np.array(medoids)


def k_medoids_plusplus(k, source, weights, objects, random_state):
    """Greedy k-medoids++: medoids drawn by their distance, the best of a few draws each time."""
    n_draws = 2 + int(np.log(k))
    medoids = [random_state.choice(objects, p=weights[objects] / weights.sum())]
    nearest = source.row(medoids[0])
    for _ in range(1, k):
        cost = (weights * nearest)[objects]
        if cost.any():
            draws = random_state.choice(objects, n_draws, p=cost / cost.sum())
        else:  # only copies of medoids are left
            draws = np.setdiff1d(objects, medoids)[:1]
        rows, at = source.rows(draws)
        joined = np.minimum(rows[at], nearest)
        best = np.argmin(joined @ weights)
        medoids.append(draws[best])
        nearest = joined[best]
    return np.array(medoids)
