"""Optimal partitions of a sequence into intervals, for any cost of an interval."""

import numpy as np


def optimal_segments(cost, n, n_segments, min_size=1):
    """The best partitions of a sequence into contiguous segments.

    Dynamic programming over all segments, which any cost allows.

    Parameters
    ----------
    cost : callable (begins, end) -> array
        Costs of the segments from each of some items, an array of int, to the item before `end`.
    n : int
        Number of items.
    n_segments : int
        Maximum number of segments.
    min_size : int, default=1
        Least number of items of a segment; ``n_segments * min_size`` is at most n.

    Returns
    -------
    starts : list of arrays of int
        Of the best partition into 1, 2, ... segments, where these begin.
    losses : array of shape (n_segments,)
        Their costs.
    """
    # The least cost of the first items in so many segments, and where the last of these begins.
    least = np.full((n_segments + 1, n + 1), np.inf)
    least[0, 0] = 0
    begin_of = np.zeros((n_segments + 1, n + 1), dtype=np.int32)
    for end in range(min_size, n + 1):
        begins = np.arange(end - min_size + 1)
        found = np.asarray(cost(begins, end), dtype=np.float64)
        if found.shape != begins.shape or np.isnan(found).any():
            raise ValueError(
                f"criterion must return a number for each of the {len(begins)} intervals that end "
                f"before item {end}; it returned an array of shape {found.shape}"
                + " with NaN"
                * (found.shape == begins.shape)
            )
        total = least[:-1, : len(begins)] + found
        best = total.argmin(axis=1)
        least[1:, end] = total[np.arange(n_segments), best]
        begin_of[1:, end] = best
    starts = []
    for m in range(1, n_segments + 1):
        ends = [n]
        for i in range(m, 0, -1):
            ends.append(begin_of[i, ends[-1]])
        starts.append(np.array(ends[:0:-1]))
    return starts, least[1:, n]


def squared_errors(X, weights):
    """The cost of segments as the squared deviations from their means, for `optimal_segments`.

    Parameters
    ----------
    X : array of shape (n, n_features)
    weights : array of shape (n,)
        Positive.
    """
    X = X - np.average(X, axis=0, weights=weights)

    def sums(values):
        return np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])

    W, S = sums(weights), sums(weights[:, None] * X)
    Q = sums(weights * np.square(X).sum(axis=1))

    def cost(begins, end):
        moments = np.square(S[end] - S[begins]).sum(axis=1) / (W[end] - W[begins])
        return np.maximum(Q[end] - Q[begins] - moments, 0)

    return cost


def starts_of(starts, n_intervals):
    """Where the intervals of the best partition into so many begin, and the number of values.

    Parameters
    ----------
    starts : array of shape (n_numbers, n + 1)
        As the kernel `optimal_intervals` returns them.
    n_intervals : int

    Returns
    -------
    borders : array of shape (n_intervals + 1,)
    """
    borders = np.empty(n_intervals + 1, dtype=np.intp)
    borders[-1] = starts.shape[1] - 1
    for m in range(n_intervals - 1, -1, -1):
        borders[m] = starts[m, borders[m + 1]]
    return borders


def number_by_information(losses, n, n_features):
    r"""The number of segments of a sequence with the least Bayesian information criterion.

    Of normal errors of one variance, with means and borders as further parameters:

    .. math:: n d \log \frac{L_m}{n d} + (m d + m) \log n .

    Parameters
    ----------
    losses : array of shape (n_numbers,)
        The least sums of squares :math:`L_m` for m = 1, 2, ... segments.
    n : float
        Number of rows, or the sum of their weights.
    n_features : int

    Returns
    -------
    n_segments : int
        At most the least number whose loss is 0, but for rounding.
    """
    floor = max(1e-12 * losses[0], np.finfo(float).tiny)
    zero = losses <= floor
    losses = losses[: int(zero.argmax()) + 1 if zero.any() else None]
    m = np.arange(1, len(losses) + 1)
    fit = n * n_features * np.log(np.maximum(losses, floor) / (n * n_features))
    return int(np.argmin(fit + (m * n_features + m) * np.log(n))) + 1
