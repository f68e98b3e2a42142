"""Clusters on a circle, in the order of a shortest cycle through them."""

from typing import NamedTuple

import numpy as np

from skdeepcluster._kernels._hamiltonian import short_cycle, shortest_cycle

# Numbers of clusters up to which a shortest cycle is fast, and up to which it is feasible.
N_FAST = 12
N_EXACT = 20
N_STARTS = 50


class Circle(NamedTuple):
    """A layout of clusters: order around the circle, and angle and position of each cluster."""

    order: np.ndarray
    angles: np.ndarray
    anchors: np.ndarray
    distances: np.ndarray
    length: float
    exact: bool


def cluster_distances(proba):
    """(1 - correlation) / 2 of the columns; a constant column correlates with nothing."""
    centered = proba - proba.mean(axis=0)
    # Columns that are constant up to rounding count as constant.
    scale = np.abs(proba).max(axis=0, initial=0)
    centered[:, np.abs(centered).max(axis=0, initial=0) <= 1e-14 * scale] = 0
    norms = np.linalg.norm(centered, axis=0)
    centered /= np.where(norms > 0, norms, 1)
    distances = (1 - np.clip(centered.T @ centered, -1, 1)) / 2
    np.fill_diagonal(distances, 0)
    return (distances + distances.T) / 2


def circle_layout(proba, exact=None, start_angle=-np.pi / 2):
    """Lay clusters out on the unit circle.

    Parameters
    ----------
    proba : (n, n_clusters) array of float64
    exact : bool or None
        Whether the cycle must be shortest; None: if that takes little time.
    start_angle : float
        Of cluster 0.

    Returns
    -------
    circle : Circle
    """
    D = cluster_distances(proba)
    n = len(D)
    if exact is None:
        exact = n <= N_FAST
    order = shortest_cycle(D) if exact else short_cycle(D, min(n, N_STARTS))
    # Cluster 0 first, then the lower one of its neighbors.
    order = np.roll(order, -int(np.flatnonzero(order == 0)[0]))
    if n > 2 and order[1] > order[-1]:
        order = np.roll(order[::-1], 1)
    arcs = D[order, np.roll(order, -1)]
    length = float(arcs.sum())
    shares = arcs / length if length > 0 else np.full(n, 1 / n)
    angles = np.empty(n)
    angles[order] = start_angle + 2 * np.pi * np.append(0, np.cumsum(shares)[:-1])
    return Circle(order, angles, points_at(angles), D, length, bool(exact) or n <= 3)


def points_at(angles):
    """Points of the unit circle."""
    return np.column_stack([np.cos(angles), np.sin(angles)])


def points_inside(proba, anchors):
    """Samples at the mean of the anchors weighted by memberships; missing mass is at the center."""
    return proba @ anchors / np.maximum(proba.sum(axis=1, keepdims=True), 1)
