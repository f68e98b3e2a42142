"""Weighted rows: distinct ones, divisions along principal axes, orders and agreement."""

import numpy as np


def merged(rows, w):
    """Distinct rows in lexicographic order, and the sums of their weights."""
    distinct, inverse = np.unique(rows, axis=0, return_inverse=True)
    return np.ascontiguousarray(distinct), np.bincount(inverse.ravel(), w)


def divisions(rows, w, most):
    """Means of 1, 2, ... clusters, each with one cluster of those before divided in two.

    The cluster with the largest sum of squares is cut at its mean, across its first principal axis.
    """
    members, losses = [np.arange(len(rows))], [_loss(rows, w)]
    found = {1: _means(rows, w, members)}
    while len(members) < most:
        widest = int(np.argmax(losses))
        inside = members[widest]
        centered = rows[inside] - np.average(rows[inside], axis=0, weights=w[inside])
        _, axis = _principal(centered, w[inside])
        right = centered @ axis > 0
        if not right.any() or right.all():
            # Numerically one point; the widest cluster has others, so any row may leave.
            right = np.arange(len(inside)) == len(inside) - 1
        parts = inside[~right], inside[right]
        if not len(parts[0]):
            # Only single rows are left; there are as many clusters as rows.
            break
        members[widest : widest + 1] = parts
        losses[widest : widest + 1] = [_loss(rows[part], w[part]) for part in parts]
        found[len(members)] = _means(rows, w, members)
    return found


def _loss(rows, w):
    if len(rows) == 1:
        return -1.0
    return float(w @ np.square(rows - np.average(rows, axis=0, weights=w)).sum(axis=1))


def _means(rows, w, members):
    return np.array([np.average(rows[part], axis=0, weights=w[part]) for part in members])


def _principal(centered, w):
    """The first principal axis of rows around 0, in the direction of the longer tail."""
    _, vectors = np.linalg.eigh((w * centered.T) @ centered)
    axis = vectors[:, -1]
    along = centered @ axis
    # By the third moment, which turns with the rows, unlike signs of coordinates.
    return along, axis if w @ along**3 >= 0 else -axis


def canonical_order(means, rows, w):
    """Order of clusters along the first principal axis of the rows."""
    center = np.average(rows, axis=0, weights=w)
    _, axis = _principal(rows - center, w)
    return np.lexsort((*reversed(means.T), (means - center) @ axis))


def weighted_rand_index(a, b, w):
    """The adjusted Rand index of two partitions, of which a row counts by its weight."""
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), w)

    def pairs(counts):
        return (counts * (counts - 1)).sum() / 2

    both, first, second = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    total = pairs(np.array([w.sum()]))
    expected = first * second / total if total else 0.0
    largest = (first + second) / 2
    return 1.0 if largest == expected else (both - expected) / (largest - expected)
