"""The contrastive pretext, by which encoders are trained before heads."""

import torch
import torch.nn.functional as F

from skdeepcluster.deep import ViewsMixin
from skdeepcluster.nn import contrast, dense_encoder
from skdeepcluster.training import Stage, cosine_decay

# Of the contrast, and the width of its projection.
TEMPERATURE, PROJECTED = 0.1, 64


class PretextMixin(ViewsMixin):
    """A first stage of `pretrain_epochs`, in which the encoder discriminates views of rows."""

    def _add_projection(self, module, width, generator):
        if self.pretrain_epochs:
            module.projection = dense_encoder((width,), (width,), PROJECTED, generator)

    def _pretext(self, **options):
        """The stages of the pretext: one, or none."""
        if not self.pretrain_epochs:
            return []
        return [
            Stage(
                "pretext",
                self._contrast,
                self.pretrain_epochs,
                parameters=lambda m: [*m.encoder.parameters(), *m.projection.parameters()],
                schedule=cosine_decay,
                **options,
            )
        ]

    def _contrast(self, fit, batch):
        views = self._views(fit, batch)
        z = fit.module.projection(fit.module.encode(torch.cat(views))).float()
        pairs = torch.stack(F.normalize(z, dim=1).chunk(2), dim=1)
        index, pairs = fit.whole_batch_to_train(batch, pairs)
        row = torch.arange(len(index), device=pairs.device).repeat_interleave(2)
        return {"contrast": contrast(pairs.flatten(0, 1), row, TEMPERATURE)}
