"""Encoders without a decoder, of normalized layers."""

import math

from torch import nn

from skdeepcluster.nn._autoencoder import _seeded


def dense_encoder(shape, hidden_layer_sizes, n_components, generator):
    """Dense layers, each normalized over its units before the ReLU, and a linear last one.

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
    encoder : torch.nn.Sequential
    """
    layers, width = [nn.Flatten()], math.prod(shape)
    for n_out in hidden_layer_sizes:
        linear = _seeded(nn.Linear, width, n_out, generator=generator)
        layers += [linear, nn.LayerNorm(n_out), nn.ReLU()]
        width = n_out
    return nn.Sequential(*layers, _seeded(nn.Linear, width, n_components, generator=generator))


def conv_encoder(shape, channels, n_components, generator):
    """Strided 3 x 3 convolutions, each halving the image, and a dense layer before the code.

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
    encoder : torch.nn.Sequential
    """
    trunk, shape = conv_trunk(shape, channels, generator)
    return nn.Sequential(*trunk, *dense_encoder(shape, [2 * channels[-1]], n_components, generator))


def conv_trunk(shape, channels, generator, smallest=1):
    """The convolutions of `conv_encoder`, and the shape of the maps that they give.

    Those that would leave a side of less than `smallest` pixels do not halve.
    """
    layers, (n_in, *sides) = [], shape
    for n_out in channels:
        halved = [(side + 1) // 2 for side in sides]
        halves = min(halved) >= smallest
        options = {"kernel_size": 3, "stride": 2 if halves else 1, "padding": 1}
        layers += [_seeded(nn.Conv2d, n_in, n_out, generator=generator, **options)]
        layers += [nn.GroupNorm(math.gcd(8, n_out), n_out), nn.ReLU()]
        n_in, sides = n_out, halved if halves else sides
    return nn.Sequential(*layers), (n_in, *sides)


def pooled_conv_encoder(shape, channels, n_components, generator):
    """5 x 5 convolutions without padding, with maxima of 2 x 2 pixels, and a dense layer.

    Maxima are taken where at least 6 pixels a side remain.

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
    encoder : torch.nn.Sequential
    """
    layers, (n_in, *sides) = [], shape
    for n_out in channels:
        kernel = [min(5, side) for side in sides]
        layers += [_seeded(nn.Conv2d, n_in, n_out, kernel, generator=generator)]
        layers += [nn.GroupNorm(math.gcd(10, n_out), n_out), nn.ReLU()]
        sides = [side - width + 1 for side, width in zip(sides, kernel, strict=True)]
        halved = [(side + 1) // 2 for side in sides]
        if min(halved) >= 6:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            sides = halved
        n_in = n_out
    shape = (n_in, *sides)
    return nn.Sequential(*layers, *dense_encoder(shape, [], n_components, generator))


def linear(n_in, n_out, generator):
    """A dense layer with weights from the generator."""
    return _seeded(nn.Linear, n_in, n_out, generator=generator)
