"""NeighborClusterer's read-outs beside k-means, cuts, linkage, umap-learn and evoc.

python benchmarks/bench_neighbor_clusterer.py [--sets NAME ...] [--methods NAME ...] [--seeds 3]

umap-learn and evoc are left out where they are not installed: pip install umap-learn evoc. Each
method is run on 500 rows first, so that no time is that of compiling. Noise of HDBSCAN and evoc
counts as a cluster. Tables are standardized, cell counts are made to logarithms of shares, texts
are 100 directions of tf-idf.
"""

import argparse
import time

import numpy as np
from _common import Table, peer, scores
from _sets import NAMES, read
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize

from skdeepcluster import HDBSCAN, GraphDegreeLinkage, NeighborClusterer
from skdeepcluster.algorithms.spectral import landmark_spectral

# Directions of the tf-idf of texts.
N_DIRECTIONS = 100


def methods():
    """Functions of rows, a number of clusters and a seed, that give labels."""
    found = {
        "k-means": lambda X, k, seed: KMeans(k, n_init=10, random_state=seed).fit_predict(X),
        "cut of the rows": lambda X, k, seed: landmark_spectral(X, k, seed=seed),
        "degree linkage": lambda X, k, seed: GraphDegreeLinkage(k).fit_predict(X),
        "degree linkage, unit rows": lambda X, k, seed: GraphDegreeLinkage(k).fit_predict(
            normalize(X)
        ),
    }
    for read_out in ("auto", "cut", "k-means", "graph", "rows", "linkage"):
        found[f"NeighborClusterer, {read_out}"] = lambda X, k, seed, read_out=read_out: (
            NeighborClusterer(k, read_out=read_out, random_state=seed).fit_predict(X)
        )
    found["NeighborClusterer, n_clusters=None"] = lambda X, k, seed: NeighborClusterer(
        None, random_state=seed
    ).fit_predict(X)
    umap, evoc = peer("umap"), peer("evoc")
    if umap is not None:

        def layout(X, seed):
            model = umap.UMAP(n_components=10, min_dist=0, random_state=seed, n_jobs=1)
            return model.fit_transform(X)

        found["umap-learn, k-means"] = lambda X, k, seed: KMeans(
            k, n_init=10, random_state=seed
        ).fit_predict(layout(X, seed))
        found["umap-learn, HDBSCAN"] = lambda X, k, seed: HDBSCAN(
            min_cluster_size=max(5, len(X) // 100), min_samples=5
        ).fit_predict(layout(X, seed))
    if evoc is not None:
        found["evoc"] = lambda X, k, seed: evoc.EVoC(random_state=seed).fit_predict(X)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    known = methods()
    if options.methods:
        known = {name: known[name] for name in options.methods}
    table = Table(data="", method="", seed="d", accuracy=".3f", NMI=".3f", ARI=".3f", seconds=".2f")
    for name in options.sets:
        data = read(name, N_DIRECTIONS)
        if data is None:
            continue
        X, y = data
        n_clusters = len(np.unique(y))
        for who, method in known.items():
            method(X[:500], n_clusters, 0)
            for seed in range(options.seeds):
                start = time.perf_counter()
                labels = method(X, n_clusters, seed)
                seconds = time.perf_counter() - start
                table.row(name, who, seed, *scores(y, labels), seconds)


if __name__ == "__main__":
    main()
