"""Autoencoders: a pair of networks with a code between them."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import skip_init


def _seeded(layer, *sizes, generator, **options):
    """A layer with weights from a generator instead of the global one.

    Weights and biases are uniform in ±1/sqrt(fan-in).
    """
    layer = skip_init(layer, *sizes, dtype=torch.float32, **options)
    fan_in = layer.weight[0].numel()
    if isinstance(layer, nn.ConvTranspose2d):
        # Each output pixel depends on every stride-th entry of the kernel in both directions.
        fan_in = layer.weight.shape[0] * layer.weight[0, 0].numel() / math.prod(layer.stride)
    bound = fan_in**-0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
    return layer


def _mlp(widths, generator):
    """Dense layers with ReLU between them and a linear last one."""
    layers = []
    for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
        layers += [_seeded(nn.Linear, n_in, n_out, generator=generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


#: Constraints on a code: functions of the encoder's linear output, by name.
CONSTRAINTS = {
    "none": lambda z: z,
    "unit_norm": lambda z: F.normalize(z, dim=1),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "simplex": lambda z: torch.softmax(z, dim=1),
}


class Encoder(nn.Module):
    """A network from rows to codes.

    Parameters
    ----------
    encoder : torch.nn.Module
    constraint : str, default="none"
        A key of `CONSTRAINTS`.
    """

    def __init__(self, encoder, constraint="none"):
        super().__init__()
        self.encoder, self.constraint = encoder, constraint

    def encode(self, x):
        """Codes of rows, in float32."""
        return CONSTRAINTS[self.constraint](self.encoder(x).float())


@torch.no_grad()
def code_width(module, shape):
    """Length of the codes of rows of this shape. The module is then in evaluation mode."""
    return module.eval().encode(torch.zeros(2, *shape)).shape[1]


class Autoencoder(Encoder):
    """An encoder and a decoder.

    Parameters
    ----------
    encoder, decoder : torch.nn.Module
    constraint : str, default="none"
        A key of `CONSTRAINTS`.
    """

    def __init__(self, encoder, decoder, constraint="none"):
        super().__init__(encoder, constraint)
        self.decoder = decoder

    def decode(self, z):
        """Rows from codes, in float32."""
        return self.decoder(z).float()

    def forward(self, x):
        """Codes and reconstructions."""
        z = self.encode(x)
        return z, self.decode(z)


def mlp_autoencoder(shape, hidden_layer_sizes, n_components, generator):
    """Dense encoder and mirrored decoder for rows of any shape.

    Parameters
    ----------
    shape : tuple of int
        Of a row; images are flattened.
    hidden_layer_sizes : sequence of int
    n_components : int
        Width of the code.
    generator : torch.Generator

    Returns
    -------
    encoder, decoder : torch.nn.Sequential
    """
    widths = [math.prod(shape), *hidden_layer_sizes, n_components]
    encoder = nn.Sequential(nn.Flatten(), *_mlp(widths, generator))
    decoder = nn.Sequential(*_mlp(widths[::-1], generator), nn.Unflatten(1, tuple(shape)))
    return encoder, decoder


def conv_autoencoder(shape, channels, n_components, generator):
    """Strided 5 x 5 convolutions (the last 3 x 3), each halving the image, and their transposes.

    Parameters
    ----------
    shape : tuple of int
        (C, H, W) of an image.
    channels : sequence of int
        Of each convolution.
    n_components : int
        Width of the code.
    generator : torch.Generator

    Returns
    -------
    encoder, decoder : torch.nn.Sequential
    """
    sizes, encoder, decoder = [shape], [], []
    for position, n_out in enumerate(channels):
        n_in, *size = sizes[-1]
        kernel = 3 if position == len(channels) - 1 else 5
        options = {"kernel_size": kernel, "stride": 2, "padding": kernel // 2}
        encoder += [_seeded(nn.Conv2d, n_in, n_out, generator=generator, **options), nn.ReLU()]
        halved = [(side + 1) // 2 for side in size]
        # An even side needs one more row to come back to its size.
        extra = tuple(side - (2 * half - 1) for side, half in zip(size, halved, strict=True))
        options["output_padding"] = extra
        layer = _seeded(nn.ConvTranspose2d, n_out, n_in, generator=generator, **options)
        decoder = [nn.ReLU(), layer, *decoder]
        sizes.append((n_out, *halved))
    flat = math.prod(sizes[-1])
    encoder += [nn.Flatten(), _seeded(nn.Linear, flat, n_components, generator=generator)]
    first = _seeded(nn.Linear, n_components, flat, generator=generator)
    decoder = [first, nn.Unflatten(1, sizes[-1]), *decoder]
    return nn.Sequential(*encoder), nn.Sequential(*decoder)
