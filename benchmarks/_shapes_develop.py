"""Sets to develop with: constants are chosen on these. Each draw is another set."""

import numpy as np
from _shapes import NOISE, arc, ball, blob, box, path, scattered, sizes, turned, united, with_noise


def two_normals(rng):
    s = rng.uniform(0.7, 2)
    a, b = sizes(rng, 100, 2000, 2)
    return united(blob(rng, a), blob(rng, b, (rng.uniform(2.6, 4) * s, 0), s))


def crescents(rng):
    a, b = sizes(rng, 60, 400, 2)
    low = arc(rng, a, (0, 0), 1.5, 0, np.pi, rng.uniform(0.05, 0.3))
    center = (1.5, rng.uniform(0.2, 0.8))
    return united(low, arc(rng, b, center, 1.5, np.pi, 2 * np.pi, rng.uniform(0.05, 0.3)))


def open_rings(rng):
    a, b, c = sizes(rng, 50, 250, 3)
    gap, width = rng.uniform(0.1, 0.35), rng.uniform(0.1, 0.4)
    ends = (gap - 0.5) * np.pi, (1.5 - gap) * np.pi
    return united(
        arc(rng, a, (0, 0), rng.uniform(3.5, 5), *ends, width),
        blob(rng, b, (-1.5, 0), rng.uniform(0.4, 0.7)),
        blob(rng, c, (1.5, 0), rng.uniform(0.4, 0.7)),
    )


def hills_and_arcs(rng):
    a, b = sizes(rng, 60, 200, 2)
    radius, width = rng.uniform(2.4, 3.1), rng.uniform(0.1, 0.25)
    roof = arc(rng, b, (0, -1.4), radius, 0.3, np.pi - 0.3, width)
    return united(ball(rng, a, (0, -0.2), 1.0) * [1.2, 0.8], roof)


def turned_normals(rng):
    k = int(rng.integers(3, 8))
    centers = []
    while len(centers) < k:
        center = rng.uniform(0, 4 * np.sqrt(k), 2)
        if all(np.linalg.norm(center - other) > 2.6 for other in centers):
            centers.append(center)
    found = []
    for center in centers:
        n, spread = int(rng.integers(40, 500)), rng.uniform(0.25, 1.1, 2)
        found.append(turned(blob(rng, n, (0, 0), spread), rng.uniform(0, 3)) + center)
    return united(*found)


def many_blobs(rng):
    k = int(rng.integers(10, 40))
    return scattered(rng, k, rng.integers(80, 300), rng.uniform(0.2, 0.4, k), 1.1)


def shapes_in_noise(rng):
    a, c, d = sizes(rng, 200, 900, 3)
    b, e = sizes(rng, 100, 600, 2)
    X, y = united(
        arc(rng, a, (0, 0), 2.0, width=rng.uniform(0.08, 0.2)),
        ball(rng, b),
        path(rng, c, [(3, -2), (3, 2), (6, 2)], rng.uniform(0.1, 0.25)),
        box(rng, d, (3.9, -2), (6.0, 1.1)),
        path(rng, e, [(-2.5, -3), (0, -2.7), (6.5, -3.1)], rng.uniform(0.08, 0.2)),
    )
    return with_noise(rng, X, y, rng.uniform(0.02, 0.25))


def parallel_lines(rng):
    found = []
    for i in range(int(rng.integers(2, 6))):
        ends = [(i * rng.uniform(0.8, 1.0), 0), (i * 0.9 + rng.uniform(-0.2, 0.2), 3)]
        found.append(path(rng, int(rng.integers(40, 120)), ends, rng.uniform(0.03, 0.15)))
    return united(*found)


def tables(rng):
    d, k = int(rng.integers(4, 30)), int(rng.integers(2, 8))
    found = []
    for center in rng.normal(size=(k, d)):
        factors = rng.normal(size=(d, d)) / np.sqrt(d) * rng.uniform(0.3, 1.2)
        n, far = int(rng.integers(15, 250)), rng.uniform(0.6, 1.6)
        found.append(center * far + rng.normal(size=(n, d)) @ factors)
    X, y = united(*found)
    return X * np.exp(rng.normal(0, 0.6, d)), y


