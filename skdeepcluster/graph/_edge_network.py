"""Networks that say which points of a set are of one object: on edges, and on candidates."""

import torch
from torch import nn

from skdeepcluster.nn import AttentionLayer, linear

# Added to lengths and to sums of gates, in units of a mean link.
SMALL = 1e-3


class EdgeNetwork(nn.Module):
    """Scores of edges and embeddings of points, by messages along the edges of a set.

    Parameters
    ----------
    n_features : int
    width : int
        Of the embeddings of points and edges.
    n_layers : int
        Exchanges between points and edges.
    generator : torch.Generator

    Attributes
    ----------
    unit : Tensor, a scalar
        The length in units of which points and steps are taken.
    """

    def __init__(self, n_features, width, n_layers, generator):
        super().__init__()
        self.point = _dense(n_features, width, width, generator)
        self.edge = _dense(2 * n_features + 1, width, width, generator)
        self.layers = nn.ModuleList([EdgeLayer(width, generator) for _ in range(n_layers)])
        self.decoder = _dense(3 * width, width, 1, generator)
        self.register_buffer("unit", torch.ones(()))

    def forward(self, x, first, second):
        """Embeddings and logits.

        Parameters
        ----------
        x : Tensor of shape (n, n_features)
        first, second : LongTensor of shape (n_edges,)
            The ends of the edges, each edge in both directions.

        Returns
        -------
        z : Tensor of shape (n, width)
        logits : Tensor of shape (n_edges,)
            Equal for both directions.
        """
        x = x / self.unit
        step = x[second] - x[first]
        length = step.norm(dim=1, keepdim=True)
        z = self.point(x)
        e = self.edge(torch.cat([step, step / (length + SMALL), length], dim=1))
        for layer in self.layers:
            z, e = layer(z, e, first, second)
        back = e[reversed_edges(first, second, len(x))]
        # What does not change when the ends are exchanged.
        joint = torch.cat([z[first] * z[second], e + back, (e - back).abs()], dim=1)
        return z, self.decoder(joint).squeeze(1).float()


class EdgeLayer(nn.Module):
    """Edges look at their ends, and points at the gated mean of their edges and neighbors."""

    def __init__(self, width, generator):
        super().__init__()
        self.edge = _dense(3 * width, width, width, generator)
        self.gate = linear(width, width, generator)
        self.message = linear(2 * width, width, generator)
        self.point = _dense(2 * width, width, width, generator)
        self.edge_norm, self.point_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, z, e, first, second):
        other = z[second]
        e = self.edge_norm(e + self.edge(torch.cat([z[first], other, e], dim=1)))
        gate = torch.sigmoid(self.gate(e))
        message = gate * self.message(torch.cat([other, e], dim=1))
        sums = message.new_zeros(len(z), message.shape[1]).index_add(0, first, message)
        gates = gate.new_zeros(len(z), gate.shape[1]).index_add(0, first, gate)
        z = self.point_norm(z + self.point(torch.cat([z, sums / (gates + SMALL)], dim=1)))
        return z, e


class MemberNetwork(nn.Module):
    """Which candidates are of the object of the pivots, by attention among the candidates.

    Parameters
    ----------
    n_features : int
    width : int
        Of the points' embeddings.
    n_layers, n_heads : int
    generator : torch.Generator
    """

    def __init__(self, n_features, width, n_layers, n_heads, generator):
        super().__init__()
        self.start = _dense(width + n_features + 1, width, width, generator)
        layers = [AttentionLayer(width, n_heads, generator) for _ in range(n_layers)]
        self.layers = nn.ModuleList(layers)
        self.norm, self.decoder = nn.LayerNorm(width), _dense(width, width, 1, generator)

    def forward(self, z, x, n_pivots, inside):
        """Logits of membership.

        Parameters
        ----------
        z : Tensor of shape (n, n_candidates, width)
        x : Tensor of shape (n, n_candidates, n_features)
            The candidates, in units of a mean link.
        n_pivots : int
            The first so many candidates are the pivots.
        inside : Tensor of shape (n, n_candidates), bool
            False where there are fewer candidates.

        Returns
        -------
        logits : Tensor of shape (n, n_candidates)
        """
        pivot = inside.clone()
        pivot[:, n_pivots:] = False
        share = pivot / pivot.sum(dim=1, keepdim=True)
        # Where an object lies does not say what belongs to it.
        x = x - (share[..., None] * x).sum(dim=1, keepdim=True)
        h = self.start(torch.cat([z, x, pivot[..., None].to(x.dtype)], dim=2))
        for layer in self.layers:
            h = layer(h, inside)
        return self.decoder(self.norm(h)).squeeze(2).float()


class PointSetNetwork(nn.Module):
    """Both networks."""

    def __init__(self, edges, members):
        super().__init__()
        self.edges, self.members = edges, members


def reversed_edges(first, second, n):
    """The position of each edge in the other direction."""
    positions = torch.empty_like(first)
    positions[torch.argsort(first * n + second)] = torch.argsort(second * n + first)
    return positions


def _dense(n_in, n_hidden, n_out, generator):
    hidden = linear(n_in, n_hidden, generator)
    return nn.Sequential(hidden, nn.SiLU(), linear(n_hidden, n_out, generator))
