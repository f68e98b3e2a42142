"""Views of the rows of tables."""

from dataclasses import dataclass, replace

import torch

from skdeepcluster.views._draws import Views


@dataclass(frozen=True)
class TabularViews(Views):
    """Noise on all entries, and some of them swapped for those of another row.

    Parameters
    ----------
    noise_std : float, default=0.1
        Standard deviation of the noise, for standardised rows.
    swap : float, default=0.2
        Chance of an entry to have the value of another row of the batch: a row's entries all come
        from the same one. Rows of 4 features or fewer keep theirs.

    Examples
    --------
    >>> import torch
    >>> from skdeepcluster.views import TabularViews
    >>> TabularViews()(torch.zeros(3, 8)).shape
    torch.Size([3, 8])
    """

    noise_std: float = 0.1
    swap: float = 0.2

    def local(self):
        return replace(self, swap=max(self.swap, 0.6))

    def _view(self, x, draws):
        shape = x.shape[1:]
        view = x
        if self.swap and shape.numel() > 4:
            # Never a row's own entries, if there is another row.
            step = 1 + (draws.uniform() * (len(x) - 1)).long()
            other = (torch.arange(len(x), device=x.device) + step) % len(x)
            view = torch.where(draws.uniform(*shape) < self.swap, x[other], x)
        return view + self.noise_std * draws.normal(*shape)
