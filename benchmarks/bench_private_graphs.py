"""Clusters of graphs under privacy of their edges, beside the same without flips.

    python benchmarks/bench_private_graphs.py [--seeds 5]

Means and ranges of the normalized mutual information over seeds of the flips: planted blocks, edges
within with probability 0.5 and between with 0.05, and graphs of the folder that
SKDEEPCLUSTER_BENCHMARK_DATA names. An epsilon of 50 flips nothing.
"""

import argparse

import networkx as nx
import numpy as np
from _common import DATA, Table, scores
from scipy.sparse import csr_array

from skdeepcluster import PrivateGraphClustering

EPSILONS = (0.5, 1.0, 2.0, 4.0, 50.0)


def graphs():
    """Names, graphs and classes."""
    for k in (2, 3):
        graph = nx.random_partition_graph([300 // k] * k, 0.5, 0.05, seed=0)
        yield f"blocks, {k}", graph, np.repeat(np.arange(k), 300 // k)
    for name in ("polblogs", "email_eu_core"):
        path = DATA / f"graph_{name}.npz"
        if not path.exists():
            print(f"{name} is left out: {path} is not there.")
            continue
        with np.load(path) as d:
            ones = np.ones(len(d["adj_indices"]))
            A = csr_array((ones, d["adj_indices"], d["adj_indptr"]), shape=tuple(d["adj_shape"]))
            yield name, A, d["y"]


def main(n_seeds):
    table = Table(data="", method="", NMI=".3f", least=".3f", most=".3f")
    for name, graph, y in graphs():
        for epsilon in EPSILONS:
            model = PrivateGraphClustering(len(set(y)), epsilon=epsilon, affinity="precomputed")
            found = [
                scores(y, model.set_params(random_state=seed).fit(graph).labels_)[1]
                for seed in range(n_seeds)
            ]
            table.row(name, f"epsilon {epsilon:g}", np.mean(found), min(found), max(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    main(parser.parse_args().seeds)
