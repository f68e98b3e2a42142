"""The sweep of transport against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepcluster._kernels._transport import sweep


def reference(costs, g, reg, mass, damping, cap):
    """Plan over all columns, potentials and column masses."""
    padded = np.zeros((len(costs), len(g)))
    padded[:, : costs.shape[1]] = costs
    M = g - padded
    m = M.max(axis=1)
    e = np.exp((M - m[:, None]) / reg)
    with np.errstate(divide="ignore"):
        f = np.minimum(cap, damping * (reg * np.log(mass / e.sum(axis=1)) - m))
    return np.exp((f + m) / reg)[:, None] * e, f


@given(
    st.integers(1, 90),
    st.integers(1, 35),
    st.integers(0, 9),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([(1.0, np.inf), (1.0, 0.0), (0.5, np.inf), (0.0, np.inf), (0.3, 0.0)]),
    st.integers(0, 1000),
)
def test_agrees_with_numpy(n, k, n_slack, dtype, rows, seed):
    random = np.random.RandomState(seed)
    costs = random.uniform(-1, 1, (n, k)).astype(dtype)
    g = random.uniform(-1, 1, k + n_slack)
    g[random.uniform(size=k + n_slack) < 0.1] = -np.inf
    g[0] = 0.0
    mass = random.uniform(0.1, 1, n)
    mass[: n // 2] = mass[0]  # rows of equal mass are summed otherwise
    potentials, masses = np.empty(n), np.empty(n)
    labels, plan = np.empty(n, dtype=np.int64), np.empty((n, k), dtype)
    sums, scale, value = sweep(
        costs, g, 0.3, mass, *rows, 2, True, potentials, masses, labels, plan
    )
    expected, f = reference(costs.astype(float), g, 0.3, mass, *rows)
    np.testing.assert_allclose(sums * np.exp(scale), expected.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(potentials, f, atol=1e-13)
    np.testing.assert_allclose(masses, expected[:, :k].sum(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(labels, expected[:, :k].argmax(axis=1))
    np.testing.assert_allclose(plan, expected[:, :k], rtol=1e-12 if dtype == np.float64 else 1e-6)
    assert value == pytest.approx(mass @ f, rel=1e-12, abs=1e-12)
    alone, _, _ = sweep(costs, g, 0.3, mass, *rows, 2)
    np.testing.assert_array_equal(alone, sums)


def test_exponentials_to_the_last_digits():
    """Over the whole range that does not vanish, and beyond it."""
    x = np.r_[np.linspace(0, 708, 100_003), np.logspace(-18, 2, 1000), 709, 1e5, 1e300, np.inf]
    costs = np.c_[np.zeros(len(x)), x]
    plan = np.empty_like(costs)
    ones = np.ones(len(x))
    sweep(costs, np.zeros(2), 1.0, ones, 0.0, np.inf, 1, plan=plan)
    with np.errstate(under="ignore"):
        expected = np.where(x <= 708, np.exp(-x), 0.0)
    np.testing.assert_allclose(plan[:, 1], expected, rtol=5e-16)
    assert (plan[:, 0] == 1).all()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_what_cannot_be_computed_is_seen_in_the_sums(value):
    costs = np.zeros((5, 11))
    costs[3, 10] = value
    sums, _, _ = sweep(costs, np.zeros(11), 1.0, np.ones(5), 1.0, np.inf, 1)
    assert np.isnan(sums).any()


def test_weights_of_any_size():
    """Free masses of rows from exp(-5000) to exp(5000), in both orders."""
    shifts = np.linspace(-5000, 5000, 300)
    for order in (shifts, shifts[::-1]):
        costs = np.c_[order, order + 1.0]
        sums, scale, _ = sweep(costs, np.zeros(2), 1.0, np.ones(300), 0.0, np.inf, 1)
        logs = np.log(sums) + scale
        top = np.logaddexp.reduce(shifts)
        np.testing.assert_allclose(logs, [top, top - 1.0], rtol=1e-13)


def test_rows_without_mass():
    costs, mass = np.random.RandomState(0).uniform(size=(6, 3)), np.r_[0.0, 0, 0, 1, 1, 1]
    for rows in ((1.0, np.inf), (0.5, 0.0)):
        sums, scale, value = sweep(costs, np.zeros(3), 0.5, mass, *rows, 1, True)
        some, other, same = sweep(
            costs[3:].copy(), np.zeros(3), 0.5, mass[3:].copy(), *rows, 1, True
        )
        np.testing.assert_allclose(sums * np.exp(scale), some * np.exp(other), rtol=1e-14)
        assert value == pytest.approx(same)
        nothing, scale, value = sweep(costs, np.zeros(3), 0.5, np.zeros(6), *rows, 1, True)
        assert (nothing == 0).all() and scale == 0 and value == 0


@pytest.mark.parametrize("wrong", ["g", "mass", "potentials", "plan"])
def test_shapes_are_checked(wrong):
    arguments = {
        "costs": np.zeros((4, 3)),
        "g": np.zeros(2 if wrong == "g" else 3),
        "reg": 1.0,
        "mass": np.ones(3 if wrong == "mass" else 4),
        "damping": 1.0,
        "cap": np.inf,
        "n_threads": 1,
        "potentials": np.empty(3 if wrong == "potentials" else 4),
        "plan": np.empty((4, 2 if wrong == "plan" else 3)),
    }
    with pytest.raises(ValueError, match="costs"):
        sweep(**arguments)
