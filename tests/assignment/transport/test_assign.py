"""Entropic transport between rows and clusters."""

import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import assume, currently_in_test_context, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp, softmax, xlogy
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.assignment import TransportResult, transport_assign
from skdeepcluster.assignment.transport import _costs as costs_module
from skdeepcluster.assignment.transport._device_costs import DeviceCosts

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


# Against a slow solver, optimality conditions and known answers.


@given(problems(max_rows=12, max_columns=5), members, st.sampled_from([0.1, 0.3, 1.0]))
@settings(max_examples=30)
def test_agrees_with_alternating_updates(cost, member, reg):
    params = settings_of(member, cost.shape[1])
    expected = reference(cost, reg=reg, n_iter=3000, **params)
    found = solve(cost, reg=reg, **params)
    np.testing.assert_allclose(found.plan, expected, atol=2e-7 * max(1, expected.sum()))


def in_other_units(params, c):
    """Strengths in units of a cost that is multiplied by c."""
    strengths = ("reg_row", "reg_col")
    return params | {name: c * params.get(name, 1.0) for name in strengths}


@given(problems(max_rows=20, max_columns=6), members, st.integers(-300, 300))
@settings(max_examples=50)
def test_units_of_cost_have_no_influence(cost, member, exponent):
    params = {"reg": 0.3} | settings_of(member, cost.shape[1])
    c = 2.0**exponent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = transport_assign(cost, **params)
        scaled = transport_assign(c * cost, **in_other_units(params, c) | {"reg": 0.3 * c})
    assert (scaled.n_iter, scaled.converged) == (found.n_iter, found.converged)
    np.testing.assert_array_equal(scaled.plan, found.plan)
    np.testing.assert_array_equal(scaled.col_potential, c * found.col_potential)
    assert scaled.primal == c * found.primal


