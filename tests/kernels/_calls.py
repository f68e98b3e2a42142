"""Calls of the kernels that are right."""

import numpy as np
from scipy.sparse import csr_array

from skdeepcluster._kernels import (
    _boruvka,
    _communities,
    _degree_linkage,
    _distance,
    _flow_diffusion,
    _hamiltonian,
    _hdbscan_blocks,
    _interval,
    _kdtree,
    _kmeans,
    _medoids,
    _multicut,
    _products,
    _transport,
    _trees,
    _walks,
)

N, D, K = 40, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
CENTERS = X[:K].copy()
ROWS = np.sqrt(np.square(X[:, None] - X).sum(axis=2))
MEDOIDS = np.arange(K)
LABELS = (np.arange(N) % K).astype(np.int32)
NO_FEATURES, NO_NORMS = np.zeros((0, 0)), np.zeros(0)
LINKAGE = _trees.single_linkage(
    np.arange(N - 1), np.arange(1, N), np.sort(RNG.integers(1, 9, N - 1).astype(float))
)
TREE = _kdtree.KDTree(X)
KNN = TREE.knn(3)
CORE = KNN[0][:, -1].copy()
PARENT = np.array([-1, 0, 0, 1, 1])
FIVE = np.ones(5)
SYMMETRIC = ROWS[:6, :6].copy()


def swap_state(depth=2):
    near, slots = np.zeros((depth, N)), np.zeros((depth, N), np.int32)
    _medoids.nearest_medoids(
        ROWS, MEDOIDS, MEDOIDS, NO_FEATURES, NO_NORMS, 0.0, False, near, slots, 1
    )
    removal = np.zeros(K)
    _medoids.removal_losses(near, slots, np.ones(N), np.inf, removal)
    return near, slots, removal


NEAR, SLOTS, REMOVAL = swap_state()
AROUND = {
    "features": NO_FEATURES,
    "norms": NO_NORMS,
    "slack": 0.0,
    "squared": False,
    "near": NEAR,
    "slots": SLOTS,
}
CANDIDATES = {
    "rows": ROWS,
    "at": np.arange(N),
    "candidates": np.arange(N),
    "medoids": MEDOIDS,
    "weights": np.ones(N),
    "change": np.zeros(N),
    "slot": np.zeros(N, np.int32),
    "n_threads": 1,
}
SUMS = {"bounds": NEAR[-1].copy(), "cap": np.inf, "removal": REMOVAL}
GIVEN_FEATURES = {"features": X, "norms": np.square(X).sum(axis=1), "slack": 1e-6}
BLOCK = {
    "block": ROWS,
    "first_row": 0,
    "first_column": 0,
    "core": np.zeros(N),
    "scale": 1.0,
    "order": np.arange(N),
    "place": np.arange(N),
    "height": np.ones(N),
    "n_threads": 1,
}
GRAPH = {
    "indptr": np.arange(0, N * N + 1, N),
    "indices": np.tile(np.arange(N, dtype=np.int32), N),
    "weights": np.ones(N * N),
}
POTTS = {"masses": np.ones((N, 2)), "labels": LABELS.copy(), "resolution": 0.1, "least": 1e-9}
NEIGHBORS = np.stack([np.roll(np.arange(N, dtype=np.int32), i) for i in (1, 2)], axis=1)
PREFIX = np.arange(N + 1.0)
ASSIGNED = {
    "member": (np.arange(N) % 5).astype(np.int32),
    "leave": np.ones(N),
    "order": np.arange(N),
    "label": np.array([-1, 0, 1, 0, 0]),
    "death": FIVE,
    "least_lambda": 0.0,
    "n_labels": 2,
}

