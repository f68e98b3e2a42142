"""Core distances of weighted rows."""

import numpy as np

# Sums of weights are rounded.
ENOUGH = 1 - 1e-9


def core_by_weight(lengths, weights, target):
    """The first of each row's lengths up to which its weights reach a target.

    Parameters
    ----------
    lengths, weights : arrays of shape (n, k)
        Lengths increase along rows.
    target : float

    Returns
    -------
    core : array of shape (n,), of the dtype of `lengths`
        Infinite where all weights together are less.
    short : array of shape (n,), bool
        Where they are.
    """
    reached = np.cumsum(weights, axis=1) >= target * ENOUGH
    short = ~reached[:, -1]
    core = lengths[np.arange(len(lengths)), reached.argmax(axis=1)]
    core[short] = np.inf
    return core, short
