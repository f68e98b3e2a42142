"""An encoder without a decoder."""

import numpy as np
import pytest
import torch
from torch import nn

from skdeepcluster.deep import DeepEstimator, EncoderMixin

IMAGES = (1, 6, 7)


class Encoders(EncoderMixin, DeepEstimator):
    """Networks and nothing else."""


def built(encoder="mlp", shape=(6,), **params):
    seed = torch.Generator().manual_seed(0)
    return Encoders(encoder=encoder, **params)._encoder_alone(shape, seed)


@pytest.mark.parametrize(
    "encoder, shape, n_components, width",
    [("mlp", (6,), None, 6), ([8, 4], (30,), None, 10), ("mlp", (6,), 8, 8),
     ("mlp", IMAGES, 3, 3), ("conv", IMAGES, 3, 3)],
)  # fmt: skip
def test_named_encoders(encoder, shape, n_components, width):
    params = {"hidden_layer_sizes": (4, 6)} if isinstance(encoder, str) else {}
    module = built(encoder, shape, n_components=n_components, **params)
    assert module.encode(torch.rand(5, *shape)).shape == (5, width)
    assert not hasattr(module, "decoder")


def test_a_given_module_is_copied_with_its_weights():
    given = nn.Sequential(nn.Linear(6, 5), nn.Tanh()).double()
    module = built(given)
    with torch.no_grad():
        module.encoder[0].weight.zero_()
    assert module.encode(torch.rand(3, 6)).dtype == torch.float32
    assert given[0].weight.dtype == torch.float64 and (given[0].weight != 0).any()


def test_the_constraint_holds_for_given_modules():
    class OnSphere(Encoders):
        _constraint = "unit_norm"

    module = OnSphere(encoder=nn.Linear(6, 5))._encoder_alone((6,), None)
    z = module.encode(torch.rand(4, 6)).detach()
    np.testing.assert_allclose(z.norm(dim=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    "encoder, shape, message",
    [(nn.Linear(5, 3), (6,), "does not fit rows of shape"),
     (nn.Identity(), IMAGES, "codes must be"),
     ("conv", (6,), "needs images"),
     ([8, 0], (6,), "positive integers")],
)  # fmt: skip
def test_networks_that_do_not_fit(encoder, shape, message):
    with pytest.raises(ValueError, match=message):
        built(encoder, shape)
