"""Tracks that cross: HyperTrack beside clusterings by distance.

    python benchmarks/bench_point_sets.py [--seeds 2] [--sets 600] [--pretrain 5] [--epochs 12]

Adjusted Rand indices of 50 new sets, each of 10 straight tracks of length 1 whose centers are
uniform in a square of side 2, of 10 points with a jitter of 0.01. A seed decides the training sets,
their number is `--sets`, and the network. "Nearest true segment" gives each point the track that it
is nearest to, though where two cross nothing may tell their points apart. DBSCAN has the best of 18
radii and 3 numbers of points, and k-means the true number of tracks.
"""

import argparse
import time

import numpy as np
from _common import Table, hardware
from sklearn.cluster import DBSCAN, KMeans
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HyperTrack

N_TRACKS = N_POINTS = 10


def tracks(n_sets, seed):
    """Points, objects, sets, and the centers and directions of the tracks."""
    rng = np.random.default_rng(seed)
    n = n_sets * N_TRACKS
    angle = rng.uniform(0, 2 * np.pi, n)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    center = rng.uniform(-1, 1, (n, 2))
    X = center[:, None] + np.linspace(-0.5, 0.5, N_POINTS)[:, None] * direction[:, None]
    X = (X + rng.normal(scale=0.01, size=X.shape)).reshape(-1, 2).astype(np.float32)
    y = np.repeat(np.arange(n), N_POINTS)
    return X, y, y // N_TRACKS, center, direction


def agreement(y, labels, groups):
    sets = [groups == number for number in np.unique(groups)]
    return np.mean([adjusted_rand_score(y[rows], labels[rows]) for rows in sets])


def by_distance(X, y, groups):
    """Rand indices of what knows distances alone, and of the true segments."""

    def each(cluster):
        labels = np.empty(len(y), dtype=int)
        for number in np.unique(groups):
            labels[groups == number] = cluster(X[groups == number])
        return agreement(y, labels, groups)

    return {
        "DBSCAN, best": max(
            each(DBSCAN(radius, min_samples=least).fit_predict)
            for radius in np.linspace(0.04, 0.21, 18)
            for least in (1, 2, 3)
        ),
        "k-means": each(KMeans(N_TRACKS, n_init=10, random_state=0).fit_predict),
    }


def nearest_segment(X, y, groups, center, direction):
    labels = np.empty(len(y), dtype=int)
    for number in np.unique(groups):
        rows, own = groups == number, slice(number * N_TRACKS, (number + 1) * N_TRACKS)
        step = X[rows][:, None] - center[own]
        along = np.clip((step * direction[own]).sum(axis=2), -0.5, 0.5)
        off = np.linalg.norm(step - along[..., None] * direction[own], axis=2)
        labels[rows] = off.argmin(axis=1)
    return agreement(y, labels, groups)


def main(n_seeds, n_sets, pretrain, epochs):
    print(hardware())
    new = tracks(50, 1001)
    X, y, groups = new[:3]
    table = Table(method="", seed="", ARI=".3f", seconds=".0f")
    table.row("nearest true segment", "", nearest_segment(*new), 0)
    for who, found in by_distance(X, y, groups).items():
        table.row(who, "", found, 0)
    for seed in range(n_seeds):
        rows, objects, sets = tracks(n_sets, seed)[:3]
        for who, params in (
            ("untrained", {"pretrain_epochs": 0, "max_epochs": 0, "read_out": "components"}),
            ("HyperTrack", {"pretrain_epochs": pretrain, "max_epochs": epochs}),
        ):
            began = time.perf_counter()
            model = HyperTrack(random_state=seed, **params).fit(rows, objects, groups=sets)
            seconds = time.perf_counter() - began
            labels = model.predict(X, groups=groups)
            table.row(who, seed, agreement(y, labels, groups), seconds)
        # The same network with another read-out.
        model.set_params(read_out="components")
        for model.threshold_ in (0.5, 0.6, 0.7, 0.8, 0.9):
            labels = model.predict(X, groups=groups)
            who = f"its components, threshold {model.threshold_}"
            table.row(who, seed, agreement(y, labels, groups), 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--sets", type=int, default=600)
    parser.add_argument("--pretrain", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    main(options.seeds, options.sets, options.pretrain, options.epochs)
