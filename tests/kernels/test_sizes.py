"""Assignments with bounds of sizes, against linear programs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from skdeepcluster._kernels._sizes import bounded_assignment


def optimum(costs, low, high):
    n, k = costs.shape
    each = np.kron(np.eye(n), np.ones(k))
    sums = np.kron(np.ones(n), np.eye(k))
    found = linprog(
        costs.ravel(), A_eq=each, b_eq=np.ones(n), A_ub=np.vstack([sums, -sums]),
        b_ub=np.concatenate([high, -low]),
    )  # fmt: skip
    return found.fun


@given(st.integers(1, 12), st.integers(1, 4), st.booleans(), st.integers(0, 10_000))
def test_the_cheapest_within_the_bounds_from_any_prices(n, k, whole, seed):
    rng = np.random.default_rng(seed)
    costs = rng.normal(size=(n, k)) if not whole else rng.integers(0, 4, (n, k)).astype(float)
    low = rng.integers(0, max(1, n // k) + 1, k)
    while low.sum() > n:
        low //= 2
    high = low + rng.integers(0, n + 1, k)
    if high.sum() < n:
        high += n
    expected = optimum(costs, low, high)
    for prices in (np.zeros(k), rng.normal(size=k)):
        labels = bounded_assignment(costs, low, high, prices)
        sizes = np.bincount(labels, minlength=k)
        assert (low <= sizes).all() and (sizes <= high).all()
        assert costs[np.arange(n), labels].sum() == pytest.approx(expected, abs=1e-9)
        # Prices prove it: each row is where cost plus price is least.
        priced = costs + prices
        assert (priced[np.arange(n), labels] <= priced.min(axis=1) + 1e-9).all()


def test_bounds_that_no_assignment_has():
    costs = np.zeros((5, 2))
    with pytest.raises(ValueError, match="5 rows do not fit sizes from 0 to 4"):
        bounded_assignment(costs, np.array([0, 0]), np.array([2, 2]), np.zeros(2))
    with pytest.raises(ValueError, match="cluster 1 has sizes from 3 to 2"):
        bounded_assignment(costs, np.array([0, 3]), np.array([5, 2]), np.zeros(2))
    with pytest.raises(ValueError, match="costs must be finite"):
        bounded_assignment(costs + np.inf, np.array([0, 0]), np.array([5, 5]), np.zeros(2))
    with pytest.raises(ValueError, match="prices must be finite"):
        bounded_assignment(costs, np.array([0, 0]), np.array([5, 5]), np.full(2, np.nan))
    with pytest.raises(ValueError, match="low has 1 entries"):
        bounded_assignment(costs, np.array([0]), np.array([5, 5]), np.zeros(2))
