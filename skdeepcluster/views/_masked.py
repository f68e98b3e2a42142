"""Views that hide parts of rows."""

from dataclasses import dataclass, replace

import torch

from skdeepcluster.views._draws import Views


@dataclass(frozen=True)
class MaskedViews(Views):
    """Rows of which random columns are hidden, or images of which random patches are.

    What is hidden becomes 0, the mean of standardized rows. Each row has its own mask, and the same
    number of columns or patches is hidden in all; the channels of an image have one mask.

    Parameters
    ----------
    ratio : float, default=0.5
        Fraction of the columns or patches that are hidden, rounded down; at least one stays.
    patch : int, default=None
        Side of the square patches in pixels; by default an eighth of the image's longer side,
        rounded up.
    noise_std : float, default=0.1
        Standard deviation of the noise that replaces the mask where nothing can be hidden, as in
        rows of one column.

    Examples
    --------
    >>> import torch
    >>> from skdeepcluster.views import MaskedViews
    >>> (MaskedViews(0.5)(torch.ones(3, 8)) == 0).sum(dim=1)
    tensor([4, 4, 4])
    """

    ratio: float = 0.5
    patch: int | None = None
    noise_std: float = 0.1

    def local(self):
        return replace(self, ratio=(1 + self.ratio) / 2)

    def _view(self, x, draws):
        shape = x.shape[1:]
        grid, patch = shape, 1
        if len(shape) == 3:
            patch = self.patch or -(-max(shape[1:]) // 8)
            grid = torch.Size([-(-side // patch) for side in shape[1:]])
        n_parts = grid.numel()
        n_hidden = min(int(self.ratio * n_parts), n_parts - 1)
        if n_hidden < 1:
            return x + self.noise_std * draws.normal(*shape)
        order = draws.uniform(n_parts).argsort(dim=1)
        hidden = torch.zeros_like(order, dtype=torch.bool)
        hidden.scatter_(1, order[:, :n_hidden], True)
        if len(shape) == 3:
            hidden = hidden.view(-1, 1, *grid)
            for axis, side in zip((2, 3), shape[1:], strict=True):
                hidden = hidden.repeat_interleave(patch, dim=axis).narrow(axis, 0, side)
        return x.masked_fill(hidden.expand_as(x) if x.ndim == 4 else hidden.view_as(x), 0)
