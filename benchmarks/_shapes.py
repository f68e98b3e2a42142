"""What labeled sets of points are made of: balls, boxes, rings, paths, blobs, noise.

All take a random generator first. Sets are rows and labels, -1 for noise that no score counts.
"""

import numpy as np

NOISE = -1


def turned(points, angle):
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s], [-s, c]])


def blob(rng, n, center=(0, 0), spread=1.0):
    """Normal around a center; `spread` may be one per axis."""
    return rng.normal(size=(n, len(center))) * spread + np.asarray(center, float)


def ball(rng, n, center=(0, 0), radius=1.0, inner=0.0):
    """Uniform in a ball, or in the shell outside of an inner one."""
    d = len(center)
    directions = rng.normal(size=(n, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    r = rng.uniform(inner**d, radius**d, (n, 1)) ** (1 / d)
    return directions * r + np.asarray(center, float)


def box(rng, n, low, high):
    """Uniform between two corners."""
    return rng.uniform(low, high, (n, len(low)))


def arc(rng, n, center=(0, 0), radius=1.0, begin=0.0, end=2 * np.pi, width=0.05):
    """Around a part of a circle."""
    t = rng.uniform(begin, end, n)
    r = radius + rng.normal(0, width, n)
    return np.column_stack([r * np.cos(t), r * np.sin(t)]) + np.asarray(center, float)


def path(rng, n, corners, width=0.05):
    """Around the line through some corners."""
    corners = np.asarray(corners, float)
    steps = np.diff(corners, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    which = rng.choice(len(steps), n, p=lengths / lengths.sum())
    t = rng.uniform(size=(n, 1))
    return corners[which] + t * steps[which] + rng.normal(0, width, (n, corners.shape[1]))


def united(*clusters, noise=None):
    """Rows of several clusters below each other, and their labels."""
    X = np.vstack(clusters)
    y = np.repeat(np.arange(len(clusters)), [len(c) for c in clusters])
    if noise is not None:
        X, y = np.vstack([X, noise]), np.append(y, np.full(len(noise), NOISE))
    return X, y


def around(rng, n, X, margin=0.1):
    """Noise over the range of some rows and a margin."""
    low, high = X.min(axis=0), X.max(axis=0)
    return rng.uniform(low - margin * (high - low), high + margin * (high - low), (n, X.shape[1]))


def with_noise(rng, X, y, share):
    noise = around(rng, int(share * len(X)), X)
    return np.vstack([X, noise]), np.append(y, np.full(len(noise), NOISE))


def scattered(rng, k, sizes, spread, least, d=2, side=None):
    """Normal clusters with random centers at some distance from each other."""
    side = side or np.sqrt(k) * least * 1.3
    centers = []
    while len(centers) < k:
        center = rng.uniform(0, side, d)
        if all(np.linalg.norm(center - other) >= least for other in centers):
            centers.append(center)
    sizes = np.broadcast_to(sizes, k)
    spreads = np.broadcast_to(spread, k)
    return united(
        *(blob(rng, int(n), c, s) for n, c, s in zip(sizes, centers, spreads, strict=True))
    )


def sizes(rng, low, high, n):
    return [int(size) for size in rng.integers(low, high, n)]
