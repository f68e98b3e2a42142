"""Networks and losses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skdeepcluster.nn import (
    CONSTRAINTS,
    RECONSTRUCTION_LOSSES,
    Autoencoder,
    conv_autoencoder,
    cosine_dissimilarity,
    kl_divergence,
    mlp_autoencoder,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


sides = st.integers(1, 19)


@given(
    shape=st.tuples(st.integers(1, 3), sides, sides),
    channels=st.lists(st.integers(1, 5), max_size=4),
    n_components=st.integers(1, 4),
)
@settings(max_examples=60)
def test_convolutions_restore_every_image_size(shape, channels, n_components):
    module = Autoencoder(*conv_autoencoder(shape, channels, n_components, seeded()))
    z, restored = module(torch.rand(2, *shape))
    assert z.shape == (2, n_components)
    assert restored.shape == (2, *shape)
    assert restored.isfinite().all()


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    hidden=st.lists(st.integers(1, 6), max_size=3),
)
@settings(max_examples=40)
def test_dense_layers_restore_every_shape(shape, hidden):
    module = Autoencoder(*mlp_autoencoder(tuple(shape), hidden, 2, seeded()))
    z, restored = module(torch.rand(3, *shape))
    assert z.shape == (3, 2) and restored.shape == (3, *shape)
    n_in, n_hidden = math.prod(shape), sum(hidden)
    widths = [n_in, *hidden, 2]
    weights = 2 * sum(a * b for a, b in zip(widths[:-1], widths[1:], strict=True))
    biases = 2 * n_hidden + 2 + n_in
    assert sum(p.numel() for p in module.parameters()) == weights + biases


@pytest.mark.parametrize("make, hidden", [(mlp_autoencoder, [6]), (conv_autoencoder, [3, 4])])
def test_weights_come_from_the_generator_alone(make, hidden):
    shape = (1, 7, 6)
    before = torch.get_rng_state()
    first = Autoencoder(*make(shape, hidden, 2, seeded(1))).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.set_default_dtype(torch.float64)
    try:
        second = Autoencoder(*make(shape, hidden, 2, seeded(1))).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)
    other = Autoencoder(*make(shape, hidden, 2, seeded(2))).state_dict()
    for name, value in first.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, second[name])
        assert not torch.equal(value, other[name])


def test_weights_fill_their_interval():
    encoder, _ = mlp_autoencoder((400,), [300], 5, seeded())
    weight = encoder[1].weight
    assert weight.abs().max() <= 400**-0.5
    assert weight.var().item() == pytest.approx(1 / 3 / 400, rel=0.02)


def test_signal_keeps_its_magnitude_through_transposed_convolutions():
    """The fan-in of a transposed convolution counts what an output pixel meets."""
    _, decoder = conv_autoencoder((1, 33, 33), [16, 16], 10, seeded())
    layer = [m for m in decoder if isinstance(m, torch.nn.ConvTranspose2d)][0]
    with torch.no_grad():
        out = layer(torch.randn(8, 16, 9, 9, generator=seeded()))
    assert 0.3 < out[..., 3:-3, 3:-3].std() < 1.0


def test_linear_autoencoder_spans_the_principal_components():
    X = torch.from_numpy(load_digits().data / 16).float()
    X = X - X.mean(dim=0)
    pca = PCA(10).fit(X.numpy())
    best = np.square(X.numpy() - pca.inverse_transform(pca.transform(X.numpy()))).mean()
    module = Autoencoder(*mlp_autoencoder((64,), [], 10, seeded()))
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = RECONSTRUCTION_LOSSES["mse"](X, module(X)[1])
        loss.backward()
        return loss

    optimizer.step(closure)
    assert best <= closure().item() * (1 + 1e-5)
    assert closure().item() <= 1.01 * best


@given(st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_constraints_hold(seed, scale):
    z = scale * torch.randn(20, 5, generator=seeded(seed))
    unit = CONSTRAINTS["unit_norm"](z)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(20))
    torch.testing.assert_close(torch.nn.functional.cosine_similarity(unit, z), torch.ones(20))
    simplex = CONSTRAINTS["simplex"](z)
    assert (simplex >= 0).all()
    torch.testing.assert_close(simplex.sum(dim=1), torch.ones(20))
    assert CONSTRAINTS["tanh"](z).abs().max() <= 1
    sigmoid = CONSTRAINTS["sigmoid"](z)
    assert (sigmoid >= 0).all() and (sigmoid <= 1).all()
    assert CONSTRAINTS["none"](z) is z


def test_code_is_constrained_before_it_is_decoded():
    encoder, decoder = mlp_autoencoder((4,), [], 3, seeded())
    module = Autoencoder(encoder, decoder, "unit_norm")
    x = torch.randn(5, 4, generator=seeded())
    z, restored = module(x)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(restored, decoder(z))
    torch.testing.assert_close(module.encode(x), z)


def test_code_of_a_zero_row_is_finite_with_unit_norm():
    x = torch.zeros(2, 3, requires_grad=True)
    z = CONSTRAINTS["unit_norm"](x)
    z.sum().backward()
    assert (z == 0).all() and x.grad.isfinite().all()


def test_autoencoder_speaks_float32_under_autocast():
    module = Autoencoder(*mlp_autoencoder((8,), [8], 2, seeded()))
    with torch.autocast("cpu", torch.bfloat16):
        z, restored = module(torch.rand(4, 8))
    assert z.dtype == restored.dtype == torch.float32


@given(st.sampled_from(sorted(RECONSTRUCTION_LOSSES)), st.integers(1, 6), st.integers(0, 99))
def test_reconstruction_losses_against_numpy(name, n, seed):
    random = np.random.RandomState(seed)
    x, restored = random.rand(n, 2, 3), random.randn(n, 2, 3)
    pair = torch.from_numpy(x), torch.from_numpy(restored)
    loss = RECONSTRUCTION_LOSSES[name](*pair, rows=True).numpy()
    a, b = x.reshape(n, -1), restored.reshape(n, -1)
    p = 1 / (1 + np.exp(-b))
    expected = {
        "mse": ((a - b) ** 2).mean(axis=1),
        "mae": np.abs(a - b).mean(axis=1),
        "bce": -(a * np.log(p) + (1 - a) * np.log(1 - p)).mean(axis=1),
        "cosine": 1 - (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)),
    }[name]
    np.testing.assert_allclose(loss, expected, atol=1e-12)
    np.testing.assert_allclose(RECONSTRUCTION_LOSSES[name](*pair), expected.mean(), atol=1e-12)


def test_cosine_dissimilarity_of_a_zero_row_is_one():
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    restored = torch.tensor([[1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    loss = cosine_dissimilarity(x, restored)
    torch.testing.assert_close(loss, torch.ones(2))
    loss.sum().backward()
    assert restored.grad.isfinite().all()


def test_kl_divergence_knows_that_nothing_times_log_of_nothing_is_nothing():
    p = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    log_q = torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]])).requires_grad_()
    loss = kl_divergence(p, log_q)
    assert loss.item() == pytest.approx(math.log(4) / 2)
    loss.backward()
    assert log_q.grad.isfinite().all()
