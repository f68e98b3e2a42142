"""Soft assignments, their target and the loss between them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp, softmax

from skdeepcluster.assignment import sharpen, sharpening_loss, student_t
from skdeepcluster.nn import kl_divergence


@st.composite
def embeddings(draw, *, magnitude=20.0):
    """Rows and centers in float64."""
    n, k, d = draw(st.integers(1, 12)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    numbers = st.floats(-magnitude, magnitude, width=32)
    z, centers = (
        draw(arrays(np.float64, (n, d), elements=numbers)),
        draw(arrays(np.float64, (k, d), elements=numbers)),
    )
    return torch.from_numpy(z), torch.from_numpy(centers)


alphas = st.floats(1e-2, 1e3)


def reference_q(z, centers, alpha):
    squared = ((z[:, None, :] - centers[None]) ** 2).sum(axis=2)
    similarity = (1 + squared / alpha) ** (-(alpha + 1) / 2)
    return similarity / similarity.sum(axis=1, keepdims=True)


def reference_p(q):
    weight = q**2 / q.sum(axis=0)
    return weight / weight.sum(axis=1, keepdims=True)


def spread_log_q(n, k, seed=0, scale=3.0):
    logits = torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.log_softmax(scale * logits, dim=1)


@given(embeddings(), st.floats(0.1, 10))
def test_agrees_with_a_direct_computation(pair, alpha):
    z, centers = pair
    log_q = student_t(z, centers, alpha)
    q = reference_q(z.numpy(), centers.numpy(), alpha)
    np.testing.assert_allclose(log_q.exp().numpy(), q, atol=1e-9)
    np.testing.assert_allclose(sharpen(log_q.clone()).numpy(), reference_p(q), atol=1e-8)
    p = reference_p(q)
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.where(p > 0, p * np.log(p / q), 0).sum() / len(q)
    assert sharpening_loss(log_q) == pytest.approx(kl, abs=1e-8)


@given(st.integers(0, 2**31 - 1), st.integers(1, 30), st.integers(1, 5))
def test_weights_are_repeated_rows(seed, n, k):
    log_q = spread_log_q(n, k, seed)
    counts = torch.randint(4, (n,), generator=torch.Generator().manual_seed(seed))
    counts[0] += 1
    repeated = log_q.repeat_interleave(counts, dim=0)
    weights = counts / counts.double().mean()
    expected = sharpen(repeated.clone())
    found = sharpen(log_q.clone(), weights=weights)
    torch.testing.assert_close(found.repeat_interleave(counts, dim=0), expected)
    loss = sharpening_loss(log_q, weights)
    assert loss == pytest.approx(sharpening_loss(repeated), abs=1e-12)


@given(embeddings(magnitude=1e6), alphas)
def test_rows_sum_to_one_and_stay_finite_in_float32(pair, alpha):
    z, centers = (tensor.float() for tensor in pair)
    log_q = student_t(z, centers, alpha)
    assert log_q.isfinite().all() and (log_q <= 0).all()
    torch.testing.assert_close(log_q.exp().sum(dim=1), torch.ones(len(z)))
    p = sharpen(log_q.clone())
    assert (p >= 0).all()
    torch.testing.assert_close(p.sum(dim=1), torch.ones(len(z)))


@given(embeddings(), st.floats(-100, 100), alphas)
def test_translation_leaves_the_assignment(pair, offset, alpha):
    z, centers = pair
    moved = student_t(z + offset, centers + offset, alpha)
    torch.testing.assert_close(moved.exp(), student_t(z, centers, alpha).exp(), atol=1e-7, rtol=0)


@given(embeddings(), st.randoms(use_true_random=False))
def test_permuted_centers_permute_columns(pair, random):
    z, centers = pair
    order = list(range(len(centers)))
    random.shuffle(order)
    log_q = student_t(z, centers)
    permuted = student_t(z, centers[order])
    torch.testing.assert_close(permuted, log_q[:, order])
    torch.testing.assert_close(sharpen(permuted.clone()), sharpen(log_q.clone())[:, order])


@given(embeddings(magnitude=5.0))
def test_many_degrees_of_freedom_give_a_softmax(pair):
    z, centers = pair
    squared = torch.cdist(z, centers).square()
    expected = torch.softmax(-squared / 2, dim=1)
    torch.testing.assert_close(student_t(z, centers, 1e9).exp(), expected, atol=1e-5, rtol=0)


@given(embeddings())
def test_assigns_to_the_nearest_center(pair):
    z, centers = pair
    squared = ((z[:, None] - centers) ** 2).sum(dim=2)
    chosen = student_t(z, centers).argmax(dim=1, keepdim=True)
    gap = squared.gather(1, chosen).squeeze(1) - squared.min(dim=1).values
    assert (gap <= 1e-9 * (1 + z.square().sum(dim=1) + centers.square().sum())).all()


def test_one_cluster_has_everything():
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    log_q = student_t(z, torch.zeros(1, 3))
    assert (log_q == 0).all()
    assert (sharpen(log_q.clone()) == 1).all()
    assert sharpening_loss(log_q) == 0


@given(st.integers(1, 10), st.integers(0, 100))
def test_equal_cluster_sizes_sharpen_every_row(k, seed):
    # All cyclic shifts of rows have the same sum in each column.
    row = spread_log_q(1, k, seed)[0]
    log_q = torch.stack([row.roll(shift) for shift in range(k)])
    p = sharpen(log_q.clone())
    assert (p.max(dim=1).values >= log_q.exp().max(dim=1).values - 1e-12).all()


@given(embeddings(), alphas)
def test_loss_is_a_divergence(pair, alpha):
    log_q = student_t(*pair, alpha)
    loss = sharpening_loss(log_q)
    assert loss >= -1e-12
    kl = kl_divergence(sharpen(log_q.clone()), log_q).item()
    assert loss == pytest.approx(kl, abs=1e-9)


def test_sharpen_overwrites_its_argument_and_cuts_nothing_at_block_borders():
    log_q = spread_log_q(2**16 + 3, 3)
    expected = reference_p(log_q.exp().numpy())
    loss = sharpening_loss(log_q)
    p = sharpen(log_q)
    assert p.data_ptr() == log_q.data_ptr()
    np.testing.assert_allclose(p.numpy(), expected, atol=1e-12)
    q = spread_log_q(2**16 + 3, 3).exp().numpy()
    assert loss == pytest.approx((expected * np.log(expected / q)).sum(axis=1).mean(), rel=1e-9)


def test_sharpen_where_probabilities_underflow():
    log_q = torch.tensor([[0.0, -300.0], [-300.0, 0.0], [0.0, -300.0]])
    p = sharpen(log_q.clone())
    torch.testing.assert_close(p, torch.tensor([[1.0, 0], [0, 1.0], [1.0, 0]]))
    assert np.isfinite(sharpening_loss(log_q))


@given(embeddings(magnitude=5.0), st.floats(0.1, 10))
def test_gradients_are_those_of_the_paper(pair, alpha):
    z, centers = (tensor.clone().requires_grad_() for tensor in pair)
    log_q = student_t(z, centers, alpha)
    p = sharpen(log_q.detach().clone())
    (kl_divergence(p, log_q) * len(z)).backward()
    with torch.no_grad():
        difference = z[:, None] - centers
        inverse = 1 / (1 + difference.square().sum(dim=2) / alpha)
        pull = (alpha + 1) / alpha * (inverse * (p - log_q.exp()))[:, :, None] * difference
        # Where a row meets a center, rounding may leave a squared distance below zero, cut off
        # with its gradient; the difference itself vanishes there.
        torch.testing.assert_close(z.grad, pull.sum(dim=1), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(centers.grad, -pull.sum(dim=0), atol=1e-6, rtol=1e-6)


def test_gradients_to_eight_digits():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(20, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    centers = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    for alpha in (0.5, 1.0, 7.0):
        z.grad = centers.grad = None
        log_q = student_t(z, centers, alpha)
        p = sharpen(log_q.detach().clone())
        (kl_divergence(p, log_q) * len(z)).backward()
        with torch.no_grad():
            difference = z[:, None] - centers
            inverse = 1 / (1 + difference.square().sum(dim=2) / alpha)
            pull = (alpha + 1) / alpha * (inverse * (p - log_q.exp()))[:, :, None] * difference
        torch.testing.assert_close(z.grad, pull.sum(dim=1), atol=1e-8, rtol=0)
        torch.testing.assert_close(centers.grad, -pull.sum(dim=0), atol=1e-8, rtol=0)


def test_descent_on_a_fixed_target_lowers_the_divergence():
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(200, 2, generator=generator, dtype=torch.float64)
    centers = torch.randn(4, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    p = sharpen(student_t(z, centers).detach())
    losses = []
    for _ in range(30):
        loss = kl_divergence(p, student_t(z, centers))
        losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, centers)
        with torch.no_grad():
            centers -= 0.05 * gradient
    assert (np.diff(losses) < 0).all()


def test_reference_agrees_with_scipy():
    log_q = spread_log_q(6, 4).numpy()
    p = softmax(2 * log_q - logsumexp(log_q, axis=0), axis=1)
    np.testing.assert_allclose(p, reference_p(np.exp(log_q)), rtol=1e-10)
