"""Encoders with heads, of the methods that train networks or take the features of others."""

from collections.abc import Callable, Sequence
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import param, parameters
from skdeepcluster.deep import NormalizedEncoderMixin
from skdeepcluster.nn import Encoder, Heads, code_width
from skdeepcluster.semantic._base import with_choice


@parameters
class HeadedEncoderMixin(NormalizedEncoderMixin):
    """An encoder, trained or given, and heads on its features.

    Parameters
    ----------
    encoder : str, sequence of int, torch.nn.Module or callable, default="auto"
        Network from rows to the features that the heads read: "auto" takes "conv" for images and
        "mlp" for flat rows; "identity" takes rows as they are, for features of a pre-trained
        network. A sequence gives the widths of an mlp's hidden layers. A module is copied with its
        weights. Any other callable takes a tensor of rows, returns features, and is not trained.

    train_encoder : bool, default=True
        Whether the encoder is trained with the heads.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (256,), or channels of the convolutions of
        "conv", by default (32, 64, 128).

    n_components : int, default=128
        Width of the features of the encoders "mlp" and "conv".

    Attributes
    ----------
    n_components_ : int
        Width of the features that the heads read, which `transform` returns.
    """

    encoder: str | Sequence[int] | nn.Module | Callable[[torch.Tensor], torch.Tensor] = param(
        "auto",
        StrOptions({"auto", "mlp", "conv", "identity"}),
        "array-like",
        nn.Module,
        callable,
    )
    train_encoder: bool = param(True, "boolean")
    n_components: int = param(128, Interval(Integral, 1, None, closed="left"))

    _hidden = {"mlp": (256,), "conv": (32, 64, 128)}
    # Widths of the hidden layers of the heads.
    _head_layers = ()
    # Options of `Heads`, and what divides the logits.
    _head_options = {}
    _temperature = 1.0

    def _uses_user_code(self):
        return super()._uses_user_code() or self._is_function()

    def _is_function(self):
        """Whether the encoder is a function, which has no weights to be trained."""
        return callable(self.encoder) and not isinstance(self.encoder, nn.Module)

    def _encoder_alone(self, shape, generator):
        if self._is_function():
            module = Encoder(_Function(self.encoder))
            with torch.no_grad():
                z = module.encode(torch.zeros(2, *shape))
            if not isinstance(z, torch.Tensor) or z.ndim != 2 or len(z) != 2:
                raise ValueError(
                    "encoder must return a tensor of shape (n, n_components) for n rows; for 2 it "
                    f"gave {tuple(getattr(z, 'shape', ())) or type(z).__name__}"
                )
            return module
        if isinstance(self.encoder, str) and self.encoder == "identity":
            return Encoder(nn.Flatten())
        return super()._encoder_alone(shape, generator)

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        width = code_width(module, shape)
        if not self.train_encoder:
            module.requires_grad_(False)
        module.heads = self._heads(width, generator)
        return with_choice(module, self.n_heads)

    def _heads(self, width, generator):
        widths = [width, *self._head_layers, self.n_clusters]
        return Heads(self.n_heads, widths, generator, **self._head_options)

    def _all_log_proba(self, net, x):
        """Log-probabilities by all heads, of shape (n_heads, n, n_clusters)."""
        return F.log_softmax(net.heads(net.encode(x)) / self._temperature, dim=2)

    def _head_log_proba(self, net, z, head):
        return F.log_softmax(net.heads.one(z, head) / self._temperature, dim=1)

    def _attributes(self, fit):
        width = self._predictor(fit.module).heads.weights[0].shape[1]
        return super()._attributes(fit) | {"n_components_": width}


class _Function(nn.Module):
    """A function as the network of an encoder."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)