@given(problems(max_rows=20, max_columns=6), members, st.floats(1e-12, 1e12))
@settings(max_examples=50)
def test_units_of_cost_change_rounding_only(cost, member, c):
    params = {"reg": 0.3} | settings_of(member, cost.shape[1])
    found = solve(cost, **params)
    scaled = solve(c * cost, **in_other_units(params, c) | {"reg": 0.3 * c})
    np.testing.assert_allclose(scaled.plan, found.plan, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("c", [1e-12, 1e-5, 1.0, 1e8])
@pytest.mark.parametrize("tol", [1e-3, 1e-5, 1e-8])
def test_masses_are_as_near_as_tol_says(c, tol):
    cost = np.random.RandomState(0).uniform(size=(200, 7))
    found = transport_assign(c * cost, reg=0.05 * c, tol=tol)
    assert found.converged
    np.testing.assert_allclose(7 * found.col_mass, 1, rtol=2 * tol)


@pytest.mark.parametrize("c", [2.0**-40, 2.0**30])
def test_units_have_no_influence_with_similarity(c):
    rng = np.random.RandomState(0)
    cost, S = rng.uniform(size=(30, 4)), rng.uniform(size=(30, 30)) / 30
    found = transport_assign(cost, similarity=S, psd_shift="auto", reg=0.2)
    scaled = transport_assign(c * cost, similarity=c * S, psd_shift="auto", reg=0.2 * c)
    assert len(scaled.objectives) == len(found.objectives)
    np.testing.assert_allclose(scaled.plan, found.plan, rtol=1e-9)


@pytest.mark.parametrize("row", KINDS)
@pytest.mark.parametrize("col", KINDS)
def test_every_pair_of_constraints(row, col):
    cost = np.random.RandomState(3).uniform(0, 1, (15, 4))
    # Bounds above the sum of equalities on the other side.
    params = {"row_mass": np.full(15, 0.2 if row == "ub" else 0.1)}
    params["col_mass"] = np.full(4, 0.1 if row == "ub" else 0.375 if row == col else 0.5)
    if {row, col} == {"eq"}:
        params["col_mass"] = np.full(4, 0.375)
    expected = reference(cost, row=row, col=col, reg=0.2, n_iter=100_000, **params)
    found = solve(cost, row=row, col=col, reg=0.2, **params)
    np.testing.assert_allclose(found.plan, expected, atol=1e-8)


@given(problems(max_rows=60, max_columns=12, magnitude=20.0), members, st.floats(0.05, 1.0))
def test_optimality(cost, member, reg):
    n, k = cost.shape
    tol = 1e-9
    params = settings_of(member, k)
    found = solve(cost, reg=reg, tol=tol, **params)
    rows, cols = found.plan.sum(axis=1), found.plan.sum(axis=0)
    row, col, rho = (
        params.get("row", "eq"),
        params.get("col", "eq"),
        1 - params.get("virtual_mass", 0),
    )
    beta = params.get("col_mass", np.full(k, rho / k))
    np.testing.assert_allclose(found.col_mass, cols, atol=1e-12 * max(1, cols.max()))
    np.testing.assert_allclose(found.row_weight, n * rows, atol=1e-9 * max(1, cols.max()))
    assert (found.plan >= 0).all()
    if row == "eq" and rho == 1:
        np.testing.assert_allclose(n * rows, 1, atol=1e-9)
    if row in ("eq", "ub"):
        assert (n * rows).max() <= 1 + 1e-9
    if "virtual_mass" in params:
        assert found.plan.sum() == pytest.approx(rho, abs=1e-6)
    if "total_mass" in params:
        assert found.plan.sum() == pytest.approx(params["total_mass"], abs=1e-6)
    g = found.col_potential
    if col == "kl":
        assert np.abs(g + np.log(cols / beta)).max() < 4 * tol * (1 + reg)
    elif col == "eq":
        np.testing.assert_allclose(cols, beta, atol=10 * tol)
    elif col == "ub":
        assert (g <= 0).all() and (cols <= beta + 10 * tol).all()
        assert np.abs(g * (beta - cols)).max() < 1e-7
    scale = max(1.0, abs(found.dual))
    assert -1e-6 * scale < found.primal - found.dual < 1e-6 * scale
    assert found.row_error < 1e-7 and found.col_error < 1e-6


def test_gap_is_what_the_definitions_say():
    """Primal and dual are computed from potentials and masses; here from the plan."""
    random = np.random.RandomState(0)
    cost, reg, strength = random.uniform(size=(20, 4)), 0.1, 0.5
    found = solve(cost, reg=reg, row="ub", col="kl", reg_col=strength)
    plan, cols = found.plan, found.plan.sum(axis=0)
    primal = (cost * plan).sum() + reg * (plan * (np.log(plan) - 1)).sum()
    primal += strength * (cols * np.log(4 * cols) - cols + 0.25).sum()
    assert found.primal == pytest.approx(primal, abs=1e-12)
    f = np.minimum(0, -reg * (np.log(20) + logsumexp((found.col_potential - cost) / reg, axis=1)))
    dual = f.mean() - strength * np.expm1(-found.col_potential / strength).mean()
    assert found.dual == pytest.approx(dual - reg * plan.sum(), abs=1e-12)
    # Anything else that is feasible costs more.
    for _ in range(20):
        other = plan * np.exp(0.1 * random.normal(size=plan.shape))
        other *= np.minimum(1, 0.05 / other.sum(axis=1, keepdims=True))
        cols = other.sum(axis=0)
        value = (cost * other).sum() + reg * (other * (np.log(other) - 1)).sum()
        assert value + strength * (cols * np.log(4 * cols) - cols + 0.25).sum() > primal


@pytest.mark.parametrize("reg", [0.05, 0.3, 2.0])
def test_known_plans(reg):
    n = 6
    cost = 1 - np.eye(n)
    diagonal = np.exp(1 / reg) / (np.exp(1 / reg) + n - 1) / n
    np.testing.assert_allclose(np.diag(solve(cost, reg=reg).plan), diagonal, rtol=1e-9)
    one_column = np.random.RandomState(0).normal(size=(n, 1))
    np.testing.assert_allclose(solve(one_column, reg=reg).plan, 1 / n)
    partial = solve(np.full((n, 3), 0.7), reg=reg, col="kl", virtual_mass=0.8)
    np.testing.assert_allclose(partial.row_weight, 0.2, rtol=1e-8)
    np.testing.assert_allclose(partial.col_mass, 0.2 / 3, rtol=1e-8)


@pytest.mark.parametrize("cost", [[[20.0, -20.0], [20.0, -20.0]], [[20.0, -20.0], [-20.0, 20.0]]])
def test_bounds_that_are_far_from_binding_at_first(cost):
    """Potentials drift by equal steps for long, from which nothing can be extrapolated."""
    found = solve(np.array(cost), reg=1.0, row="ub", col="ub", total_mass=0.5)
    assert found.plan.sum() == pytest.approx(0.5, abs=1e-9)
    assert found.plan.sum(axis=0).max() <= 0.5 + 1e-9


def test_the_least_attached_row_has_to_leave():
    score = np.array([[1.0, 0], [1, 0], [1, 0], [0.9, 0]])
    plan = solve(-score, reg=0.05, row_mass=1).plan
    np.testing.assert_allclose(plan, [[0.609, 0.391]] * 3 + [[0.174, 0.826]], atol=6e-4)


# Invariances and limits.


@given(problems(), members, st.integers(0, 1000))
def test_permutations_of_rows_and_columns(cost, member, seed):
    random = np.random.RandomState(seed)
    rows, columns = random.permutation(len(cost)), random.permutation(cost.shape[1])
    params = settings_of(member, cost.shape[1])
    plan = solve(cost, **params).plan
    if "col_mass" in params:
        params["col_mass"] = params["col_mass"][columns]
    permuted = solve(cost[rows][:, columns], **params).plan
    np.testing.assert_allclose(permuted, plan[rows][:, columns], atol=1e-7 * max(1, plan.max()))


@given(problems(), st.integers(0, 1000))
def test_shifts_of_the_cost(cost, seed):
    random = np.random.RandomState(seed)
    of_rows, of_columns = random.normal(size=(len(cost), 1)), random.normal(size=cost.shape[1])
    for member in ("balanced", "sizes given", "relaxed"):
        params = settings_of(member, cost.shape[1])
        plan = solve(cost, **params).plan
        np.testing.assert_allclose(solve(cost + of_rows, **params).plan, plan, atol=1e-8)
        if member != "relaxed":
            np.testing.assert_allclose(solve(cost + of_columns, **params).plan, plan, atol=1e-8)


@pytest.mark.parametrize("member", ["progressive partial", "partial"])
def test_partial_transport_prefers_cheap_rows(member):
    cost = np.random.RandomState(0).uniform(size=(20, 3))
    weight = solve(cost, **MEMBERS[member]).row_weight
    cost[4] += 1.0
    raised = solve(cost, **MEMBERS[member]).row_weight
    assert raised[4] < weight[4] - 0.1


@given(problems(max_rows=12), members)
def test_duplicated_rows(cost, member):
    assume(member != "both relaxed")  # as the mass is free, entropy asks for more in more rows
    params = settings_of(member, cost.shape[1])
    plan = solve(cost, **params).plan
    twice = solve(np.r_[cost, cost], **params).plan
    np.testing.assert_allclose(2 * twice, np.r_[plan, plan], atol=1e-7 * max(1, plan.max()))


@given(problems(), members, st.floats(0.5, 20))
def test_masses_have_no_unit(cost, member, unit):
    n, k = cost.shape
    params = settings_of(member, k)
    plan = solve(cost, **params).plan
    for name in ("virtual_mass", "total_mass", "col_mass"):
        if name in params:
            params[name] = unit * params[name]
    scaled = solve(cost, row_mass=unit / n, **params).plan
    if member != "both relaxed":  # the entropy has a unit where the mass is free
        np.testing.assert_allclose(scaled, unit * plan, atol=1e-7 * unit)


@given(problems(), members, st.integers(1, 40))
def test_blocks_and_starts_change_nothing(cost, member, block_size):
    params = settings_of(member, cost.shape[1])
    whole = solve(cost, **params)
    blocks = solve(cost, block_size=block_size, **params)
    scale = max(1.0, whole.plan.max())
    np.testing.assert_allclose(blocks.plan, whole.plan, atol=1e-10 * scale)
    warm = solve(cost, init=whole, **params)
    assert warm.n_iter <= max(3, whole.n_iter // 2)
    np.testing.assert_allclose(warm.plan, whole.plan, atol=1e-8 * scale)
    far = np.random.RandomState(0).normal(size=cost.shape[1])
    np.testing.assert_allclose(solve(cost, init=far, **params).plan, whole.plan, atol=1e-7 * scale)


@given(problems(magnitude=1.0), members)
def test_translation_changes_the_number_of_sweeps_only(cost, member):
    params = settings_of(member, cost.shape[1])
    plan = solve(cost, **params).plan
    plain = solve(cost, translation=False, **params).plan
    np.testing.assert_allclose(plain, plan, atol=1e-7 * max(1, plan.max()))


def test_translation_saves_most_plain_sweeps():
    cost = np.random.RandomState(0).uniform(0, 3, (200, 7))
    target = solve(cost, reg=0.1, col="kl", virtual_mass=0.9)
    error = {}
    for translation in (False, True):
        plain = transport_assign(
            cost,
            reg=0.1,
            col="kl",
            virtual_mass=0.9,
            translation=translation,
            tol=None,
            max_iter=30,
        )
        error[translation] = np.abs(plain.plan - target.plan).max()
    assert error[True] < 1e-3 * error[False]


@given(problems(magnitude=2.0))
def test_limits(cost):
    n, k = cost.shape
    np.testing.assert_allclose(solve(cost, reg=1e4).plan, 1 / n / k, rtol=1e-3)
    balanced = solve(cost).plan
    np.testing.assert_allclose(n * solve(cost, col="kl", reg_col=1e4).plan, n * balanced, atol=2e-3)
    unbalanced = softmax(-cost / 0.3, axis=1) / n
    np.testing.assert_allclose(solve(cost, col="kl", reg_col=1e-7).plan, unbalanced, atol=1e-5)
    np.testing.assert_allclose(solve(cost, col="free").plan, unbalanced, atol=1e-12)
    without_slack = solve(cost, col="kl", virtual_mass=1e-12).plan
    np.testing.assert_allclose(without_slack, solve(cost, col="kl").plan, atol=1e-6)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 1000))
