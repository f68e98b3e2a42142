"""Numbers of clusters, and of members to resample, of the levels of a hierarchy."""

from numbers import Integral

import numpy as np

from skdeepcluster.validation import as_array, check_n_samples

# "auto": rows per cluster of the finest level, clusters per cluster of each further level, and the
# smallest number of clusters of a further level.
FINEST, COARSER, FEWEST = 20, 4, 20


def numbers_of_clusters(n_clusters, n):
    """Numbers of clusters from the finest level to the coarsest, for n rows."""
    numbers = n_clusters
    if isinstance(numbers, str):
        numbers = [-(-n // FINEST)]
        while -(-numbers[-1] // COARSER) >= FEWEST:
            numbers.append(-(-numbers[-1] // COARSER))
    elif isinstance(numbers, Integral):
        numbers = [numbers]
    numbers = _listed(numbers)
    if (
        not numbers
        or not all(isinstance(k, Integral) and k >= 1 for k in numbers)
        or any(fine <= coarse for fine, coarse in zip(numbers, numbers[1:], strict=False))
    ):
        raise ValueError(
            f"n_clusters={n_clusters!r} must be positive integers that decrease from "
            "level to level."
        )
    check_n_samples(n, numbers[0])
    return [int(k) for k in numbers]


def sample_sizes(sample_size, n, numbers):
    """Members per cluster that each level is resampled from."""
    sizes = sample_size
    if isinstance(sizes, str):
        members = [n, *numbers[:-1]]
        return [max(1, m // (2 * k)) for m, k in zip(members, numbers, strict=True)]
    if sizes is None or isinstance(sizes, Integral):
        sizes = [sizes] * len(numbers)
    sizes = _listed(sizes)
    if len(sizes) != len(numbers) or not all(
        size is None or (isinstance(size, Integral) and size >= 1) for size in sizes
    ):
        raise ValueError(
            f"sample_size={sample_size!r} must be one positive integer or None for each "
            f"of the {len(numbers)} levels."
        )
    return [1 if size is None else int(size) for size in sizes]


def _listed(numbers):
    """A list of the values of a one-dimensional sequence, array or tensor; empty for others."""
    numbers = as_array(numbers)
    return list(numbers) if np.ndim(numbers) == 1 else []
