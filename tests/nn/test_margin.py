"""The margin loss of metric learning, and attention to places."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster.nn import AttentionPooling, margin_loss


def unit(n, p, seed=0):
    z = torch.randn(n, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(z, dim=1)


def slow(z, labels, margin, boundary, cutoff):
    total, active = 0.0, 0
    for i in range(len(z)):
        d = [np.sqrt(np.square(z[i] - z[j]).sum() + 1e-8) for j in range(len(z))]
        alike = [j for j in range(len(z)) if labels[j] == labels[i] and j != i]
        others = [j for j in range(len(z)) if labels[j] != labels[i]]
        far = sorted((j for j in others if d[j] >= cutoff), key=lambda j: d[j])
        near = sorted((j for j in others if d[j] < cutoff), key=lambda j: -d[j])
        terms = [d[j] - boundary + margin for j in alike]
        terms += [boundary + margin - d[j] for j in [*far, *near][: len(alike)]]
        total += sum(term for term in terms if term > 0)
        active += sum(term > 0 for term in terms)
    return total / max(active, 1)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 10), st.integers(1, 4), st.floats(0, 0.5), st.floats(0.3, 1.8),
    st.floats(0, 1.5), st.integers(0, 500),
)  # fmt: skip
def test_against_loops(n, n_labels, margin, boundary, cutoff, seed):
    z, labels = unit(n, 3, seed), np.random.default_rng(seed).integers(n_labels, size=n)
    found = margin_loss(z, torch.as_tensor(labels), margin, boundary, cutoff).item()
    assert found == pytest.approx(slow(z.numpy(), labels, margin, boundary, cutoff), abs=1e-6)


def test_known_values():
    labels = torch.arange(3).repeat_interleave(2)
    apart = torch.eye(3, dtype=torch.float64)[labels]
    # Equal rows within labels, and distances of sqrt(2) > 1.4 between them.
    assert margin_loss(apart, labels).item() == 0
    same = torch.ones(6, 1, dtype=torch.float64).requires_grad_()
    # Rows in one place violate the bound between labels only, by 1.4; they have no direction.
    loss = margin_loss(same, labels)
    assert loss.item() == pytest.approx(1.4 - 1e-4)
    loss.backward()
    assert same.grad.isfinite().all()


def test_nothing_to_compare():
    z = unit(4, 3).requires_grad_()
    loss = margin_loss(z, torch.arange(4))
    loss.backward()
    assert loss.item() == 0 and z.grad.eq(0).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 6), st.integers(0, 500))
def test_attention_weights_places(n_channels, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    pooling = AttentionPooling(n_channels, generator)
    x = torch.randn(3, n_channels, height, width, generator=generator)
    maps = pooling.maps(x)
    assert maps.shape == (3, height, width)
    assert (maps > 0).all() and (maps < 1).all()
    expected = torch.einsum("nhw,nchw->nc", maps, x) / (height * width)
    torch.testing.assert_close(pooling(x), expected, rtol=1e-4, atol=1e-5)
