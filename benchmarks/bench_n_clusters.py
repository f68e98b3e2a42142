"""How often each criterion of NClustersSearch finds the number of clusters, up to one.

    python benchmarks/bench_n_clusters.py [--seeds 0 1 ...] [--repeats 5] [--held-out] [--only SET]

The sets are digits, iris and wine (standardized), 2 to 30 Gaussian blobs in 5 dimensions, 5 blobs
of unequal sizes and widths, 4 that overlap, and rows without clusters: uniform ones and a single
Gaussian. A seed draws the blobs, the rows of digits, and all that is random in the search. The
estimator is k-means with 3 starts, the largest number 20, for 20 blobs and more 40. With --held-out
the sets are real ones on which the default was not chosen, from the folder that
SKDEEPCLUSTER_BENCHMARK_DATA names: segment, USPS, and leaves (their first view, 12 species).
Printed are the numbers found and, for each set, the shares of seeds whose number is that of the
classes or differs by one; without clusters only 1 counts.
"""

import argparse
import warnings

import numpy as np
from _common import DATA, Table, hardware, load
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, load_wine, make_blobs
from sklearn.preprocessing import StandardScaler

from skdeepcluster import NClustersSearch
from skdeepcluster.selection._criteria import CONSENSUS, CRITERIA, consensus_of


def sets(seed):
    """Name, rows and number of clusters of each set."""
    rng = np.random.default_rng(seed)
    X, _ = load_digits(return_X_y=True)
    yield "digits", X[rng.permutation(len(X))[:600]], 10
    yield "iris", load_iris().data, 3
    yield "wine", StandardScaler().fit_transform(load_wine().data), 3
    for k in (2, 3, 5, 8, 12, 20, 30):
        X, _ = make_blobs(max(300, 30 * k), n_features=5, centers=k, random_state=seed)
        yield f"{k} blobs", X, k
    centers = rng.uniform(-10, 10, (5, 3))
    sizes, widths = (500, 200, 100, 50, 25), (1.5, 1, 0.5, 1, 0.5)
    parts = zip(centers, sizes, widths, strict=True)
    X = np.concatenate([c + s * rng.normal(size=(m, 3)) for c, m, s in parts])
    yield "5 unequal blobs", X, 5
    corners = 3.5 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    yield "4 overlapping blobs", np.repeat(corners, 150, axis=0) + rng.normal(size=(600, 2)), 4
    yield "uniform, 2 features", rng.uniform(size=(500, 2)), 1
    yield "uniform, 5 features", rng.uniform(size=(500, 5)), 1
    yield "one Gaussian", rng.normal(size=(500, 3)), 1


def held_out(seed):
    """The same for real sets that played no part in the choice of the default."""
    rng = np.random.default_rng(seed)
    if (DATA / "segment.npz").exists():
        with np.load(DATA / "segment.npz") as archive:
            X = StandardScaler().fit_transform(archive["X"])
        yield "segment", X[rng.permutation(len(X))[:700]], 7
        with np.load(DATA / "leaves100_multiview.npz") as archive:
            X, y = archive["X_0"], archive["y"]
        yield "leaves, 12 species", X[np.isin(y, rng.permutation(100)[:12])], 12
    usps = load("usps", 700, seed)
    if usps is not None:
        yield "usps", usps[0].astype(np.float64), 10


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--only", nargs="+", help="names of sets")
    args = parser.parse_args()
    print(hardware())
    warnings.simplefilter("ignore")
    names = [*CRITERIA, "consensus"]
    found = {}
    for seed in args.seeds:
        for data, X, truth in (held_out if args.held_out else sets)(seed):
            if args.only and data not in args.only:
                continue
            choices = {}
            for name in CRITERIA:
                search = NClustersSearch(
                    KMeans(n_init=3),
                    criterion=name,
                    max_clusters=20 if truth <= 12 else 40,
                    n_repeats=args.repeats,
                    random_state=seed,
                )
                choices[name] = search.fit(X).n_clusters_
            # As the search itself does, without fitting again.
            choices["consensus"] = consensus_of([choices[name] for name in CONSENSUS])
            found.setdefault((data, truth), []).append(choices)
            print(seed, data, truth, choices, flush=True)
    if not found:
        return
    table = Table(data="", **dict.fromkeys(names, ".2f"))
    shares = []
    for (data, truth), runs in found.items():
        hits = [np.mean([abs(run[name] - truth) <= (truth > 1) for run in runs]) for name in names]
        shares.append(hits)
        table.row(data, *hits)
    table.row("mean over sets", *np.mean(shares, axis=0), stored=False)


if __name__ == "__main__":
    main()
