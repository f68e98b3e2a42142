"""Sets to develop with: constants are chosen on these."""

import numpy as np
from _shapes import NOISE, arc, ball, blob, box, path, scattered, sizes, turned, united, with_noise


def atom(rng):
    return united(ball(rng, 400, (0,) * 3, 8), ball(rng, 400, (0,) * 3, 50, 46))


def two_spreads(rng):
    return united(blob(rng, 2000, (0, 0), 1.0), blob(rng, 2000, (3, 3), 1.6))


def rectangles_and_disc(rng):
    return united(
        box(rng, 100, (0, 0), (1, 3)), box(rng, 200, (1.6, 0), (4.5, 1)), ball(rng, 100, (3.4, 2.6))
    )


def touching_balls(rng):
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]) * 0.8
    return united(*(ball(rng, 100, c, 1.0) for c in corners))


def wings(rng):
    left = box(rng, 500, (0, 0), (1, 1))
    left[:, 0] = np.sqrt(left[:, 0])
    right = left * [-1, 1] + [2.08, 0.5]
    return united(left, right + rng.normal(0, 0.01, right.shape))


def fuzzy_x(rng):
    arms = [
        turned(path(rng, 200, [(1, 0), (5, 0)], 0.25), np.pi * (0.25 + i / 2)) for i in range(4)
    ]
    return united(blob(rng, 200, (0, 0), 0.5), *arms)


def parabolas(rng):
    t = rng.uniform(-2, 2, (2, 500))
    first = np.column_stack([t[0], t[0] ** 2]) + rng.normal(0, 0.18, (500, 2))
    second = np.column_stack([t[1] + 1.6, 4.4 - t[1] ** 2]) + rng.normal(0, 0.18, (500, 2))
    return united(first, second)


def noisy_ring(rng):
    X, y = united(arc(rng, 600, radius=4, width=0.25), blob(rng, 400, (0, 0), 0.7))
    return with_noise(rng, X, y, 0.08)


def zigzag(rng):
    lines = [[(i, i % 2 * 2.5), (i + 0.75, (i + 1) % 2 * 2.5 + 0.4 * (-1) ** i)] for i in range(5)]
    return united(*(path(rng, 60, line, 0.05) for line in lines))


def shapes_in_noise(rng):
    t = rng.uniform(0, 4 * np.pi, 700)
    wave = np.column_stack([t * 0.6, np.sin(t) * 0.8 + 4]) + rng.normal(0, 0.12, (700, 2))
    X, y = united(
        wave,
        ball(rng, 500, (1.2, 0.8), 1.0),
        box(rng, 600, (3, -0.2), (4, 1.8)),
        arc(rng, 500, (6, 0.8), 1.0, width=0.12),
        path(rng, 400, [(0, -1.6), (7.5, -1.2)], 0.12),
        box(rng, 500, (0, 5.8), (7, 6.5)),
    )
    return with_noise(rng, X, y, 0.1)


def moons_and_blobs(rng):
    X, y = united(
        arc(rng, 300, (0, 0), 1.5, 0, np.pi, 0.12),
        arc(rng, 300, (1.5, 0.6), 1.5, np.pi, 2 * np.pi, 0.12),
        blob(rng, 250, (-1, 3.4), 0.3),
        blob(rng, 250, (3.4, 3), (0.5, 0.2)),
        blob(rng, 400, (5.4, 0), 0.25),
    )
    return with_noise(rng, X, y, 0.15)


def twenty_blobs(rng):
    return scattered(rng, 20, 150, 0.24, 1.0)


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


def hill_and_arc(rng):
    n = 150
    hill = ball(rng, n, (0, 0), 1.15) * [1.1, 0.75]
    roof = arc(rng, 88, (0, -1.4), 2.75, 0.35, np.pi - 0.35, 0.22)
    return united(hill + [0, -0.2], np.vstack([roof, [[-4.2, 2.6], [-4.0, 2.9]]]))


def path_around(rng):
    ring = arc(rng, 110, (0, 0), 4.2, -0.25 * np.pi, 1.25 * np.pi, 0.35)
    return united(ring, blob(rng, 97, (-1.5, 0.2), 0.65), blob(rng, 93, (1.5, 0.2), 0.65))


