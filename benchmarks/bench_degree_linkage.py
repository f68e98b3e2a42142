"""GraphDegreeLinkage beside scikit-learn's clusterings by graphs and merges.

python benchmarks/bench_degree_linkage.py                    the table
python benchmarks/bench_degree_linkage.py --growth FILE.png  how the cost grows with n, drawn
"""

import argparse
import warnings
from functools import partial

from _common import Table, load, median_seconds, pyplot, scores, seconds
from sklearn.cluster import AgglomerativeClustering, SpectralClustering
from sklearn.datasets import make_blobs
from sklearn.neighbors import kneighbors_graph

from skdeepcluster import GraphDegreeLinkage

N_NEIGHBORS = 20


def ward_on_graph(X, n_clusters):
    graph = kneighbors_graph(X, N_NEIGHBORS)
    return AgglomerativeClustering(n_clusters, connectivity=graph).fit_predict(X)


def spectral(X, n_clusters):
    return SpectralClustering(
        n_clusters,
        affinity="nearest_neighbors",
        n_neighbors=N_NEIGHBORS,
        assign_labels="cluster_qr",
        random_state=0,
    ).fit_predict(X)


METHODS = {
    "GraphDegreeLinkage": lambda X, k: GraphDegreeLinkage(k).fit_predict(X),
    "Ward": lambda X, k: AgglomerativeClustering(k).fit_predict(X),
    "Ward on the graph": ward_on_graph,
    "SpectralClustering": spectral,
}


def table(repeats):
    print(f"Seconds are medians of {repeats}.")
    rows = Table(data="", method="", accuracy=".3f", NMI=".3f", ARI=".3f", seconds=".2f")
    for name, n_rows in [("digits", None), ("usps", None), ("mnist", 10_000)]:
        data = load(name, n_rows)
        if data is None:
            continue
        X, y = data
        tasks = {who: partial(method, X, 10) for who, method in METHODS.items()}
        times = median_seconds(tasks, repeats)
        for who, method in METHODS.items():
            rows.row(name, who, *scores(y, method(X, 10)), times[who])


def growth(path, limit):
    """Time of a fit against the number of samples, up to some seconds for each method."""
    figure, ax = pyplot().subplots(figsize=(6, 4), layout="constrained")
    for who, method in METHODS.items():
        sizes, times = [], []
        for n in [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000]:
            X = make_blobs(n, n_features=10, centers=20, random_state=0)[0]
            sizes.append(n)
            times.append(min(seconds(method, X, 20) for _ in range(2)))
            print(f"{who:>20} {n:>7} {times[-1]:8.3f} s", flush=True)
            if times[-1] > limit:
                break
        ax.loglog(sizes, times, marker="o", markersize=4, label=who)
    ax.set(xlabel="samples", ylabel="seconds")
    ax.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--growth", metavar="FILE")
    parser.add_argument("--limit", type=float, default=6, help="seconds, for --growth")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    if options.growth:
        growth(options.growth, options.limit)
    else:
        table(options.repeats)
