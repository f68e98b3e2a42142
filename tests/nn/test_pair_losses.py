"""Losses of metric learning beside sums over pairs, one by one."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skdeepcluster.metrics import snr_distances
from skdeepcluster.nn import (
    PAIR_DISTANCES,
    PAIR_LOSSES,
    log_energy,
    unit_row_penalty,
    zero_mean_penalty,
)

seeds = st.integers(0, 2**31 - 1)
brief = settings(max_examples=15, deadline=None)


def drawn(seed, n=9, n_labels=3, width=4):
    """Rows, and which pairs are of one class and of different ones."""
    rng = np.random.default_rng(seed)
    z = torch.as_tensor(rng.normal(size=(n, width)))
    label = torch.as_tensor(rng.integers(n_labels, size=n))
    different = label[:, None] != label
    return z, ~different & ~torch.eye(n, dtype=torch.bool), different


def slow_loss(name, d, same, different, m, tau):
    n = range(len(d))
    positive = [(i, j) for i in n for j in n if same[i, j]]
    negative = [(i, j) for i in n for j in n if different[i, j]]

    def mean(values):
        return sum(values) / len(values) if values else 0.0

    if name == "binomial":
        return mean([math.log(1 + math.exp(2 * (d[p] - m))) for p in positive]) + mean(
            [math.log(1 + math.exp(50 * (m - d[p]))) for p in negative]
        )
    if name == "contrastive":
        return mean([d[p] for p in positive]) + mean([max(0, m - d[p]) for p in negative])
    if name == "triplet":
        lacks = [d[i, j] - d[i, k] + m for i, j in positive for k in n if different[i, k]]
        return mean([lack for lack in lacks if lack > 0])
    return mean(
        [
            math.log(1 + sum(math.exp((d[i, j] - d[i, k]) / tau) for k in n if different[i, k]))
            for i, j in positive
            if different[i].any()
        ]
    )


@pytest.mark.parametrize("name", PAIR_LOSSES)
@given(seeds, st.floats(0, 2), st.floats(0.2, 2), st.integers(1, 4))
@brief
def test_losses_pair_by_pair(name, seed, margin, temperature, n_labels):
    z, same, different = drawn(seed, n_labels=n_labels)
    d = PAIR_DISTANCES["cosine"](z)
    found = PAIR_LOSSES[name](d, same, different, margin, temperature)
    wanted = slow_loss(name, d.numpy(), same.numpy(), different.numpy(), margin, temperature)
    assert found.item() == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_without_pairs_there_is_neither_loss_nor_gradient(name):
    z = torch.ones(3, 2, requires_grad=True)
    none = torch.zeros(3, 3, dtype=torch.bool)
    loss = PAIR_LOSSES[name](PAIR_DISTANCES["euclidean"](z), none, none)
    loss.backward()
    assert loss.item() == 0
    assert (z.grad == 0).all()


@pytest.mark.parametrize("metric", PAIR_DISTANCES)
@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_gradients_are_finite_where_rows_are_equal_or_constant(name, metric):
    z = torch.zeros(6, 3)
    z[3:] = 2.0
    z[5, 0] = -1.0
    z.requires_grad_()
    label = torch.tensor([0, 0, 1, 1, 2, 2])
    different = label[:, None] != label
    same = ~different & ~torch.eye(6, dtype=torch.bool)
    loss = PAIR_LOSSES[name](PAIR_DISTANCES[metric](z), same, different)
    loss.backward()
    assert loss.isfinite()
    assert z.grad.isfinite().all()


@given(seeds)
@brief
def test_distances_pair_by_pair(seed):
    z, _, _ = drawn(seed)
    wanted = {
        "cosine": 1 - torch.nn.functional.cosine_similarity(z[:, None], z, dim=2),
        "euclidean": (z[:, None] - z).norm(dim=2),
        "snr": (z - z[:, None]).var(dim=2) / z.var(dim=1, keepdim=True),
    }
    for metric, distances in PAIR_DISTANCES.items():
        assert_allclose(distances(z), wanted[metric], rtol=1e-5, atol=2e-6)
    assert_allclose(PAIR_DISTANCES["snr"](z), snr_distances(z.numpy()), rtol=1e-5, atol=1e-12)


@given(seeds, st.floats(0.1, 9), st.floats(-5, 5))
@brief
def test_noise_is_relative_to_the_signal(seed, factor, shift):
    z, _, _ = drawn(seed)
    d = PAIR_DISTANCES["snr"](z)
    shifts = shift * torch.arange(len(z))[:, None]
    assert_allclose(PAIR_DISTANCES["snr"](factor * z + shifts), d, rtol=1e-4, atol=1e-6)
    # Of rows of mean 0 it is a ratio of squared lengths.
    c = z - z.mean(dim=1, keepdim=True)
    squares = (c[:, None] - c).square().sum(dim=2) / c.square().sum(dim=1, keepdim=True)
    assert_allclose(d, squares, rtol=1e-5, atol=1e-9)


@given(seeds, st.floats(0.1, 9))
@brief
def test_energy_of_different_classes(seed, factor):
    z, _, different = drawn(seed, n_labels=2)
    pairs = different.nonzero().tolist()
    if not pairs:
        assert log_energy(z, different) == 0
        return
    energy = sum(0.5 * (z[i] - z[j]).square().sum() for i, j in pairs) / len(pairs)
    assert log_energy(z, different).item() == pytest.approx(energy.log().item())
    scaled = log_energy(factor * z, different).item()
    assert scaled == pytest.approx(energy.log().item() + 2 * math.log(factor))
    # The logarithm divides the gradient by the energy.
    own = z.clone().requires_grad_()
    log_energy(own, different).backward()
    other = z.clone().requires_grad_()
    squares = (other[:, None] - other).square().sum(dim=2)
    (squares[different].mean() / 2).backward()
    assert_allclose(own.grad, other.grad / energy, rtol=1e-7, atol=1e-10)


def test_rows_that_have_collapsed_have_a_least_energy():
    z = torch.ones(4, 3, requires_grad=True)
    different = ~torch.eye(4, dtype=torch.bool)
    loss = log_energy(z, different)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(1e-6))
    assert (z.grad == 0).all()


def test_penalties():
    z = torch.tensor([[1.0, -1.0], [2.0, 1.0]])
    assert zero_mean_penalty(z).item() == 1.5
    assert unit_row_penalty(z).item() == pytest.approx((1**2 + 4**2) / 4)