def test_little_entropy_gives_the_linear_assignment(k, each, seed):
    n = k * each
    cost = np.random.RandomState(seed).uniform(size=(n, k))
    result = solve(cost, reg=2e-3, tol=1e-8)
    columns = np.repeat(np.arange(k), each)
    rows, places = linear_sum_assignment(cost[:, columns])
    best = cost[rows, columns[places]].sum() / n
    assert best - 1e-5 <= (cost * result.plan).sum() <= best + 2e-3 * np.log(n * k)


def test_row_weights_grow_with_the_mass():
    cost = np.random.RandomState(1).uniform(0, 3, (60, 5))
    weights = [
        solve(cost, reg=0.1, col="kl", virtual_mass=1 - rho).row_weight
        for rho in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    assert (np.diff(weights, axis=0) > -1e-9).all()


@given(problems(magnitude=3.0), members)
def test_single_precision_in_single_precision_out(cost, member):
    params = settings_of(member, cost.shape[1])
    double = solve(cost, **params).plan
    single = solve(cost.astype(np.float32), **params).plan
    assert single.dtype == np.float32 and double.dtype == np.float64
    np.testing.assert_allclose(single, double, atol=1e-5 * max(1, double.max()))


# Extremes.


@given(problems(magnitude=50.0), members, st.sampled_from([1e-250, 1e-12, 1e-4, 1e-2]))
@settings(max_examples=40)
def test_nearly_no_entropy_stays_finite(cost, member, reg):
    params = {k: v for k, v in settings_of(member, cost.shape[1]).items() if k != "reg_row"}
    if member == "both relaxed":  # the masses themselves would be exp(cost)
        params["row"] = "ub"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = transport_assign(cost, reg=reg, max_iter=30, **params)
    assert np.isfinite(found.plan).all() and (found.plan >= 0).all()
    assert np.isfinite(found.col_potential).all() and np.isfinite([found.primal, found.dual]).all()
    if member in ("balanced", "sizes given", "relaxed"):
        np.testing.assert_allclose(found.plan.sum(axis=1), 1 / len(cost), rtol=1e-9)


@pytest.mark.parametrize("member", sorted(MEMBERS))
def test_any_unit_of_cost(member):
    """A finite answer, or the word that there is none."""
    cost = np.random.RandomState(0).uniform(size=(12, 4))
    for scale in (1e-300, 1e-8, 1.0, 1e150, 1e300):
        for reg in (1e-300, 1e-8, 0.05, 1e150, 1e300):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                try:
                    found = transport_assign(
                        scale * cost, reg=reg, max_iter=50, **settings_of(member, 4)
                    )
                except ValueError as error:
                    assert scale / reg > 100 or reg > 1e100
                    assert "double precision" in str(error)
                else:
                    assert np.isfinite(found.plan).all() and np.isfinite(found.primal)


def test_columns_that_no_row_would_take():
    """Their masses vanish in double precision until their potentials have moved."""
    cost = np.random.RandomState(0).uniform(size=(40, 4))
    cost[:, 2] += 5000.0
    found = transport_assign(cost, reg=0.05)
    assert found.converged
    np.testing.assert_allclose(found.col_mass, 0.25, rtol=1e-4)
    shifted = transport_assign(cost - [0, 0, 5000.0, 0], reg=0.05)
    np.testing.assert_allclose(found.plan, shifted.plan, atol=1e-6)
    relaxed = transport_assign(cost, reg=0.05, col="kl")
    assert relaxed.converged and relaxed.col_mass[2] == 0
    without = transport_assign(cost[:, [0, 1, 3]], col_mass=0.25, reg=0.05, col="kl")
    np.testing.assert_allclose(relaxed.plan[:, [0, 1, 3]], without.plan, atol=1e-6)


def test_forbidden_pairs_and_empty_sides():
    cost = np.random.RandomState(0).uniform(size=(12, 3))
    cost[:6, 0] = np.inf
    found = transport_assign(cost, reg=0.1)
    assert (found.plan[:6, 0] == 0).all() and found.converged
    np.testing.assert_allclose(found.col_mass, 1 / 3, rtol=1e-4)
    for rounding in ("greedy", "exact"):
        labels = transport_assign(cost, reg=0.1, rounding=rounding).labels
        np.testing.assert_array_equal(np.bincount(labels), [4, 4, 4])
        assert (labels[:6] != 0).all()
    row_mass = np.r_[np.zeros(4), np.full(8, 1 / 8)]
    found = transport_assign(cost, reg=0.1, row_mass=row_mass, col_mass=[0.5, 0.5, 0])
    assert (found.plan[:4] == 0).all() and (found.plan[:, 2] == 0).all()
    assert found.col_potential[2] == -np.inf and np.isfinite([found.primal, found.dual]).all()
    again = transport_assign(cost, reg=0.1, init=found)
    np.testing.assert_allclose(again.col_mass, 1 / 3, rtol=1e-4)


# What methods ask of it.


@pytest.mark.parametrize("n_iter", [1, 3, 20])
def test_codes_of_swav(n_iter):
    """A fixed number of normalizations, prototypes first, of the exponential of the scores."""
    random = np.random.RandomState(0)
    scores = random.uniform(-1, 1, (64, 10))
    Q = np.exp(scores / 0.05).T
    Q /= Q.sum()
    for _ in range(n_iter):
        Q /= Q.sum(axis=1, keepdims=True) * 10
        Q /= Q.sum(axis=0, keepdims=True) * 64
    codes = transport_assign(
        -scores, reg=0.05, row_mass=1, init="columns", max_iter=n_iter, tol=None
    )
    np.testing.assert_allclose(codes.plan, 64 * Q.T, atol=1e-12)
    assert codes.n_iter == n_iter


def test_labels_of_sela():
    """Powers of probabilities, scaled in turn until the scalings rest, on all rows at once."""
    random = np.random.RandomState(1)
    logits = 3 * random.normal(size=(300, 12))
    P, power = softmax(logits, axis=1), 25
    PS = (P.T / 300) ** power
    column = np.full(300, 1 / 300)
    for _ in range(3000):
        row = (1 / 12) / (PS @ column)
        new = (1 / 300) / (row @ PS)
        at_rest, column = np.abs(column / new - 1).max() < 1e-12, new
        if at_rest:
            break
    Q = row[:, None] * PS * column
    found = transport_assign(-np.log(P), reg=1 / power, tol=1e-11)
    np.testing.assert_allclose(found.plan, Q.T, atol=1e-9)
    np.testing.assert_array_equal(found.labels, np.argmax(Q, axis=0))


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.9])
def test_progressive_partial_transport_by_scaling(rho):
    """Scaling of the kernel with the exponents that the relaxed columns get, all in doubles."""
    random = np.random.RandomState(2)
    cost = -np.log(softmax(2 * random.normal(size=(100, 6)), axis=1))
    K = np.exp(-np.c_[cost, np.zeros(100)] / 0.1)
    beta = np.r_[np.full(6, rho / 6), 1 - rho]
    exponent = np.r_[np.full(6, 1 / 1.1), 1.0]
    b = np.ones(7)
    for _ in range(30_000):
        a = 0.01 / (K @ b)
        b = (beta / (K.T @ a)) ** exponent
    found = transport_assign(cost, reg=0.1, col="kl", virtual_mass=1 - rho, tol=1e-10)
    np.testing.assert_allclose(found.plan, (a[:, None] * K * b)[:, :6], atol=1e-8)


