"""Sets to validate with: what was chosen on others has to hold on these. Each draw is another set.

Numbers of clusters, sizes, densities, widths, gaps and turns are all random.
"""

import numpy as np
from _shapes import NOISE, arc, ball, blob, box, path, scattered, turned, united, with_noise
from scipy.spatial import KDTree


def size(rng, low, high):
    """Uniform in its logarithm."""
    return int(np.exp(rng.uniform(np.log(low), np.log(high))))


def turn(rng, points):
    return turned(points, rng.uniform(0, 2 * np.pi))


def spread_out(rng, clusters, gap):
    """Clusters moved to random places close by, whose points keep a distance from each other."""
    placed, side = [], 0.0
    for points in clusters:
        while True:
            side += 0.05
            moved = points - points.mean(axis=0) + rng.uniform(-side, side, points.shape[1])
            if all(KDTree(other).query(moved)[0].min() > gap for other in placed):
                break
        placed.append(moved)
    return united(*placed)


def covariances(rng):
    d, k = int(rng.integers(2, 7)), int(rng.integers(2, 9))
    found = []
    for center in rng.normal(0, 4, (k, d)):
        factors = rng.normal(size=(d, d)) / np.sqrt(d)
        found.append(center + rng.normal(size=(size(rng, 40, 900), d)) @ factors)
    return united(*found)


def bananas(rng):
    found = []
    for _ in range(int(rng.integers(2, 7))):
        part = rng.uniform(1, 4.5)
        found.append(
            turn(rng, arc(rng, size(rng, 60, 500), (0, 0), 1.0, 0, part, rng.uniform(0.03, 0.2)))
        )
    return spread_out(rng, found, rng.uniform(0.05, 0.3))


def ellipses_around(rng):
    """An ellipse, others inside of it, and some beside it."""
    stretch = np.array([1.0, rng.uniform(0.5, 1)])
    found = [arc(rng, size(rng, 250, 1200), radius=4, width=rng.uniform(0.06, 0.25)) * stretch]
    for x in np.linspace(-2, 2, int(rng.integers(1, 4))):
        found.append(blob(rng, size(rng, 40, 500), (x, 0), rng.uniform(0.15, 0.4, 2)))
    for i in range(int(rng.integers(0, 3))):
        found.append(ball(rng, size(rng, 40, 500), (7 + 3 * i, rng.uniform(-2, 2)), 1.0))
    return united(*found)


def waves(rng):
    """Sine curves above each other, of unequal densities."""
    found, height = [], 0.0
    for _ in range(int(rng.integers(2, 6))):
        x = rng.uniform(0, 10, size(rng, 150, 1200))
        y = 0.6 * np.sin(rng.uniform(0.8, 1.6) * x + rng.uniform(0, 6)) + height
        noise = rng.normal(0, rng.uniform(0.04, 0.16), (len(x), 2))
        found.append(np.column_stack([x, y]) + noise)
        height += rng.uniform(1.7, 2.4)
    return united(*found)


def rolls(rng):
    """Rolled sheets inside each other, in three dimensions."""
    k = int(rng.integers(2, 4))
    found = []
    for i in range(k):
        t = rng.uniform(1.5, rng.uniform(3, 5), size(rng, 400, 1500)) * np.pi / 1.5
        angle = t + 2 * np.pi * i / k
        sheet = np.column_stack([t * np.cos(angle), rng.uniform(0, 6, len(t)), t * np.sin(angle)])
        found.append(sheet + rng.normal(0, rng.uniform(0.05, 0.25), sheet.shape))
    return united(*found)


def chained_tori(rng):
    found = []
    for i in range(int(rng.integers(2, 5))):
        n = size(rng, 200, 900)
        flat = np.column_stack([arc(rng, n, width=0.0), np.zeros(n)])
        flat += ball(rng, n, (0, 0, 0), rng.uniform(0.05, 0.25))
        found.append((flat if i % 2 else flat[:, [0, 2, 1]]) + [1.1 * i, 0, 0])
    return united(*found)


def outlines(rng):
    """Polygons, with or without something inside."""
    found = []
    for i in range(int(rng.integers(1, 4))):
        angles = np.linspace(0, 2 * np.pi, int(rng.integers(3, 7)) + 1) + rng.uniform(0, 2)
        corners = np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(1.6, 2)
        shift = np.array([4.5 * i, rng.uniform(-1, 1)])
        found.append(path(rng, size(rng, 150, 900), corners + shift, rng.uniform(0.03, 0.12)))
        if rng.random() < 0.7:
            found.append(ball(rng, size(rng, 40, 400), shift, rng.uniform(0.2, 0.5)))
    return united(*found) if len(found) > 1 else united(*found, blob(rng, 100, (5, 0), 0.5))


def fading(rng):
    """Boxes that are dense at one end and sparse at the other, which the next one faces."""
    found, left = [], 0.0
    for _ in range(int(rng.integers(2, 5))):
        n = size(rng, 150, 1500)
        x = rng.beta(rng.uniform(0.6, 1.5), rng.uniform(0.8, 2), n)
        found.append(np.column_stack([left + x, rng.uniform(0, rng.uniform(0.5, 2), n)]))
        left += 1 + rng.uniform(0.08, 0.4)
    return united(*found)


