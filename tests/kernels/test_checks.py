"""Kernels refuse what does not fit, rather than reading or writing outside.

Each entry of `CALLS` is a call that is right; each of its arrays is made too short, too long,
or of another dtype or dimension, and every index one that is not there.
"""

import numpy as np
import pytest

from skdeepcluster._kernels import _kdtree
from tests.kernels._calls import CALLS, LINKAGE, N, X

# Written before it is read.
OUTPUTS = {("argmin", "labels"), ("lloyd", "labels"), ("lloyd", "counts"), ("transport", "labels")}
OUTPUTS |= {(name, "slots") for name in CALLS if name.startswith("nearest_medoids")}
OUTPUTS |= {(name, "slot") for name in CALLS}
# Numbers of points, not indices.
OUTPUTS |= {("select", "size")}
# Not of arrays.
OUTPUTS |= {("move_nodes", "fixed"), ("connected_parts", "labels")}
# Without an output that may be left out.
OPTIONAL = {("argmin", "distances")} | {
    ("transport", name) for name in ("potentials", "masses", "labels", "plan")
}
WITHOUT_THREADS = {
    "train",
    "contract_all",
    "contract_neighbors",
    "move_rows",
    "diffuse",
    "sweep_cut",
    "renumbered",
    "connected_parts",
    "inner_weights",
    "nearest_center",
    "gains",
    "shortest_cycle",
    "short_cycle",
    "degree_linkage",
    "removal_losses",
    "cluster_sizes",
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
