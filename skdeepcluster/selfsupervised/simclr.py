"""SimCLR: contrastive learning that discriminates the views of each row from all others."""

from numbers import Real

import torch

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.deep import ProjectionMixin
from skdeepcluster.nn import contrast
from skdeepcluster.selfsupervised._base import SelfSupervised


class SimCLR(ProjectionMixin, SelfSupervised):
    r"""Contrastive learning of views, without pseudo-labels.

    Two views of a row are attracted to each other in the embedding, and repelled from the views of
    all other rows of the batch. Clusters are found in the embedding only. It is the baseline for
    the methods with pseudo-labels; pick it for an embedding to use elsewhere.

    For the :math:`2b` embeddings :math:`z_r` of the views of a batch, of length one, and
    :math:`p(r)` the other view of the same row, training minimizes

    .. math:: \min_\theta \; -\frac{1}{2b} \sum_r \log
        \frac{\exp(z_r^\top z_{p(r)} / \tau)}{\sum_{s \ne r} \exp(z_r^\top z_s / \tau)}.

    Parameters
    ----------
    temperature : float, default=0.1
        :math:`\tau`.

    Attributes
    ----------
    n_prototypes_ : int
        Minimum number of anchors that the clusters are made of.

    See Also
    --------
    GSimCLR : Batches without two rows of one pseudo-label.
    SwAV : Contrasts assignments to prototypes.

    Notes
    -----
    Differences from the paper: a projection head stands only where `n_projected` asks for it,
    layers are normalized over units or channels instead of over the batch, and the optimizer is
    Adam.

    References
    ----------
    .. [1] Chen, Kornblith, Norouzi, Hinton: A simple framework for contrastive learning of visual
       representations. ICML 2020. :arxiv:`2002.05709`
    """

    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))

    _drops_rest = True

    def _loss_of_batch(self, fit, batch):
        pairs = torch.stack(self._projected_views(fit, batch), dim=1)
        index, pairs = fit.whole_batch_to_train(batch, pairs)
        row = torch.arange(len(index), device=pairs.device).repeat_interleave(2)
        return {"contrast": contrast(pairs.flatten(0, 1), row, self.temperature)}
