"""HDBSCAN beside its peers: whole fits, the bare spanning tree, sweeps and prediction.

All times of a line come from one process, round by round, so that a busy machine slows all alike;
what counts are the ratios. Compiled peers compile on a small sample before the clock starts.

    python benchmarks/bench_hdbscan.py                    the table
    python benchmarks/bench_hdbscan.py --repeats 1 --cases "1,000,000 x 2"
                                                          a million rows, hdbscan included
    python benchmarks/bench_hdbscan.py --growth FILE.png  how the cost grows with n and d, drawn

Peers: pip install hdbscan==0.8.44 fast_hdbscan==0.3.4 pynndescent quitefastmst==0.9.2
"""

import argparse
import warnings
from functools import partial

import numpy as np
from _common import Table, hardware, load, median_runs, n_cores, peer, pyplot
from sklearn.base import clone
from sklearn.cluster import HDBSCAN as BruteHDBSCAN
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

from skdeepcluster import HDBSCAN

N_JOBS = n_cores()
# hdbscan, fast_hdbscan and quitefastmst do not count a sample as its own neighbor.
MIN_SAMPLES, MIN_CLUSTER_SIZE = 10, 25
# Above it hdbscan takes minutes, and joins only where a case is asked for by its name.
SLOW_ROWS = 200_000
# Above it hdbscan has no tree and compares all pairs.
SLOW_FEATURES = 200


def blobs(n, d):
    return make_blobs(n, n_features=d, centers=50, random_state=0)[0]


def unit_rows(n, d):
    """Rows of length one around 50 directions, as embeddings are: cosine and Euclidean agree."""
    return normalize(make_blobs(n, n_features=d, centers=50, cluster_std=4, random_state=0)[0])


def usps():
    data = load("usps")
    return None if data is None else data[0].astype(np.float64)


def contenders(n, d, named=False, metric="euclidean"):
    """Name and fit of all that take part; the first is ours, the only one that `metric` is for."""
    ours = HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES + 1, n_jobs=N_JOBS, metric=metric)
    yield "skdeepcluster", ours.fit
    if d > 30:
        yield "skdeepcluster approximate", clone(ours).set_params(algorithm="approximate").fit
    kwargs = {"min_cluster_size": MIN_CLUSTER_SIZE, "min_samples": MIN_SAMPLES}
    if FAST:
        # Above 30 features it approximates by nearest-neighbor descent.
        yield "fast_hdbscan", FAST.HDBSCAN(**kwargs).fit
    if SLOW and (n <= SLOW_ROWS or named) and d <= SLOW_FEATURES:
        yield "hdbscan", SLOW.HDBSCAN(**kwargs, core_dist_n_jobs=N_JOBS).fit
        if d > 60:  # where its default is another
            yield (
                "hdbscan boruvka",
                SLOW.HDBSCAN(**kwargs, core_dist_n_jobs=N_JOBS, algorithm="boruvka_kdtree").fit,
            )
    if n <= 20_000:
        yield (
            "scikit-learn",
            BruteHDBSCAN(
                MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES + 1, n_jobs=N_JOBS, copy=True
            ).fit,
        )
    if MST:
        yield "quitefastmst (tree)", lambda X: MST.mst_euclid(X, MIN_SAMPLES)


def table(cases, repeats, named):
    print(f"{N_JOBS} threads, medians of {repeats}; ratio = skdeepcluster / peer")
    print("ari: of the labels and those of skdeepcluster's exact fit")
    rows = Table(data="", method="", seconds=".3f", ratio=".3f", ari=".4f")
    for name, X in cases.items():
        if X is None:
            continue
        fits = dict(contenders(*X.shape, named, "cosine" if "cosine" in name else "euclidean"))
        if SLOW and "hdbscan" not in fits and X.shape[1] <= SLOW_FEATURES:
            print(f"{name}: hdbscan is left out above {SLOW_ROWS:,} rows; --cases {name!r} has it.")
        for fit in fits.values():
            fit(X[:2000])
        runs = median_runs({who: partial(fit, X) for who, fit in fits.items()}, repeats, longest=60)
        ours, exact = runs["skdeepcluster"]
        for who, (seconds, fitted) in runs.items():
            labels = getattr(fitted, "labels_", None)
            ari = np.nan if labels is None else adjusted_rand_score(exact.labels_, labels)
            rows.row(name, who, seconds, ours / seconds, ari)


