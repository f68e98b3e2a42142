"""Factors that change in the course of a stage, by its share that is over, from 0 to 1."""

import math


def cosine_decay(share):
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * share))


def ramp(first, last, until=1.0, shape="linear"):
    """A factor that goes from one value to another and then stays.

    Parameters
    ----------
    first, last : float
    until : float, default=1.0
        Share of the stage in which it gets there; at 0 it is there at once.
    shape : {"linear", "cosine", "sigmoid"}, default="linear"
        "sigmoid" is exp(-5 (1 - t)^2) at the share t of the way, as in mean teachers.

    Returns
    -------
    factor : callable (float) -> float
    """
    ways = {
        "linear": lambda t: t,
        "cosine": lambda t: 1 - cosine_decay(t),
        "sigmoid": lambda t: math.exp(-5 * (1 - t) ** 2),
    }
    way = ways[shape]

    def factor(share):
        t = 1.0 if share >= until else share / until
        return first + (last - first) * way(t)

    return factor
