import numpy as np
import pytest
import torch

from skdeepcluster.assignment import transport_assign
from skdeepcluster.assignment.transport import sinkhorn


def scores_of(n=64, k=10, dtype=torch.float64):
    return torch.from_numpy(np.random.RandomState(0).uniform(-1, 1, (n, k))).to(dtype)


@pytest.mark.parametrize("reg", [1e-3, 0.05, 2.0])
@pytest.mark.parametrize("n_iter", [1, 3, 20])
@pytest.mark.parametrize("given", [False, True])
def test_is_the_plan_of_so_many_sweeps(reg, n_iter, given):
    scores = scores_of()
    masses = torch.arange(1.0, 11.0, dtype=torch.float64) if given else None
    options = {"reg": reg, "init": "columns", "max_iter": n_iter, "tol": None}
    col_mass = None if masses is None else 64 * masses / masses.sum()
    expected = transport_assign(-scores, row_mass=1, col_mass=col_mass, **options).plan
    found = sinkhorn(scores, reg, n_iter, col_mass=masses)
    np.testing.assert_allclose(found, expected, atol=1e-11)
    np.testing.assert_allclose(found.sum(dim=1), 1, rtol=1e-12)


def test_many_sweeps_give_the_masses():
    masses = torch.arange(1.0, 11.0, dtype=torch.float64)
    plan = sinkhorn(scores_of(), 0.2, 500, col_mass=masses)
    np.testing.assert_allclose(plan.sum(dim=0), 64 * masses / masses.sum(), rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_precision_is_that_of_the_scores_and_no_gradient_flows(dtype):
    scores = scores_of(dtype=dtype)
    plan = sinkhorn(scores.requires_grad_(), 0.05, 3)
    assert plan.dtype == dtype and not plan.requires_grad
    np.testing.assert_array_equal(plan, sinkhorn(scores.detach().double(), 0.05, 3).to(dtype))


def test_forbidden_pairs():
    scores = scores_of()
    scores[:30, 0] = -torch.inf
    plan = sinkhorn(scores, 0.1, 5)
    assert plan.isfinite().all()
    assert (plan[:30, 0] == 0).all()


def test_columns_far_below_the_others_are_filled():
    scores = scores_of() - 1000 * torch.eye(10)[3]
    np.testing.assert_allclose(sinkhorn(scores, 0.01, 3), sinkhorn(scores_of(), 0.01, 3), atol=1e-9)
