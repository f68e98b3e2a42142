"""Views of the rows of tables."""

from dataclasses import dataclass, replace

import torch

from skdeepcluster.views._draws import Views

# Maximum number of features by which rows are compared.
_COMPARED = 64


@dataclass(frozen=True)
class TabularViews(Views):
    """Gaussian noise on all entries, some of which are swapped for those of another row.

    Parameters
    ----------
    noise_std : float, default=0.1
        Standard deviation of the noise, for standardized rows.
    swap : float, default=0.2
        Probability that an entry is replaced by that of another row of the batch, the same one for
        all entries of a row. Rows of 4 features or fewer are not changed.
    n_candidates : int, default=8
        The other row is the nearest of so many random ones: it is usually of the same group, so
        that swaps do not remove what separates groups. Of more than 64 features about 64 are
        compared.

    Examples
    --------
    >>> import torch
    >>> from skdeepcluster.views import TabularViews
    >>> TabularViews()(torch.zeros(3, 8)).shape
    torch.Size([3, 8])
    """

    noise_std: float = 0.1
    swap: float = 0.2
    n_candidates: int = 8

    def local(self):
        return replace(self, swap=max(self.swap, 0.6))

    def _view(self, x, draws):
        shape = x.shape[1:]
        view = x
        if self.swap and shape.numel() > 4:
            other = self._other(x, draws)
            # A mask of 0 and 1 is quicker than one of booleans, and as exact.
            swapped = draws.uniform(*shape).lt_(self.swap)
            view = torch.lerp(x.float(), other.float(), swapped, out=swapped)
        # In place: allocating memory for large batches costs more than the sums.
        return draws.normal(*shape).mul_(self.noise_std).add_(view)

    def _other(self, x, draws):
        """For each row the nearest of some others, drawn at random; itself if there is none."""
        rows, places = draws.batch_rows()
        n = len(rows)
        steps = 1 + (draws.uniform(self.n_candidates) * (n - 1)).long()
        candidates = (places[:, None] + steps) % n
        # A subset of many features is enough to find near rows, and keeps this cheaper than a
        # step of training.
        stride = -(-x[0].numel() // _COMPARED)
        flat, own = (values.flatten(1)[:, ::stride] for values in (rows, x))
        distances = flat.square().sum(dim=1) - 2 * own @ flat.T
        nearest = distances.gather(1, candidates).argmin(dim=1, keepdim=True)
        return rows.index_select(0, candidates.gather(1, nearest)[:, 0])