def few_rows(rng):
    angles = np.arange(k := int(rng.integers(3, 5))) * 2 * np.pi / k
    X, y = united(
        *(
            blob(
                rng,
                int(rng.integers(25, 65)),
                (2 * np.cos(t), 2 * np.sin(t)),
                rng.uniform(0.2, 1, 2),
            )
            for t in angles
        )
    )
    return with_noise(rng, X, y, rng.uniform(0, 0.1))


def crossing_lines(rng):
    found = []
    for _ in range(int(rng.integers(3, 6))):
        middle, angle = rng.uniform(-3, 3, 2), rng.uniform(0, np.pi)
        half = 4 * np.array([np.cos(angle), np.sin(angle)])
        ends = [middle - half, middle + half]
        found.append(path(rng, int(rng.integers(200, 800)), ends, rng.uniform(0.05, 0.2)))
    return united(*found)


def unequal_densities(rng):
    a, d = sizes(rng, 50, 150, 2)
    return united(
        ball(rng, a, (0, 0), 0.5),
        arc(rng, int(rng.integers(100, 250)), (0, 0), rng.uniform(1.3, 2), width=0.15),
        box(rng, int(rng.integers(15, 80)), (3, -2), (6, 2)),
        blob(rng, d, (4, 4), rng.uniform(0.2, 0.5)),
        blob(rng, int(rng.integers(30, 100)), (5.6, 4.4), rng.uniform(0.3, 0.7)),
    )


def tiny_groups(rng):
    """Blobs, and groups of three to eight rows far from them."""
    k = int(rng.integers(2, 5))
    X, y = scattered(rng, k, rng.integers(50, 300, k), rng.uniform(0.25, 0.5, k), 2.2, side=5.0)
    found = [X[y == i] for i in range(k)]
    for _ in range(int(rng.integers(1, 5))):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(5, 9)
        center = 2.5 + far * np.array([np.cos(angle), np.sin(angle)])
        found.append(blob(rng, int(rng.integers(3, 9)), center, rng.uniform(0.02, 0.25)))
    return united(*found)


def splashes(rng):
    found = []
    for i in range(3):
        center = (i * rng.uniform(2.5, 3.6), rng.uniform(-1, 1))
        found.append(blob(rng, int(rng.integers(80, 800)), center, rng.uniform(0.6, 1.1, 2)))
    return united(*found)


def rings(rng):
    radii = (1, 2, 3)[: rng.integers(2, 4)]
    return united(
        *(
            arc(rng, int(rng.integers(100, 500)), radius=r, width=rng.uniform(0.05, 0.22))
            for r in radii
        )
    )


def spirals(rng):
    found = []
    for i, s in enumerate(np.sqrt(rng.uniform(0.05, 1, (2, int(rng.integers(80, 400)))))):
        s = s * 3 * np.pi
        noise = rng.normal(0, rng.uniform(0.05, 0.5), (len(s), 2))
        found.append(turned(np.column_stack([s * np.cos(s), s * np.sin(s)]) + noise, np.pi * i))
    return united(*found)


def unequal_blobs(rng):
    k = int(rng.integers(4, 10))
    n = np.exp(rng.uniform(np.log(40), np.log(1500), k))
    return scattered(rng, k, n, rng.uniform(0.3, 0.8, k), 3.0)


def dense_and_sparse(rng):
    a, b, c = sizes(rng, 60, 300, 3)
    radius, end, width = rng.uniform(2.2, 3), rng.uniform(3, 6), rng.uniform(0.08, 0.2)
    return united(
        blob(rng, a, (0, 0), 0.15),
        blob(rng, b, (1.0, 0.6), 0.4),
        arc(rng, c, (0, 0), radius, 0, end, width),
    )


def blobs_in_noise(rng):
    n = int(rng.integers(60, 400))
    X, y = scattered(rng, int(rng.integers(4, 9)), n, rng.uniform(0.2, 0.4), 1.8)
    return with_noise(rng, X, y, rng.uniform(0.02, 0.3))


