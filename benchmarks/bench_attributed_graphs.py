"""Nodes with features: smoothed features beside features alone and edges alone.

    python benchmarks/bench_attributed_graphs.py [--seeds 10] [--learned 5] [--labels 2]

Means and ranges over seeds of the accuracy, on graphs of the folder that
SKDEEPCLUSTER_BENCHMARK_DATA names. "plain" is two steps of smoothing, 50 leading directions of
binary words, and k-means. SCGC and PamC train networks, which takes minutes for each graph and
seed: their number is that of --learned. They are given words weighed as SmoothedGraphClustering
weighs them, PamC binary ones too; the start of SCGC is k-means after the contrast alone. With
--labels, the accuracy on the other nodes where so many of each class are known, by one graph
network, by self-training and by M3S.
"""

import argparse

import numpy as np
from _common import DATA, Table, scores
from scipy.sparse import csr_array

from skdeepcluster import M3S, SCGC, Leiden, PamC, SmoothedGraphClustering
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
    def fitted(cls, rows):
        return lambda X, A, seed: cls(k, random_state=seed).fit(
            rows(X).astype(np.float32), adjacency=A
        )

    return {
        "SCGC, tf-idf": fitted(SCGC, tf_idf),
        "PamC, tf-idf": fitted(PamC, tf_idf),
        "PamC": fitted(PamC, lambda X: X),
    }


def few_labels(y, n_labels, k):
    """Fits to random labels, the same for each form."""

    def form(**params):
        def fit(X, A, seed):
            rng = np.random.default_rng(seed)
            partial = np.full(len(y), -1)
            for c in np.unique(y):
                partial[rng.choice(np.flatnonzero(y == c), n_labels, replace=False)] = c
            labels = M3S(k, random_state=seed, **params).fit(X, partial, adjacency=A).labels_
            return np.mean(labels[partial < 0] == y[partial < 0])

        return fit

    return {
        "one network": form(n_stages=0),
        "self-training": form(confirm=False),
        "M3S": form(),
    }


def main(n_seeds, n_learned=0, n_labels=0):
    table = Table(data="", method="", accuracy=".3f", least=".3f", most=".3f", NMI=".3f", ARI=".3f")
    for name in GRAPHS:
        data = load_graph(name)
        if data is None:
            continue
        X, A, y = data
        k = len(set(y))
        if n_labels:
            for who, method in few_labels(y, n_labels, k).items():
                found = np.array([method(X, A, seed) for seed in range(n_seeds)])
                table.row(name, who, found.mean(), found.min(), found.max(), None, None)
            continue
        runs = [(*item, n_seeds) for item in methods(k).items()]
        runs += [(*item, n_learned) for item in learned(k).items() if n_learned]
        for who, method, n in runs:
            fits = [method(X, A, seed) for seed in range(n)]
            found = {who: [fit.labels_ for fit in fits]}
            if hasattr(fits[0], "initial_labels_"):
                found[f"{who}, its start"] = [fit.initial_labels_ for fit in fits]
            for what, labels in found.items():
                values = np.array([scores(y, each) for each in labels])
                mean = values.mean(axis=0)
                table.row(name, what, mean[0], values[:, 0].min(), values[:, 0].max(), *mean[1:])


if __name__ == "__main__":
    import warnings

    # Leiden has more communities than classes where there are more components.
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--learned", type=int, default=0, help="seeds of SCGC and PamC")
    parser.add_argument("--labels", type=int, default=0)
    arguments = parser.parse_args()
    main(arguments.seeds, arguments.learned, arguments.labels)
