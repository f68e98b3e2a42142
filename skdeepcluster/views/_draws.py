"""Base of the views, and the source of their random numbers."""

import torch


class Draws:
    """Random numbers for each row of a batch.

    Parameters
    ----------
    x : Tensor of shape (n, ...)
        The batch.
    generator : torch.Generator, optional
        On the CPU; by default torch's global one.
    """

    def __init__(self, x, generator=None):
        self.x, self.generator = x, generator

    def uniform(self, *shape):
        """Numbers in [0, 1) of shape (n, *shape)."""
        return torch.rand(len(self.x), *shape, generator=self.generator).to(self.x.device)

    def normal(self, *shape):
        """Standard normal numbers of shape (n, *shape)."""
        return torch.randn(len(self.x), *shape, generator=self.generator).to(self.x.device)

    def batch_rows(self):
        """All rows of the batch, and the positions among them of the rows that have views here."""
        return self.x, torch.arange(len(self.x), device=self.x.device)


class Views:
    """Base of the views that take their random numbers from a given source."""

    def __call__(self, x, draws=None):
        """A view of each row.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            Standardized rows or images.
        draws : Draws, optional
            Or anything else with `uniform`, `normal` and `batch_rows`; by default from torch's
            global generator.

        Returns
        -------
        view : Tensor of the shape of x
        """
        with torch.no_grad():
            return self._view(x, Draws(x) if draws is None else draws)

    def local(self):
        """Views of the same kind that keep less of a row.

        Returns
        -------
        views : Views
        """
        raise NotImplementedError

    def _view(self, x, draws):
        raise NotImplementedError
