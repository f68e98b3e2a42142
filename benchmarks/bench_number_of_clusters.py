"""DynMSC: the numbers of clusters it finds with and without outliers, and its time.

    python benchmarks/bench_number_of_clusters.py           made-up sets of known number, 2 to 15
    python benchmarks/bench_number_of_clusters.py --times   beside KMedoids and kmedoids.dynmsc

`hits` is the share of sets whose number is found, `ari` the mean adjusted Rand index over the
objects that are no outliers, `smallest` the mean share of objects in the smallest cluster.

Peer of the times: pip install kmedoids==0.5.5
"""

import argparse
from functools import partial

import numpy as np
from _common import Table, median_runs, peer
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, pairwise_distances

from skdeepcluster import DynMSC, KMedoids

PAPER = {"min_cluster_size": 1, "distance_quantile": 1.0, "max_samples": 1.0}
SETTINGS = {
    "paper": PAPER,
    "min_cluster_size only": {"distance_quantile": 1.0},
    "distance_quantile only": {"min_cluster_size": 1},
    "default": {},
}
OUTLIERS = ("none", "one", "three together", "1% scattered", "3% scattered", "5% scattered")


def gaussians(k, n_features, equal, rng, n=600):
    """Spherical clusters, at least some distance apart, of equal or unequal sizes."""
    apart = 7 if n_features == 2 else 5
    centers = []
    while len(centers) < k:
        new = rng.uniform(-1, 1, n_features) * apart * k ** (1 / n_features)
        if all(np.linalg.norm(new - center) > apart for center in centers):
            centers.append(new)
    shares = np.ones(k) if equal else np.maximum(rng.dirichlet(np.full(k, 2.0)), 0.03)
    y = np.repeat(np.arange(k), (n * shares / shares.sum()).astype(int))
    return np.array(centers)[y] + rng.normal(size=(len(y), n_features)) * rng.uniform(0.6, 1.2), y


def with_outliers(X, kind, rng):
    reach, d = np.abs(X).max(), X.shape[1]
    direction = rng.normal(size=d)
    direction *= reach / np.linalg.norm(direction)
    far = {
        "none": np.empty((0, d)),
        "one": 200 * direction[np.newaxis],
        "three together": 20 * direction + rng.normal(size=(3, d)),
    }
    if kind in far:
        return np.vstack([X, far[kind]])
    n = len(X) * int(kind[0]) // 100
    return np.vstack([X, rng.uniform(-8 * reach, 8 * reach, (n, d))])


def numbers(n_seeds):
    table = Table(outliers="", setting="", hits=".2f", ari=".2f", smallest=".3f")
    for kind in OUTLIERS:
        results = {setting: [] for setting in SETTINGS}
        for seed in range(n_seeds):
            rng = np.random.default_rng(seed)
            for k in (2, 3, 5, 9, 15):
                for n_features, equal in ((2, True), (2, False), (8, True), (8, False)):
                    X, y = gaussians(k, n_features, equal, rng)
                    Z = with_outliers(X, kind, rng)
                    for setting, params in SETTINGS.items():
                        model = DynMSC(random_state=seed, **params).fit(Z)
                        sizes = np.bincount(model.labels_)
                        ari = adjusted_rand_score(y, model.labels_[: len(y)])
                        hit = model.n_clusters_ == k
                        results[setting].append((hit, ari, sizes.min() / len(Z)))
        for setting, values in results.items():
            table.row(kind, setting, *np.mean(values, axis=0))


def times(sizes, repeats):
    kmedoids = peer("kmedoids")
    table = Table(data="", run="", seconds=".2f", clusters="d")
    rng = np.random.default_rng(0)
    for n in sizes:
        sets = {
            "ten clusters": make_blobs(n, n_features=16, centers=10, random_state=0)[0],
            "one cluster": rng.normal(size=(n, 16)),
        }
        for name, X in sets.items():
            tasks = {
                "DynMSC": partial(DynMSC(random_state=0).fit, X),
                "DynMSC, 3 starts": partial(DynMSC(n_init=3, random_state=0).fit, X),
                "DynMSC, paper": partial(DynMSC(random_state=0, **PAPER).fit, X),
                "KMedoids(20)": partial(KMedoids(20, random_state=0).fit, X),
            }
            if kmedoids:
                # It takes a matrix, whose time counts as it does for the others.
                tasks["kmedoids.dynmsc"] = lambda X=X: kmedoids.dynmsc(
                    pairwise_distances(X), 20, 2, random_state=0
                )
            for run, (seconds, result) in median_runs(tasks, repeats, longest=60).items():
                found = getattr(result, "n_clusters_", getattr(result, "bestk", 20))
                table.row(f"n = {n}, {name}", run, seconds, int(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 4096])
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    if args.times:
        times(args.sizes, args.repeats)
    else:
        numbers(args.repeats)


if __name__ == "__main__":
    main()
