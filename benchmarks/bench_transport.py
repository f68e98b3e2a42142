"""Entropic transport beside POT, the reference library: times at equal error of the marginals.

Both sides take turns in one process, so that a busy machine slows all alike; what counts are the
ratios. Each solver runs until its rows and columns miss their masses by less than a bound in all;
the times are those of complete calls that return the plan, checks included.

    python benchmarks/bench_transport.py             20,000 rows, 100 columns
    python benchmarks/bench_transport.py --large     a million rows, 1000 columns, from a file
    python benchmarks/bench_transport.py --sweeps    what one sweep takes, by shape and precision

Peer: pip install POT==0.9.7.post1
"""

import argparse
import statistics
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from _common import Table, hardware, median_runs, peer

from skdeepcluster.assignment import transport_assign

ot = peer("ot")

MAX_ERROR = 1e-6
REG = 0.05


def unit_rows(n, d, rng):
    rows = rng.normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def costs(n, k, seed=0):
    """Three kinds of costs: independent ones, cosines to prototypes, and distances of groups."""
    rng = np.random.default_rng(seed)
    yield "uniform", rng.random((n, k))
    yield "minus cosine", -unit_rows(n, 32, rng) @ unit_rows(k, 32, rng).T
    centers = 3 * rng.normal(size=(10, 8))
    X = centers[rng.choice(10, n, p=np.arange(1, 11) / 55)] + rng.normal(size=(n, 8))
    distances = ((X[:, None] - X[:k]) ** 2).sum(axis=2)
    yield "squared distance", distances / distances.mean()


def error(plan):
    """Mass that is not where the marginals want it."""
    n, k = plan.shape
    return np.abs(plan.sum(axis=1) - 1 / n).sum() + np.abs(plan.sum(axis=0) - 1 / k).sum()


def ours(cost, reg):
    """The largest tolerance that reaches the error is found outside of the clock."""
    for tol in reg * np.logspace(-4, -9, 6):
        solve = partial(transport_assign, cost, reg=reg, tol=tol, max_iter=20_000)
        if error(solve().plan) < MAX_ERROR:
            break
    return lambda: solve().plan


def pot(cost, reg):
    """POT's two solvers, stopped at the largest threshold that reaches the error.

    It is found outside of the clock, by the faster one: both go through the same potentials.
    """
    n, k = cost.shape
    a, b = np.full(n, 1 / n), np.full(k, 1 / k)
    for stop in np.logspace(-6, -10, 9):
        solve = partial(ot.sinkhorn, a, b, cost, reg, numItermax=20_000, stopThr=stop)
        if not error(solve()) >= MAX_ERROR:
            break
    return {
        "POT, kernel": partial(solve, method="sinkhorn"),
        "POT, logarithms": partial(solve, method="sinkhorn_log"),
    }


def beside_pot(n, k, repeats, regs):
    print(f"\nn = {n}, k = {k}, error of the marginals below {MAX_ERROR:g}; ratio = time / ours")
    table = Table(cost="", solver="", reg=".3f", seconds=".3f", ratio=".1f", error=".1e")
    for name, cost in costs(n, k):
        for reg in regs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tasks = {"skdeepcluster": ours(cost, reg)}
                if ot:
                    tasks |= pot(cost, reg)
                runs = median_runs(tasks, repeats)
                for task, (seconds, plan) in runs.items():
                    ratio = seconds / runs["skdeepcluster"][0]
                    table.row(name, task, reg, seconds, ratio, error(plan))


def peak():
    """The most memory that this process has held, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024


def large(n, k, folder):
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "cost.npy"
        cost = np.lib.format.open_memmap(path, "w+", np.float32, (n, k))
        rng = np.random.default_rng(0)
        prototypes = unit_rows(k, 32, rng)
        for begin in range(0, n, 10_000):
            end = min(begin + 10_000, n)
            cost[begin:end] = -unit_rows(end - begin, 32, rng) @ prototypes.T
        cost.flush()
        del cost
        # What writing the file has mapped is not counted.
        Path("/proc/self/clear_refs").write_text("5")
        start = time.perf_counter()
        found = transport_assign(np.load(path, mmap_mode="r"), reg=REG, output="labels")
        seconds = time.perf_counter() - start
        print(
            f"\nn = {n}, k = {k}, {path.stat().st_size / 2**30:.1f} GiB mapped: {seconds:.1f} s, "
            f"{found.n_iter} sweeps, error {found.col_error:.1e}, peak {peak():.0f} MiB resident"
        )


def sweeps(repeats):
    print("\nOne sweep")
    table = Table(shape="", precision="", milliseconds=".2f", ns_per_entry=".2f")
    rng = np.random.default_rng(0)
    for n, k in ((512, 100), (20_000, 100), (20_000, 1000), (200_000, 10)):
        for dtype in (np.float64, np.float32):
            cost = rng.random((n, k)).astype(dtype)
            solve = partial(transport_assign, cost, tol=None, output="potentials")
            times = []
            for _ in range(repeats):
                start = time.perf_counter()
                solve(max_iter=1)
                middle = time.perf_counter()
                solve(max_iter=21)
                times.append((time.perf_counter() - middle - (middle - start)) / 20)
            seconds = statistics.median(times)
            table.row(f"{n} x {k}", np.dtype(dtype).name, 1e3 * seconds, 1e9 * seconds / n / k)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--sweeps", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--columns", type=int)
    parser.add_argument("--regs", type=float, nargs="+", default=[REG])
    parser.add_argument("--folder", help="where the large file is written for a while")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    print(hardware())
    if args.large:
        large(args.rows or 1_000_000, args.columns or 1000, args.folder)
    elif args.sweeps:
        sweeps(args.repeats)
    else:
        beside_pot(args.rows or 20_000, args.columns or 100, args.repeats, args.regs)


if __name__ == "__main__":
    main()
