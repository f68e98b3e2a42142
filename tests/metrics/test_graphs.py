"""Measures of clusters of a graph."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster.metrics import (
    conductance,
    connectedness,
    coverage,
    modularity,
    normalized_cut,
)

KARATE = nx.karate_club_graph()
LABELS = np.arange(34) % 3


def random_graph(seed, n=12):
    rng = np.random.default_rng(seed)
    A = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.4), 1)
    A[0, 1] = 1
    return A + A.T, rng.integers(0, 4, n)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_measures_are_those_of_their_definitions(seed):
    A, labels = random_graph(seed)
    graph = nx.from_numpy_array(A)
    sets = [set(np.flatnonzero(labels == k)) for k in np.unique(labels)]
    assert modularity(A, labels) == pytest.approx(nx.community.modularity(graph, sets))
    assert modularity(A, labels, resolution=2.0) == pytest.approx(
        nx.community.modularity(graph, sets, resolution=2.0)
    )
    assert coverage(A, labels) == pytest.approx(
        sum(A[np.ix_(labels == k, labels == k)].sum() for k in np.unique(labels)) / A.sum()
    )
    found, volumes = [], []
    for nodes in sets:
        inside = np.isin(np.arange(len(A)), list(nodes))
        cut, volume = A[inside][:, ~inside].sum(), A[inside].sum()
        smaller = min(volume, A.sum() - volume)
        found.append(cut / smaller if smaller else 0)
        volumes.append(cut / volume if volume else 0)
    np.testing.assert_allclose(conductance(A, labels, average=None), found)
    assert conductance(A, labels) == pytest.approx(np.mean(found))
    assert conductance(A, labels, average="max") == pytest.approx(np.max(found))
    assert normalized_cut(A, labels) == pytest.approx(np.sum(volumes))
    largest = sum(
        max(len(c) for c in nx.connected_components(graph.subgraph(nodes))) for nodes in sets
    )
    assert connectedness(A, labels) == pytest.approx(largest / len(A))


def test_modularity_of_directed_edges():
    A = np.random.default_rng(0).random((20, 20)) < 0.2
    labels = np.arange(20) % 4
    sets = [set(np.flatnonzero(labels == k)) for k in range(4)]
    expected = nx.community.modularity(nx.from_numpy_array(A, create_using=nx.DiGraph), sets)
    assert modularity(A.astype(float), labels, directed=True) == pytest.approx(expected)


def test_names_of_clusters_do_not_matter():
    names = np.array(["a", "b", "c"])[LABELS]
    for measure in (modularity, coverage, conductance, normalized_cut, connectedness):
        assert measure(KARATE, names) == measure(KARATE, LABELS) == measure(KARATE, 7 - 3 * LABELS)


def test_noise_is_in_no_cluster():
    A = np.kron(np.eye(3), np.ones((2, 2))) + 0.1
    labels = [0, 0, 1, 1, -1, -1]
    assert coverage(A, labels) == pytest.approx(2 * 4.4 / A.sum())
    assert modularity(A, labels) < modularity(A, [0, 0, 1, 1, 2, 2])
    assert conductance(A, labels, average=None).shape == (2,)
    assert connectedness(A, [-1] * 6) == 1 and normalized_cut(A, [-1] * 6) == 0


def test_graphs_without_edges_and_single_clusters():
    empty = np.zeros((3, 3))
    assert modularity(empty, [0, 1, 1]) == 0 and coverage(empty, [0, 1, 1]) == 1
    assert conductance(empty, [0, 1, 1]) == 0 and normalized_cut(empty, [0, 1, 1]) == 0
    assert connectedness(empty, [0, 1, 1]) == pytest.approx(2 / 3)
    one = np.zeros(34, int)
    assert modularity(KARATE, one) == pytest.approx(0) and coverage(KARATE, one) == 1
    assert conductance(KARATE, one) == 0 and normalized_cut(KARATE, one) == 0


def test_bad_input():
    for measure in (modularity, coverage, conductance, normalized_cut, connectedness):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            measure(KARATE, [0, 1])
        with pytest.raises(ValueError, match="negative"):
            measure(-np.ones((2, 2)), [0, 1])
    with pytest.raises(ValueError, match="average='median'"):
        conductance(KARATE, LABELS, average="median")