def fifteen_in_rings(rng):
    centers = [(0, 0)]
    centers += [(3 * np.cos(t), 3 * np.sin(t)) for t in np.arange(7) * 2 * np.pi / 7]
    centers += [(8 * np.cos(t), 8 * np.sin(t)) for t in np.arange(7) * 2 * np.pi / 7]
    return united(*(blob(rng, 40, c, 0.38) for c in centers))


def fifteen_overlapping(rng):
    return scattered(rng, 15, 333, rng.uniform(0.26, 0.36, 15), 1.1)


def spirals(rng):
    t = np.sqrt(rng.uniform(0.06, 1, (3, 104))) * 2 * np.pi
    arms = [np.column_stack([s * np.cos(s), s * np.sin(s)]) * 0.9 for s in t]
    arms = [turned(a + rng.normal(0, 0.06, a.shape), 2 * np.pi * i / 3) for i, a in enumerate(arms)]
    return united(*arms)


def unequal_blobs(rng):
    big = [blob(rng, n, c, 0.8) for n, c in [(1500, (0, 0)), (1200, (7, 1)), (1000, (2, 7))]]
    small = [blob(rng, 70, (16 + 3 * (i % 2), 2.6 * i), 0.7) for i in range(4)]
    return united(*big, *small)


def touching_discs(rng):
    return united(
        *(
            ball(rng, 400, c, r)
            for c, r in [((0, 0), 1), ((2.06, 0), 1), ((0.6, 2), 1), ((3, 2), 1)]
        )
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


def five_rings(rng):
    centers = [(0, 0), (2.5, 0), (5, 0), (1.25, -1.1), (3.75, -1.1)]
    return united(*(arc(rng, 500, c, 1.0, width=0.04) for c in centers))


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


def windows(rng):
    def frame(n, c, half):
        return path(
            rng, n, np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * half + c, 0.06
        )

    panes = [box(rng, 300, np.array(c) - 0.5, np.array(c) + 0.5) for c in [(-1, -1), (1, 1)]]
    panes += [frame(350, c, 0.6) for c in [(-1, 1), (1, -1)]]
    return united(frame(1100, (0, 0), 2.4), *panes)


def small_groups_in_noise(rng):
    X, y = united(
        blob(rng, 40, (0, 0), 0.3),
        blob(rng, 60, (3, 0), 0.6),
        path(rng, 50, [(0, 3), (3, 3.5)], 0.1),
    )
    return with_noise(rng, X, y, 0.12)


def correlated(rng):
    """Normal clusters of unequal covariances."""
    places = [(0, 0), (4, 1), (1.5, 5), (7, 6), (8, 0)]
    spreads = [(1.4, 0.3), (0.4, 1.3), (1.6, 0.4), (0.7, 0.7), (0.3, 1.2)]
    found = [
        turned(blob(rng, 300, (0, 0), s), rng.uniform(0, np.pi)) + p
        for p, s in zip(places, spreads, strict=True)
    ]
    return united(*found)


def blobs_and_outliers(rng):
    X, y = scattered(rng, 6, 300, 0.5, 3.0, d=8, side=6)
    far = rng.normal(size=(36, 8)) * 25
    return np.vstack([X, far]), np.append(y, np.full(36, NOISE))


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


# -- with random sizes, widths and distances, from easy to hard


def varied_two_normals(rng):
    s = rng.uniform(0.7, 2)
    a, b = sizes(rng, 100, 2000, 2)
    return united(blob(rng, a), blob(rng, b, (rng.uniform(2.6, 4) * s, 0), s))


def varied_crescents(rng):
    a, b = sizes(rng, 60, 400, 2)
    low = arc(rng, a, (0, 0), 1.5, 0, np.pi, rng.uniform(0.05, 0.3))
    center = (1.5, rng.uniform(0.2, 0.8))
    return united(low, arc(rng, b, center, 1.5, np.pi, 2 * np.pi, rng.uniform(0.05, 0.3)))


def varied_open_rings(rng):
    a, b, c = sizes(rng, 50, 250, 3)
    gap, width = rng.uniform(0.1, 0.35), rng.uniform(0.1, 0.4)
    ends = (gap - 0.5) * np.pi, (1.5 - gap) * np.pi
    return united(
        arc(rng, a, (0, 0), rng.uniform(3.5, 5), *ends, width),
        blob(rng, b, (-1.5, 0), rng.uniform(0.4, 0.7)),
        blob(rng, c, (1.5, 0), rng.uniform(0.4, 0.7)),
    )


def varied_hills_and_arcs(rng):
    a, b = sizes(rng, 60, 200, 2)
    radius, width = rng.uniform(2.4, 3.1), rng.uniform(0.1, 0.25)
    roof = arc(rng, b, (0, -1.4), radius, 0.3, np.pi - 0.3, width)
    return united(ball(rng, a, (0, -0.2), 1.0) * [1.2, 0.8], roof)


def varied_turned_normals(rng):
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


def varied_many_blobs(rng):
    k = int(rng.integers(10, 40))
    return scattered(rng, k, rng.integers(80, 300), rng.uniform(0.2, 0.4, k), 1.1)


def varied_shapes_in_noise(rng):
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


def varied_parallel_lines(rng):
    found = []
    for i in range(int(rng.integers(2, 6))):
        ends = [(i * rng.uniform(0.8, 1.0), 0), (i * 0.9 + rng.uniform(-0.2, 0.2), 3)]
        found.append(path(rng, int(rng.integers(40, 120)), ends, rng.uniform(0.03, 0.15)))
    return united(*found)


def varied_tables(rng):
    d, k = int(rng.integers(4, 30)), int(rng.integers(2, 8))
    found = []
    for center in rng.normal(size=(k, d)):
        factors = rng.normal(size=(d, d)) / np.sqrt(d) * rng.uniform(0.3, 1.2)
        n, far = int(rng.integers(15, 250)), rng.uniform(0.6, 1.6)
        found.append(center * far + rng.normal(size=(n, d)) @ factors)
    X, y = united(*found)
    return X * np.exp(rng.normal(0, 0.6, d)), y


def varied_few_rows(rng):
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


def varied_crossing_lines(rng):
    found = []
    for _ in range(int(rng.integers(3, 6))):
        middle, angle = rng.uniform(-3, 3, 2), rng.uniform(0, np.pi)
        half = 4 * np.array([np.cos(angle), np.sin(angle)])
        ends = [middle - half, middle + half]
        found.append(path(rng, int(rng.integers(200, 800)), ends, rng.uniform(0.05, 0.2)))
    return united(*found)


def varied_unequal_densities(rng):
    a, d = sizes(rng, 50, 150, 2)
    return united(
        ball(rng, a, (0, 0), 0.5),
        arc(rng, int(rng.integers(100, 250)), (0, 0), rng.uniform(1.3, 2), width=0.15),
        box(rng, int(rng.integers(15, 80)), (3, -2), (6, 2)),
        blob(rng, d, (4, 4), rng.uniform(0.2, 0.5)),
        blob(rng, int(rng.integers(30, 100)), (5.6, 4.4), rng.uniform(0.3, 0.7)),
    )


def varied_tiny_groups(rng):
    """Blobs, and groups of three to eight rows far from them."""
    k = int(rng.integers(2, 5))
    X, y = scattered(rng, k, rng.integers(50, 300, k), rng.uniform(0.25, 0.5, k), 2.2, side=5.0)
    found = [X[y == i] for i in range(k)]
    for _ in range(int(rng.integers(1, 5))):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(5, 9)
        center = 2.5 + far * np.array([np.cos(angle), np.sin(angle)])
        found.append(blob(rng, int(rng.integers(3, 9)), center, rng.uniform(0.02, 0.25)))
    return united(*found)


DEVELOP = (
    atom,
    two_spreads,
    rectangles_and_disc,
    touching_balls,
    wings,
    fuzzy_x,
    parabolas,
    noisy_ring,
    zigzag,
    shapes_in_noise,
    moons_and_blobs,
    twenty_blobs,
    bridged_blobs,
    hill_and_arc,
    path_around,
    fifteen_in_rings,
    fifteen_overlapping,
    spirals,
    unequal_blobs,
    touching_discs,
    knots,
    maze,
    five_rings,
    curves,
    windows,
    small_groups_in_noise,
    correlated,
    blobs_and_outliers,
    integer_letters,
    varied_two_normals,
    varied_crescents,
    varied_open_rings,
    varied_hills_and_arcs,
    varied_turned_normals,
    varied_many_blobs,
    varied_shapes_in_noise,
    varied_parallel_lines,
    varied_tables,
    varied_few_rows,
    varied_crossing_lines,
    varied_unequal_densities,
    varied_tiny_groups,
)
