"""MNIST in 2 to 64 dimensions: which clusterers lose least as dimensions grow.

    python benchmarks/bench_mnist_nd.py [--train 10000] [--epochs 10] [--rows 3000] [--seeds 3]

One generator for each number of dimensions is trained on so many training images, a fixed number
of epochs; test images are clustered. Means and ranges of the adjusted Rand index over seeds of the
clusterers; noise of HDBSCAN is a cluster. The number of clusters is given to all but Leiden and
HDBSCAN. --dims goes on where a run was stopped.
--picture FILE draws the stored values of SKDEEPCLUSTER_BENCHMARK_RESULTS instead.
"""

import argparse
import csv
import os

import numpy as np
from _common import DATA, DATA_VARIABLE, RESULTS_VARIABLE, Table, pyplot
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skdeepcluster import HDBSCAN, Leiden, NeighborClusterer

DIMS = (2, 4, 8, 16, 32, 64)
METHODS = {
    "Leiden": lambda seed: Leiden(random_state=seed),
    "NeighborClusterer": lambda seed: NeighborClusterer(10, random_state=seed),
    "k-means": lambda seed: KMeans(10, n_init=10, random_state=seed),
    "Gaussian mixture": lambda seed: GaussianMixture(10, random_state=seed, reg_covar=1e-4),
    # Nothing of it is random.
    "HDBSCAN": lambda seed: HDBSCAN(),
}


def images(n_train, n_rows):
    """Training images, and test images with their digits; None where the data are absent."""
    path = DATA / "mnist.npz"
    if not path.exists():
        print(f"{path} is not there; {DATA_VARIABLE} names its folder.")
        return None
    with np.load(path) as archive:
        X, y, train = archive["X"], archive["y"], archive["train"]
    rng = np.random.default_rng(0)
    rows = [rng.permutation(np.flatnonzero(which)) for which in (train, ~train)]
    rows = rows[0][:n_train], rows[1][:n_rows]
    X = X.reshape(len(X), -1)
    return (*(X[index].astype(np.float32) / 255 for index in rows), y[rows[1]])


def main(args):
    from _mnist_nd import MNISTNd

    data = images(args.train, args.rows)
    if data is None:
        return
    X, of_test, y = data
    table = Table(data="", method="", ARI=".3f", least=".3f", most=".3f", clusters=".1f")
    for n_dims in args.dims:
        generator = MNISTNd(n_dims=n_dims, max_epochs=args.epochs, random_state=0).fit(X)
        Z = generator.transform(of_test).astype(np.float64)
        for name, method in METHODS.items():
            labels = [
                method(seed).fit_predict(Z)
                for seed in range(1 if name == "HDBSCAN" else args.seeds)
            ]
            found = [adjusted_rand_score(y, each) for each in labels]
            number = float(np.mean([len(set(each) - {-1}) for each in labels]))
            table.row(f"{n_dims}", name, np.mean(found), min(found), max(found), number)


def draw(path):
    """Curves of the stored values, into a file."""
    plt = pyplot()
    with open(os.environ[RESULTS_VARIABLE], newline="") as file:
        rows = list(csv.DictReader(file))
    dims = [n for n in DIMS if any(row["data"] == f"{n}" for row in rows)]
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for name in METHODS:
        curves = [
            [
                float(
                    next(r["value"] for r in rows if (r["data"], r["method"], r["metric"]) == key)
                )
                for key in ((f"{d}", name, metric) for d in dims)
            ]
            for metric in ("ARI", "least", "most")
        ]
        (line,) = ax.plot(dims, curves[0], "o-", label=name)
        ax.fill_between(dims, *curves[1:], color=line.get_color(), alpha=0.2)
    ax.set_xscale("log", base=2)
    ax.set(xticks=dims, xticklabels=dims, xlabel="dimensions", ylabel="adjusted Rand index")
    ax.set_ylim(0, 1)
    ax.legend()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    import warnings

    # A few fits of mixtures and k-means do not converge.
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dims", type=int, nargs="+", default=DIMS)
    parser.add_argument("--picture", metavar="FILE")
    args = parser.parse_args()
    draw(args.picture) if args.picture else main(args)