# Function, right arguments, and those arguments that may have other lengths of the named axes.
CALLS = {
    "contract_all": (
        _multicut.contract_all,
        {"sums": X.copy(), "sizes": np.ones(N), "strength": 0.5},
        {"sums": {1}},
    ),
    "contract_neighbors": (
        _multicut.contract_neighbors,
        {"sums": X.copy(), "sizes": np.ones(N), "strength": 0.5, "neighbors": NEIGHBORS},
        {"sums": {1}, "neighbors": {1}},
    ),
    "move_rows": (
        _multicut.move_rows,
        {
            "rows": X,
            "labels": LABELS.copy(),
            "sums": np.zeros((N, D)),
            "sizes": np.ones(N),
            "strength": 0.5,
            "neighbors": NEIGHBORS,
        },
        {"neighbors": {1}},
    ),
    "walks": (
        _walks.walks,
        {
            **GRAPH,
            "weighted": True,
            "starts": np.arange(3, dtype=np.int32),
            "length": 9,
            "p": 0.5,
            "q": 2.0,
            "seed": 1,
        },
        {"starts": {0}},
    ),
    "train": (
        _walks.train,
        {
            "walks": (np.arange(20, dtype=np.int32) * 7 % N).reshape(4, 5),
            "Z": np.zeros((N, 8), np.float32),
            "C": np.zeros((N, 8), np.float32),
            "window": 2,
            "n_negatives": 2,
            "noise": np.arange(1.0, N + 1),
            "first_rate": 0.1,
            "last_rate": 0.01,
            "seed": 1,
        },
        {"walks": {0, 1}},
    ),
    "diffuse": (
        _flow_diffusion.diffuse,
        {
            **GRAPH,
            "degrees": np.full(N, N - 1.0),
            "sinks": np.ones(N),
            "seeds": np.arange(2, dtype=np.int32),
            "sources": np.full(2, 25.0),
            "tol": 1e-6,
            "most_pushes": 100.0,
        },
        {},
    ),
    "sweep_cut": (
        _flow_diffusion.sweep,
        {**GRAPH, "degrees": np.full(N, N - 1.0), "order": np.arange(N, dtype=np.int32)},
        {"order": {0}},
    ),
    "move_nodes": (
        _communities.move_nodes,
        {**GRAPH, **POTTS, "fixed": np.zeros(N, np.int32), "seed": 0},
        {},
    ),
    "refine": (_communities.refine, {**GRAPH, **POTTS, "temperature": 0.1, "seed": 0}, {}),
    "renumbered": (_communities.renumbered, {"labels": LABELS}, {"labels": {0}}),
    "aggregated": (_communities.aggregated, {**GRAPH, "groups": LABELS, "n_groups": K}, {}),
    "connected_parts": (_communities.connected_parts, {**GRAPH, "labels": LABELS}, {}),
    "inner_weights": (_communities.inner_weights, {**GRAPH, "labels": LABELS, "n_labels": K}, {}),
    "argmin": (
        _distance.argmin_sqeuclidean,
        {"X": X, "centers": CENTERS, "labels": LABELS.copy(), "distances": np.zeros(N)},
        {"centers": {0}},
    ),
    "lloyd": (
        _distance.lloyd_step,
        {
            "X": X,
            "centers": CENTERS,
            "labels": LABELS.copy(),
            "sums": np.zeros((K, D)),
            "counts": np.zeros(K, np.int64),
        },
        {},
    ),
    "kmeans_runs": (
        _distance.kmeans_runs,
        {
            "X": X,
            "first": np.arange(2),
            "draws": RNG.random((2, K - 1, 3)),
            "max_iter": 5,
            "tol": 0.0,
            "centers": np.zeros((2, K, D)),
        },
        {"X": {0}, "draws": {2}},
    ),
    "nearest_center": (
        _kmeans.nearest_center,
        {
            "X": X,
            "centers": CENTERS,
            "first": 1,
            "products": -X @ CENTERS[1:].T,
            "bounds": np.zeros(K - 1),
            "margins": np.zeros(N),
            "labels": LABELS.copy(),
            "distances": np.ones(N),
            "start": True,
        },
        {"centers": {0}},
    ),
    "sum_by_label": (
        _kmeans.sum_by_label,
        {"X": X, "labels": LABELS, "sums": np.zeros((K, D))},
        {"sums": {0}},
    ),
    "gains": (
        _kmeans.gains_of_candidates,
        {
            "X": X,
            "candidates": CENTERS,
            "products": -CENTERS @ X.T,
            "shifts": np.zeros(K),
            "bounds": np.zeros(N),
            "near": np.ones(N),
            "update": True,
        },
        {},
    ),
    "products": (
        _products.add_products,
        {"A": np.ones((2, 3, 4)), "B": np.ones((2, 4, 5)), "out": np.zeros((2, 3, 5))},
        {},
    ),
    "transport": (
        _transport.sweep,
        {
            "costs": X,
            "g": np.zeros(D),
            "reg": 1.0,
            "mass": np.ones(N),
            "damping": 1.0,
            "cap": np.inf,
            "potentials": np.zeros(N),
            "masses": np.zeros(N),
            "labels": np.zeros(N, np.int64),
            "plan": np.zeros((N, D)),
        },
        {"g": {0}},
    ),
    "optimal_intervals": (
        _interval.optimal_intervals,
        {
            "x": PREFIX[:N],
            "W": PREFIX,
            "S": PREFIX,
            "Q": PREFIX,
            "last": np.arange(-1, N),
            "n_intervals": 3,
            "squared": True,
        },
        {"W": {0}, "S": {0}, "Q": {0}, "last": {0}},
    ),
    "shortest_cycle": (_hamiltonian.shortest_cycle, {"D": SYMMETRIC}, {}),
    "short_cycle": (_hamiltonian.short_cycle, {"D": SYMMETRIC, "n_starts": 2}, {}),
    "nearest": (_hdbscan_blocks.nearest, {"block": ROWS, "k": 3}, {"block": {0, 1}}),
    "lighter_edges": (_hdbscan_blocks.lighter_edges, BLOCK, {"block": {0}}),
    "nan_euclidean": (_hdbscan_blocks.nan_euclidean, {"X": X, "Y": CENTERS}, {"X": {0}, "Y": {0}}),
    "spanning_tree": (
        _boruvka.spanning_tree,
        {
            "tree": TREE,
            "core": CORE,
            "distances": KNN[0],
            "positions": KNN[1],
            "reach": KNN[2],
            "scale": 1.0,
        },
        {},
    ),
    "nearest_reachable": (
        _boruvka.nearest_reachable,
        {"tree": TREE, "core": CORE, "queries": TREE, "query_core": CORE, "scale": 1.0},
        {},
    ),
    "reduced_distances": (
        _kdtree.reduced_distances,
        {"X": X, "Y": CENTERS, "metric": "euclidean"},
        {"X": {0}, "Y": {0}},
    ),
    "degree_linkage": (
        _degree_linkage.degree_linkage,
        {"W": csr_array(np.ones((N, N))), "labels": LABELS, "n_clusters": 2},
        {},
    ),
    "nearest_medoids": (
        _medoids.nearest_medoids,
        AROUND | {"medoid_rows": ROWS, "medoid_at": MEDOIDS, "medoids": MEDOIDS},
        {"medoid_rows": {0}},
    ),
    "nearest_medoids of features": (
        _medoids.nearest_medoids,
        AROUND
        | GIVEN_FEATURES
        | {"medoid_rows": -X @ X.T, "medoid_at": MEDOIDS, "medoids": MEDOIDS},
        {"medoid_rows": {0}, "features": {1}},
    ),
    "evaluate": (
        _medoids.evaluate,
        AROUND | CANDIDATES | SUMS | {"scratch": np.zeros((N, K))},
        {"rows": {0}, "change": {0}, "slot": {0}, "scratch": {0}},
    ),
    "evaluate_slot_by_slot": (
        _medoids.evaluate_slot_by_slot,
        CANDIDATES | {"near": NEAR, "slots": SLOTS},
        {"rows": {0}, "change": {0}, "slot": {0}, "medoids": {0}},
    ),
    "removal_losses": (
        _medoids.removal_losses,
        {
            "near": NEAR,
            "slots": SLOTS,
            "weights": np.ones(N),
            "cap": np.inf,
            "removal": np.zeros(K),
        },
        {"removal": {0}},
    ),
    "swap": (
        _medoids.swap,
        AROUND
        | SUMS
        | {
            "candidate": 9,
            "slot": 1,
            "medoid_rows": ROWS,
            "medoid_at": MEDOIDS,
            "medoids": MEDOIDS,
            "weights": np.ones(N),
        },
        {"medoid_rows": {0}},
    ),
    "sweep": (
        _medoids.sweep,
        AROUND
        | CANDIDATES
        | SUMS
        | {
            "kept_rows": ROWS[:K].copy(),
            "medoid_at": MEDOIDS,
            "scratch": np.zeros((N, K)),
            "sizes": np.zeros(K),
            "smallest": 2.0,
            "tol": 0.0,
            "quiet": 0,
            "patience": N,
            "max_swaps": 9,
            "window": 1,
        },
        {"rows": {0}, "change": {0}, "slot": {0}, "scratch": {0}, "kept_rows": {0}},
    ),
    "cluster_sizes": (
        _medoids.cluster_sizes,
        {"slots": SLOTS, "weights": np.ones(N), "sizes": np.zeros(K)},
        {"sizes": {0}, "slots": {0}},
    ),
    "reach_bounds": (
        _medoids.reach_bounds,
        {
            "reach": np.ones(N),
            "norms": np.ones(N),
            "slack": 0.1,
            "squared": False,
            "bounds": np.ones(N),
        },
        {},
    ),
    "euclidean": (
        _medoids.euclidean,
        {"X": X, "Y": CENTERS, "squared": True, "out": np.zeros((N, K))},
        {},
    ),
    "euclidean_from_products": (
        _medoids.euclidean_from_products,
        {
            "X": X,
            "first": 0,
            "products": -X @ X.T,
            "norms": np.square(X).sum(axis=1),
            "squared": False,
            "cancellation": 1e-6,
        },
        {"products": {0, 1}, "X": {1}},
    ),
    "condensed_rows": (
        _medoids.condensed_rows,
        {"condensed": np.ones(N * (N - 1) // 2), "chosen": MEDOIDS, "out": np.zeros((K, N))},
        {},
    ),
    "inspect": (_medoids.inspect, {"D": ROWS}, {}),
    "spanning_forest": (
        _trees.spanning_forest,
        {
            "n": N,
            "source": np.arange(N - 1, dtype=np.int32),
            "target": np.arange(1, N, dtype=np.int32),
            "order": np.arange(N - 1),
        },
        {"order": {0}},
    ),
    "single_linkage": (
        _trees.single_linkage,
        {"source": np.arange(N - 1), "target": np.arange(1, N), "height": np.ones(N - 1)},
        {},
    ),
    "Dendrogram": (_trees.Dendrogram, {"linkage": LINKAGE}, {"linkage": {0}}),
    "cut": (
        _trees.cut,
        {"linkage": LINKAGE, "distance": 4.0, "min_cluster_size": 2},
        {"linkage": {0}},
    ),
    "select": (
        _trees.select,
        {
            "parent": PARENT,
            "birth": FIVE,
            "size": np.ones(5),
            "stability": FIVE,
            "leaves": False,
            "epsilon": 0.0,
            "max_size": 9.0,
            "with_root": False,
        },
        {},
    ),
    "assign": (_trees.assign, ASSIGNED, {}),
    "attach": (
        _trees.attach,
        {
            "neighbor": np.arange(N),
            "query_lambda": np.ones(N),
            "point_cluster": ASSIGNED["member"],
            "point_lambda": np.ones(N),
            "parent": PARENT,
            "birth": FIVE,
        },
        {},
    ),
    "subtree_death": (_trees.subtree_death, {"parent": PARENT, "death": FIVE}, {}),
    "merge_lambdas": (
        _trees.merge_lambdas,
        {"parent": PARENT, "birth": FIVE, "chosen": np.array([1, 3])},
        {"chosen": {0}},
    ),
}
