"""Triplet losses beside sums over triplets, one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skdeepcluster.nn import mean_triplet_loss, triplet_loss

seeds = st.integers(0, 2**31 - 1)


def drawn(seed, n=12, n_labels=3):
    rng = np.random.default_rng(seed)
    z = torch.as_tensor(rng.normal(size=(n, 4)))
    return z, torch.as_tensor(rng.integers(n_labels, size=n))


def pair_losses(z, labels, margin, weight):
    """Anchor, positive row and the losses with each negative one, of all pairs in both orders."""
    for i in range(len(z)):
        for j in range(len(z)):
            if labels[i] == labels[j]:
                near = (z[i] - z[j]).square().sum()
                far = (z[i] - z[labels != labels[i]]).square().sum(dim=1)
                yield i, j, (weight * near - far + margin).clamp_min(0)


@given(seeds, st.floats(0, 5), st.floats(0.1, 3))
@settings(max_examples=25)
def test_mean_over_all_triplets_of_each_row(seed, margin, weight):
    z, labels = drawn(seed)
    squares = torch.cdist(z, z).square()
    found = mean_triplet_loss(squares, labels[:, None] == labels, margin, weight)
    of_row = [[] for _ in z]
    for i, _, losses in pair_losses(z, labels, margin, weight):
        of_row[i] += losses.tolist()
    assert_allclose(found, [np.mean(losses) if losses else 0 for losses in of_row], atol=1e-9)


@given(seeds, st.floats(0, 5), st.floats(0.1, 3))
@settings(max_examples=25)
def test_with_one_row_of_each_other_label_all_triplets_are_drawn(seed, margin, weight):
    z, _ = drawn(seed, n=7)
    labels = torch.tensor([0, 0, 0, 0, 1, 2, 3])
    generator = torch.Generator().manual_seed(seed)
    found = triplet_loss(z, labels, 10, margin, weight, generator=generator)
    slow = torch.stack([losses for i, j, losses in pair_losses(z, labels, margin, weight) if i < j])
    assert found.item() == pytest.approx(slow.mean().item(), abs=1e-12)


@given(seeds)
@settings(max_examples=10)
def test_drawn_triplets_have_the_mean_of_all(seed):
    z, labels = drawn(seed, n=20, n_labels=4)
    generator = torch.Generator().manual_seed(seed)
    found = [triplet_loss(z, labels, 2, 1.0, generator=generator).item() for _ in range(300)]
    # Each pair counts alike, however many negatives it could have met.
    by_pair = [losses.mean() for i, j, losses in pair_losses(z, labels, 1.0, 1.0) if i < j]
    assert np.mean(found) == pytest.approx(np.mean(by_pair), abs=5 * np.std(found) / 300**0.5)


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_gradient_of_a_triplet(weight):
    z = torch.tensor([[0.0, 0.0], [1.0, 0.5], [0.3, -1.0]], requires_grad=True)
    labels, generator = torch.tensor([0, 0, 1]), torch.Generator()
    triplet_loss(z, labels, 5, 2.0, weight, generator=generator).backward()
    a, p, k = z.detach()
    expected = [2 * (weight * (a - p) - (a - k)), 2 * weight * (p - a), 2 * (a - k)]
    assert_allclose(z.grad, torch.stack(expected), rtol=1e-6)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [0]])
def test_no_triplets_no_loss(labels):
    z = torch.randn(len(labels), 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = triplet_loss(z, torch.tensor(labels), 5, 1.0, generator=torch.Generator())
    loss.backward()
    assert loss == 0 and (z.grad == 0).all()


def test_in_half_precision_near_rows_stay_apart():
    z = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 1e-3], [0.0, 1.0]]), dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        loss = triplet_loss(z, torch.tensor([0, 0, 1]), 1, 2.0, generator=torch.Generator())
    assert loss.item() == pytest.approx(1e-6, rel=0.2)
