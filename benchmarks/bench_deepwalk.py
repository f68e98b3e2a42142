"""Vectors of nodes by random walks: clusters beside Leiden's, walks beside PecanPy's.

    python benchmarks/bench_deepwalk.py [--seeds 5] [--peer PYTHON]

Means and ranges over seeds of the normalized mutual information, by edges alone, on graphs of the
folder that SKDEEPCLUSTER_BENCHMARK_DATA names. PYTHON is an interpreter with pecanpy 2.0.9; its
walks, as lists of names, and ours, as arrays, are then drawn on one thread one after another, and
ratios of the shortest times are printed.
"""

import argparse
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from _common import Table, scores, seconds
from bench_attributed_graphs import load_graph

from skdeepcluster import DeepWalk, Leiden
from skdeepcluster.algorithms.walks import walks_from_all

GRAPHS = ("cora", "citeseer", "blogcatalog")
# Walks from each node, their length, and repeated measurements.
N_WALKS, LENGTH, REPEATS = 10, 40, 3
PEER = """
import sys, time
from pecanpy import pecanpy
path, p, q, n_walks, length, repeats = sys.argv[1], *map(float, sys.argv[2:])
first = p == q == 1
mode = pecanpy.FirstOrderUnweighted if first else pecanpy.SparseOTF
g = mode(p, q, 1, False)
g.read_edg(path, False, False)
g.preprocess_transition_probs()
g.simulate_walks(1, 5)
times = []
for _ in range(int(repeats)):
    start = time.perf_counter()
    g.simulate_walks(int(n_walks), int(length))
    times.append(time.perf_counter() - start)
print(min(times))
"""


def methods(k):
    def deepwalk(**params):
        return lambda X, A, seed: DeepWalk(k, random_state=seed, **params).fit(X, adjacency=A)

    return {
        "skip-gram": deepwalk(),
        "skip-gram, window 10": deepwalk(window=10),
        "netmf": deepwalk(method="netmf"),
        "netmf, window 5": deepwalk(method="netmf", window=5),
        "Leiden": lambda X, A, seed: Leiden(random_state=seed).fit(X, adjacency=A),
    }


def compare_clusters(n_seeds):
    table = Table(data="", method="", NMI=".3f", least=".3f", most=".3f", ARI=".3f", clusters=".0f")
    for name in GRAPHS:
        data = load_graph(name)
        if data is None:
            continue
        X, A, y = data
        for who, method in methods(len(set(y))).items():
            labels = [method(X, A, seed).labels_ for seed in range(n_seeds)]
            found = np.array([scores(y, each)[1:] for each in labels])
            numbers = np.mean([len(set(each)) for each in labels])
            nmi = found[:, 0]
            table.row(
                name, who, nmi.mean(), nmi.min(), nmi.max(), found[:, 1].mean(), float(numbers)
            )


def compare_walks(python):
    table = Table(data="", walks="", times_faster=".1f")
    for name in ("cora", "amap"):
        data = load_graph(name)
        if data is None:
            continue
        A = data[1]
        rows, columns = A.nonzero()
        once = rows < columns
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "edges"
            np.savetxt(path, np.column_stack([rows[once], columns[once]]), "%d", delimiter="\t")
            for p, q in ((1.0, 1.0), (0.5, 2.0)):
                arguments = [str(value) for value in (p, q, N_WALKS, LENGTH, REPEATS)]
                command = [python, "-c", PEER, str(path), *arguments]
                peer = subprocess.run(command, capture_output=True, text=True, check=True)

                def ours(p=p, q=q, A=A):
                    rng = np.random.default_rng(0)
                    for _ in range(N_WALKS):
                        walks_from_all(A, LENGTH, p, q, rng, 1)

                ratio = float(peer.stdout) / min(seconds(ours) for _ in range(REPEATS))
                table.row(name, f"p = {p:g}, q = {q:g}", ratio)


if __name__ == "__main__":
    # Leiden has more communities than classes where there are more components.
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter with pecanpy installed")
    args = parser.parse_args()
    if args.peer:
        compare_walks(args.peer)
    if args.seeds:
        compare_clusters(args.seeds)