def cells(rng):
    """Uniform, with empty lines along which cells touch."""
    centers = rng.uniform(0, 10, (int(rng.integers(3, 10)), 2))
    X = rng.uniform(0, 10, (size(rng, 1500, 5000), 2))
    distances = np.sort(np.linalg.norm(X[:, None] - centers, axis=2), axis=1)
    order = np.linalg.norm(X[:, None] - centers, axis=2).argmin(axis=1)
    kept = distances[:, 1] - distances[:, 0] > rng.uniform(0.4, 1.2)
    return X[kept], np.unique(order[kept], return_inverse=True)[1]


def tailed(rng):
    k = int(rng.integers(3, 10))
    X, y = scattered(rng, k, [size(rng, 80, 600) for _ in range(k)], 0.0, 5.0)
    return X + rng.standard_t(rng.uniform(2.5, 6), X.shape) * rng.uniform(0.4, 0.8), y


def shells(rng):
    """A ball in shells in three to five dimensions."""
    d = int(rng.integers(3, 6))
    found = [ball(rng, size(rng, 100, 500), (0,) * d, 1.0)]
    for i in range(int(rng.integers(1, 3))):
        radius = 2.5 + 1.8 * i
        found.append(ball(rng, size(rng, 800, 2500), (0,) * d, radius + 0.15, radius - 0.15))
    return united(*found)


def trees(rng):
    """Stems that fork."""
    found = []
    for _ in range(int(rng.integers(2, 6))):
        width, n = rng.uniform(0.03, 0.12), size(rng, 100, 500)
        fork = np.array([rng.uniform(0.5, 1.5), 0])
        arms = [fork + rng.uniform(0.6, 1.4) * np.array([1, s]) for s in (1, -1)]
        tree = [path(rng, n, [(-1, 0), fork], width), path(rng, n, [arms[0], fork, arms[1]], width)]
        found.append(turn(rng, np.vstack(tree)))
    return spread_out(rng, found, rng.uniform(0.05, 0.3))


def cores_with_halos(rng):
    """Clusters of two spreads, with noise between them."""
    found = []
    for _ in range(int(rng.integers(2, 8))):
        n = size(rng, 60, 600)
        narrow, wide = rng.uniform(0.1, 0.3), rng.uniform(0.4, 0.8)
        found.append(np.vstack([blob(rng, n, (0, 0), narrow), blob(rng, n // 3 + 1, (0, 0), wide)]))
    return with_noise(rng, *spread_out(rng, found, 0.1), rng.uniform(0, 0.1))


def binary_prototypes(rng):
    d, k = int(rng.integers(20, 80)), int(rng.integers(2, 8))
    flips = rng.uniform(0.05, 0.22)
    found = []
    for prototype in rng.integers(0, 2, (k, d)):
        n = size(rng, 30, 400)
        found.append((prototype ^ (rng.random((n, d)) < flips)).astype(float))
    return united(*found)


def very_few_rows(rng):
    k = int(rng.integers(2, 7))
    return scattered(rng, k, rng.integers(12, 40, k), rng.uniform(0.2, 0.5, k), 1.8)


def far_outliers(rng):
    k, d = int(rng.integers(2, 9)), int(rng.integers(2, 10))
    X, y = scattered(rng, k, [size(rng, 50, 800) for _ in range(k)], 0.5, 3.5, d=d, side=9)
    n = int(rng.uniform(0.01, 0.06) * len(X)) + 2
    far = rng.normal(size=(n, d)) * 60
    copies = far[: n // 2] + rng.normal(0, 0.1, (n // 2, d))
    return np.vstack([X, far, copies]), np.append(y, np.full(n + n // 2, NOISE))


def mixed_bag(rng):
    """Some of everything."""
    makers = [
        lambda n: blob(rng, n, (0, 0), rng.uniform(0.15, 0.6, 2)),
        lambda n: ball(rng, n, (0, 0), rng.uniform(0.4, 1.2)),
        lambda n: arc(rng, n, (0, 0), 1.0, 0, rng.uniform(2, 6.2), rng.uniform(0.03, 0.15)),
        lambda n: box(rng, n, (-1, 0), (1, rng.uniform(0.1, 1.5))),
        lambda n: path(rng, n, rng.uniform(-1.2, 1.2, (3, 2)), rng.uniform(0.03, 0.15)),
    ]
    chosen = rng.integers(0, len(makers), int(rng.integers(3, 11)))
    found = [turn(rng, makers[i](size(rng, 40, 800))) for i in chosen]
    return with_noise(rng, *spread_out(rng, found, rng.uniform(0.05, 0.3)), rng.uniform(0, 0.12))


VALIDATE = (
    covariances,
    bananas,
    ellipses_around,
    waves,
    rolls,
    chained_tori,
    outlines,
    fading,
    cells,
    tailed,
    shells,
    trees,
    cores_with_halos,
    binary_prototypes,
    very_few_rows,
    far_outliers,
    mixed_bag,
)