def faces(rng):
    a, b = int(rng.integers(300, 700)), int(rng.integers(80, 250))
    return united(
        arc(rng, a, radius=2.0, width=rng.uniform(0.04, 0.15)),
        *(
            ball(rng, n, c, rng.uniform(0.15, 0.35))
            for n, c in zip(sizes(rng, 30, 120, 2), [(-0.7, 0.7), (0.7, 0.7)], strict=True)
        ),
        arc(rng, b, (0, 0.1), 1.0, 1.15 * np.pi, 1.85 * np.pi, rng.uniform(0.04, 0.12)),
    )


def skewed_tables(rng):
    d, k = int(rng.integers(5, 20)), int(rng.integers(3, 9))
    found = []
    for center in rng.normal(size=(k, d)) * rng.uniform(0.4, 1.2):
        n = int(rng.integers(20, 200))
        found.append(center + rng.gamma(2, 1, (n, d)) * rng.uniform(0.1, 0.6, d))
    return united(*found)


def boxes(rng):
    gap = rng.uniform(0.02, 0.3)
    found = []
    for i in range(int(rng.integers(2, 5))):
        left = i * (1 + gap)
        high = (left + 1, rng.uniform(0.5, 3))
        found.append(box(rng, int(rng.integers(100, 900)), (left, 0), high))
    return united(*found)


def chains(rng):
    found = []
    for i in range(4):
        t = rng.uniform(0, 1, int(rng.integers(150, 600)))
        wave = rng.uniform(-0.6, 0.6) * np.sin(rng.uniform(2, 6) * t + i)
        rows = np.column_stack([6 * t, 1.3 * i + wave])
        found.append(rows + rng.normal(0, rng.uniform(0.05, 0.15), rows.shape))
    return united(*found)


def targets(rng):
    """A disc, a ring, and groups of a few rows in the corners."""
    a, b = sizes(rng, 150, 400, 2)
    corners = [(-3, -3), (3, 3), (-3, 3), (3, -3)][: rng.integers(1, 5)]
    n = int(rng.integers(3, 8))
    return united(
        ball(rng, a, (0, 0), 0.6),
        arc(rng, b, (0, 0), 2.0, width=rng.uniform(0.05, 0.12)),
        *(blob(rng, n, c, rng.uniform(0.02, 0.1)) for c in corners),
    )


def knots(rng):
    """Blobs whose neighbors are joined by thin lines."""
    centers = np.array([(0, 0), (4, 0), (8, 0), (0, 4), (4, 4), (8, 4), (2, 7.5), (6, 7.5)], float)
    lines = [(0, 1), (1, 2), (0, 3), (3, 4), (4, 5), (3, 6), (5, 7), (6, 7)]
    clusters = [ball(rng, 220, c, 0.8) for c in centers]
    for a, b in lines:
        middle = (centers[a] + centers[b]) / 2
        for end in (a, b):
            clusters[end] = np.vstack([clusters[end], path(rng, 8, [centers[end], middle], 0.05)])
    return united(*clusters)


def maze(rng):
    walls = [
        [(0, 0), (6, 0), (6, 6), (1.5, 6), (1.5, 2)],
        [(0, 7.2), (7.2, 7.2), (7.2, -1.2), (0, -1.2)],
        [(0, 1), (0.3, 5.8)],
        [(3, 1.2), (4.8, 1.2), (4.8, 4.6), (3, 4.6), (3, 2.6)],
    ]
    return united(
        *(path(rng, n, w, 0.13) for n, w in zip((900, 1100, 250, 600), walls, strict=True))
    )


def integer_letters(rng):
    """Many overlapping classes of small integers, some rows far out, copies among them."""
    centers = rng.normal(7.5, 2.0, (16, 12))
    factors = rng.normal(0, 1.0, (16, 3, 12))
    found = []
    for c, f in zip(centers, factors, strict=True):
        rows = c + rng.normal(size=(180, 3)) @ f * 0.8 + rng.normal(0, 0.6, (180, 12))
        wild = rng.random(180) < 0.04
        rows[wild] += rng.normal(0, 5, (wild.sum(), 12))
        found.append(np.clip(np.round(rows), 0, 15))
    return united(*found)


def blobs_and_outliers(rng):
    X, y = scattered(rng, 6, 300, 0.5, 3.0, d=8, side=6)
    far = rng.normal(size=(36, 8)) * 25
    return np.vstack([X, far]), np.append(y, np.full(36, NOISE))


