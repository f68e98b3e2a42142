"""Clusterings of labeled sets of points: shapes, unequal densities and sizes, noise, outliers.

python benchmarks/bench_shapes.py                            beside scikit-learn's, a line per set
python benchmarks/bench_shapes.py --half develop --fractions by min_cluster_fraction
python benchmarks/bench_shapes.py --half develop --steps     by how far scales are averaged
python benchmarks/bench_shapes.py --half develop --neighbors by n_neighbors

The adjusted Rand index is a mean over random draws of each set; rows of noise are not counted.
Constants were chosen on the sets to develop with, which are not those to validate with.
"""

import argparse
import warnings
from unittest import mock

import numpy as np
from _common import Table
from _shapes_develop import DEVELOP
from _shapes_validate import VALIDATE
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skdeepcluster import GraphDegreeLinkage
from skdeepcluster.algorithms import degree_linkage

HALVES = {"develop": DEVELOP, "validate": VALIDATE}


def ours(**params):
    return lambda X, k: GraphDegreeLinkage(k, **params).fit_predict(X)


def spectral(X, k):
    return SpectralClustering(
        k, affinity="nearest_neighbors", n_neighbors=20, random_state=0
    ).fit_predict(X)


METHODS = {
    "GraphDegreeLinkage": ours(),
    "SpectralClustering": spectral,
    "HDBSCAN": lambda X, k: HDBSCAN(min_cluster_size=10, copy=True).fit_predict(X),
    "GaussianMixture": lambda X, k: GaussianMixture(
        k, n_init=3, reg_covar=1e-4, random_state=0
    ).fit_predict(X),
    "Ward": lambda X, k: AgglomerativeClustering(k).fit_predict(X),
    "k-means": lambda X, k: KMeans(k, n_init=10, random_state=0).fit_predict(X),
}
FRACTIONS = {
    f"fraction {f}": ours(min_cluster_fraction=f) for f in (0, 0.005, 0.01, 0.02, 0.03, 0.05)
}
NEIGHBORS = {f"n_neighbors {k}": ours(n_neighbors=k) for k in (None, 10, 15, 20, 30)}


def with_steps(n_steps):
    """With scales averaged another number of times."""

    def labels(X, k):
        with mock.patch.object(degree_linkage, "STEPS", n_steps):
            return ours()(X, k)

    return labels


STEPS = {f"steps {n}": with_steps(n) for n in (0, 10, 20, 40, 80, 200)}


def generated(half, n_draws):
    """Name, rows and labels of each draw of each set."""
    for maker in HALVES[half]:
        for seed in range(n_draws):
            yield maker.__name__, *maker(np.random.default_rng(seed))


def scores(sets, methods):
    """Mean adjusted Rand index of each method on each set."""
    found = {}
    for name, X, y in sets:
        counted = y >= 0
        for who, method in methods.items():
            labels = method(X, len(np.unique(y[counted])))
            score = adjusted_rand_score(y[counted], labels[counted])
            found.setdefault(name, {}).setdefault(who, []).append(score)
    return {name: {who: np.mean(s) for who, s in of.items()} for name, of in found.items()}


def show(title, sets, methods, lines):
    found = scores(sets, methods)
    table = Table(data="", method="", ARI=".3f")
    if lines:
        for name, of in found.items():
            for who, score in of.items():
                table.row(name, who, score)
    for who in methods:
        table.row(f"mean of {title}", who, np.mean([of[who] for of in found.values()]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--half", choices=HALVES, nargs="+", default=list(HALVES))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fractions", action="store_const", dest="methods", const=FRACTIONS)
    which.add_argument("--steps", action="store_const", dest="methods", const=STEPS)
    which.add_argument("--neighbors", action="store_const", dest="methods", const=NEIGHBORS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    methods = options.methods or {who: METHODS[who] for who in options.only}
    lines = options.methods is None
    for half in options.half:
        show(half, generated(half, options.draws), methods, lines)


if __name__ == "__main__":
    main()
