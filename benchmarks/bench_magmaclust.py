"""MagmaClust on the curves of its paper: adjusted Rand index, forecasts and coverage.

    python benchmarks/bench_magmaclust.py --clusters    # beside k-means and a start at the truth
    python benchmarks/bench_magmaclust.py --forecasts   # last third of held-out curves
    python benchmarks/bench_magmaclust.py --swimmers    # second half of the races of swimmers
    python benchmarks/bench_magmaclust.py --scale       # seconds for more curves and times

Reads magmaclust_curves.npz: data sets of 21 curves of 30 points each, at times that differ between
curves, in 3 clusters, and swimmers_100m.npz. Every data set is reported.
"""

import argparse
import os
import warnings

import numpy as np
from _common import DATA, DATA_VARIABLE, Table, median_runs
from sklearn.cluster import KMeans
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import MagmaClust

HELD_OUT = 3  # curves of each data set
SEEN = 20  # points of a held-out curve


def data_sets(n_sets):
    """Number, curves in a table, times and clusters of each data set."""
    path = DATA / "magmaclust_curves.npz"
    if not path.exists():
        raise SystemExit(f"{path} is not there; {DATA_VARIABLE} names its folder.")
    with np.load(path) as archive:
        parts = [archive[name] for name in ("dataset", "curve", "time", "value", "cluster")]
    for number in np.unique(parts[0])[:n_sets]:
        curve, time, value, cluster = (part[parts[0] == number] for part in parts[1:])
        times, column = np.unique(time.astype(np.float64), return_inverse=True)
        X = np.full((curve.max() + 1, len(times)), np.nan)
        X[curve, column] = value
        y = np.empty(len(X), dtype=int)
        y[curve] = cluster
        yield int(number), X, times, y


def interpolated(X, times):
    """Curves without gaps, for k-means."""
    return np.array([np.interp(times, times[~np.isnan(row)], row[~np.isnan(row)]) for row in X])


def print_means(name, values):
    """Mean, range and standard deviation over the data sets."""
    values = np.array(values)
    print(
        f"{name}: mean {values.mean():.3f} ({values.min():.3f} to {values.max():.3f}), "
        f"standard deviation {values.std():.3f}"
    )


def clusters(n_sets, settings):
    """Adjusted Rand index with the true number of clusters."""
    table = Table(data="", method="", ARI=".3f", seconds=".1f", iterations="d", least_gain=".2g")
    found = {}
    for number, X, times, y in data_sets(n_sets):
        truth = np.eye(3)[y - 1]
        models = {"MagmaClust": {}, "from the truth": {"init": truth}}
        if settings:
            models |= {
                "on curves, one start": {"n_init": 1},
                "on summaries, one start": {"n_init": 1, "init": "summary"},
                "ten starts": {"n_init": 10},
                "tol=1e-5, max_iter=100": {"tol": 1e-5, "max_iter": 100},
            }
        labels = KMeans(3, n_init=10, random_state=0).fit_predict(interpolated(X, times))
        score = adjusted_rand_score(y, labels)
        found.setdefault("k-means, interpolated", []).append(score)
        table.row(f"set {number}", "k-means, interpolated", score, None, None, None)
        for name, params in models.items():
            model = MagmaClust(3, times=times, random_state=0, **params)
            runs = median_runs({name: lambda model=model, X=X: model.fit(X)}, 1)
            score = adjusted_rand_score(y, model.labels_)
            found.setdefault(name, []).append(score)
            gain = float(np.diff(model.lower_bounds_).min())
            table.row(f"set {number}", name, score, runs[name][0], model.n_iter_, gain)
    for name, values in found.items():
        print_means(name, values)


def alone(times, values, new_times):
    """Forecast of a curve by a Gaussian process that knows no other: mean and standard deviation.

    It has to guess its hyper-parameters from the values that it sees.
    """
    kernel = ConstantKernel(1.0) * RBF(2.0, (0.1, 100)) + WhiteKernel(0.05, (1e-6, 10))
    model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=3)
    model.set_params(random_state=0).fit(times[:, np.newaxis], values)
    return model.predict(new_times[:, np.newaxis], return_std=True)


