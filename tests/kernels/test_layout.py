"""The kernels of weights and layouts against the equations, for several numbers of threads."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.sparse import csr_array

from skdeepcluster._kernels._layout import PLACE_WIDTH, fuzzy_weights, run_epochs, table_places


def weights_of_a_row(distances):
    """With the width at which they sum to the logarithm, found by another method, or the least."""
    target, beyond = np.log2(len(distances) + 1), distances - distances[0]
    width = brentq(lambda width: np.exp(-beyond / width).sum() - target, 1e-9, 1e6, xtol=1e-15)
    return np.exp(-beyond / max(width, 1e-3 * distances.mean()))


@given(st.integers(0, 999), st.integers(2, 30), st.integers(1, 3))
@example(280, 2, 1)  # two neighbors so near to each other that the width is the least
def test_weights_sum_to_the_logarithm_of_the_neighbors(seed, k, n_threads):
    rng = np.random.default_rng(seed)
    distances = np.sort(rng.uniform(1, 2, (5, k)), axis=1)
    weights = fuzzy_weights(distances, 1.0, n_threads)
    expected = np.array([weights_of_a_row(row) for row in distances])
    np.testing.assert_allclose(weights, expected, atol=2e-5)
    assert (weights.sum(axis=1) > np.log2(k + 1) - 2e-5).all()
    assert (weights[:, 0] == 1).all()
    assert (np.diff(weights, axis=1) <= 0).all()
    np.testing.assert_allclose(weights, fuzzy_weights(4 * distances, 1.0, 1), atol=1e-4)


def test_equal_rows_have_full_weight():
    distances = np.array([[0, 0, 0, 0], [0, 0, 1, 2], [0, 0, 0, 3]], float)
    weights = fuzzy_weights(distances, 1.0, 1)
    assert (weights[0] == 1).all()
    assert (weights[1, :3] == 1).all()
    assert weights[1, 3] < 1
    assert (weights[2] == 1).all()


A, B = 1.93, 0.79


def forces():
    squares = table_places().astype(np.float64)
    attraction = 2 * A * B * squares ** (B - 1) / (1 + A * squares**B)
    repulsion = 2 * B / ((0.001 + squares) * (1 + A * squares**B))
    return attraction.astype(np.float32), repulsion.astype(np.float32)


def moved(Z, graph, n_threads=1, n_epochs=1, n_blocks=1, n_negatives=0, order=None, rate=0.01):
    places = np.zeros((len(Z), PLACE_WIDTH), np.float32)
    places[:, : Z.shape[1]] = Z
    order = np.arange(len(Z), dtype=np.int32) if order is None else order
    run_epochs(
        places, graph.indptr.astype(np.int64), graph.indices.astype(np.int32),
        graph.data.astype(np.float32), order, np.linspace(0, len(order), n_blocks + 1).astype(int),
        n_epochs, 5, n_negatives, rate, *forces(), n_threads,
    )  # fmt: skip
    return places


def test_an_edge_pulls_as_the_gradient_says():
    rng = np.random.default_rng(0)
    pair = csr_array(np.array([[0, 1.0], [1, 0]]))
    for scale in (0.01, 0.3, 1, 7, 1000):
        Z = rng.normal(size=(2, 10)) * scale
        difference = Z[1] - Z[0]
        square = difference @ difference
        force = 2 * A * B * square ** (B - 1) / (1 + A * square**B)
        step = 2 * 0.01 * np.clip(force * difference, -4, 4)
        expected = np.stack([Z[0] + step, Z[1] - step])
        np.testing.assert_allclose(moved(Z, pair)[:, :10], expected, rtol=2e-3, atol=1e-6 * scale)


def test_random_rows_push_as_the_gradient_says():
    # Of three rows only the first has an edge and moves; which row pushes is random.
    Z = np.array([[0.0, 0], [1, 0], [1, 0]])
    graph = csr_array((np.ones(1), [1], [0, 1, 1, 1]), shape=(3, 3))
    order = np.array([0], np.int32)
    pull = moved(Z, graph, order=order)[0, 0]
    push = 0.01 * 2 * B / (1.001 * (1 + A))
    found = pull - moved(Z, graph, order=order, n_negatives=300)[0, 0]
    # A third of them is the row itself.
    assert 150 < found / push < 250


@pytest.mark.parametrize("n_blocks", [1, 8])
def test_any_number_of_threads_gives_the_same_layout(n_blocks):
    rng = np.random.default_rng(0)
    W = rng.random((400, 400)) * (rng.random((400, 400)) < 0.02)
    graph = csr_array(np.maximum(W, W.T))
    Z = rng.normal(size=(400, 5))
    settings = {"n_epochs": 20, "n_blocks": n_blocks, "n_negatives": 5, "rate": 1.0}
    expected = moved(Z, graph, 1, **settings)
    assert np.isfinite(expected).all()
    assert (expected[:, 5:] == 0).all()
    for n_threads in (2, 3, 7):
        assert np.array_equal(expected, moved(Z, graph, n_threads, **settings))


def test_edges_act_in_proportion_to_their_weights():
    # Two rows that move nowhere else; one edge acts every time, the other in a quarter of them.
    Z = np.array([[0.0], [100], [200], [300]])
    W = np.zeros((4, 4))
    W[0, 1] = W[1, 0] = 1
    W[2, 3] = W[3, 2] = 0.25
    # The forces hardly change, as steps are small.
    places = moved(Z, csr_array(W), n_epochs=400, rate=1e-3)
    ratio = (places[2, 0] - 200) / places[0, 0]
    assert 0.2 < ratio < 0.3


def test_wrong_arguments():
    graph = csr_array(np.array([[0, 1.0], [1, 0]]))
    Z = np.zeros((2, 3))
    with pytest.raises(ValueError, match="index"):
        moved(Z, graph, order=np.array([0, 2], np.int32))
    with pytest.raises(ValueError, match="n_threads"):
        moved(Z, graph, n_threads=0)
    graph.indices[0] = 2
    with pytest.raises(ValueError, match="index"):
        moved(Z, graph)