def test_rows_that_the_potentials_have_not_seen():
    cost = np.random.RandomState(0).uniform(size=(50, 4))
    found = transport_assign(cost, reg=0.1, row_mass=1)
    rows = transport_assign(cost[:7], reg=0.1, row_mass=1, init=found, max_iter=0)
    np.testing.assert_allclose(rows.plan, found.plan[:7], atol=1e-12)
    potentials = found.col_potential
    rows = transport_assign(cost[:7], reg=0.1, row_mass=1, init=potentials, max_iter=0)
    np.testing.assert_allclose(rows.plan, found.plan[:7], atol=1e-12)


# Labels.


@given(problems(), st.sampled_from(["greedy", "exact"]), st.integers(0, 100))
def test_rounded_labels_have_the_sizes(cost, rounding, seed):
    n, k = cost.shape
    shares = np.random.RandomState(seed).dirichlet(np.ones(k))
    labels = solve(cost, col_mass=shares, rounding=rounding, tol=1e-6).labels
    counts = np.bincount(labels, minlength=k)
    assert counts.sum() == n and (np.abs(counts - n * shares) < 1).all()
    partial = solve(cost, virtual_mass=0.5, rounding=rounding, tol=1e-6).labels
    assert abs((partial >= 0).sum() - n / 2) <= 0.5 and partial.min() >= -1


