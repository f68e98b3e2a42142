"""Pairs of a row and a view of it, by which heads and epochs are compared."""

import torch

from skdeepcluster.base import parameters
from skdeepcluster.deep import ViewsMixin


@parameters
class ViewPairsMixin(ViewsMixin):
    """Random views of rows, which should be in the clusters of their rows."""

    def _others(self, net, samples, Z, fit=None):
        # The same views for all heads and epochs.
        return [self._over_views(samples, lambda x, view: net.encode(view))]

    def _whole_batches(self, fit):
        """All rows in random order, without those of an incomplete last batch."""
        n = len(fit.samples)
        size = min(n, self.batch_size)
        return torch.randperm(n, generator=fit.generator)[: n // size * size]
