"""Encoders, as the parameters of an estimator describe them."""

import copy
import math
from collections.abc import Sequence
from numbers import Integral

import torch

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import param, parameters
from skdeepcluster.nn import (
    Encoder,
    conv_autoencoder,
    conv_encoder,
    dense_encoder,
    mlp_autoencoder,
)


@parameters
class EncoderMixin:
    """Networks from rows to an embedding.

    Parameters
    ----------
    encoder : {"mlp", "conv"}, sequence of int or torch.nn.Module, default="mlp"
        Network from rows to the embedding. A sequence gives the widths of an mlp's hidden layers. A
        module is copied with its weights.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (500, 500, 2000), or 10, 10 and 40 times
        the number of features where that is less; or channels of the convolutions of "conv", by
        default (32, 64, 128).

    n_components : int, default=None
        Width of the embedding; by default 10, or the number of features if that is less.

    image_shape : tuple of int, default=None
        (C, H, W) or (H, W) of images that come as flat rows.

    Attributes
    ----------
    n_components_ : int
        Width of the embedding.
    """

    encoder: str | Sequence[int] | torch.nn.Module = param(
        "mlp", StrOptions({"mlp", "conv"}), "array-like", torch.nn.Module
    )
    hidden_layer_sizes: Sequence[int] | None = param(None, "array-like", None)
    n_components: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    image_shape: tuple[int, ...] | None = param(None, tuple, list, None)

    # Constraint on the code: a key of `skdeepcluster.nn.CONSTRAINTS`.
    _constraint = "none"
    # Default widths of the hidden layers, or channels of the convolutions.
    _hidden = {"mlp": (500, 500, 2000), "conv": (32, 64, 128)}
    # Networks of fewer features have narrower hidden layers by default, in proportion.
    _full_width_features = 50

    def _encoder_alone(self, shape, generator):
        """A module with an encoder and no decoder."""
        if not isinstance(self.encoder, torch.nn.Module):
            return Encoder(self._networks(shape, generator)[0], self._constraint)
        encoder = copy.deepcopy(self.encoder).to("cpu", torch.float32)
        with torch.no_grad():
            try:
                z = encoder.eval()(torch.zeros(2, *shape, dtype=torch.float32))
            except RuntimeError as error:
                raise ValueError(
                    f"encoder does not fit rows of shape {tuple(shape)}: {error}"
                ) from error
        if z.ndim != 2:
            raise ValueError(
                f"encoder gives codes of shape {tuple(z.shape)} for two rows; codes must be "
                "(n, n_components)"
            )
        return Encoder(encoder, self._constraint)

    def _networks(self, shape, generator):
        """An encoder and the decoder that mirrors it."""
        name, hidden = self._architecture(shape)
        make = conv_autoencoder if name == "conv" else mlp_autoencoder
        return make(shape, hidden, self._code_width(shape), generator)

    def _code_width(self, shape):
        return self.n_components or min(10, int(torch.Size(shape).numel()))

    def _architecture(self, shape=None):
        """Name of the network, for rows of a shape if it is known, and sizes of its layers."""
        if isinstance(self.encoder, str):
            name, hidden = self.encoder, self.hidden_layer_sizes
            if name == "auto":
                name = "conv" if shape and len(shape) == 3 else "mlp"
            if hidden is None:
                hidden = self._hidden[name]
                if name == "mlp" and shape:
                    most = int(torch.Size(shape).numel()) / self._full_width_features
                    hidden = [math.ceil(width * min(1, most)) for width in hidden]
        else:
            name, hidden = "mlp", self.encoder
        hidden = layer_widths(hidden)
        if name == "conv" and shape and len(shape) != 3:
            raise ValueError(
                "encoder='conv' needs images of shape (n, C, H, W) or (n, H, W), or "
                "image_shape=(C, H, W) for flat rows"
            )
        return name, hidden


@parameters
class NormalizedEncoderMixin(EncoderMixin):
    """Networks of normalized layers, without a decoder.

    Parameters
    ----------
    encoder : {"auto", "mlp", "conv"}, sequence of int or torch.nn.Module, default="auto"
        Network from rows to the embedding: "auto" takes "conv" for images and "mlp" for flat rows.
        A sequence gives the widths of an mlp's hidden layers. A module is copied with its weights.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (512, 512), narrower in proportion for less
        than 50 features, or channels of the convolutions of "conv", by default (32, 64, 128).
    """

    encoder: str | Sequence[int] | torch.nn.Module = param(
        "auto", StrOptions({"auto", "mlp", "conv"}), "array-like", torch.nn.Module
    )

    _hidden = {"mlp": (512, 512), "conv": (32, 64, 128)}

    def _encoder_alone(self, shape, generator):
        if isinstance(self.encoder, torch.nn.Module):
            return super()._encoder_alone(shape, generator)
        name, hidden = self._architecture(shape)
        make = conv_encoder if name == "conv" else dense_encoder
        return Encoder(make(shape, hidden, self._code_width(shape), generator), self._constraint)


def layer_widths(widths, name="hidden_layer_sizes"):
    """Widths of layers as a list; raises for what is no width, with the parameter's name."""
    widths = list(widths)
    if not all(isinstance(width, Integral) and width > 0 for width in widths):
        raise ValueError(f"{name}={widths!r} must be positive integers")
    return widths
