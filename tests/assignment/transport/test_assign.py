"""Entropic transport between rows and clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from skdeepcluster.assignment import TransportResult, transport_assign
from tests.assignment.transport._problems import (
    KINDS,
    members,
    problems,
    reference,
    settings_of,
    solve,
)

# Against a slow solver, optimality conditions and known answers.


@given(problems(max_rows=12, max_columns=5), members, st.sampled_from([0.1, 0.3, 1.0]))
@settings(max_examples=30)
def test_agrees_with_alternating_updates(cost, member, reg):
    params = settings_of(member, cost.shape[1])
    expected = reference(cost, reg=reg, n_iter=3000, **params)
    found = solve(cost, reg=reg, **params)
    np.testing.assert_allclose(found.plan, expected, atol=2e-7 * max(1, expected.sum()))


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
