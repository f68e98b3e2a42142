"""Coding rates beside determinants of one matrix after the other."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster import metrics
from skdeepcluster.assignment import doubly_stochastic
from skdeepcluster.nn import coding_rate, membership_rate
from tests.common import torch_generator

few = settings(max_examples=15, deadline=None)
shapes = {"seed": st.integers(0, 10**6), "n": st.integers(2, 20), "p": st.integers(1, 9)}


def unit_rows(seed, n, p):
    z = torch.randn(n, p, generator=torch_generator(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(z, dim=1)


def memberships_of(z, reg=0.15):
    return doubly_stochastic((z @ z.T).abs(), reg=reg)


def slow_rate(z, memberships):
    n, p = z.shape
    rows, total = z.numpy(), 0.0
    for weights in memberships.T.numpy():
        gram = np.eye(p) + p / 0.1 * (rows.T * weights) @ rows
        total += np.linalg.slogdet(gram)[1] / (2 * n)
    return total


@few
@given(**shapes)
def test_rate_is_that_of_the_metric(seed, n, p):
    z = unit_rows(seed, n, p)
    assert coding_rate(z, 0.1).item() == pytest.approx(metrics.coding_rate(z, precision=0.1))


@few
@given(**shapes)
def test_membership_rate_is_the_mean_over_soft_clusters_and_at_most_the_rate(seed, n, p):
    z = unit_rows(seed, n, p)
    memberships = memberships_of(z)
    # Not symmetric, as those of batches.
    some = membership_rate(z, memberships.triu(), 0.1).item()
    assert some == pytest.approx(slow_rate(z, memberships.triu()))
    slow = slow_rate(z, memberships)
    found = membership_rate(z, memberships, 0.1).item()
    assert found == pytest.approx(slow)
    assert found <= coding_rate(z, 0.1).item() + 1e-9


@few
@given(**shapes)
def test_membership_rate_at_its_extremes(seed, n, p):
    z = unit_rows(seed, n, p)
    uniform = torch.full((n, n), 1 / n, dtype=z.dtype)
    assert membership_rate(z, uniform, 0.1).item() == pytest.approx(coding_rate(z, 0.1).item())
    alone = membership_rate(z, torch.eye(n, dtype=z.dtype), 0.1)
    assert alone.item() == pytest.approx(np.log1p(p / 0.1) / 2)
    labels = torch.arange(n) % 2
    hard = (labels[:, None] == labels).to(z.dtype)
    hard = hard / hard.sum(dim=1, keepdim=True)
    reduction = coding_rate(z, 0.1) - membership_rate(z, hard, 0.1)
    expected = metrics.rate_reduction(z, labels, precision=0.1)
    assert reduction.item() == pytest.approx(expected, abs=1e-9)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_neither_rotations_nor_the_order_of_rows_matter(seed):
    z = unit_rows(seed, 12, 5)
    g = torch_generator(seed)
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, generator=g, dtype=z.dtype))
    moved = (z @ rotation)[torch.randperm(12, generator=g)]
    for rate in (
        lambda z: coding_rate(z, 0.1),
        lambda z: membership_rate(z, memberships_of(z), 0.1),
    ):
        torch.testing.assert_close(rate(moved), rate(z), rtol=1e-6, atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    z = unit_rows(0, 8, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: coding_rate(z, 0.1), z)
    weights = torch.rand(8, 8, generator=torch_generator(1), dtype=z.dtype).requires_grad_()
    assert torch.autograd.gradcheck(lambda z, w: membership_rate(z, w, 0.1), (z, weights))
    assert torch.autograd.gradcheck(lambda z: coding_rate(z[:3], 0.1), z)
