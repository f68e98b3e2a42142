"""Sets to validate with: what was chosen on others has to hold on these."""

import numpy as np
from _shapes import (
    NOISE,
    arc,
    ball,
    blob,
    box,
    grid,
    path,
    scattered,
    sizes,
    turned,
    united,
    with_noise,
)


def linked_rings(rng):
    flat = np.column_stack([arc(rng, 500, width=0.06), rng.normal(0, 0.06, 500)])
    other = np.column_stack([arc(rng, 500, width=0.06), rng.normal(0, 0.06, 500)])
    return united(flat, other[:, [0, 2, 1]] + [1, 0, 0])


def seven_in_space(rng):
    axes = np.vstack([np.eye(3), -np.eye(3)]) * 3
    spreads = [0.45] * 6
    return united(
        blob(rng, 32, (0, 0, 0), 0.2),
        *(blob(rng, 30, c, s) for c, s in zip(axes, spreads, strict=True)),
    )


def target(rng):
    corners = [blob(rng, 4, c, 0.03) for c in [(-3, -3), (3, 3), (-3, 3), (3, -3)]]
    return united(ball(rng, 360, (0, 0), 0.5), arc(rng, 390, (0, 0), 2.0, width=0.07), *corners)


def two_diamonds(rng):
    diamond = turned(box(rng, 400, (-1, -1), (1, 1)), np.pi / 4)
    other = turned(box(rng, 400, (-1, -1), (1, 1)), np.pi / 4)
    return united(diamond, other + [2 * np.sqrt(2) + 0.02, 0])


def dense_beside_sparse(rng):
    return united(blob(rng, 100, (0, 0), 0.12), blob(rng, 100, (1.1, 0.6), 0.45))


def line_and_blob(rng):
    return united(path(rng, 60, [(0, -3), (0, 3)], 0.02), blob(rng, 190, (1.6, 0), 0.42))


def ring_and_blob(rng):
    return united(arc(rng, 600, radius=3, width=0.3), blob(rng, 400, (0, 0), 0.6))


def ring_and_groups(rng):
    groups = [blob(rng, 12, c, 0.1) for c in [(9, 9), (-8, 7), (8, -9)]]
    return united(arc(rng, 550, radius=4, width=0.2), blob(rng, 450, (0, 0), 0.7), *groups)


def noisy_zigzag(rng):
    lines = [[(i * 1.2, 0), (i * 1.2 + 0.8, 2.4)] if i % 2 else [(i * 1.2, 2.4), (i * 1.2 + 0.8, 0)]
             for i in range(4)]  # fmt: skip
    X, y = united(*(path(rng, 80, line, 0.06) for line in lines))
    return with_noise(rng, X, y, 0.1)


def letters_in_noise(rng):
    X, y = united(
        path(rng, 500, [(0, 0), (0, 4), (2, 4)], 0.15),
        path(rng, 500, [(0.8, 0), (0.8, 3), (2.4, 3), (2.4, 0)], 0.12),
        arc(rng, 600, (5, 2), 1.7, 0.4, 5.8, 0.15),
        blob(rng, 300, (5, 2), 0.35),
        box(rng, 900, (7.6, 0), (9.6, 4)),
        path(rng, 500, [(0, -1.2), (9.6, -1.0)], 0.12),
    )
    return with_noise(rng, X, y, 0.1)


def nested_squares(rng):
    outer = path(rng, 600, [(-2, -2), (2, -2), (2, 2), (-2, 2), (-2, -2)], 0.1)
    return united(outer, box(rng, 400, (-1.1, -1.1), (1.1, 1.1)))


def fifty_blobs(rng):
    return scattered(rng, 50, 150, 0.23, 1.0)


def lattice(rng):
    return grid(rng, 10, 60, 0.2)


def compound(rng):
    return united(
        blob(rng, 50, (0, 0), 0.35),
        blob(rng, 92, (0.4, 3), (0.4, 0.5)),
        blob(rng, 38, (2.4, 3.2), (0.7, 0.5)),
        ball(rng, 45, (8, 0), 0.5),
        arc(rng, 158, (8, 0), 1.9, width=0.15),
        box(rng, 16, (6, 4.5), (10, 7)),
    )


def thirty_one_blobs(rng):
    return scattered(rng, 31, 100, 0.22, 0.9)


def unequal_crescents(rng):
    return united(
        arc(rng, 97, (0, 0), 5, 0.1, np.pi - 0.1, 0.5),
        arc(rng, 276, (5, 1), 4.2, np.pi + 0.1, 2 * np.pi - 0.1, 0.25) + [0, 1],
    )


def overlapping(rng):
    return scattered(rng, 15, 300, rng.uniform(0.36, 0.5, 15), 1.1)


