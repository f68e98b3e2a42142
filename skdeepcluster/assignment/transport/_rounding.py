"""Labels with given numbers of rows, from costs and column potentials."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from skdeepcluster.assignment.transport._costs import to_numpy

# An exact assignment needs a square matrix.
MAX_EXACT_ROWS = 10_000


def round_labels(costs, potentials, weight, shares, method):
    """Labels such that column j has its share of the rows to the next integer.

    Parameters
    ----------
    costs : Costs
    potentials : array of shape (k,)
    weight : array of shape (n,)
        Rows are labeled in this order where the shares leave some out.
    shares : array of shape (k,)
        Shares of all rows, with a sum of at most 1.
    method : {"greedy", "exact"}

    Returns
    -------
    labels : array of shape (n,), int64
        -1 for rows left out.
    """
    n = costs.shape[0]
    room = _counts(shares * n)
    if method == "exact":
        return _exact(costs, room)
    asking = np.zeros(n, dtype=bool)
    asking[np.argsort(-weight, kind="stable")[: room.sum()]] = True
    return _greedy(costs, potentials, asking, room)


def _counts(shares):
    """Integers next to the shares, with the integer next to their sum: largest remainders."""
    counts = np.floor(shares + 1e-9).astype(np.int64)
    missing = int(np.rint(shares.sum())) - counts.sum()
    counts[np.argsort(counts - shares, kind="stable")[:missing]] += 1
    return counts


def _exact(costs, room):
    """Least sum of costs."""
    n = costs.shape[0]
    if n > MAX_EXACT_ROWS:
        raise ValueError(
            f'rounding="exact" is offered up to {MAX_EXACT_ROWS} rows, got {n}; use "greedy"'
        )
    columns = np.repeat(np.arange(len(room)), room)
    cost = np.concatenate([to_numpy(block)[:, columns] for _, _, block in costs.blocks()])
    rows, places = linear_sum_assignment(cost)
    labels = np.full(n, -1, dtype=np.int64)
    labels[rows] = columns[places]
    return labels


def _greedy(costs, potentials, asking, room):
    """In rounds, each row proposes to its best column with free places.

    A column with more proposals than places accepts the rows that would lose most by their next
    best.
    """
    labels = np.full(costs.shape[0], -1, dtype=np.int64)
    best, margin = np.zeros_like(labels), np.zeros(costs.shape[0])
    while asking.any():
        with_room = np.where(room > 0, potentials, -np.inf)
        for begin, end, block in costs.blocks():
            (mine,) = np.nonzero(asking[begin:end])
            score = with_room - to_numpy(block)[mine].astype(np.float64)
            first = score.argmax(axis=1)[:, None]
            top = np.take_along_axis(score, first, axis=1)[:, 0]
            np.put_along_axis(score, first, -np.inf, axis=1)
            best[begin + mine] = first[:, 0]
            asking[begin + mine] = top > -np.inf
            with np.errstate(invalid="ignore"):
                margin[begin + mine] = top - score.max(axis=1)
        (rows,) = np.nonzero(asking)
        rows = rows[np.lexsort((-margin[rows], best[rows]))]
        wanted = best[rows]
        rank = np.arange(len(rows)) - np.searchsorted(wanted, wanted)
        taken = rank < room[wanted]
        labels[rows[taken]] = wanted[taken]
        asking[rows[taken]] = False
        room = room - np.bincount(wanted[taken], minlength=len(room))
    return labels