def one_tree(X, repeats):
    """A sweep over sizes and the prediction of as many new rows, relative to one fit."""
    model = HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES + 1, n_jobs=N_JOBS).fit(X)
    new = X + np.random.default_rng(0).normal(scale=0.1, size=X.shape)

    def sweep():
        model.fit(X)
        for size in range(5, 105, 5):
            model.reselect(min_cluster_size=size)

    tasks = {
        "fit": partial(model.fit, X),
        "fit and sweep of 20": sweep,
        "predict": partial(model.predict, new),
        "soft clustering": model.predict_proba,
        "5 largest memberships": partial(model.predict_proba, top_k=5),
        "layers": model.layers,
    }
    runs = median_runs(tasks, repeats, longest=60)
    rows = Table(data="", task="", seconds=".3f", to_fit=".3f")
    for name, (seconds, _) in runs.items():
        rows.row(str(X.shape), name, seconds, seconds / runs["fit"][0])


def growth(path, repeats):
    sizes = [2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]
    dims = [2, 3, 5, 8, 12, 20, 32, 50, 80, 128, 256]
    figure, axes = pyplot().subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    runs = (
        (axes[0], "samples", [(n, 2) for n in sizes], "2 features"),
        (axes[0], "samples", [(n, 10) for n in sizes if n <= 200_000], "10 features"),
        (axes[1], "features", [(10_000, d) for d in dims], "10,000 samples"),
    )
    for ax, label, shapes, name in runs:
        of_peers = {}
        for n, d in shapes:
            X = blobs(n, d)
            fits = {
                who: partial(fit, X)
                for who, fit in contenders(n, d)
                if who in ("skdeepcluster", "hdbscan") and (who != "hdbscan" or n <= 100_000)
            }
            for who, (value, _) in median_runs(fits, repeats, longest=10).items():
                of_peers.setdefault(who, []).append((n if label == "samples" else d, value))
                print(f"{n:9d} {d:4d}  {who:<14} {value:9.4f} s", flush=True)
        for who, points in of_peers.items():
            style = "-o" if who == "skdeepcluster" else "--s"
            ax.loglog(*zip(*points, strict=True), style, ms=4, label=f"{who}, {name}")
        ax.set_xlabel(label)
        ax.grid(alpha=0.3)
        ax.legend(fontsize="small")
    axes[0].set_ylabel(f"seconds on {N_JOBS} cores")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", nargs="*", help="of the table: those whose name has a word")
    parser.add_argument("--growth", metavar="FILE")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(hardware())
    FAST, SLOW, MST = peer("fast_hdbscan"), peer("hdbscan"), peer("quitefastmst")
    if options.growth:
        growth(options.growth, options.repeats)
    else:
        makers = {
            "100,000 x 2": lambda: blobs(100_000, 2),
            "1,000,000 x 2": lambda: blobs(1_000_000, 2),
            "100,000 x 10": lambda: blobs(100_000, 10),
            "20,000 x 50": lambda: blobs(20_000, 50),
            "20,000 x 200": lambda: blobs(20_000, 200),
            "50,000 x 384, cosine": lambda: unit_rows(50_000, 384),
            "USPS": usps,
        }
        words = options.cases or [""]
        chosen = {k: make for k, make in makers.items() if any(word in k for word in words)}
        if not chosen:
            parser.error(f"--cases: none of {', '.join(map(repr, makers))} has {words}")
        named = bool(options.cases)
        table({k: make() for k, make in chosen.items()}, options.repeats, named)
        for d in (2, 10) if not named else ():
            one_tree(blobs(100_000, d), options.repeats)