def forecasts(n_sets):
    """Squared errors and coverage of 95 % intervals on the last points of held-out curves."""
    warnings.simplefilter("ignore")
    table = Table(data="", method="", MSE=".2f", coverage=".3f")
    errors, coverages = {}, {}
    for number, X, times, _ in data_sets(n_sets):
        each = {}
        for out in range(HELD_OUT):
            rest = np.delete(X, out, axis=0)
            columns = np.flatnonzero(~np.isnan(X[out]))
            seen, new = columns[:SEEN], columns[SEEN:]
            row = np.full_like(X[[out]], np.nan)
            row[:, seen] = X[out, seen]
            for name, k in {"MagmaClust": 3, "one cluster": 1}.items():
                model = MagmaClust(k, times=times, random_state=0).fit(rest)
                mean = model.forecast(row, times[new])[0]
                low, high = model.forecast_interval(row, times[new])[0].T
                each.setdefault(name, []).append((mean, low, high, X[out, new]))
            mean, std = alone(times[seen], X[out, seen], times[new])
            row_of = (mean, mean - 1.96 * std, mean + 1.96 * std, X[out, new])
            each.setdefault("a process for each curve", []).append(row_of)
        for name, parts in each.items():
            mean, low, high, value = (np.concatenate(part) for part in zip(*parts, strict=True))
            error = float(np.square(mean - value).mean())
            coverage = float(((low <= value) & (value <= high)).mean())
            errors.setdefault(name, []).append(error)
            coverages.setdefault(name, []).append(coverage)
            table.row(f"set {number}", name, error, coverage)
    for name in errors:
        print_means(f"{name}, MSE", errors[name])
        print_means(f"{name}, coverage", coverages[name])


def swimmers(seeds, n_curves=150, n_new=50, tolerance=0.15):
    """Races of new swimmers, forecast from the first half of them; ages in years."""
    warnings.simplefilter("ignore")
    with np.load(DATA / "swimmers_100m.npz") as archive:
        who, age, value = (archive[name] for name in ("swimmer", "age", "seconds"))
    age, value = age.astype(np.float64), value.astype(np.float64)
    table = Table(data="", method="", seed="d", MSE=".2f", coverage=".3f", seconds=".1f")
    for seed in range(seeds):
        chosen = np.random.default_rng(seed).permutation(np.unique(who))[: n_curves + n_new]
        rows = np.isin(who, chosen[:n_curves])
        found = {}
        for name, k in {"MagmaClust, 3 clusters": 3, "one cluster": 1}.items():
            model = MagmaClust(k, time_tol=tolerance, n_init=1, random_state=seed)
            fit = median_runs({"": lambda m=model, r=rows: m.fit_long(who[r], age[r], value[r])}, 1)
            parts = found.setdefault(name, ([], fit[""][0]))[0]
            for one in chosen[n_curves:]:
                times, values = races(age[who == one], value[who == one])
                half = len(times) // 2
                given = {"X": values[np.newaxis, :half], "new_times": times[half:]}
                mean = model.forecast(**given, times=times[:half])[0]
                low, high = model.forecast_interval(**given, times=times[:half])[0].T
                parts.append((mean, low, high, values[half:]))
        parts = found.setdefault("a process for each curve", ([], None))[0]
        for one in chosen[n_curves:]:
            times, values = races(age[who == one], value[who == one])
            half = len(times) // 2
            mean, std = alone(times[:half], values[:half], times[half:])
            parts.append((mean, mean - 1.96 * std, mean + 1.96 * std, values[half:]))
        for name, (parts, taken) in found.items():
            mean, low, high, y = (np.concatenate(part) for part in zip(*parts, strict=True))
            covered = float(((low <= y) & (y <= high)).mean())
            table.row("swimmers", name, seed, float(np.square(mean - y).mean()), covered, taken)


def races(age, value):
    """Sorted distinct ages and the mean of the values at each."""
    times, place = np.unique(age, return_inverse=True)
    return times, np.bincount(place, value) / np.bincount(place)


def scale():
    """Seconds of a fit with one start: curves on one grid, and each at times of its own."""
    table = Table(data="", method="", seconds=".1f", iterations="d")
    rng = np.random.default_rng(0)
    for n_curves, n_times, share in [
        (200, 50, 1.0), (2000, 50, 1.0), (20_000, 50, 1.0), (200, 200, 0.15), (1000, 200, 0.15),
        (200, 800, 0.04),
    ]:  # fmt: skip
        times = np.linspace(0, 10, n_times)
        phase = rng.integers(3, size=(n_curves, 1)) * 2
        X = 2 * np.sin(times + phase) + rng.normal(0, 0.3, (n_curves, 1))
        X += rng.normal(0, 0.1, X.shape)
        if share < 1:
            X[rng.random(X.shape) > share] = np.nan
            X[:, 0] = np.where(np.isnan(X).all(axis=1), 0.0, X[:, 0])
        model = MagmaClust(3, times=times, n_init=1, random_state=0)
        seconds = median_runs({"": lambda model=model, X=X: model.fit(X)}, 1)[""][0]
        kind = "one grid" if share == 1 else f"{share:.0%} of them each"
        table.row(f"{n_curves} curves, {n_times} times", kind, seconds, model.n_iter_)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clusters", action="store_true")
    parser.add_argument("--settings", action="store_true", help="other starts and tolerances too")
    parser.add_argument("--forecasts", action="store_true")
    parser.add_argument("--swimmers", action="store_true")
    parser.add_argument("--seeds", type=int, default=3, help="for --swimmers")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--sets", type=int, default=20, help="number of data sets")
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} at the start")
    if args.clusters:
        clusters(args.sets, args.settings)
    if args.forecasts:
        forecasts(args.sets)
    if args.swimmers:
        swimmers(args.seeds)
    if args.scale:
        scale()
