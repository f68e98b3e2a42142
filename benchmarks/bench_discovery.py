"""Novel, split and shifted classes on the digits, and sizes.

    python benchmarks/bench_discovery.py --novel   # 1, 2, 7, 8 and 9 known, others novel
    python benchmarks/bench_discovery.py --split   # half of the rows of 0 to 4 labeled
    python benchmarks/bench_discovery.py --sizes   # exact and greedy assignments

Every seed is reported, beside k-means where it applies.
"""

import argparse

import numpy as np
from _common import Table
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdeepcluster import (
    PBN,
    BalancedKMeans,
    NCDKMeans,
    NCDSpectralClustering,
    SplitMergeGaussianMixture,
)
from skdeepcluster.metrics import clustering_accuracy


def novel(X, y, seeds):
    """Accuracy on rows of novel classes."""
    partial = np.where(np.isin(y, [1, 2, 7, 8, 9]), y, -1)
    rows = partial < 0
    table = Table(data="", method="", seed="d", accuracy=".3f")
    for seed in range(seeds):
        models = {
            "NCDKMeans": NCDKMeans(5),
            "NCDSpectralClustering": NCDSpectralClustering(5),
            "PBN": PBN(5),
            "PBN, reconstruction only": PBN(5, label_weight=0.0),
        }
        for name, model in models.items():
            labels = model.set_params(random_state=seed).fit_predict(X, partial)[rows]
            table.row("digits", name, seed, clustering_accuracy(y[rows], labels))
        labels = KMeans(5, n_init=10, random_state=seed).fit_predict(X[rows])
        table.row("digits", "k-means", seed, clustering_accuracy(y[rows], labels))


def split(X, y, seeds):
    """Number of clusters, and accuracy on unlabeled rows."""
    table = Table(data="", method="", seed="d", clusters="d", accuracy=".3f")
    for n_components in (8, 16, 32):
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            partial = np.where((y < 5) & (rng.random(len(y)) < 0.5), y, -1)
            model = SplitMergeGaussianMixture(n_components=n_components, random_state=seed)
            labels = model.fit_predict(X, partial)
            rows = partial < 0
            accuracy = clustering_accuracy(y[rows], labels[rows])
            method = f"{n_components} components"
            table.row("digits", method, seed, model.n_clusters_, accuracy)


def sizes(X, y, seeds):
    """Loss of equal sizes, by assignment."""
    table = Table(data="", method="", seed="d", loss=".0f")
    for k in (10, 18, 50):
        for seed in range(seeds):
            for assignment in ("exact", "greedy"):
                model = BalancedKMeans(k, assignment=assignment, random_state=seed).fit(X)
                table.row(f"digits, {k} clusters", assignment, seed, model.inertia_)


def main():
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    tasks = {"novel": novel, "split": split, "sizes": sizes}
    for name, task in tasks.items():
        parser.add_argument(f"--{name}", action="store_true", help=task.__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    for name, task in tasks.items():
        if getattr(options, name):
            task(X, y, options.seeds)


if __name__ == "__main__":
    main()
