"""Nodes with features: smoothed features beside features alone and edges alone.

    python benchmarks/bench_attributed_graphs.py [--seeds 10] [--learned 3]

Means and ranges over seeds of the accuracy, on graphs of the folder that
SKDEEPCLUSTER_BENCHMARK_DATA names. "plain" is two steps of smoothing, 50 leading directions of
binary words, and k-means. PamC trains a network, which takes a minute or so for each seed: their
number is that of ``--learned``. It is given binary words, or with "tf-idf" the weighed words that
SmoothedGraphClustering makes of them.
"""

import argparse

import numpy as np
from _common import DATA, Table, scores
from scipy.sparse import csr_array

from skdeepcluster import Leiden, PamC, SmoothedGraphClustering
from skdeepcluster.algorithms.smoothing import tf_idf

GRAPHS = ("acm", "dblp", "cora", "citeseer", "amap", "blogcatalog")


def load_graph(name):
    """Features, adjacency and classes of a graph; None, with a message, where it is absent."""
    path = DATA / f"graph_{name}.npz"
    if not path.exists():
        print(f"{name} is left out: {path} is not there.")
        return None
    with np.load(path) as archive:
        d = dict(archive)
    X = csr_array((d["X_data"], d["X_indices"], d["X_indptr"]), shape=tuple(d["X_shape"]))
    A = csr_array(
        (np.ones(len(d["adj_indices"])), d["adj_indices"], d["adj_indptr"]),
        shape=tuple(d["adj_shape"]),
    )
    return X.astype(np.float64), A, d["y"]


def methods(k):
    def smoothed(**params):
        return lambda X, A, seed: SmoothedGraphClustering(k, random_state=seed, **params).fit(
            X, adjacency=A
        )

    return {
        "SmoothedGraphClustering": smoothed(),
        "order 1": smoothed(order=1),
        "order 4": smoothed(order=4),
        "plain": smoothed(weighting=None, n_components=50),
        "features alone": smoothed(order=0),
        "Leiden, edges alone": lambda X, A, seed: Leiden(k, random_state=seed).fit(X, adjacency=A),
    }


def learned(k):
    def pamc(rows):
        return lambda X, A, seed: PamC(k, random_state=seed).fit(
            rows(X).astype(np.float32), adjacency=A
        )

    return {"PamC": pamc(lambda X: X), "PamC, tf-idf": pamc(tf_idf)}


def main(n_seeds, n_learned):
    table = Table(data="", method="", accuracy=".3f", least=".3f", most=".3f", NMI=".3f", ARI=".3f")
    for name in GRAPHS:
        data = load_graph(name)
        if data is None:
            continue
        X, A, y = data
        k = len(set(y))
        runs = [(*item, n_seeds) for item in methods(k).items()]
        runs += [(*item, n_learned) for item in learned(k).items() if n_learned]
        for who, method, n in runs:
            found = np.array([scores(y, method(X, A, seed).labels_) for seed in range(n)])
            mean = found.mean(axis=0)
            table.row(name, who, mean[0], found[:, 0].min(), found[:, 0].max(), *mean[1:])


if __name__ == "__main__":
    import warnings

    # Leiden has more communities than classes where there are more components.
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--learned", type=int, default=0, help="seeds of PamC")
    arguments = parser.parse_args()
    main(arguments.seeds, arguments.learned)
