"""Factors that change in the course of a stage, as functions of its progress from 0 to 1."""

import math


def cosine_decay(progress):
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def ramp(first, last, until=1.0, shape="linear"):
    """A factor that changes from one value to another and then stays constant.

    Parameters
    ----------
    first, last : float
    until : float, default=1.0
        Progress at which the last value is reached; with 0 it holds from the start.
    shape : {"linear", "cosine", "sigmoid"}, default="linear"
        "sigmoid" is exp(-5 (1 - t)^2) at the fraction t of the ramp, as in mean teachers.

    Returns
    -------
    factor : callable (float) -> float
    """
    shapes = {
        "linear": lambda t: t,
        "cosine": lambda t: 1 - cosine_decay(t),
        "sigmoid": lambda t: math.exp(-5 * (1 - t) ** 2),
    }
    rise = shapes[shape]

    def factor(progress):
        t = 1.0 if progress >= until else progress / until
        return first + (last - first) * rise(t)

    return factor
