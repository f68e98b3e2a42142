"""Attention to places of images."""

import math

from torch import nn

from skdeepcluster.nn._autoencoder import _seeded


class AttentionPooling(nn.Module):
    """Means over the places of feature maps, weighted by an attention map in (0, 1).

    The attention map comes from three 3 x 3 convolutions of the feature maps and a sigmoid. It
    multiplies all maps; weights need not sum to 1.

    Parameters
    ----------
    n_channels : int
        Of the feature maps.
    generator : torch.Generator
    """

    def __init__(self, n_channels, generator):
        super().__init__()
        widths = [n_channels, math.ceil(n_channels / 8), math.ceil(n_channels / 32), 1]
        layers = []
        for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
            layers += [_seeded(nn.Conv2d, n_in, n_out, 3, padding=1, generator=generator)]
            layers += [nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1], nn.Sigmoid())

    def maps(self, x):
        """Attention maps of feature maps, of shape (n, h, w)."""
        return self.layers(x)[:, 0]

    def forward(self, x):
        """Features of shape (n, n_channels)."""
        return (self.maps(x)[:, None] * x).mean(dim=(2, 3))
