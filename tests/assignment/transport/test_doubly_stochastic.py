"""Projection of symmetric similarities to doubly stochastic matrices."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.assignment import doubly_stochastic, transport_assign
from skdeepcluster.assignment.transport._device_costs import DeviceCosts


def gram(m, seed=0, d=8):
    Z = np.random.RandomState(seed).normal(size=(m, d))
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    return np.abs(Z @ Z.T)


@given(st.integers(1, 40), st.integers(0, 1000), st.floats(0.02, 5), st.floats(-100, 100))
def test_symmetric_and_stochastic(m, seed, reg, offset):
    G = gram(m, seed)
    projection = doubly_stochastic(G, reg=reg)
    np.testing.assert_allclose(projection.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(projection, projection.T, rtol=1e-12)
    np.testing.assert_allclose(doubly_stochastic(G + offset, reg=reg), projection, atol=1e-6)
    order = np.random.RandomState(seed).permutation(m)
    permuted = doubly_stochastic(G[order][:, order], reg=reg)
    np.testing.assert_allclose(permuted, projection[order][:, order], atol=1e-6)


@pytest.mark.parametrize("reg", [0.03, 0.175, 1.0])
def test_is_the_transport_with_equal_sides(reg):
    G = gram(50)
    # Near what rounding allows; how many sweeps that takes hangs on the processor.
    plan = transport_assign(-G, reg=reg, row_mass=1, tol=1e-10, max_iter=10_000).plan
    np.testing.assert_allclose(doubly_stochastic(G, reg=reg), plan, atol=1e-7)


def test_against_alternating_half_steps():
    G, reg = gram(60), 0.175
    u, v = np.zeros(60), np.zeros(60)
    for _ in range(500):
        u = -reg * np.log(np.exp((G + v) / reg).sum(axis=1))
        v = -reg * np.log(np.exp((G + u[:, None]) / reg).sum(axis=0))
    expected = np.exp((G + u[:, None] + v) / reg)
    np.testing.assert_allclose(doubly_stochastic(G, reg=reg), expected, atol=1e-8)


def test_limits():
    G = gram(30)
    np.testing.assert_allclose(doubly_stochastic(G, reg=1e4), 1 / 30, rtol=1e-3)
    np.testing.assert_allclose(doubly_stochastic(G, reg=0.004), np.eye(30), atol=1e-6)


@given(st.integers(2, 7), st.integers(0, 1000), st.sampled_from([0.1, 0.5, 2.0]))
@settings(max_examples=15)
def test_gradient(m, seed, reg):
    A = torch.from_numpy(np.random.RandomState(seed).uniform(size=(m, m))).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda A: doubly_stochastic((A + A.T) / 2, reg=reg, tol=1e-13), A, atol=1e-5, rtol=1e-4
    )


def test_gradient_where_only_one_matrix_is_possible():
    G = torch.tensor([[0.0, 500.0], [500.0, 0.0]], dtype=torch.float64, requires_grad=True)
    projection = doubly_stochastic(G, reg=0.5)
    torch.testing.assert_close(projection, torch.eye(2, dtype=torch.float64).flip(0))
    projection[0, 1].backward()
    assert G.grad.abs().max() < 1e-6


def test_kinds_of_arrays(monkeypatch):
    G = gram(20)
    expected = doubly_stochastic(G)
    single = doubly_stochastic(G.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-5)
    tensor = doubly_stochastic(torch.from_numpy(G).float().requires_grad_())
    assert tensor.dtype == torch.float32 and tensor.requires_grad
    np.testing.assert_allclose(tensor.detach().numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(doubly_stochastic(G.tolist()), expected)

    def on_device(cost, block_size=None, name="cost"):
        def read(begin, end):
            return cost[begin:end]

        return DeviceCosts(read, tuple(cost.shape), read(0, 1), block_size, name)

    monkeypatch.setattr("skdeepcluster.assignment.transport._doubly_stochastic.costs_of", on_device)
    found = doubly_stochastic(torch.from_numpy(G))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("G", "params", "message"),
    [
        (np.ones((2, 3)), {}, "square"),
        (np.ones(3), {}, "square"),
        (np.arange(4.0).reshape(2, 2), {}, "symmetric"),
        (np.array([[1, np.nan], [np.nan, 1]]), {}, "similarity contains NaN"),
        (np.array([[1, np.inf], [np.inf, 1]]), {}, "similarity contains infinity"),
        (np.eye(2), {"reg": 0.0}, "reg"),
        (np.eye(2), {"max_iter": 0}, "max_iter"),
    ],
)
def test_bad_input(G, params, message):
    with pytest.raises(ValueError, match=message):
        doubly_stochastic(G, **params)


def test_too_few_sweeps_warn():
    with pytest.warns(ConvergenceWarning, match="did not converge in 2 sweeps"):
        doubly_stochastic(gram(30), reg=0.1, max_iter=2)


@pytest.mark.parametrize("exponent", [-300, -30, 40])
def test_units_have_no_influence(exponent):
    G = np.random.RandomState(0).normal(size=(20, 20))
    G, c = G + G.T, 2.0**exponent
    found = doubly_stochastic(G, reg=0.1)
    np.testing.assert_array_equal(doubly_stochastic(c * G, reg=0.1 * c), found)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-7)