def test_rounding_costs_little():
    cost = np.random.RandomState(0).uniform(size=(300, 10))
    found = {
        rounding: transport_assign(cost, reg=0.02, output="labels", rounding=rounding).labels
        for rounding in ("argmax", "greedy", "exact")
    }
    values = {name: cost[np.arange(300), labels].sum() for name, labels in found.items()}
    assert values["exact"] <= values["greedy"] <= 1.05 * values["exact"]
    assert (np.bincount(found["argmax"]) != 30).any()
    for name in ("greedy", "exact"):
        np.testing.assert_array_equal(np.bincount(found[name]), 30)


def test_outputs():
    cost = np.random.RandomState(0).uniform(size=(30, 4))
    plan = transport_assign(cost)
    assert isinstance(plan, TransportResult)
    np.testing.assert_array_equal(plan.labels, plan.plan.argmax(axis=1))
    labels = transport_assign(cost, output="labels")
    assert labels.plan is None
    np.testing.assert_array_equal(labels.labels, plan.labels)
    np.testing.assert_array_equal(labels.row_weight, plan.row_weight)
    potentials = transport_assign(cost, output="potentials")
    assert potentials.plan is None and potentials.labels is None and potentials.row_weight is None
    np.testing.assert_array_equal(potentials.col_potential, plan.col_potential)


# Similarities.


def blocks_of(y):
    return (y[:, None] == y).astype(float) - np.eye(len(y))


def test_without_similarity_nothing_changes():
    cost = np.random.RandomState(0).uniform(size=(20, 3))
    plain = transport_assign(cost, col="kl", virtual_mass=0.5)
    for params in ({"similarity": sp.csr_array((20, 20))},
                   {"similarity": np.ones((20, 20)), "similarity_weight": 0.0}):  # fmt: skip
        same = transport_assign(cost, col="kl", virtual_mass=0.5, **params)
        np.testing.assert_allclose(same.plan, plain.plan, atol=1e-6)


@pytest.mark.parametrize("unit", [1 / 40, 1.0])
def test_similarity_lowers_the_cost_where_neighbors_are(unit):
    """One linearization by hand; the plan is a fixed point of it."""
    random = np.random.RandomState(0)
    cost = random.uniform(size=(40, 3))
    S = sp.csr_array(random.uniform(size=(40, 40)) * (random.uniform(size=(40, 40)) < 0.1))
    params = {"reg": 0.2, "row_mass": unit, "tol": 1e-11}
    found = transport_assign(
        cost, similarity=S, similarity_weight=0.1, outer_tol=1e-13, max_outer_iter=1000, **params
    )
    shares = found.plan / unit
    again = transport_assign(cost - 0.1 * ((S + S.T) @ shares), **params)
    np.testing.assert_allclose(again.plan / unit, shares, atol=1e-5)
    assert len(found.objectives) > 2 and found.plan.shape == cost.shape


