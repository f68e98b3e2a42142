"""A projection head for losses that compare views."""

from numbers import Integral

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param, parameters
from skdeepcluster.nn import code_width, dense_encoder


@parameters
class ProjectionMixin:
    """A head between the features and the loss, which the embedding does not go through.

    Parameters
    ----------
    n_projected : int, default=None
        Width of the output of a projection head with one hidden layer, as in the paper: the loss,
        and with it the prototypes, see its output, `transform` and the clusters the features
        below it. By default there is no head, and the loss sees the embedding itself.
    """

    n_projected: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        self._add_projection(module, shape, generator)
        return module

    def _add_projection(self, module, shape, generator):
        """Add the head to the network of rows of a shape."""
        if self.n_projected is not None:
            width = code_width(module, shape)
            module.projection = dense_encoder((width,), [width], self.n_projected, generator)

    def _projected_width(self, width):
        """Width of what the loss sees, for an embedding of a width."""
        return self.n_projected or width

    def _projected(self, module, x):
        """What the loss sees of rows, of length one."""
        if self.n_projected is None:
            return module.encode(x)
        return F.normalize(module.projection(module.encoder(x)).float(), dim=1)

    def _projected_views(self, fit, batch, n_views=2, n_local=0):
        """List of what the loss sees of views."""
        views = self._views(fit, batch, n_views, n_local)
        return self._projected(fit.module, torch.cat(views)).chunk(len(views))
