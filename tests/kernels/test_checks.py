"""Kernels refuse what does not fit, rather than reading or writing outside.

Each entry of `CALLS` is a call that is right; each of its arrays is then made too short, too long, or
of another dtype or dimension, and every index one that is not there.
"""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skdeepcluster._kernels import (
    _boruvka,
    _degree_linkage,
    _distance,
    _hamiltonian,
    _hdbscan_blocks,
    _interval,
    _kdtree,
    _kmeans,
    _medoids,
    _products,
    _transport,
    _trees,
)

N, D, K = 40, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
CENTERS = X[:K].copy()
ROWS = np.sqrt(np.square(X[:, None] - X).sum(axis=2))
MEDOIDS = np.arange(K)
LABELS = (np.arange(N) % K).astype(np.int32)
NO_FEATURES, NO_NORMS = np.empty((0, 0)), np.empty(0)
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
    near, slots = np.empty((depth, N)), np.empty((depth, N), np.int32)
    _medoids.nearest_medoids(
        ROWS, MEDOIDS, MEDOIDS, NO_FEATURES, NO_NORMS, 0.0, False, near, slots, 1
    )
    removal = np.zeros(K)
    _medoids.removal_losses(near, slots, np.ones(N), removal)
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
    "change": np.empty(N),
    "slot": np.empty(N, np.int32),
    "n_threads": 1,
}
SUMS = {"bounds": NEAR[-1].copy(), "removal": REMOVAL}
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
    "argmin": (
        _distance.argmin_sqeuclidean,
        {"X": X, "centers": CENTERS, "labels": LABELS.copy(), "distances": np.empty(N)},
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
            "potentials": np.empty(N),
            "masses": np.empty(N),
            "labels": np.empty(N, np.int64),
            "plan": np.empty((N, D)),
        },
        {"g": {0}},
    ),
    "optimal_intervals": (
        _interval.optimal_intervals,
        {"x": PREFIX[:N], "W": PREFIX, "S": PREFIX, "Q": PREFIX, "n_intervals": 3, "squared": True},
        {"W": {0}, "S": {0}, "Q": {0}},
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
        AROUND | CANDIDATES | SUMS | {"scratch": np.empty((N, K))},
        {"rows": {0}, "change": {0}, "slot": {0}, "scratch": {0}},
    ),
    "evaluate_slot_by_slot": (
        _medoids.evaluate_slot_by_slot,
        CANDIDATES | {"near": NEAR, "slots": SLOTS},
        {"rows": {0}, "change": {0}, "slot": {0}, "medoids": {0}},
    ),
    "removal_losses": (
        _medoids.removal_losses,
        {"near": NEAR, "slots": SLOTS, "weights": np.ones(N), "removal": np.empty(K)},
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
            "scratch": np.empty((N, K)),
            "tol": 0.0,
            "quiet": 0,
            "patience": N,
            "max_swaps": 9,
            "window": 1,
        },
        {"rows": {0}, "change": {0}, "slot": {0}, "scratch": {0}, "kept_rows": {0}},
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
        {"X": X, "Y": CENTERS, "squared": True, "out": np.empty((N, K))},
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
        {"condensed": np.ones(N * (N - 1) // 2), "chosen": MEDOIDS, "out": np.empty((K, N))},
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
            "size": np.ones(5, np.int64),
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
# Written before it is read.
OUTPUTS = {("argmin", "labels"), ("lloyd", "labels"), ("lloyd", "counts"), ("transport", "labels")}
OUTPUTS |= {(name, "slots") for name in CALLS if name.startswith("nearest_medoids")}
OUTPUTS |= {(name, "slot") for name in CALLS}
# Numbers of points, not indices.
OUTPUTS |= {("select", "size")}
# Without an output that may be left out.
OPTIONAL = {("argmin", "distances")} | {
    ("transport", name) for name in ("potentials", "masses", "labels", "plan")
}
WITHOUT_THREADS = {
    "nearest_center",
    "gains",
    "shortest_cycle",
    "short_cycle",
    "degree_linkage",
    "removal_losses",
    "swap",
    "reach_bounds",
    "spanning_forest",
    "single_linkage",
    "Dendrogram",
    "cut",
    "select",
    "assign",
    "attach",
    "subtree_death",
    "merge_lambdas",
}


def arguments(name):
    arguments = {
        key: value.copy() if isinstance(value, np.ndarray) else value
        for key, value in CALLS[name][1].items()
    }
    return arguments if name in WITHOUT_THREADS else {"n_threads": 1} | arguments


ARRAYS = [
    (name, argument)
    for name in CALLS
    for argument, value in arguments(name).items()
    if isinstance(value, np.ndarray) and value.size
]
INDICES = [
    (name, argument)
    for name, argument in ARRAYS
    if arguments(name)[argument].dtype.kind == "i" and (name, argument) not in OUTPUTS
]


def refused(name, **changed):
    with pytest.raises((ValueError, TypeError, OverflowError)) as caught:
        CALLS[name][0](**arguments(name) | changed)
    assert str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_right_arguments_are_taken(name):
    CALLS[name][0](**arguments(name))


@pytest.mark.parametrize(("name", "argument"), ARRAYS)
def test_lengths_that_do_not_fit_are_refused(name, argument):
    array = arguments(name)[argument]
    for axis in set(range(array.ndim)) - CALLS[name][2].get(argument, set()):
        refused(name, **{argument: array.take(range(array.shape[axis] - 1), axis=axis)})
        wider = np.concatenate([array, array.take([0], axis=axis)], axis=axis)
        refused(name, **{argument: wider})


@pytest.mark.parametrize(("name", "argument"), ARRAYS)
def test_other_dtypes_and_dimensions_are_refused(name, argument):
    array = arguments(name)[argument]
    for wrong in (
        array.astype(np.float16),
        array.astype(array.dtype.newbyteorder()),
        array.astype(object),
        array.astype(np.int16),
        array[None],
        array[..., 0],
    ):
        refused(name, **{argument: wrong})


@pytest.mark.parametrize(("name", "argument"), ARRAYS)
def test_none_is_refused_where_it_is_not_the_default(name, argument):
    if (name, argument) in OPTIONAL:
        CALLS[name][0](**arguments(name) | {argument: None})
    else:
        refused(name, **{argument: None})


@pytest.mark.parametrize(("name", "argument"), INDICES)
@pytest.mark.parametrize("wrong", [-2, N, 2**31 - 1])
@pytest.mark.parametrize("place", [0, -1])
def test_indices_that_are_not_there_are_refused(name, argument, wrong, place):
    array = arguments(name)[argument].copy()
    array[(place,) * array.ndim] = wrong
    refused(name, **{argument: array})


@pytest.mark.parametrize("name", sorted(CALLS.keys() - WITHOUT_THREADS))
def test_a_number_of_threads_is_positive_and_within_bounds(name):
    refused(name, n_threads=0)
    refused(name, n_threads=-1)
    CALLS[name][0](**arguments(name) | {"n_threads": 2**31 - 1})


@pytest.mark.parametrize("name", CALLS)
def test_nan_and_infinity_end(name):
    """What is no number may be refused or give anything, but neither hangs nor crashes."""
    for argument, array in arguments(name).items():
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            continue
        for value in (np.nan, np.inf, -np.inf, np.finfo(array.dtype).max):
            try:
                CALLS[name][0](**arguments(name) | {argument: np.full_like(array, value)})
            except ValueError as error:
                assert str(error)


@pytest.mark.parametrize("column", [0, 1, 3])
@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan, np.inf, 2.0 * N, 1e300])
def test_a_linkage_that_is_none_is_refused(column, value):
    for row in (0, N // 2, N - 2):
        linkage = LINKAGE.copy()
        linkage[row, column] = value
        for name in ("Dendrogram", "cut"):
            refused(name, linkage=linkage)


def test_no_tree_and_no_graph_are_refused():
    for name, argument in (
        ("spanning_tree", "tree"),
        ("nearest_reachable", "tree"),
        ("nearest_reachable", "queries"),
    ):
        refused(name, **{argument: None})
        refused(name, **{argument: object.__new__(object)})
        refused(name, **{argument: _kdtree.KDTree.__new__(_kdtree.KDTree)})
    refused("nearest_reachable", queries=_kdtree.KDTree(X.astype(np.float32)))
    refused("nearest_reachable", queries=_kdtree.KDTree(X, "manhattan"))
    refused("nearest_reachable", queries=_kdtree.KDTree(X[:, 1:].copy()))
    for change in (
        {"indptr": [0, 5]},
        {"indices": -1},
        {"indices": N},
        {"data": np.nan},
        {"data": -1.0},
    ):
        W = CALLS["degree_linkage"][1]["W"].copy()
        for attribute, value in change.items():
            array = getattr(W, attribute).copy()
            if attribute == "indptr":
                array = np.array(value, array.dtype)
            else:
                array[3] = value
            setattr(W, attribute, array)
        refused("degree_linkage", W=W)


# ---------------------------------------------------------------------------------------------
# Stored trees


def use_tree(tree):
    distances, positions, reach = tree.knn(2)
    core = distances[:, -1].copy()
    return [distances, positions, reach, *_boruvka.spanning_tree(
        tree, core, distances, positions, reach, 1.0, 1
    )]  # fmt: skip


def use_dendrogram(dendrogram):
    found = []
    for size in (2, 3, 7):
        clusters, member, leave = dendrogram.condense(size)
        found += [*clusters.values(), member, leave]
    return found


STORED = {
    "KDTree": (TREE, use_tree),
    "KDTree of float32": (_kdtree.KDTree(X.astype(np.float32), "manhattan"), use_tree),
    "Dendrogram": (_trees.Dendrogram(LINKAGE), use_dendrogram),
}


@pytest.mark.parametrize("name", STORED)
def test_stored_trees_come_back(name):
    tree, use = STORED[name]
    for copied in (pickle.loads(pickle.dumps(tree)), copy.deepcopy(tree)):
        for one, other in zip(use(tree), use(copied), strict=True):
            np.testing.assert_array_equal(one, other)


def mutate(data, value):
    """A state with something wrong in it, which may yet be a right one."""
    if isinstance(value, dict):
        key = data.draw(st.sampled_from(sorted(value)))
        if data.draw(st.booleans()):
            return {k: v for k, v in value.items() if k != key}
        return value | {key: mutate(data, value[key])}
    if not isinstance(value, np.ndarray):
        return data.draw(st.sampled_from([None, -1, 0, 1, 10**6, 2**40, 0.5, np.nan, "x", [1]]))
    how = data.draw(
        st.sampled_from(["truncate", "permute", "set", "dtype", "reshape", "none", "refill"])
    )
    if how == "truncate":
        return value[: data.draw(st.integers(0, len(value) - 1))]
    if how == "permute":
        rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
        return rng.permutation(value)
    if how == "dtype":
        return value.astype(data.draw(st.sampled_from(["f4", "f8", "i4", "i8", "O", ">i8", "U9"])))
    if how == "reshape":
        return value.reshape(-1, 1)
    if how == "none":
        return None
    value = value.copy()
    numbers = [-1, 0, 1, 2, N - 1, N, 2**31 - 1]
    if value.dtype.kind == "f":
        numbers += [np.nan, np.inf, -np.inf]
    number = data.draw(st.sampled_from(numbers))
    if how == "refill":
        value[...] = number
    else:
        value.flat[data.draw(st.integers(0, value.size - 1))] = number
    return value


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", STORED)
@given(data=st.data())
def test_corrupt_stored_trees_are_refused_or_harmless(name, data):
    tree, use = STORED[name]
    restore, state = tree.__reduce__()
    state = list(state)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(0, len(state) - 1))
        state[place] = mutate(data, state[place])
    if data.draw(st.integers(0, 9)) == 0:
        state.pop()
    try:
        use(restore(*state))
    except (ValueError, TypeError) as error:
        assert str(error)


