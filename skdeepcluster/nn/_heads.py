"""Several heads on the same features, computed together."""

import torch
import torch.nn.functional as F
from torch import nn

_ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class Heads(nn.Module):
    """Dense networks from features to logits, all of the same sizes, in one product per layer.

    Parameters
    ----------
    n_heads : int
    widths : sequence of int
        Of the features, the hidden layers and the logits.
    generator : torch.Generator
    activation : {"relu", "gelu"}, default="relu"
        After each hidden layer; with `scale` not after the last one.
    scale : float, default=None
        Logits are this factor times the cosine between the last hidden layer and the weights of
        each class. By default they are linear.
    gains : bool, default=False
        Whether each cosine has a trained factor, 1 at first.
    std : float, default=None
        Standard deviation of the first weights of hidden layers, without biases. By default
        weights and biases are uniform in ±1/sqrt(fan-in).
    """

    def __init__(
        self, n_heads, widths, generator, activation="relu", scale=None, gains=False, std=None
    ):
        super().__init__()
        self.n_heads, self.activation, self.scale = n_heads, activation, scale
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        n_layers = len(widths) - 1
        for layer, (n_in, n_out) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
            bound = n_in**-0.5
            weight = torch.empty(n_heads, n_in, n_out)
            self.weights.append(nn.Parameter(weight.uniform_(-bound, bound, generator=generator)))
            if scale is None or layer < n_layers - 1:
                bias = torch.empty(n_heads, 1, n_out)
                self.biases.append(nn.Parameter(bias.uniform_(-bound, bound, generator=generator)))
        if std is not None:
            with torch.no_grad():
                for weight, bias in zip(self.weights, self.biases, strict=False):
                    weight.normal_(0, std, generator=generator)
                    bias.zero_()
        self.gains = nn.Parameter(torch.ones(n_heads, 1, widths[-1])) if gains else None

    def forward(self, z):
        """Logits of all heads, of shape (n_heads, n, n_classes)."""
        h = z.expand(self.n_heads, *z.shape)
        for layer in range(len(self.weights)):
            h = self._layer(layer, h, self.weights[layer], self._of(self.biases, layer), self.gains)
        return h.float()

    def one(self, z, head):
        """Logits of one head, of shape (n, n_classes)."""
        gains = None if self.gains is None else self.gains[head]
        for layer in range(len(self.weights)):
            bias = self._of(self.biases, layer)
            bias = None if bias is None else bias[head]
            z = self._layer(layer, z, self.weights[layer][head], bias, gains)
        return z.float()

    def last(self):
        """Parameters of the last layer."""
        last = [self.weights[-1]] if self.scale is not None else [self.weights[-1], self.biases[-1]]
        return last if self.gains is None else [*last, self.gains]

    def directions(self):
        """Weights of each class in the last layer, of length one: (n_heads, n_classes, width)."""
        return F.normalize(self.weights[-1].detach(), dim=1).transpose(1, 2)

    @staticmethod
    def _of(biases, layer):
        return biases[layer] if layer < len(biases) else None

    def _layer(self, layer, h, weight, bias, gains):
        last = layer == len(self.weights) - 1
        if last and self.scale is not None:
            cosine = F.normalize(h, dim=-1) @ F.normalize(weight, dim=-2)
            return self.scale * (cosine if gains is None else cosine * gains)
        h = h @ weight + bias
        if last or (self.scale is not None and layer == len(self.weights) - 2):
            return h
        return _ACTIVATIONS[self.activation](h)