@given(st.integers(0, 100), st.floats(0.1, 3), st.sampled_from(["relaxed", "progressive partial"]))
@settings(max_examples=25)
def test_positive_similarities_let_the_objective_fall(seed, weight, member):
    random = np.random.RandomState(seed)
    cost = random.uniform(size=(25, 4))
    S = sp.csr_array(
        np.where(random.uniform(size=(25, 25)) < 0.15, random.uniform(size=(25, 25)), 0)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Transport did not converge")
        found = transport_assign(
            cost, similarity=S, similarity_weight=weight, psd_shift="auto", reg=0.1, tol=1e-10,
            **settings_of(member, 4),
        )  # fmt: skip
    assert (np.diff(found.objectives) < 1e-6).all()
    # The last objective, as it is written down.
    T = (S + S.T).toarray()
    T += max(0, -np.linalg.eigvalsh(T)[0]) * np.eye(25)
    Q, cols = found.plan, found.plan.sum(axis=0)
    slack = 1 / 25 - Q.sum(axis=1)
    rho = Q.sum()
    value = (cost * Q).sum() - 0.5 * weight * 25 * (Q * (T @ Q)).sum()
    value += 0.1 * xlogy(Q, Q).sum() + (cols * np.log(4 * cols / rho) - cols + rho / 4).sum()
    if member == "progressive partial":
        value += 0.1 * xlogy(slack, slack.clip(0)).sum()
    assert found.objectives[-1] == pytest.approx(value - 0.1, abs=1e-5)


def test_similar_rows_end_together():
    random = np.random.RandomState(0)
    y = np.repeat([0, 1, 2], 20)
    cost = 1 - np.eye(3)[y] + random.normal(0, 0.8, (60, 3))
    alone = (transport_assign(cost, reg=0.1).labels == y).mean()
    together = transport_assign(
        cost, reg=0.1, similarity=blocks_of(y), similarity_weight=0.1, psd_shift="auto"
    )
    assert alone < 0.85 and (together.labels == y).all()


def test_indefinite_similarities_warn():
    # Each row of a pair is pulled to where the other one was.
    cost = np.array([[0.0, 0.1], [0.1, 0.0]] * 3)
    S = np.kron(np.eye(3), [[0, 1], [1, 0]])
    with pytest.warns(ConvergenceWarning, match="rose|did not converge"):
        transport_assign(cost, similarity=S, similarity_weight=2.0, reg=0.01, max_outer_iter=10)
    asked = transport_assign(
        cost, similarity=S, similarity_weight=2.0, reg=0.01, max_outer_iter=7, outer_tol=None
    )
    assert len(asked.objectives) == 7


# Kinds of costs.


class Blocks:
    def __init__(self, cost):
        self.cost, self.shape, self.asked = cost, tuple(cost.shape), []

    def block(self, start, stop):
        self.asked.append(stop - start)
        return self.cost[start:stop]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors(dtype):
    cost = torch.rand(40, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = transport_assign(cost.double().numpy(), reg=0.1)
    found = transport_assign(cost.requires_grad_(), reg=0.1)
    assert found.plan.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert not found.plan.requires_grad and found.labels.dtype == torch.int64
    np.testing.assert_allclose(found.plan.numpy(), expected.plan, atol=1e-7)
    np.testing.assert_array_equal(found.labels.numpy(), expected.labels)
    provided = transport_assign(Blocks(cost), reg=0.1, block_size=7)
    np.testing.assert_allclose(provided.plan.numpy(), expected.plan, atol=1e-7)


@pytest.mark.parametrize("row", KINDS)
@pytest.mark.parametrize("col", KINDS)
def test_passes_on_a_device(row, col, monkeypatch):
    """The operations that serve devices, here on the host."""
    random = np.random.RandomState(0)
    cost = random.uniform(0, 1, (30, 4))
    cost[:, 1] += 100.0  # beyond what exp(-cost / reg) can hold
    params = {"row": row, "col": col, "reg": 0.05, "col_mass": [0.3, 0.2, 0.3, 0.2]}
    if {row, col} == {"ub", "eq"}:
        params["row_mass" if row == "ub" else "col_mass"] = 1.0
    expected = transport_assign(cost, **params)

    def on_device(costs, block_size=None, name="cost"):
        blocks = Blocks(torch.as_tensor(costs))
        return DeviceCosts(blocks.block, blocks.shape, blocks.block(0, 1), block_size, name)

    monkeypatch.setattr("skdeepcluster.assignment.transport._assign.costs_of", on_device)
    for block_size in (None, 7):
        found = transport_assign(torch.as_tensor(cost), block_size=block_size, **params)
        assert isinstance(found.plan, torch.Tensor)
        np.testing.assert_allclose(found.plan.numpy(), expected.plan, atol=1e-9)
        np.testing.assert_array_equal(found.labels.numpy(), expected.labels)
        np.testing.assert_allclose(found.row_weight.numpy(), expected.row_weight, atol=1e-9)
        assert found.dual == pytest.approx(expected.dual, abs=1e-9)
    if (row, col) == ("eq", "kl"):
        partial = {"reg": 0.05, "col": "kl", "virtual_mass": 0.4}
        found = transport_assign(torch.as_tensor(cost), **partial)
        monkeypatch.undo()
        expected = transport_assign(cost, **partial)
        np.testing.assert_allclose(found.plan.numpy(), expected.plan, atol=1e-7)


def test_other_memory_layouts_and_types():
    cost = np.random.RandomState(0).randint(0, 9, (50, 6))
    expected = transport_assign(cost.astype(float), reg=0.5).plan
    strided = np.repeat(cost.astype(float), 2, axis=1)[:, ::2]
    for other in (cost, cost.tolist(), np.asfortranarray(cost, dtype=float), strided,
                  cost.astype(np.float16), cost.astype(">f8"), Blocks(cost)):  # fmt: skip
        np.testing.assert_allclose(transport_assign(other, reg=0.5).plan, expected, atol=1e-6)


def test_blocks_bound_the_memory():
    blocks = Blocks(np.random.RandomState(0).uniform(size=(100, 3)))
    transport_assign(blocks, reg=0.5, output="potentials", block_size=16)
    assert max(blocks.asked) == 16


MEMORY = """
import resource, sys
import numpy as np
from skdeepcluster.assignment import transport_assign

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024

cost = np.load(sys.argv[1], mmap_mode="r")
before = resident()
result = transport_assign(cost, reg=0.2, output="labels", block_size=5000)
assert result.converged
print(resident() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's /proc")
def test_memory_mapped_costs_are_not_loaded(tmp_path):
    n, k = 50_000, 400
    cost = np.lib.format.open_memmap(tmp_path / "cost.npy", "w+", np.float32, (n, k))
    random = np.random.default_rng(0)
    for begin in range(0, n, 5000):
        cost[begin : begin + 5000] = random.random((5000, k), dtype=np.float32)
    cost.flush()
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "cost.npy")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 30  # MiB; the file has 76


def test_changes_of_a_private_mapping_survive(tmp_path):
    np.save(tmp_path / "cost.npy", np.random.RandomState(0).uniform(size=(2000, 4)))
    cost = np.load(tmp_path / "cost.npy", mmap_mode="c")
    cost[:, 0] += 1.0
    expected = np.array(cost)
    transport_assign(cost, block_size=100)
    np.testing.assert_array_equal(cost, expected)


def test_threads_do_not_change_a_bit(monkeypatch):
    cost = np.random.RandomState(0).uniform(size=(5000, 60))
    plans = []
    for n_threads in (1, 3):
        monkeypatch.setattr(costs_module, "effective_n_threads", lambda n=n_threads: n)
        plans.append(transport_assign(cost).plan)
    np.testing.assert_array_equal(*plans)


def test_importing_the_solver_does_not_import_torch():
    code = (
        "import sys, numpy as np\n"
        "from skdeepcluster.assignment import transport_assign\n"
        "transport_assign(np.eye(3))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_stored_results_of_earlier_versions_are_found():
    with pytest.warns(FutureWarning, match="is skdeepcluster.assignment.transport now"):
        found = pickle.loads(b"cskdeepcluster.assignment._transport\nTransportResult\n.")
    assert found is TransportResult


# Several processes.

PROCESSES = """
import sys
import numpy as np
import torch.distributed as dist
from skdeepcluster.assignment import transport_assign

dist.init_process_group("gloo")
rank = dist.get_rank()
cost = np.load(sys.argv[1] + "/cost.npy")
mine = cost[:37] if rank == 0 else cost[37:]
reduced = []
all_reduce = dist.all_reduce
def counted(tensor, *args, **kwargs):
    reduced.append(tensor.numel())
    return all_reduce(tensor, *args, **kwargs)
dist.all_reduce = counted
results = {}
for name, params in eval(sys.argv[2]).items():
    found = transport_assign(mine, reg=0.1, process_group=dist.group.WORLD, tol=1e-10, **params)
    for key in ("plan", "labels", "col_potential", "col_mass", "n_iter", "primal", "dual"):
        results[name + "/" + key] = getattr(found, key)
results["largest"] = max(reduced)
np.savez(sys.argv[1] + f"/{rank}.npz", **results)
dist.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_two_processes_share_the_rows(tmp_path):
    cost = np.random.RandomState(0).uniform(0, 2, (100, 5))
    cost[:, 3] += 200.0
    np.save(tmp_path / "cost.npy", cost)
    (tmp_path / "script.py").write_text(PROCESSES)
    params = {name: {k: v for k, v in MEMBERS[name].items() if k != "col_mass"} for name in MEMBERS}
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
            str(tmp_path / "script.py"), str(tmp_path), repr(params),
        ],
        capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (dict(np.load(tmp_path / f"{rank}.npz")) for rank in range(2))
    assert first["largest"] <= 5 + 1 + 1  # columns, the virtual one, the dual's value
    for name in MEMBERS:
        alone = transport_assign(cost, reg=0.1, tol=1e-10, **params[name])
        for key in ("col_potential", "col_mass", "n_iter", "primal", "dual"):
            np.testing.assert_array_equal(first[f"{name}/{key}"], second[f"{name}/{key}"])
        plan = np.r_[first[f"{name}/plan"], second[f"{name}/plan"]]
        np.testing.assert_allclose(plan, alone.plan, atol=1e-7)
        labels = np.r_[first[f"{name}/labels"], second[f"{name}/labels"]]
        np.testing.assert_array_equal(labels, alone.labels)
        assert first[f"{name}/dual"] == pytest.approx(alone.dual, abs=1e-8)


# What goes wrong.

GOOD = np.arange(12.0).reshape(4, 3)


def with_entry(value, row=1, column=2):
    cost = GOOD.copy()
    cost[row, column] = value
    return cost


@pytest.mark.parametrize(
    ("cost", "params", "message"),
    [
        (with_entry(np.nan), {}, "NaN, first in row 1, column 2"),
        (with_entry(-np.inf), {}, "-infinity, first in row 1, column 2"),
        (np.where([[0], [1], [0], [0]], np.inf, GOOD), {}, "row 1 of cost is infinite"),
        (np.where([0, 1, 0], np.inf, GOOD), {}, "column 1 of cost is infinite"),
        (GOOD[0], {}, "rows and columns"),
        (GOOD[:0], {}, "rows and columns"),
        (GOOD[:, :0], {}, "rows and columns"),
        (GOOD, {"reg": 0.0}, "reg"),
        (GOOD, {"reg": -1.0}, "reg"),
        (GOOD, {"reg": np.nan}, "reg"),
        (GOOD, {"reg": 1e-320}, "rescale"),
        (1e300 * GOOD, {"reg": 1e-10}, "rescale"),
        (GOOD, {"row": "equal"}, "row"),
        (GOOD, {"reg_col": -1.0, "col": "kl"}, "reg_col must be finite and not negative"),
        (GOOD, {"reg_col": [1.0, 2.0], "col": "kl"}, "reg_col"),
        (GOOD, {"reg_row": [1.0] * 4, "row": "kl"}, "reg_row"),
        (GOOD, {"row_mass": [0.5, 0.5]}, "row_mass"),
        (GOOD, {"row_mass": -1.0}, "row_mass must be finite and not negative"),
        (GOOD, {"row_mass": 0.0}, "row_mass must not be 0"),
        (GOOD, {"row_mass": [1, 1, np.nan, 1]}, "row_mass must be finite"),
        (GOOD, {"col_mass": 0.0}, "col_mass must not be 0"),
        (GOOD, {"col_mass": 0.0, "col": "kl"}, "col_mass must not be 0"),
        (GOOD, {"col_mass": [1, 1, 1]}, "must agree"),
        (GOOD, {"col_mass": [0.1, 0.1, 0.1], "col": "ub"}, "col_mass bounds the mass"),
        (GOOD, {"col_mass": 1.0, "row": "ub"}, "row_mass bounds the mass"),
        (GOOD, {"total_mass": 0.5}, "total_mass requires"),
        (GOOD, {"total_mass": 1.5, "row": "ub", "col": "ub"}, "exceeds the sum of row_mass"),
        (GOOD, {"total_mass": 0.9, "row": "free", "col": "ub", "col_mass": 0.2}, "sum of col_mass"),
        (GOOD, {"total_mass": 0.5, "virtual_mass": 0.5}, "exclude each other"),
        (GOOD, {"virtual_mass": 1.0}, "less than the sum of row_mass"),
        (GOOD, {"virtual_mass": -0.1}, "virtual_mass"),
        (GOOD, {"virtual_mass": 0.5, "row": "ub"}, "virtual_mass requires"),
        (GOOD, {"init": [0.0, 0.0]}, "init"),
        (GOOD, {"init": [0.0, np.nan, 0.0]}, "init"),
        (GOOD, {"init": "rows"}, "init"),
        (GOOD, {"similarity": np.ones((3, 3))}, "similarity must have shape"),
        (GOOD, {"similarity": -np.ones((4, 4))}, "similarity must be finite and not negative"),
        (GOOD, {"rounding": "greedy", "row_mass": [1, 2, 3, 4]}, "rows of equal mass"),
        (GOOD, {"tol": -1.0}, "tol"),
        (GOOD, {"max_iter": -1}, "max_iter"),
        (GOOD, {"block_size": 0}, "block_size"),
        (-2000 * GOOD, {"row": "free", "col": "free"}, "masses of the plan"),
    ],
)  # fmt: skip
def test_bad_input(cost, params, message):
    with pytest.raises(ValueError, match=message):
        transport_assign(cost, **params)


def test_bad_kinds_of_input():
    with pytest.raises(TypeError, match="sparse"):
        transport_assign(sp.csr_array(GOOD))
    with pytest.raises(TypeError, match="numbers"):
        transport_assign(GOOD.astype(complex))
    with pytest.raises(TypeError, match="numbers"):
        transport_assign(GOOD.astype(str))

    class Short(Blocks):
        def block(self, start, stop):
            return self.cost[start : stop - 1] if stop - start > 1 else self.cost[start:stop]

    with pytest.raises(ValueError, match=r"cost.block\(0, 4\) has shape \(3, 3\)"):
        transport_assign(Short(GOOD))
    with pytest.raises(ValueError, match="up to 10000 rows"):
        transport_assign(np.zeros((10_001, 2)), rounding="exact")


def test_too_few_sweeps_warn():
    cost = np.random.RandomState(0).uniform(size=(50, 8))
    with pytest.warns(ConvergenceWarning, match="did not converge in 3 sweeps"):
        found = transport_assign(cost, reg=0.01, max_iter=3)
    assert not found.converged and found.col_error > 1e-4
    np.testing.assert_allclose(found.plan.sum(axis=1), 1 / 50)
    # Asked for a number of sweeps, it does just that.
    assert transport_assign(cost, reg=0.01, max_iter=3, tol=None).n_iter == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:If reg_type:UserWarning")
@pytest.mark.parametrize("member", ["balanced", "sizes given", "relaxed", "partial"])
def test_agrees_with_pot(member):
    """Against the solvers of POT 0.9.7 that can be trusted, where it is installed."""
    ot = pytest.importorskip("ot")
    random = np.random.RandomState(0)
    cost = random.uniform(size=(60, 7))
    a, b = np.full(60, 1 / 60), settings_of(member, 7).get("col_mass", np.full(7, 1 / 7))
    until = {"numItermax": 100_000, "stopThr": 1e-14}
    if member == "relaxed":
        expected = ot.unbalanced.sinkhorn_knopp_unbalanced(
            a, b, cost, 0.1, (np.inf, 1.0), reg_type="entropy", **until
        )
    elif member == "partial":
        expected = ot.partial.entropic_partial_wasserstein(a, b, cost, 0.1, m=0.5, **until)
    else:
        expected = ot.sinkhorn(a, b, cost, 0.1, method="sinkhorn_log", **until)
    found = transport_assign(cost, reg=0.1, tol=1e-12, **settings_of(member, 7))
    np.testing.assert_allclose(found.plan, expected, atol=1e-9)
