"""Fixed points of ascent on a dual, by Anderson's extrapolation."""

import numpy as np

# Number of steps from which the next one is extrapolated.
MEMORY = 10


def iterate(sweep, point, cap, tol, max_iter):
    """A fixed point of ascent on a dual, by Anderson's extrapolation.

    The next point is the affine combination of the last points whose combined step is shortest.
    Where it lowers the dual, the plain step is taken instead. Without `tol` all steps are plain.

    Parameters
    ----------
    sweep : callable (point) -> step, value of the dual
    point : array
    cap : float or array
        Upper bounds of the point.
    tol : float or None
        Largest component of the last step.
    max_iter : int

    Returns
    -------
    point, n_iter, converged, the last step's largest component
    """
    points, steps = [], []
    best, plain, largest = -np.inf, None, np.inf
    for n_iter in range(1, max_iter + 1):
        step, value = sweep(point)
        largest = np.abs(step).max()
        if tol is not None and points and not value >= best - 1e-13 * abs(best):
            point, points, steps = plain, [], []
            continue
        # Steps cannot become smaller than the rounding of the potentials.
        if tol is not None and largest < max(tol, 1e-15 * np.abs(point).max()):
            return point + step, n_iter, True, largest
        best, plain = value, point + step
        if tol is None or n_iter == max_iter:
            point = plain
            continue
        points, steps = [*points, point][-MEMORY - 1 :], [*steps, step][-MEMORY - 1 :]
        point = plain
        if len(points) > 1:
            between, change = np.diff(points, axis=0).T, np.diff(steps, axis=0).T
            unit = np.abs(change).max()
            if unit > 1e-8 * largest:  # differences due to rounding carry no information
                rcond = max(1e-10, 1e-8 * largest / unit)
                weights = np.linalg.lstsq(change / unit, step / unit, rcond=rcond)[0]
                point = np.minimum(plain - (between + change) @ weights, cap)
    return point, max_iter, False, largest
