"""Nodes that meet at known times: TGC beside methods on the graph of all events.

    python benchmarks/bench_temporal_graphs.py [--seeds 5]

Agreement with known groups after the last epoch, seconds for each fit, and means and ranges over
seeds. "School" is that of the folder which SKDEEPCLUSTER_BENCHMARK_DATA names, contacts in a high
school; "made" are four groups of 50 nodes, 60 % of whose 3,000 events are within groups. Graphs
have the numbers of events as weights.
"""

import argparse
import time

import numpy as np
from _common import DATA, Table, hardware, scores
from scipy.sparse import csr_array

from skdeepcluster import TGC, DeepWalk, Leiden


def school():
    """Events and classes; None, with a message, where they are absent."""
    path = DATA / "temporal_school.npz"
    if not path.exists():
        print(f"School is left out: {path} is not there.")
        return None
    with np.load(path) as d:
        return np.column_stack([d["source"], d["target"], d["time"]]), d["y"]


def made(n_groups=4, size=50, n_events=3000, inside=0.6):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(n_groups), size)
    source = rng.integers(len(y), size=n_events)
    away = (y[source] + rng.integers(1, n_groups, size=n_events)) % n_groups
    group = np.where(rng.random(n_events) < inside, y[source], away)
    target = group * size + rng.integers(size, size=n_events)
    return np.column_stack([source, target, np.arange(n_events)]), y


def graph_of(events, n):
    source, target = events[:, :2].T.astype(int)
    pairs = np.concatenate([[source, target], [target, source]], axis=1)
    graph = csr_array((np.ones(pairs.shape[1]), pairs), shape=(n, n))
    graph.sum_duplicates()
    return graph


def methods(k, events, n):
    graph, X = graph_of(events, n), np.zeros((n, 1))
    given = {"affinity": "precomputed"}

    def temporal(**params):
        return lambda seed: TGC(k, random_state=seed, **params).fit(X, events=events)

    return {
        "TGC": temporal(),
        "TGC, its start": temporal(max_epochs=0),
        "TGC, random start": temporal(init="random"),
        "DeepWalk": lambda seed: DeepWalk(k, random_state=seed, **given).fit(graph),
        "Leiden": lambda seed: Leiden(random_state=seed, **given).fit(graph),
    }


def main(n_seeds):
    print(hardware())
    form = dict.fromkeys(("ARI", "least", "most", "accuracy", "NMI"), ".3f")
    table = Table(data="", method="", **form, seconds=".1f")
    for name, data in (("made", made()), ("School", school())):
        if data is None:
            continue
        events, y = data
        for who, fit in methods(len(set(y)), events, len(y)).items():
            found, began = [], time.perf_counter()
            for seed in range(n_seeds):
                found.append(scores(y, fit(seed).labels_))
            seconds = (time.perf_counter() - began) / n_seeds
            accuracy, nmi, ari = np.mean(found, axis=0)
            each = [x[2] for x in found]
            table.row(name, who, ari, min(each), max(each), accuracy, nmi, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    main(parser.parse_args().seeds)
