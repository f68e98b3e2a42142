"""The contrastive loss, and encoders that stand alone."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster.nn import (
    contrast,
    contrast_of_classes,
    conv_encoder,
    conv_trunk,
    dense_encoder,
)


def unit(n, p, seed=0):
    z = torch.randn(n, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(z, dim=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(1, 4), st.floats(0.05, 2), st.integers(0, 500))
def test_against_loops(n, n_groups, temperature, seed):
    z = unit(n, 3, seed).numpy()
    group = np.random.default_rng(seed).integers(n_groups, size=n)
    losses = []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        log_sum = np.log(sum(np.exp(z[i] @ z[j] / temperature) for j in others))
        alike = [z[i] @ z[j] / temperature - log_sum for j in others if group[j] == group[i]]
        if alike:
            losses.append(-np.mean(alike))
    found = contrast(torch.as_tensor(z), torch.as_tensor(group), temperature).item()
    assert found == pytest.approx(np.mean(losses) if losses else 0, abs=1e-9)


def test_known_values():
    pairs = torch.arange(4).repeat_interleave(2)
    same = torch.ones(8, 1, dtype=torch.float64)
    assert contrast(same, pairs, 0.1).item() == pytest.approx(math.log(7))
    perfect = torch.eye(4, dtype=torch.float64)[pairs]
    expected = math.log(1 + 6 * math.exp(-1 / 0.1))
    assert contrast(perfect, pairs, 0.1).item() == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 500))
def test_order_does_not_matter(seed):
    z, group = unit(10, 4, seed), torch.arange(5).repeat(2)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(contrast(z, group, 0.2), contrast(z[order], group[order], 0.2))


def test_nobody_alike():
    z = unit(3, 2).requires_grad_()
    loss = contrast(z, torch.arange(3), 0.1)
    loss.backward()
    assert loss.item() == 0 and z.grad.isfinite().all()


# -- classes and their subclasses ----------------------------------------------------------------


def nested(n, seed):
    """Two views of each row, their rows, subclasses and classes, and temperatures."""
    rng = np.random.default_rng(seed)
    subclass = rng.integers(4, size=n)
    row = np.tile(np.arange(n), 2)
    known = row, subclass[row], (subclass // 2)[row], rng.uniform(0.05, 1, size=n)[row]
    return unit(2 * n, 3, seed), *(torch.as_tensor(values) for values in known)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(0, 500))
def test_classes_against_loops(n, seed):
    z, row, subclass, label, temperature = nested(n, seed)
    losses = []
    for i in range(2 * n):
        views = [j for j in range(2 * n) if j != i and row[j] == row[i]]
        others = [j for j in range(2 * n) if subclass[j] != subclass[i]]
        logits = (z @ z[i] / temperature[i]).exp()
        total = sum(logits[j] for j in views + others)
        positive = views + [j for j in others if label[j] == label[i]]
        losses.append(-np.mean([(logits[j] / total).log() for j in positive]))
    found = contrast_of_classes(z, row, subclass, label, temperature)
    assert found.item() == pytest.approx(np.mean(losses), abs=1e-9)
    order = torch.randperm(2 * n, generator=torch.Generator().manual_seed(seed))
    shuffled = (values[order] for values in (z, row, subclass, label, temperature))
    torch.testing.assert_close(contrast_of_classes(*shuffled), found)


def test_undivided_classes_leave_the_other_view():
    z, row, subclass, label, _ = nested(5, 0)
    own = z.view(2, 5, 3).flip(0).flatten(0, 1)
    logits = (z @ z.T / 0.1).masked_fill(label[:, None] == label, -torch.inf)
    near = (z * own).sum(dim=1) / 0.1
    expected = (torch.cat([logits, near[:, None]], dim=1).logsumexp(dim=1) - near).mean()
    found = contrast_of_classes(z, row, label, label, 0.1)
    torch.testing.assert_close(found, expected)
    # One row alone: there is nothing that its views are compared with.
    alone = contrast_of_classes(z[[0, 5]], row[[0, 5]], label[[0, 5]], label[[0, 5]], 0.1)
    assert alone.item() == 0


def test_gradient_of_the_contrast_of_classes():
    z, row, subclass, label, temperature = nested(3, 1)

    def loss(z):
        return contrast_of_classes(z, row, subclass, label, temperature)

    assert torch.autograd.gradcheck(loss, z.requires_grad_())


# -- encoders ------------------------------------------------------------------------------------


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(7,), (1, 3, 3), (3, 8, 5)])
def test_dense(shape):
    encoder = dense_encoder(shape, (6, 5), 4, generator())
    x = torch.randn(9, *shape, generator=generator(1))
    h = x.flatten(1).double().numpy()
    linear = [layer for layer in encoder if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in linear] == [6, 5, 4]
    for position, layer in enumerate(linear):
        h = h @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        if position < 2:
            h = (h - h.mean(axis=1, keepdims=True)) / np.sqrt(h.var(axis=1, keepdims=True) + 1e-5)
            h = np.maximum(h, 0)
    np.testing.assert_allclose(encoder(x).detach().numpy(), h, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 8, 8), (3, 15, 9), (1, 28, 28)])
def test_convolutions(shape):
    encoder = conv_encoder(shape, (4, 8), 5, generator())
    x = torch.randn(3, *shape)
    assert encoder(x).shape == (3, 5)
    torch.testing.assert_close(encoder(x)[:2], encoder(x[:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side, smallest, expected", [(28, 4, 4), (8, 4, 4), (8, 1, 1), (3, 4, 3)])
def test_maps_stay_large_enough(side, smallest, expected):
    trunk, shape = conv_trunk((1, side, side), (4, 4, 4), generator(), smallest=smallest)
    assert shape == (4, expected, expected)
    assert trunk(torch.randn(2, 1, side, side)).shape == (2, *shape)


def test_same_generator_same_weights():
    first, second = (conv_encoder((1, 8, 8), (4,), 5, generator(1)) for _ in range(2))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
