"""Leiden beside igraph and leidenalg: modularity, time and memory.

    pip install igraph leidenalg      # peers; those that are missing are left out
    python benchmarks/bench_leiden.py [--edges 1000000] [--n-jobs 1 2]

Time is that of the processor, as peers run on one thread and machines are busy; for several threads
it is that of the clock. Memory is what a fit allocates at its peak beyond the graph, per undirected
edge.
"""

import argparse
import random
import statistics
import time
import tracemalloc

import networkx as nx
import numpy as np
from _common import DATA, Table, load, peer
from scipy.sparse import coo_array, csr_array
from sklearn.neighbors import kneighbors_graph

from skdeepcluster import Leiden
from skdeepcluster.metrics import modularity


def planted(n_edges, seed=0):
    """Communities of about 1,000 nodes with ten edges each, six of ten within."""
    n = n_edges // 10
    k = max(n // 1000, 2)
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    order = np.argsort(y, kind="stable")
    starts = np.searchsorted(y[order], np.arange(k + 1))
    source = rng.integers(0, n, n_edges)
    low, high = starts[y[source]], starts[y[source] + 1]
    partner = order[(low + rng.random(n_edges) * (high - low)).astype(np.int64)]
    target = np.where(rng.random(n_edges) < 0.6, partner, rng.integers(0, n, n_edges))
    other = source != target
    A = coo_array((np.ones(other.sum()), (source[other], target[other])), shape=(n, n)).tocsr()
    A = csr_array(A + A.T)
    A.data[:] = 1
    A.sort_indices()
    return A


def graphs(n_edges):
    yield "karate", csr_array(nx.to_scipy_sparse_array(nx.karate_club_graph(), weight=None))
    X, _ = load("digits")
    A = kneighbors_graph(X, 15)
    yield "digits, 15 neighbors", csr_array(A.maximum(A.T))
    path = DATA / "graph_cora.npz"
    if path.exists():
        with np.load(path) as archive:
            indices, indptr = archive["adj_indices"], archive["adj_indptr"]
            shape = tuple(archive["adj_shape"])
        yield "Cora", csr_array((np.ones(len(indices)), indices, indptr), shape=shape)
    yield f"planted, {n_edges:,} edges", planted(n_edges)


def peers(A):
    """Functions of a seed that return labels; the graph is converted before."""
    igraph, leidenalg = peer("igraph"), peer("leidenalg")
    if igraph is None:
        return {}
    entries = A.tocoo()
    once = entries.row < entries.col
    graph = igraph.Graph(A.shape[0], np.column_stack([entries.row[once], entries.col[once]]))

    def of_igraph(seed):
        random.seed(seed)
        return graph.community_leiden("modularity", n_iterations=2).membership

    def of_leidenalg(seed):
        kind = leidenalg.ModularityVertexPartition
        return leidenalg.find_partition(graph, kind, seed=seed, n_iterations=2).membership

    found = {"igraph": of_igraph}
    if leidenalg is not None:
        found["leidenalg"] = of_leidenalg
    return found


def main(n_edges, n_seeds, n_jobs, slow):
    table = Table(graph="", method="", modularity=".4f", least=".4f", best=".4f", seconds=".3f",
                  ratio_to_igraph=".2f", bytes_per_edge=".0f")  # fmt: skip
    for name, A in graphs(n_edges):
        A = A.astype(np.float64)

        def ours(seed, n_jobs=1, max_iter=2, A=A):
            model = Leiden(
                affinity="precomputed", random_state=seed, n_jobs=n_jobs, max_iter=max_iter
            )
            return model.fit(A).labels_

        tasks = {"ours": (ours, time.process_time)}
        tasks["ours, ten iterations"] = (
            lambda s, ours=ours: ours(s, max_iter=10),
            time.process_time,
        )
        for jobs in n_jobs:
            if jobs > 1:
                tasks[f"ours, {jobs} threads, by the clock"] = (
                    lambda s, jobs=jobs, ours=ours: ours(s, jobs),
                    time.perf_counter,
                )
                tasks["ours, 1 thread, by the clock"] = (ours, time.perf_counter)
        tasks |= {who: (task, time.process_time) for who, task in peers(A).items()}
        found = {}
        for who, (task, clock) in tasks.items():
            values, times = [], []
            for seed in range(1 if who == "leidenalg" and A.nnz > 10**6 and not slow else n_seeds):
                start = clock()
                labels = task(seed)
                times.append(clock() - start)
                values.append(modularity(A, labels))
            found[who] = values, statistics.median(times)
        for who, (values, spent) in found.items():
            memory = None
            if who == "ours":
                tracemalloc.start()
                ours(0)
                memory = tracemalloc.get_traced_memory()[1] / (A.nnz / 2)
                tracemalloc.stop()
            ratio = spent / found["igraph"][1] if "igraph" in found else None
            table.row(name, who, np.mean(values), min(values), max(values), spent, ratio, memory)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-jobs", type=int, nargs="*", default=[1])
    parser.add_argument("--slow", action="store_true", help="leidenalg with all seeds")
    args = parser.parse_args()
    main(args.edges, args.seeds, args.n_jobs, args.slow)