def far_unequal_blobs(rng):
    big = [blob(rng, 2000, c, 0.6) for c in [(0, 0), (4, 4), (4, -4)]]
    small = [blob(rng, 100, (20 + 3 * (i % 2), 3 * i - 6), 0.6) for i in range(5)]
    return united(*big, *small)


def worms(rng):
    found = []
    for i in range(12):
        t = np.linspace(0, 1, 250)
        bend = rng.uniform(-1.5, 1.5)
        body = np.column_stack([3 * t, bend * np.sin(np.pi * t)])
        width = (0.03 + 0.12 * t)[:, None]
        body = turned(body - [1.5, 0], rng.uniform(-0.4, 0.4)) + rng.normal(size=body.shape) * width
        found.append(body + [4 * (i % 3), 1.9 * (i // 3)])
    return united(*found)


def cross(rng):
    arms = [turned(box(rng, 400, (0.5, -0.35), (3, 0.35)), np.pi / 2 * i) for i in range(4)]
    return united(*arms)


def nested_rings(rng):
    return united(*(arc(rng, n, radius=r, width=0.15) for n, r in [(900, 3), (600, 2), (300, 1)]))


def mixtures(rng):
    return united(
        blob(rng, 400, (0, 0), 0.5),
        blob(rng, 400, (2.2, 0), (0.4, 0.9)),
        blob(rng, 200, (1, 2.6), 0.4),
    )


def smile(rng):
    eyes = [ball(rng, 90, c, 0.22) for c in [(-0.7, 0.7), (0.7, 0.7)]]
    mouth = arc(rng, 220, (0, 0.1), 1.0, 1.15 * np.pi, 1.85 * np.pi, 0.05)
    return united(arc(rng, 600, radius=2.0, width=0.06), *eyes, mouth, ball(rng, 40, (0, 0.1), 0.1))


def stripes(rng):
    return united(*(box(rng, 1200, (0, 1.25 * i), (14, 1.25 * i + 1)) for i in range(2)))


def trapped(rng):
    ring = arc(rng, 900, (0, 0), 3.0, 0.1, 2 * np.pi - 0.1, 0.12)
    return united(ring, blob(rng, 500, (-1, 0), 0.35), path(rng, 400, [(0.8, -1), (1.2, 1)], 0.12))


def two_splashes(rng):
    return united(blob(rng, 200, (0, 0), 1.0), blob(rng, 200, (3.0, 0), 1.0))


def few_rows(rng):
    return united(
        blob(rng, 40, (0, 0), 0.5), blob(rng, 40, (2.2, 0.4), 0.5), blob(rng, 40, (1, 2.2), 0.5)
    )


def unequal_spreads(rng):
    return united(
        blob(rng, 50, (0, 0), 0.1), blob(rng, 200, (1.6, 0.4), 0.4), blob(rng, 400, (5, 1), 1.2),
        blob(rng, 80, (1, 3), 0.2),
    )  # fmt: skip


def heavy_tails(rng):
    centers = rng.uniform(-4, 4, (8, 6))
    return united(*(c + rng.standard_t(2.5, (250, 6)) * 0.5 for c in centers))


def blobs_and_far_pairs(rng):
    X, y = scattered(rng, 10, 250, 0.5, 2.6, d=4, side=7)
    pairs = np.repeat(rng.normal(size=(14, 4)) * 40, 2, axis=0)
    pairs += rng.normal(0, 0.05, pairs.shape)
    return np.vstack([X, pairs]), np.append(y, np.full(len(pairs), NOISE))


def sheets(rng):
    """Curved sheets in 20 dimensions, of unequal size."""
    found = []
    for n in (800, 500, 300, 150, 80):
        t = rng.uniform(-1, 1, (n, 2))
        lifted = np.column_stack([t, np.sin(2 * t), np.cos(3 * t), t[:, :1] * t[:, 1:]])
        base = rng.normal(size=(lifted.shape[1], 20)) / 3
        found.append(lifted @ base + rng.normal(0, 0.8, 20) + rng.normal(0, 0.07, (n, 20)))
    return united(*found)


# -- with random sizes, widths and distances, from easy to hard


def varied_splashes(rng):
    found = []
    for i in range(3):
        center = (i * rng.uniform(2.5, 3.6), rng.uniform(-1, 1))
        found.append(blob(rng, int(rng.integers(80, 800)), center, rng.uniform(0.6, 1.1, 2)))
    return united(*found)


def varied_rings(rng):
    radii = (1, 2, 3)[: rng.integers(2, 4)]
    return united(
        *(
            arc(rng, int(rng.integers(100, 500)), radius=r, width=rng.uniform(0.05, 0.22))
            for r in radii
        )
    )


def varied_spirals(rng):
    found = []
    for i, s in enumerate(np.sqrt(rng.uniform(0.05, 1, (2, int(rng.integers(80, 400)))))):
        s = s * 3 * np.pi
        noise = rng.normal(0, rng.uniform(0.05, 0.5), (len(s), 2))
        found.append(turned(np.column_stack([s * np.cos(s), s * np.sin(s)]) + noise, np.pi * i))
    return united(*found)


def varied_unequal_blobs(rng):
    k = int(rng.integers(4, 10))
    n = np.exp(rng.uniform(np.log(40), np.log(1500), k))
    return scattered(rng, k, n, rng.uniform(0.3, 0.8, k), 3.0)


def varied_dense_and_sparse(rng):
    a, b, c = sizes(rng, 60, 300, 3)
    radius, end, width = rng.uniform(2.2, 3), rng.uniform(3, 6), rng.uniform(0.08, 0.2)
    return united(
        blob(rng, a, (0, 0), 0.15),
        blob(rng, b, (1.0, 0.6), 0.4),
        arc(rng, c, (0, 0), radius, 0, end, width),
    )


def varied_blobs_in_noise(rng):
    n = int(rng.integers(60, 400))
    X, y = scattered(rng, int(rng.integers(4, 9)), n, rng.uniform(0.2, 0.4), 1.8)
    return with_noise(rng, X, y, rng.uniform(0.02, 0.3))


def varied_faces(rng):
    a, b = int(rng.integers(300, 700)), int(rng.integers(80, 250))
    return united(
        arc(rng, a, radius=2.0, width=rng.uniform(0.04, 0.15)),
        *(
            ball(rng, n, c, rng.uniform(0.15, 0.35))
            for n, c in zip(sizes(rng, 30, 120, 2), [(-0.7, 0.7), (0.7, 0.7)], strict=True)
        ),
        arc(rng, b, (0, 0.1), 1.0, 1.15 * np.pi, 1.85 * np.pi, rng.uniform(0.04, 0.12)),
    )


def varied_skewed_tables(rng):
    d, k = int(rng.integers(5, 20)), int(rng.integers(3, 9))
    found = []
    for center in rng.normal(size=(k, d)) * rng.uniform(0.4, 1.2):
        n = int(rng.integers(20, 200))
        found.append(center + rng.gamma(2, 1, (n, d)) * rng.uniform(0.1, 0.6, d))
    return united(*found)


def varied_boxes(rng):
    gap = rng.uniform(0.02, 0.3)
    found = []
    for i in range(int(rng.integers(2, 5))):
        left = i * (1 + gap)
        high = (left + 1, rng.uniform(0.5, 3))
        found.append(box(rng, int(rng.integers(100, 900)), (left, 0), high))
    return united(*found)


def varied_chains(rng):
    found = []
    for i in range(4):
        t = rng.uniform(0, 1, int(rng.integers(150, 600)))
        wave = rng.uniform(-0.6, 0.6) * np.sin(rng.uniform(2, 6) * t + i)
        rows = np.column_stack([6 * t, 1.3 * i + wave])
        found.append(rows + rng.normal(0, rng.uniform(0.05, 0.15), rows.shape))
    return united(*found)


def varied_targets(rng):
    """A disc, a ring, and groups of a few rows in the corners."""
    a, b = sizes(rng, 150, 400, 2)
    corners = [(-3, -3), (3, 3), (-3, 3), (3, -3)][: rng.integers(1, 5)]
    n = int(rng.integers(3, 8))
    return united(
        ball(rng, a, (0, 0), 0.6),
        arc(rng, b, (0, 0), 2.0, width=rng.uniform(0.05, 0.12)),
        *(blob(rng, n, c, rng.uniform(0.02, 0.1)) for c in corners),
    )


VALIDATE = (
    linked_rings,
    seven_in_space,
    target,
    two_diamonds,
    dense_beside_sparse,
    line_and_blob,
    ring_and_blob,
    ring_and_groups,
    noisy_zigzag,
    letters_in_noise,
    nested_squares,
    fifty_blobs,
    lattice,
    compound,
    thirty_one_blobs,
    unequal_crescents,
    overlapping,
    far_unequal_blobs,
    worms,
    cross,
    nested_rings,
    mixtures,
    smile,
    stripes,
    trapped,
    two_splashes,
    few_rows,
    unequal_spreads,
    heavy_tails,
    blobs_and_far_pairs,
    sheets,
    varied_splashes,
    varied_rings,
    varied_spirals,
    varied_unequal_blobs,
    varied_dense_and_sparse,
    varied_blobs_in_noise,
    varied_faces,
    varied_skewed_tables,
    varied_boxes,
    varied_chains,
    varied_targets,
)
