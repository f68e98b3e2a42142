"""SimCLR: two views of a row are told from those of all others."""

from numbers import Real

import torch

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.nn import contrast
from skdeepcluster.selfsupervised._base import SelfSupervised


class SimCLR(SelfSupervised):
    r"""Contrast of views, without labels of any kind.

    Two views of a row are drawn together in the embedding, and away from the views of all other
    rows of the batch. The clusters come from the embedding alone. It is the plain base that the
    methods with pseudo-labels are compared with; pick it for an embedding to use elsewhere.

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
        Groups that the clusters are made of, at least.

    See Also
    --------
    GSimCLR : Batches without two rows of one pseudo-label.
    SwAV : Contrast of assignments to prototypes.

    References
    ----------
    .. [1] Chen, Kornblith, Norouzi, Hinton: A simple framework for contrastive learning of visual
       representations. ICML 2020. :arxiv:`2002.05709`
    """

    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))

    _drops_rest = True

    def _loss_of_batch(self, fit, batch):
        pairs = torch.stack(self._encoded_views(fit, batch), dim=1)
        index, pairs = fit.whole_batch_to_train(batch, pairs)
        row = torch.arange(len(index), device=pairs.device).repeat_interleave(2)
        return {"contrast": contrast(pairs.flatten(0, 1), row, self.temperature)}