def heavy_tails(rng):
    centers = rng.uniform(-4, 4, (8, 6))
    return united(*(c + rng.standard_t(2.5, (250, 6)) * 0.5 for c in centers))


def sheets(rng):
    """Curved sheets in 20 dimensions, of unequal size."""
    found = []
    for n in (800, 500, 300, 150, 80):
        t = rng.uniform(-1, 1, (n, 2))
        lifted = np.column_stack([t, np.sin(2 * t), np.cos(3 * t), t[:, :1] * t[:, 1:]])
        base = rng.normal(size=(lifted.shape[1], 20)) / 3
        found.append(lifted @ base + rng.normal(0, 0.8, 20) + rng.normal(0, 0.07, (n, 20)))
    return united(*found)


def blobs_and_far_pairs(rng):
    X, y = scattered(rng, 10, 250, 0.5, 2.6, d=4, side=7)
    pairs = np.repeat(rng.normal(size=(14, 4)) * 40, 2, axis=0)
    pairs += rng.normal(0, 0.05, pairs.shape)
    return np.vstack([X, pairs]), np.append(y, np.full(len(pairs), NOISE))


def curves(rng):
    t = rng.uniform(0, 1, (4, 700))
    ends = [(0, 6, 1.2), (6, 0, -0.8), (0.6, 2.2, 0.8), (3.4, 4.6, -0.6)]
    shift = [0, 0.4, -6, -7]
    found = []
    for s, (a, b, bend), up in zip(t, ends, shift, strict=True):
        y = a + (b - a) * s + bend * np.sin(np.pi * s) + up
        found.append(np.column_stack([8 * s, y]) + rng.normal(0, 0.12, (700, 2)))
    found[1] = found[1] + [9, 0]
    return united(*found)


def far_unequal_blobs(rng):
    big = [blob(rng, n, c, 0.8) for n, c in [(1500, (0, 0)), (1200, (7, 1)), (1000, (2, 7))]]
    small = [blob(rng, 70, (16 + 3 * (i % 2), 2.6 * i), 0.7) for i in range(4)]
    return united(*big, *small)


def bridged_blobs(rng):
    return united(
        ball(rng, 45, (0, 0), 0.9),
        ball(rng, 170, (3.6, 0), 2.0),
        ball(rng, 100, (0.4, 5.4), 1.5),
        ball(rng, 270, (6.3, 5.6), 2.6),
        ball(rng, 34, (11.4, 0.5), 0.8),
        ball(rng, 130, (11.6, 3.4), 1.8),
        ball(rng, 34, (10.4, 6.6), 0.8),
    )


def touching_discs(rng):
    return united(
        *(
            ball(rng, 400, c, r)
            for c, r in [((0, 0), 1), ((2.06, 0), 1), ((0.6, 2), 1), ((3, 2), 1)]
        )
    )


def one_large_beside_small(rng):
    radius = rng.uniform(2, 4)
    found = [ball(rng, int(rng.integers(800, 4000)), (0, 0), radius)]
    angle = rng.uniform(0, 1)
    for _ in range(int(rng.integers(2, 6))):
        small = rng.uniform(0.3, 0.7)
        far = radius + small + rng.uniform(0.15, 0.6)
        place = far * np.array([np.cos(angle), np.sin(angle)])
        found.append(ball(rng, int(rng.integers(30, 200)), place, small))
        angle += rng.uniform(0.8, 1.2)
    return united(*found)


DEVELOP = (
    one_large_beside_small,
    two_normals,
    crescents,
    open_rings,
    hills_and_arcs,
    turned_normals,
    many_blobs,
    shapes_in_noise,
    parallel_lines,
    tables,
    few_rows,
    crossing_lines,
    unequal_densities,
    tiny_groups,
    splashes,
    rings,
    spirals,
    unequal_blobs,
    dense_and_sparse,
    blobs_in_noise,
    faces,
    skewed_tables,
    boxes,
    chains,
    targets,
    knots,
    maze,
    integer_letters,
    blobs_and_outliers,
    heavy_tails,
    sheets,
    blobs_and_far_pairs,
    curves,
    far_unequal_blobs,
    bridged_blobs,
    touching_discs,
)
