"""Stored trees come back as they were, and corrupt ones do no harm."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepcluster._kernels import _boruvka, _kdtree, _trees
from tests.kernels._calls import LINKAGE, TREE, N, X


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
        return value[: data.draw(st.integers(0, max(len(value) - 1, 0)))]
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
    if how == "refill" or not value.size:
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
