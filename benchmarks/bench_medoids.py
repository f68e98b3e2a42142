"""K-medoids beside kmedoids, the fastest implementation there is: times and losses.

The runs of a line take turns in one process, so that a busy machine slows all alike; what counts
are the ratios. All begin at the same medoids.

    python benchmarks/bench_medoids.py             10,000 images: a matrix given, and none
    python benchmarks/bench_medoids.py --large     30,000 images with a matrix, 70,000 without
    python benchmarks/bench_medoids.py --growth    times for growing n, d and k

Peer: pip install kmedoids==0.5.5
"""

import argparse
import statistics
import time
import warnings
from functools import partial

import numpy as np
from _common import Table, load

from skdeepcluster import CLARA, CLARANS, KMedoids

try:
    import kmedoids
except ImportError:
    kmedoids = None
    print("kmedoids is left out: it is not installed here. Install it as this file says.")

# kmedoids says that it has no use for a seed when medoids are given.
warnings.filterwarnings("ignore", category=UserWarning, module="kmedoids")


def medians(tasks, repeats, longest=60):
    """Median time and last result of each task; what takes long is repeated less."""
    times = {name: [] for name in tasks}
    results = {}
    for _ in range(repeats):
        for name, task in tasks.items():
            if sum(times[name]) < longest:
                start = time.perf_counter()
                results[name] = task()
                times[name].append(time.perf_counter() - start)
    return {name: (statistics.median(times[name]), results[name]) for name in tasks}


def loss(result):
    return float(getattr(result, "inertia_", getattr(result, "loss", np.nan)))


def report(table, label, tasks, repeats):
    """A line for each task: its time and loss, and how they compare with the first."""
    measured = medians(tasks, repeats)
    first_time, first = next(iter(measured.values()))
    for name, (seconds, result) in measured.items():
        table.row(
            label, name, seconds, seconds / first_time, loss(result), loss(result) / loss(first)
        )


def new_table():
    return Table(data="", run="", seconds=".3f", ratio=".2f", loss=".1f", loss_ratio=".4f")


def starts(n, k):
    return np.random.RandomState(k).permutation(n)[:k]


def with_a_matrix(X, ks, repeats):
    print("\nThe matrix is given; ratio = time / time of skdeepcluster")
    D = KMedoids()._source(X).matrix().D
    table = new_table()
    for k in ks:
        start = starts(len(X), k)
        ours = KMedoids(k, metric="precomputed", init=start, random_state=0)
        tasks = {"skdeepcluster": partial(ours.fit, D)}
        if kmedoids:
            for n_cpu in (1, 2):
                tasks[f"kmedoids, {n_cpu} threads"] = partial(
                    kmedoids.fasterpam, D, start.astype(np.uintp), n_cpu=n_cpu
                )
        report(table, f"n = {len(X)}, k = {k}", tasks, repeats)


def without_a_matrix(X, ks, repeats):
    print("\nThe rows are given; ratio = time / time with all distances kept")
    table = new_table()
    for k in ks:
        model = partial(KMedoids, k, init=starts(len(X), k), random_state=0)
        tasks = {
            "distances kept": partial(model(store_distances=True).fit, X),
            "computed anew": partial(model(store_distances=False).fit, X),
        }
        report(table, f"n = {len(X)}, k = {k}", tasks, repeats)


def large(repeats):
    subset = load("mnist", 30_000)
    if subset is None:
        return
    with_a_matrix(subset[0], [100], repeats)
    X, _ = load("mnist")
    print("\nAll rows, too many for a matrix; ratio = time / time of the whole search")
    whole = KMedoids(100, init=starts(len(X), 100), store_distances=False, random_state=0)
    tasks = {
        "whole search": partial(whole.fit, X),
        "CLARA": partial(CLARA(100, random_state=0).fit, X),
        "CLARANS": partial(CLARANS(100, random_state=0).fit, X),
    }
    report(new_table(), f"n = {len(X)}, k = 100", tasks, 1)


def growth(repeats):
    """Seconds of a fit from random rows in memory that is linear in n, and with a matrix."""
    rng = np.random.default_rng(0)
    print("\nGrowth from n = 4000, d = 32, k = 32; factor = time / time of the line before")
    table = Table(grown="", value="d", kept=".3f", factor_kept=".2f", anew=".3f", factor_anew=".2f")
    for name in ("n", "d", "k"):
        before = {}
        for doubling in range(4):
            shape = {"n": 4000, "d": 32, "k": 32}
            shape[name] *= 2**doubling
            n, d, k = shape.values()
            X = rng.normal(size=(n, d)).astype(np.float32)
            tasks = {
                store: KMedoids(k, init=starts(n, k), random_state=0, store_distances=store).fit
                for store in (True, False)
            }
            found = medians({store: partial(fit, X) for store, fit in tasks.items()}, repeats)
            cells = []
            for store in (True, False):
                seconds = found[store][0]
                cells += [seconds, seconds / before[store] if before else None]
            table.row(name, shape[name], *cells)
            before = {store: found[store][0] for store in (True, False)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    if args.growth:
        growth(args.repeats)
        return
    if args.large:
        large(args.repeats)
        return
    subset = load("mnist", 10_000)
    if subset is not None:
        with_a_matrix(subset[0], [10, 100, 200], args.repeats)
        without_a_matrix(subset[0], [10, 100, 200], args.repeats)


if __name__ == "__main__":
    main()
