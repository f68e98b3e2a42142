"""Embeddings of bags of parts, from the embeddings of their parts."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster.nn._encoder import linear


class BagEncoder(nn.Module):
    """Self-attention between the parts of a bag, and their mean, of length one.

    Without positions the embedding does not depend on the order of the parts.

    Parameters
    ----------
    width : int
        Of the embeddings of parts and of bags.
    n_layers : int
        Layers of attention; without any the embedding is the mean of the parts.
    n_heads : int
        Of each layer.
    ordered : bool
        Whether positions are added to the parts.
    generator : torch.Generator
    """

    def __init__(self, width, n_layers, n_heads, ordered, generator):
        super().__init__()
        self.width, self.ordered = width, ordered
        layers = [AttentionLayer(width, n_heads, generator) for _ in range(n_layers)]
        self.layers = nn.ModuleList(layers)
        if n_layers:
            self.token = nn.Parameter(torch.randn(width, generator=generator))
            self.restore = linear(width, width, generator)

    def context(self, parts, inside=None, hidden=None):
        """Features of parts that know the others, of shape (n, n_parts, width).

        Parameters
        ----------
        parts : Tensor of shape (n, n_parts, width)
            Of length one.
        inside : Tensor of shape (n, n_parts), bool, optional
            False where a smaller bag is padded.
        hidden : Tensor of shape (n, n_parts), bool, optional
            True where a learned token stands for a part.
        """
        if not len(self.layers):
            return parts
        h = parts * math.sqrt(self.width)
        if hidden is not None:
            h = torch.where(hidden[..., None], self.token.to(h.dtype), h)
        if self.ordered:
            h = h + positions(h.shape[1], self.width).to(h)
        for layer in self.layers:
            h = layer(h, inside)
        return h

    def forward(self, parts, inside=None):
        """Embeddings of bags, of shape (n, width), in float32."""
        h = self.context(parts, inside).float()
        if inside is not None:
            h = h * inside[..., None]
        # Directions of sums are those of means.
        return F.normalize(h.sum(dim=1), dim=1)

    def restoration_errors(self, parts, inside, hidden):
        """Squared distances of parts, where hidden, from what the others predict for them."""
        restored = self.restore(self.context(parts.detach(), inside, hidden)).float()
        return (restored - parts.detach()).square().sum(dim=2)


class AttentionLayer(nn.Module):
    """Attention between parts and a dense layer on each, both added to their normalized input."""

    def __init__(self, width, n_heads, generator):
        super().__init__()
        self.n_heads = n_heads
        inner = n_heads * max(1, width // n_heads)
        self.norm, self.dense_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look = linear(width, 3 * inner, generator)
        self.join = linear(inner, width, generator)
        self.dense = nn.Sequential(
            linear(width, 2 * width, generator), nn.GELU(), linear(2 * width, width, generator)
        )

    def forward(self, h, inside=None):
        looks = self.look(self.norm(h)).unflatten(2, (3, self.n_heads, -1))
        query, key, value = looks.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        if inside is not None:
            scores = scores.masked_fill(~inside[:, None, None], -torch.inf)
        seen = (scores.softmax(dim=3) @ value).transpose(1, 2).flatten(2)
        h = h + self.join(seen)
        return h + self.dense(self.dense_norm(h))


def positions(n_parts, width):
    """Sines and cosines of positions, of wavelengths from 6 to 60,000 parts."""
    rates = 10_000.0 ** -(torch.arange(0, width, 2) / width)
    angles = torch.arange(n_parts)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
