from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN, HamiltonianCycleMap
from skdeepcluster._kernels._hamiltonian import short_cycle, shortest_cycle

seeds = st.integers(0, 2**32)


def length(D, order):
    return D[order, np.roll(order, -1)].sum()


def symmetric(seed, n, levels=None):
    rng = np.random.default_rng(seed)
    D = rng.random((n, n)) if levels is None else rng.integers(0, levels, (n, n)).astype(float)
    D = D + D.T
    np.fill_diagonal(D, 0)
    return D


def memberships(seed, n_samples=40, n_clusters=6):
    return np.random.default_rng(seed).dirichlet(np.full(n_clusters, 0.4), n_samples)


@given(seeds, st.integers(1, 7), st.sampled_from([None, 3]))
@settings(max_examples=50)
def test_no_tour_is_shorter(seed, n, levels):
    D = symmetric(seed, n, levels)
    order = shortest_cycle(D)
    assert_array_equal(np.sort(order), np.arange(n))
    shortest = min(length(D, [0, *rest]) for rest in permutations(range(1, n)))
    assert_allclose(length(D, order), shortest, atol=1e-12)


@given(seeds, st.integers(1, 12), st.sampled_from([None, 3]))
@settings(max_examples=50)
def test_heuristic_tours_are_tours(seed, n, levels):
    D = symmetric(seed, n, levels)
    order = short_cycle(D, n)
    assert_array_equal(np.sort(order), np.arange(n))
    assert length(D, order) >= length(D, shortest_cycle(D)) - 1e-12


def test_heuristic_tours_are_short():
    excess = []
    for seed in range(40):
        D = symmetric(seed, 12)
        excess.append(length(D, short_cycle(D, 12)) / length(D, shortest_cycle(D)) - 1)
    assert max(excess) < 0.05 and np.mean(excess) < 0.005


@given(seeds, st.integers(20, 60))
@settings(max_examples=10)
def test_heuristic_finds_the_circle(seed, n):
    rng = np.random.default_rng(seed)
    angles = rng.permutation(2 * np.pi * np.arange(n) / n)
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    D = np.linalg.norm(points[:, None] - points, axis=2)
    assert_allclose(length(D, short_cycle(D, n)), 2 * n * np.sin(np.pi / n))


@given(seeds, st.integers(1, 14))
@settings(max_examples=50)
def test_layout(seed, n_clusters):
    proba = memberships(seed, n_clusters=n_clusters)
    model = HamiltonianCycleMap()
    points = model.fit_transform(proba)
    assert (np.linalg.norm(points, axis=1) <= 1 + 1e-12).all()
    assert_allclose(model.transform(np.eye(n_clusters)), model.anchors_, atol=1e-12)
    uniform = np.full((1, n_clusters), 1 / n_clusters)
    assert_allclose(model.transform(uniform)[0], model.anchors_.mean(axis=0), atol=1e-12)
    assert model.order_[0] == 0
    assert n_clusters < 3 or model.order_[1] < model.order_[-1]
    # Arcs in proportion to distances, all the way round.
    angles = model.angles_[model.order_]
    arcs = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    D = model.cluster_distances_
    if n_clusters > 1:
        assert_allclose(D, (1 - np.corrcoef(proba.T)) / 2, atol=1e-9)
        steps = D[model.order_, np.roll(model.order_, -1)]
        assert_allclose(arcs, 2 * np.pi * steps / model.cycle_length_)
        assert_allclose(model.cycle_length_, steps.sum())
    assert model.exact_ == (n_clusters <= 12)


@given(seeds)
@settings(max_examples=30)
def test_numbers_of_clusters_are_names(seed):
    proba = memberships(seed)
    names = np.random.default_rng(seed).permutation(6)
    one, two = HamiltonianCycleMap().fit(proba), HamiltonianCycleMap().fit(proba[:, names])
    assert_allclose(one.cycle_length_, two.cycle_length_)
    around = list(names[two.order_])
    around = np.roll(around, -around.index(0))
    if around[1] > around[-1]:
        around = np.roll(around[::-1], 1)
    assert_array_equal(around, one.order_)


def test_clusters_on_a_circle_are_found_in_order():
    angles = 2 * np.pi * np.arange(6) / 6
    rng = np.random.default_rng(0)
    order = rng.permutation(6)
    plane = np.linalg.qr(rng.normal(size=(10, 2)))[0]
    centers = 4 * np.column_stack([np.cos(angles), np.sin(angles)])[order] @ plane.T
    X, _ = make_blobs(600, centers=centers, random_state=0, cluster_std=1.5)
    proba = softmax(-cdist(X, centers, "sqeuclidean") / 4, axis=1)
    around = order[HamiltonianCycleMap().fit(proba).order_]
    assert set(np.diff(np.append(around, around[0])) % 6) in ({1}, {5})


def test_samples_of_no_cluster_are_inside():
    X, _ = make_blobs(200, centers=4, random_state=0, cluster_std=0.5)
    X = np.append(X, [[100.0, 100.0]], axis=0)
    proba = HDBSCAN(10).fit(X).predict_proba()
    points = HamiltonianCycleMap().fit_transform(proba)
    assert np.linalg.norm(points[-1]) < 0.1
    assert_array_equal(HamiltonianCycleMap().fit(proba).transform(np.zeros((1, 4))), [[0, 0]])
    # Scores of more than 1 in all are normalized.
    model = HamiltonianCycleMap().fit(memberships(0))
    assert_allclose(model.transform(7 * memberships(1)), model.transform(memberships(1)))


def test_degenerate_memberships():
    one = HamiltonianCycleMap().fit(np.ones((5, 1)))
    assert_allclose(one.anchors_, [[0, -1]], atol=1e-12)
    two = HamiltonianCycleMap(start_angle=0).fit([[0.2, 0.8], [0.9, 0.1]])
    assert_allclose(two.anchors_, [[1, 0], [-1, 0]], atol=1e-12)
    constant = HamiltonianCycleMap().fit(np.full((5, 3), 0.3))
    assert_allclose(constant.cluster_distances_, (1 - np.eye(3)) / 2)
    same = HamiltonianCycleMap().fit([[0.1, 0.1, 0.1], [0.3, 0.3, 0.3]])
    assert same.cycle_length_ == pytest.approx(0, abs=1e-12)
    assert np.isfinite(same.anchors_).all()


def test_methods():
    proba = memberships(0, n_clusters=8)
    exact = HamiltonianCycleMap(method="exact").fit(proba)
    heuristic = HamiltonianCycleMap(method="heuristic").fit(proba)
    assert exact.exact_ and not heuristic.exact_
    assert exact.cycle_length_ <= heuristic.cycle_length_ + 1e-12
    with pytest.raises(ValueError, match="method='exact' is for at most 20 clusters, X has 21"):
        HamiltonianCycleMap(method="exact").fit(memberships(0, n_clusters=21))
    with pytest.raises(ValueError, match="[Nn]egative"):
        HamiltonianCycleMap().fit(-proba)
