"""What changes no transport plan, and its limits and extremes."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.assignment import transport_assign
from tests.assignment.transport._problems import MEMBERS, members, problems, settings_of, solve


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
