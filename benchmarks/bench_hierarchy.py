"""K-means with many clusters beside faiss: the time to equal loss.

Both run in one process and take turns, each on the same number of threads, so that a busy machine
slows both alike; what counts is the ratio. faiss runs a number of iterations on all rows. Ours
runs the fewest passes that reach its loss, and, in a line of its own, as many passes as faiss.

    python benchmarks/bench_hierarchy.py                     70,000 images, 1,000 clusters
    python benchmarks/bench_hierarchy.py --clusters 100      fewer clusters
    python benchmarks/bench_hierarchy.py --levels            a hierarchy, without the peer

Peer: pip install faiss-cpu==1.15.1
"""

import argparse
import statistics
import time
from functools import partial

import numpy as np
from _common import Table, load, median_runs, peer

from skdeepcluster import HierarchicalKMeans

faiss = peer("faiss")


def faiss_kmeans(X, k, n_iter, seed, n_threads):
    """Labels' loss of faiss after some iterations; its time is that of training alone."""
    faiss.omp_set_num_threads(n_threads)
    model = faiss.Kmeans(
        X.shape[1], k, niter=n_iter, nredo=1, seed=seed, max_points_per_centroid=len(X)
    )
    start = time.perf_counter()
    model.train(X)
    seconds = time.perf_counter() - start
    return seconds, float(model.index.search(X, 1)[0].sum(dtype=np.float64))


def ours(X, k, n_iter, seed, n_threads):
    model = HierarchicalKMeans(k, max_iter=n_iter, random_state=seed, n_jobs=n_threads)
    start = time.perf_counter()
    model.fit(X)
    return time.perf_counter() - start, float(model.inertia_per_level_[0])


def passes_to(loss, X, k, seed, most):
    """The fewest passes whose loss is no more, by bisection."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        reached = ours(X, k, middle, seed, None)[1] <= loss
        low, high = (low, middle) if reached else (middle + 1, high)
    return low


def against_faiss(X, k, n_iter, repeats, n_threads):
    print(f"\nn = {len(X)}, k = {k}, {n_threads} threads; ratio = time / time of faiss")
    tasks = {}
    if faiss:
        tasks["faiss"] = partial(faiss_kmeans, X, k, n_iter), n_iter
        loss = faiss_kmeans(X, k, n_iter, 0, n_threads)[1]
        enough = passes_to(loss, X, k, 0, n_iter)
        tasks["to the loss of faiss"] = partial(ours, X, k, enough), enough
    tasks["as many passes"] = partial(ours, X, k, n_iter), n_iter
    measured = {name: [] for name in tasks}
    for seed in range(repeats):
        for name, (task, _) in tasks.items():
            measured[name].append(task(seed, n_threads))
    table = Table(run="", passes="d", seconds=".2f", ratio=".2f", loss=".0f", loss_ratio=".4f")
    medians = {
        name: [statistics.median(values) for values in zip(*results, strict=True)]
        for name, results in measured.items()
    }
    first_time, first_loss = next(iter(medians.values()))
    for name, (seconds, loss) in medians.items():
        passes = tasks[name][1]
        table.row(name, passes, seconds, seconds / first_time, loss, loss / first_loss)


def levels(X, repeats):
    print(f"\nn = {len(X)}, levels of 3,500, 875 and 219 clusters")
    table = Table(run="", seconds=".2f")
    for n_resamples in (0, 3):
        model = HierarchicalKMeans([3500, 875, 219], n_resamples=n_resamples, random_state=0)
        run = f"{n_resamples} resamples"
        table.row(run, median_runs({run: partial(model.fit, X)}, repeats)[run][0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clusters", type=int, default=1000)
    parser.add_argument("--iterations", type=int, default=25)
    parser.add_argument("--rows", type=int, default=70_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--levels", action="store_true")
    args = parser.parse_args()
    subset = load("mnist", args.rows)
    if subset is None:
        return
    if args.levels:
        levels(subset[0], args.repeats)
    else:
        against_faiss(subset[0], args.clusters, args.iterations, args.repeats, args.threads)


if __name__ == "__main__":
    main()