@pytest.mark.parametrize("name", ["KDTree", "Dendrogram"])
def test_truncated_and_repeated_states_are_refused(name):
    restore, state = STORED[name][0].__reduce__()
    places = range(len(state) - 1) if name == "Dendrogram" else [4]
    for place in places:
        for wrong in (state[place][:-1], state[place].astype(np.float16), None):
            with pytest.raises(ValueError, match="corrupt or truncated state"):
                restore(*state[:place], wrong, *state[place + 1 :])
    order = 0 if name == "Dendrogram" else 4
    repeated = np.zeros_like(state[order])
    with pytest.raises(ValueError, match="permutation"):
        restore(*state[:order], repeated, *state[order + 1 :])


def test_merges_of_one_height_stored_two_at_a_time_stay_within_bounds():
    """So hierarchies were stored once: larger parts after smaller ones of the same lambda."""
    n = 200
    order, first = np.arange(n), np.arange(n, dtype=np.int32)
    light = np.ones(n, np.int32)
    light[n // 2] = n // 2
    inverse = np.ones(n)
    restore, _ = STORED["Dendrogram"][0].__reduce__()
    dendrogram = restore(order, inverse, light, first, inverse, 1.0)
    clusters, member, _ = dendrogram.condense(n // 2)
    assert len(clusters["parent"]) == 3
    assert set(member) <= {0, 1, 2}
