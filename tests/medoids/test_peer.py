"""K-medoids beside kmedoids, from the same medoids, on problems like those of the OR-Library."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from skdeepcluster import KMedoids

kmedoids = pytest.importorskip("kmedoids", reason="pip install kmedoids")


def p_median_problem(n, seed):
    """Shortest paths in a random connected graph of n * n / 50 edges of lengths from 1 to 100."""
    random = np.random.default_rng(seed)
    path = random.permutation(n)
    edges = random.integers(0, n, (n * n // 50, 2))
    edges = np.vstack([edges, np.column_stack([path[:-1], path[1:]])])
    lengths = random.integers(1, 101, len(edges))
    # SciPy 1.13 takes no other indices.
    graph = coo_array((lengths, edges.T.astype(np.int32)), shape=(n, n)).tocsr()
    return shortest_path(graph, directed=False).astype(np.float32)


def both(method, D, start):
    ours = KMedoids(len(start), metric="precomputed", method=method, init=start).fit(D)
    with warnings.catch_warnings():
        # It says that it has no use for a seed when medoids are given.
        warnings.simplefilter("ignore", UserWarning)
        theirs = getattr(kmedoids, method)(D, start.astype(np.uintp))
    return ours, theirs


@pytest.mark.parametrize(("n", "k"), [(100, 5), (100, 33), (200, 10), (400, 40)])
def test_the_steepest_swaps_end_at_the_same_loss(n, k):
    # Other swaps are as good only where two win exactly the same; that is rare here, not excluded.
    equal = 0
    for seed in range(5):
        D = p_median_problem(n, seed)
        start = np.random.default_rng(seed).permutation(n)[:k]
        ours, theirs = both("fastpam1", D, start)
        assert_allclose(ours.inertia_, theirs.loss, rtol=0.03)
        equal += ours.inertia_ == pytest.approx(theirs.loss)
    assert equal >= 3


@pytest.mark.parametrize(("n", "k"), [(100, 5), (200, 20), (400, 40)])
def test_eager_swaps_are_as_good_on_average(n, k):
    ratios = []
    for seed in range(20):
        D = p_median_problem(n, seed)
        start = np.random.default_rng(seed).permutation(n)[:k]
        ours, theirs = both("fasterpam", D, start)
        ratios.append(ours.inertia_ / theirs.loss)
    assert np.mean(ratios) < 1.01
