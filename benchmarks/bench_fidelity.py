"""How good the clusters of the deep methods are on whole data sets, seed by seed.

For each data set, method and seed: accuracy after matching, normalized mutual information,
adjusted Rand index, the objective (which no label touches), epochs of the clustering stage and
seconds of fit; then mean and standard deviation over the seeds.

    python benchmarks/bench_fidelity.py                          all with their defaults
    python benchmarks/bench_fidelity.py --init k-means           centers as in the paper of DEC
    python benchmarks/bench_fidelity.py --data usps --method DEC --seeds 0 1 2 3 4
    python benchmarks/bench_fidelity.py --params '{"pretrain_epochs": 100}'
    python benchmarks/bench_fidelity.py --method SwAV SeLa --images --probe --data mnist \\
        --params '{"max_epochs": 20}'                           pseudo-labels, from images

``--probe`` adds how well a neighbor vote and a linear model tell the classes from the embedding.
"""

import argparse
import json
import math
import time

import numpy as np
from _common import Table, hardware, load, scores

import skdeepcluster
from skdeepcluster.metrics import knn_score, linear_probe_score

METHODS = ["DEC", "IDEC", "DCN", "VaDE", "TELL", "DEPICT", "GLDC", "JULE"]
METHODS += [
    "SwAV", "SeLa", "DeepCluster", "DeepClusterV2", "DeeperCluster", "ODC", "ClusterFit", "MLCD",
    "JigClu", "SimCLR", "GSimCLR", "SIGMA", "ClusterAwareDINO",
]  # fmt: skip
# Rows of the embedding that the probes learn from, and that they are asked for.
PROBED = 10_000


def probes(model, X, y):
    """Accuracies on rows of the embedding that the probes have not seen."""
    n = min(PROBED, len(X) // 2)
    known, asked = model.transform(X[:n]), model.transform(X[-n:])
    held_out = {"Z_test": asked, "y_test": y[-n:]}
    return knn_score(known, y[:n], **held_out), linear_probe_score(known, y[:n], **held_out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["digits", "usps", "mnist"])
    parser.add_argument("--method", nargs="+", default=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--init", help="of the centers; by default the estimator's own")
    parser.add_argument("--rows", type=int, help="at most, of each data set; by default all")
    parser.add_argument(
        "--params", type=json.loads, default={}, help="other parameters of the estimators, as JSON"
    )
    parser.add_argument("--images", action="store_true", help="give rows as square images")
    parser.add_argument("--probe", action="store_true", help="classify the embedding, too")
    options = parser.parse_args()
    params = options.params | ({"init": options.init} if options.init else {})
    print(hardware())
    print(f"parameters beside the defaults: {params}")
    columns = {"accuracy": ".4f", "NMI": ".4f", "ARI": ".4f", "loss": ".4f", "epochs": ".1f"}
    columns["seconds"] = ".1f"
    if options.probe:
        columns |= {"kNN": ".4f", "linear": ".4f"}
    table = Table(data="", method="", seed="d", **columns)
    for name in options.data:
        data = load(name, options.rows)
        if data is None:
            continue
        X, y = data
        n_clusters = len(np.unique(y))
        if options.images:
            side = math.isqrt(X.shape[1])
            X = X.reshape(-1, side, side)
        for method in options.method:
            rows = []
            for seed in options.seeds:
                estimator = getattr(skdeepcluster, method)
                model = estimator(n_clusters, random_state=seed, **params)
                start = time.perf_counter()
                model.fit(X)
                seconds = time.perf_counter() - start
                row = (*scores(y, model.labels_), model.loss_, model.n_epochs_, seconds)
                rows.append((*row, *probes(model, X, y)) if options.probe else row)
                table.row(f"{name} {X.shape}", method, seed, *rows[-1])
            table.row(name, f"{method} mean", None, *np.mean(rows, axis=0), stored=False)
            table.row(name, f"{method} std", None, *np.std(rows, axis=0), stored=False)


if __name__ == "__main__":
    main()
