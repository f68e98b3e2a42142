"""How good the clusters of the autoencoder methods are on whole data sets, seed by seed.

For each data set, method and seed: accuracy after matching, normalised mutual information,
adjusted Rand index, the objective (which no label touches), epochs of the clustering stage and
seconds of fit; then mean and standard deviation over the seeds.

    python benchmarks/bench_fidelity.py                          all with their defaults
    python benchmarks/bench_fidelity.py --init k-means           centres as in the paper of DEC
    python benchmarks/bench_fidelity.py --data usps --method DEC --seeds 0 1 2 3 4
    python benchmarks/bench_fidelity.py --params '{"pretrain_epochs": 100}'
"""

import argparse
import json
import time

import numpy as np
from _common import Table, hardware, load, scores

import skdeepcluster

METHODS = ["DEC", "IDEC", "DCN", "VaDE", "TELL", "DEPICT", "GLDC", "JULE"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["digits", "usps", "mnist"])
    parser.add_argument("--method", nargs="+", default=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--init", help="of the centres; by default the estimator's own")
    parser.add_argument("--rows", type=int, help="at most, of each data set; by default all")
    parser.add_argument(
        "--params", type=json.loads, default={}, help="other parameters of the estimators, as JSON"
    )
    options = parser.parse_args()
    params = options.params | ({"init": options.init} if options.init else {})
    print(hardware())
    print(f"parameters beside the defaults: {params}")
    columns = {"accuracy": ".4f", "NMI": ".4f", "ARI": ".4f", "loss": ".4f", "epochs": ".1f"}
    table = Table(data="", method="", seed="d", **columns, seconds=".1f")
    for name in options.data:
        data = load(name, options.rows)
        if data is None:
            continue
        X, y = data
        n_clusters = len(np.unique(y))
        for method in options.method:
            rows = []
            for seed in options.seeds:
                estimator = getattr(skdeepcluster, method)
                model = estimator(n_clusters, random_state=seed, **params)
                start = time.perf_counter()
                model.fit(X)
                seconds = time.perf_counter() - start
                rows.append((*scores(y, model.labels_), model.loss_, model.n_epochs_, seconds))
                table.row(f"{name} {X.shape}", method, seed, *rows[-1])
            table.row(name, f"{method} mean", None, *np.mean(rows, axis=0))
            table.row(name, f"{method} std", None, *np.std(rows, axis=0))


if __name__ == "__main__":
    main()
