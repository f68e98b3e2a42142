"""Random views of batches, for methods that compare rows with them."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import torch

from skdeepcluster._sklearn import StrOptions
from skdeepcluster.base import param, parameters
from skdeepcluster.deep._predict import mean_and_labels
from skdeepcluster.deep._random import seeded
from skdeepcluster.training import map_blocks
from skdeepcluster.views import Draws, ImageViews, TabularViews, Views


@parameters
class ViewsMixin:
    """Random views of the rows of a batch.

    Parameters
    ----------
    views : "auto" or callable, default="auto"
        Random views of a batch of standardized rows: "auto" takes
        `skdeepcluster.views.ImageViews` for images and `skdeepcluster.views.TabularViews` for flat
        rows. A callable takes a tensor of shape (n, C, H, W) or (n, n_features) and returns one of
        the same shape; it may draw from torch's global generator.
    """

    views: str | Callable[[torch.Tensor], torch.Tensor] = param(
        "auto", StrOptions({"auto"}), callable
    )

    # Crops and rotations move pixels: the background must have the same value everywhere.
    _common_means = True

    def _uses_user_code(self):
        return super()._uses_user_code() or not isinstance(self._view_maker((1,)), Views)

    def _view_maker(self, shape):
        if isinstance(self.views, str):
            return ImageViews() if len(shape) == 3 else TabularViews()
        return self.views

    def _views(self, fit, batch, n_views=2, n_local=0):
        """Views of a batch: global ones, then local ones, which keep less of a row.

        Of items of several rows all rows have views of their own, one after the other.
        """
        draws = SimpleNamespace(
            uniform=partial(fit.uniform, batch),
            normal=partial(fit.normal, batch),
            batch_rows=partial(fit.batch_rows, batch),
        )
        x = batch.x
        if batch.index.ndim > 1:
            x, draws = x.flatten(0, 1), _draws_of_items(draws, batch.index.shape[1])
        whole = self._view_maker(x.shape[1:])
        local = whole.local() if n_local and isinstance(whole, Views) else whole
        makers = [whole] * n_views + [local] * n_local
        return [view_of(make, x, draws) for make in makers]

    def _encoded_views(self, fit, batch, n_views=2, n_local=0):
        """List of the embeddings of views."""
        views = self._views(fit, batch, n_views, n_local)
        return fit.module.encode(torch.cat(views)).chunk(len(views))

    def _over_views(self, samples, function, seed=0):
        """Concatenate function(rows, views of them) over samples; views depend on the seed only."""
        draws = torch.Generator().manual_seed(seed)
        make = self._view_maker(samples.shape)
        with seeded(self._global_generators(samples.device), seed=seed):
            parts = map_blocks(lambda x: function(x, view_of(make, x, Draws(x, draws))), samples)
            return torch.cat(list(parts))

    def _agreement_of_views(self, module, samples):
        """Cross entropy between the clusters of rows and those of their views, and the clusters."""

        def loss_and_label(x, view):
            label = self._label(module, x)
            seen = self._log_proba(module, view)
            return torch.stack([-seen.gather(1, label[:, None])[:, 0], label], dim=1)

        return mean_and_labels(self._over_views(samples, loss_and_label))


def _draws_of_items(draws, n_rows):
    """Random numbers for each row of items of so many rows, from numbers for each item."""

    def batch_rows():
        items, places = draws.batch_rows()
        rows = places[:, None] * n_rows + torch.arange(n_rows, device=places.device)
        return items.flatten(0, 1), rows.flatten()

    return SimpleNamespace(
        uniform=lambda *shape: draws.uniform(n_rows, *shape).flatten(0, 1),
        normal=lambda *shape: draws.normal(n_rows, *shape).flatten(0, 1),
        batch_rows=batch_rows,
    )


def view_of(make, x, draws):
    """A view of each row: by the package's views with numbers from `draws`, or by the user's."""
    if isinstance(make, Views):
        if isinstance(make, ImageViews) and x.ndim != 4:
            raise ValueError(
                "views=ImageViews(...) needs images of shape (n, C, H, W) or (n, H, W), or "
                "image_shape=(C, H, W) for flat rows"
            )
        return make(x, draws)
    with torch.no_grad():
        view = make(x)
    if not isinstance(view, torch.Tensor) or view.shape != x.shape:
        got = tuple(view.shape) if isinstance(view, torch.Tensor) else type(view).__name__
        raise ValueError(
            f"views must return a tensor of the shape of its batch, {tuple(x.shape)}; got {got}"
        )
    return view
