"""Problems of transport, a slow solver and costs by blocks, for the tests of the solver."""

import warnings

import numpy as np
from hypothesis import assume, currently_in_test_context
from hypothesis import strategies as st
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.assignment import transport_assign

KINDS = ["eq", "kl", "ub", "free"]
# Settings of the methods that the solver stands for.
MEMBERS = {
    "balanced": {},
    "sizes given": {"col_mass": "drawn"},
    "relaxed": {"col": "kl"},
    "progressive partial": {"col": "kl", "virtual_mass": 0.6},
    "progressive partial, equal sizes": {"virtual_mass": 0.3},
    "partial": {"row": "ub", "col": "ub", "total_mass": 0.5},
    "both relaxed": {"row": "kl", "col": "kl", "reg_row": 0.7},
}
members = st.sampled_from(sorted(MEMBERS))


def settings_of(member, k, seed=0):
    params = dict(MEMBERS[member])
    if "col_mass" in params:
        params["col_mass"] = np.random.RandomState(seed).dirichlet(np.full(k, 5.0))
    return params


@st.composite
def problems(draw, max_rows=30, max_columns=8, magnitude=5.0):
    """Costs, some with ties, equal rows or equal columns."""
    n, k = draw(st.integers(2, max_rows)), draw(st.integers(1, max_columns))
    random = np.random.RandomState(draw(st.integers(0, 2**16)))
    cost = random.uniform(-magnitude, magnitude, (n, k))
    kind = draw(st.sampled_from(["any", "any", "integers", "equal rows", "equal columns", "two"]))
    if kind == "integers":
        cost = np.round(cost)
    elif kind == "two":
        cost = magnitude * np.sign(cost)
    elif kind == "equal rows":
        cost[:] = cost[0]
    elif kind == "equal columns":
        cost[:] = cost[:, :1]
    return cost


def require(converged):
    """Drawn problems may be too hard to solve to high precision; ours are not."""
    assert converged or currently_in_test_context()
    if not converged:
        assume(False)


def solve(cost, **params):
    """The optimum to high precision."""
    params = {"reg": 0.3, "tol": 1e-11, "max_iter": 3000} | params
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = transport_assign(cost, **params)
    require(result.converged)
    return result


def reference(cost, *, row="eq", col="eq", row_mass=None, col_mass=None, total_mass=None,
              virtual_mass=0.0, reg=0.3, reg_row=1.0, reg_col=1.0, n_iter=20_000):  # fmt: skip
    """Alternating updates of both potentials as they are written down, all in logarithms."""
    n, k = cost.shape
    alpha = np.full(n, 1 / n) if row_mass is None else row_mass
    beta = np.full(k, (alpha.sum() - virtual_mass) / k) if col_mass is None else col_mass
    damping = {"eq": 1.0, "ub": 1.0, "free": 0.0}
    d_row = damping.get(row, reg_row / (reg_row + reg))
    d_col = np.full(k, damping.get(col, reg_col / (reg_col + reg)))
    cap = np.full(k, 0.0 if col == "ub" else np.inf)
    if virtual_mass:
        cost = np.c_[cost, np.zeros(n)]
        beta, d_col, cap = np.r_[beta, virtual_mass], np.r_[d_col, 1.0], np.r_[cap, np.inf]
    g, h = np.zeros(len(beta)), 0.0
    for _ in range(n_iter):
        f = d_row * reg * (np.log(alpha) - logsumexp((g + h - cost) / reg, axis=1))
        f = np.minimum(f, 0.0) if row == "ub" else f
        old = g, h
        s = logsumexp((f[:, None] + h - cost) / reg, axis=0)
        g = np.minimum(cap, d_col * reg * (np.log(beta) - s))
        if total_mass is not None:
            h += reg * (np.log(total_mass) - logsumexp((f[:, None] + g + h - cost) / reg))
        if np.abs(g - old[0]).max() + abs(h - old[1]) < 1e-12:
            break
    else:
        require(False)
    f = d_row * reg * (np.log(alpha) - logsumexp((g + h - cost) / reg, axis=1))
    f = np.minimum(f, 0.0) if row == "ub" else f
    return np.exp((f[:, None] + g + h - cost) / reg)[:, :k]


# Kinds of costs.


class Blocks:
    def __init__(self, cost):
        self.cost, self.shape, self.asked = cost, tuple(cost.shape), []

    def block(self, start, stop):
        self.asked.append(stop - start)
        return self.cost[start:stop]
