"""Transport with similarities between rows."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.assignment import transport_assign
from tests.assignment.transport._problems import settings_of

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
