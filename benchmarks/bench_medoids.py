"""K-medoids beside kmedoids, the fastest implementation there is: times and losses.

The runs of a line take turns in one process, so that a busy machine slows all alike; what counts
are the ratios. All begin at the same medoids.

    python benchmarks/bench_medoids.py             10,000 images: a matrix given, and none
    python benchmarks/bench_medoids.py --large     30,000 images with a matrix, 70,000 without
    python benchmarks/bench_medoids.py --growth FILE.png    how the cost grows, drawn

Peer: pip install kmedoids==0.5.5
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
from _common import Table, load, median_runs, peer, pyplot

from skdeepcluster import CLARA, CLARANS, KMedoids

kmedoids = peer("kmedoids")
# kmedoids says that it has no use for a seed when medoids are given.
warnings.filterwarnings("ignore", category=UserWarning, module="kmedoids")


def loss(result):
    return float(getattr(result, "inertia_", getattr(result, "loss", np.nan)))


def report(table, label, tasks, repeats):
    """A line for each task: its time and loss, and how they compare with the first."""
    measured = median_runs(tasks, repeats, longest=60)
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


def cpu_seconds(task, repeats):
    """The least time that processors worked for a task: others' work does not count."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        task()
        times.append(time.process_time() - start)
    return min(times)


def growth(path, repeats):
    """How the cost grows with the rows, the features and the clusters; one thread."""
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    base = {"rows": 4000, "features": 64, "clusters": 32}
    values = {
        "rows": [1000, 2000, 4000, 8000, 16_000, 32_000],
        "features": [4, 16, 64, 256, 1024],
        "clusters": [4, 8, 16, 32, 64, 128, 256, 512],
    }
    models = {
        "all distances kept": partial(KMedoids, store_distances=True),
        "distances computed anew": partial(KMedoids, store_distances=False),
        "CLARA": CLARA,
    }
    figure, axes = pyplot().subplots(1, 3, figsize=(10, 3.6), layout="constrained", sharey=True)
    for ax, (name, sizes) in zip(axes, values.items(), strict=True):
        for label, model in models.items():
            times = []
            for size in sizes:
                n, d, k = (base | {name: size}).values()
                if label == "all distances kept" and n > 16_000:
                    break
                # Half of the variance is in a few directions, as in most data.
                X = rng.normal(size=(n, d)) / np.sqrt(np.arange(1, d + 1))
                with threadpool_limits(1):
                    fit = model(k, n_init=1, random_state=0, n_jobs=1).fit
                    times.append(cpu_seconds(partial(fit, X.astype(np.float32)), repeats))
                print(f"{label:>24}  {name} {size:6d}  {times[-1]:8.3f} s", flush=True)
            ax.loglog(sizes[: len(times)], times, "-o", markersize=4, label=label)
        ax.set_xlabel(name)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("seconds of one processor")
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--growth", metavar="FILE")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    if args.growth:
        growth(args.growth, args.repeats)
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
