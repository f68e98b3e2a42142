"""Networks for images that weight places, and what users see of it."""

import torch
import torch.nn.functional as F
from sklearn.utils.metaestimators import available_if

from skdeepcluster.base import param, parameters
from skdeepcluster.nn import AttentionPooling, conv_trunk

# Sides of feature maps: smaller ones have too few places.
LEAST_SIDE = 4


def _has_attention(model):
    trunk = getattr(getattr(model, "module_", None), "trunk", None)
    return isinstance(trunk, torch.nn.Sequential) and isinstance(trunk[-1], AttentionPooling)


@parameters
class AttentionMixin:
    """A network whose features are in ``module.trunk``, with attention to places of images.

    Parameters
    ----------
    attention : bool, default=True
        Whether features of "conv" are means over the image that an attention map weights; otherwise
        there is a dense layer in its place. Of no effect on other networks.
    """

    attention: bool = param(True, "boolean")

    def _attends_to(self, shape):
        """Whether the network for rows of this shape has an attention map."""
        if isinstance(self.encoder, torch.nn.Module) or not self.attention:
            return False
        return self._architecture(shape)[0] == "conv"

    def _attentive_trunk(self, shape, generator):
        """Convolutions and means of their maps, and the number of these."""
        _, channels = self._architecture(shape)
        maps, _ = conv_trunk(shape, channels, generator, smallest=LEAST_SIDE)
        return torch.nn.Sequential(maps, AttentionPooling(channels[-1], generator)), channels[-1]

    @available_if(_has_attention)
    def attention_maps(self, X):
        """Where the network looks, for images with ``attention=True``.

        Parameters
        ----------
        X : array-like of shape (n_samples, H, W) or (n_samples, C, H, W), or flat rows
            Images.

        Returns
        -------
        maps : ndarray of shape (n_samples, H, W)
            Weight of each place between 0 and 1, interpolated between those of the feature maps.
        """

        def attend(x):
            features, pooling = self.module_.trunk
            maps = pooling.maps(features(x))[:, None]
            return F.interpolate(maps, x.shape[2:], mode="bilinear", align_corners=False)[:, 0]

        return self._stream(X, attend)
