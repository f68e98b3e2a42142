"""Defaults against defaults: KMeans, DEC, IDEC and ClustPy's DEC and IDEC on real images.

Every estimator gets the rows, the number of clusters and a seed, and nothing else. For each data
set, method and seed: accuracy after matching, normalized mutual information and the seconds of
fit; then their means, and the ratio of our time to ClustPy's for the same method in this run.

    python benchmarks/bench_defaults.py --peer PYTHON

where PYTHON is an interpreter with clustpy==0.0.3; without it ClustPy is left out.
"""

import argparse
import time

import numpy as np
from _common import Table, add_peer_option, fit_peer, hardware, load, peer_is_there, scores
from sklearn.cluster import KMeans

from skdeepcluster import DEC, IDEC

N_CLUSTERS = 10


def own(estimator):
    def fit(X, seed):
        model = estimator(N_CLUSTERS, random_state=seed)
        start = time.perf_counter()
        labels = model.fit_predict(X)
        return labels, time.perf_counter() - start

    return fit


def peers(python, method):
    def fit(X, seed):
        return fit_peer(python, method, X, n_clusters=N_CLUSTERS, random_state=seed)[:2]

    return fit


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["digits", "mnist"])
    parser.add_argument("--rows", type=int, default=10_000, help="at most, of each data set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", help="those whose name has one of these words")
    add_peer_option(parser)
    options = parser.parse_args()
    print(hardware())
    contenders = {"KMeans": own(KMeans), "DEC": own(DEC), "IDEC": own(IDEC)}
    if peer_is_there(options.peer):
        contenders["ClustPy DEC"] = peers(options.peer, "DEC")
        contenders["ClustPy IDEC"] = peers(options.peer, "IDEC")
    words = options.methods or [""]
    contenders = {
        name: fit for name, fit in contenders.items() if any(word in name for word in words)
    }
    found = {}
    table = Table(data="", method="", seed="d", accuracy=".3f", NMI=".3f", seconds=".1f")
    for name in options.data:
        data = load(name, options.rows)
        if data is None:
            continue
        X, y = data
        for seed in options.seeds:
            for method, fit in contenders.items():
                labels, seconds = fit(X, seed)
                row = (*scores(y, labels)[:2], seconds)
                found.setdefault((name, method), []).append(row)
                table.row(f"{name} {X.shape}", method, seed, *row)
    print(f"\nMeans over seeds {options.seeds}")
    columns = {"accuracy": ".3f", "NMI": ".3f", "seconds": ".1f", "time_to_ClustPy": ".3f"}
    table = Table(stored=False, data="", method="", **columns)
    for (name, method), rows in found.items():
        mean = np.mean(rows, axis=0)
        other = found.get((name, f"ClustPy {method}"))
        table.row(name, method, *mean, None if other is None else mean[2] / np.mean(other, 0)[2])


if __name__ == "__main__":
    main()
