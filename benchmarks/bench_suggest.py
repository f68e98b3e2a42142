"""suggest: how good its suggestions are on data of many kinds, first to third, beside k-means.

    python benchmarks/bench_suggest.py [--known | --unknown] [--sets NAME ...] [--rows 3000]

For each set a line for each suggestion: its rank among the suggestions, adjusted Rand index,
number of clusters, seconds. Noise counts as a cluster. The rules of `suggest` follow the user guide
and were written before this was run; sets whose figures changed a rule are named there.
"""

import argparse
import csv
import gzip
import time
import warnings

import numpy as np
import pandas as pd
import scipy.sparse as sp
from _common import DATA, Table, hardware
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import adjusted_rand_score, pairwise_distances

from skdeepcluster import suggest


def _archive(name):
    return np.load(DATA / f"{name}.npz", allow_pickle=False)


def rows_of(name):
    d = _archive(name)
    X = d["X" if "X" in d.files else "X_0"]
    return X.astype(np.float32), d["y"] if d["y"].ndim == 1 else d["y"][:, 0]


def series_of(name):
    X, y = rows_of(name)
    return X.reshape(len(X), -1), y


def texts_of(name):
    with gzip.open(DATA / f"{name}.tsv.gz", "rt") as file:
        lines = [line.rstrip("\n").split("\t", 1) for line in file]
    return [text for _, text in lines], np.unique([y for y, _ in lines], return_inverse=True)[1]


def table_of(name, target):
    frame = pd.read_csv(DATA / f"{name}.csv")
    return frame.drop(columns=target), np.unique(frame[target], return_inverse=True)[1]


def graph_of(name):
    d = _archive(name)
    ones = np.ones(len(d["adj_indices"]))
    return sp.csr_array((ones, d["adj_indices"], d["adj_indptr"]), shape=d["adj_shape"]), d["y"]


def distances_of(loader):
    X, y = loader(return_X_y=True)
    return pairwise_distances((X - X.mean(axis=0)) / X.std(axis=0)), y


SETS = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits": lambda: load_digits(return_X_y=True),
    "usps": lambda: rows_of("usps"),
    "ctg": lambda: rows_of("ctg"),
    "segment": lambda: rows_of("segment"),
    "mice_protein": lambda: rows_of("mice_protein"),
    "movement_libras": lambda: rows_of("movement_libras"),
    "leaves": lambda: rows_of("leaves100_multiview"),
    "cells": lambda: rows_of("scrna_worm_neuron"),
    "cifar10 features": lambda: rows_of("features_cifar10_test"),
    "aloi": lambda: rows_of("aloi_small"),
    "trace": lambda: series_of("ts_trace"),
    "gunpoint": lambda: series_of("ts_gunpoint"),
    "arrowhead": lambda: series_of("ts_arrowhead"),
    "penguins": lambda: table_of("penguins", "species"),
    "heart_disease": lambda: table_of("heart_disease", "diameter narrowing"),
    "zoo": lambda: table_of("zoo", "type"),
    "stackoverflow": lambda: texts_of("stackoverflow"),
    "searchsnippets": lambda: texts_of("searchsnippets"),
    "bbc_news": lambda: texts_of("bbc_news"),
    "m10": lambda: texts_of("m10"),
    "cora": lambda: graph_of("graph_cora"),
    "amap": lambda: graph_of("graph_amap"),
    "polblogs": lambda: graph_of("graph_polblogs"),
    "email": lambda: graph_of("graph_email_eu_core"),
    "football": lambda: graph_of("graph_football"),
    "wine, distances": lambda: distances_of(load_wine),
}


def some(X, y, n):
    """So many rows at random; graphs and distances are left whole."""
    order = np.random.RandomState(0).permutation(len(y))[:n]
    if sp.issparse(X) or len(y) <= n:
        return X, y
    if hasattr(X, "iloc"):
        return X.iloc[order], y[order]
    return ([X[i] for i in order] if isinstance(X, list) else X[order]), y[order]


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--unknown", action="store_true", help="do not give the number of clusters")
    parser.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(hardware())
    warnings.simplefilter("ignore")
    table = Table(data="", method="", place="d", ARI=".3f", clusters="d", seconds=".1f")
    found, best, baseline = [], [], []
    for name in args.sets:
        try:
            X, y = some(*SETS[name](), args.rows)
        except FileNotFoundError as error:
            print(f"{name} is left out: {error}")
            continue
        k = len(np.unique(y))
        scores = []
        for place, (estimator, _) in enumerate(
            suggest(X, n_clusters=None if args.unknown else k, random_state=args.seed), start=1
        ):
            last = estimator[-1] if hasattr(estimator, "steps") else estimator
            start = time.perf_counter()
            labels = estimator.fit_predict(X)
            taken = time.perf_counter() - start
            scores.append(adjusted_rand_score(y, labels))
            n_found = len(np.unique(labels[labels >= 0]))
            table.row(name, type(last).__name__, place, scores[-1], n_found, taken)
        found.append(scores)
        if not sp.issparse(X) and np.ndim(X) in (2, 3) and not hasattr(X, "columns"):
            plain = KMeans(k, n_init=10, random_state=args.seed).fit_predict(X.reshape(len(X), -1))
            baseline.append(adjusted_rand_score(y, plain))
            table.row(name, "KMeans, raw rows, k", None, baseline[-1], k, None)
    found = np.array(found)
    best = found.argmax(axis=1)
    print("mean ARI by place:", found.mean(axis=0).round(3), "best of three:",
          found.max(axis=1).mean().round(3))  # fmt: skip
    print("times best, by place:", np.bincount(best, minlength=3))


if __name__ == "__main__":
    csv.field_size_limit(10**8)
    main()
