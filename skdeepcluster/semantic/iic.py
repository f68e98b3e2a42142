"""IIC: heads whose assignments of two views of a row have the greatest mutual information."""

from numbers import Integral, Real

import torch

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.nn import Heads
from skdeepcluster.semantic._base import SemanticClusterer
from skdeepcluster.semantic._encoder import HeadedEncoderMixin
from skdeepcluster.semantic._pairs import ViewPairsMixin
from skdeepcluster.training import Stage, Step

# What probabilities are clamped at, before their logarithm.
TINY = 1e-12


class IIC(ViewPairsMixin, HeadedEncoderMixin, SemanticClusterer):
    r"""Invariant information clustering.

    The clusters of two views of a row should tell as much as possible about each other: they agree,
    and all clusters are used. Further heads with more classes (over-clustering) train the encoder
    in steps of their own. It needs neither negatives nor memory. Pick it for a clean objective
    where views preserve what matters and clusters are of similar size; with weak views it finds any
    balanced partition.

    With the joint distribution :math:`P = \frac{1}{2n} \sum_i (p_i q_i^\top + q_i p_i^\top)` of the
    clusters of two views and its marginal :math:`m`, each head minimizes

    .. math:: -\sum_{cd} P_{cd} \left( \log P_{cd} - \lambda \log m_c - \lambda \log m_d \right),

    for :math:`\lambda = 1` the negative mutual information, at least :math:`-\log k`.

    Parameters
    ----------
    n_overclusters : int, default=None
        Number of classes of the further heads; by default three for each cluster. 0 for none.

    n_heads : int, default=5
        Number of heads of each kind. That with the lowest objective is kept.

    marginal_weight : float, default=1.0
        :math:`\lambda`: above 1 clusters are more balanced.

    n_repeats : int, default=3
        Number of views that each row is paired with.

    Attributes
    ----------
    loss_ : float
        The objective over the training rows, each with a view. Its negative is the `score`.

    See Also
    --------
    ContrastiveClustering : Contrast of rows and of clusters.

    Notes
    -----
    Differences from the paper: one of the views of a pair is the row itself, as in the paper; both
    kinds of heads take a step in each batch, instead of an epoch in turn; epochs and heads are
    chosen by the objective, where the authors' scripts report the best accuracy.

    References
    ----------
    .. [1] Ji, Henriques, Vedaldi: Invariant information clustering for unsupervised image
       classification and segmentation. ICCV 2019. :arxiv:`1807.06653`
    """

    n_overclusters: int | None = param(None, Interval(Integral, 0, None, closed="left"), None)
    n_heads: int = 5
    marginal_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    n_repeats: int = param(3, Interval(Integral, 1, None, closed="left"))

    @property
    def _n_overclusters(self):
        return 3 * self.n_clusters if self.n_overclusters is None else self.n_overclusters

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        if self._n_overclusters:
            width = module.heads.weights[0].shape[1]
            module.overheads = Heads(
                self.n_heads, [width, *self._head_layers, self._n_overclusters], generator
            )
        return module

    def _stages(self):
        further = []
        if self._n_overclusters:
            further = [
                Step(
                    lambda fit, batch: self._information(fit, batch, "overheads"),
                    lambda m: [*m.encoder.parameters(), *m.overheads.parameters()],
                )
            ]
        return [
            Stage(
                "train",
                lambda fit, batch: self._information(fit, batch, "heads"),
                self.max_epochs,
                parameters=lambda m: [*m.encoder.parameters(), *m.heads.parameters()],
                begin=self._start,
                further=further,
                criterion=self._choose,
            )
        ]

    def _information(self, fit, batch, name):
        views = [batch.x, *self._views(fit, batch, self.n_repeats)]
        heads = getattr(fit.module, name)
        p, *others = (
            heads(fit.module.encode(torch.cat(views))).softmax(dim=2).split(len(batch), dim=1)
        )
        loss = 0.0
        for q in others:
            # Sums over the rows of all processes, with gradients for those of this one.
            joint = torch.einsum("hnc,hnd->nhcd", p, q)
            _, joint = fit.whole_batch_to_train(batch, joint)
            loss = loss + negative_information(joint.mean(dim=0), self.marginal_weight).mean()
        return {"information" if name == "heads" else "overclustering": loss / len(others)}

    def _objective(self, log_p, others):
        p = log_p.exp()
        found = [negative_information(p.T @ q.exp() / len(p), self.marginal_weight) for q in others]
        return sum(found) / len(found)


def negative_information(joint, marginal_weight=1.0):
    """Negative mutual information of joint distributions, made symmetric.

    Parameters
    ----------
    joint : Tensor of shape (..., n_clusters, n_clusters)
    marginal_weight : float, default=1.0

    Returns
    -------
    loss : Tensor of shape (...)
    """
    joint = (joint + joint.transpose(-1, -2)) / 2
    joint = joint / joint.sum(dim=(-1, -2), keepdim=True)
    log_m = joint.sum(dim=-1).clamp_min(TINY).log()
    log_joint = joint.clamp_min(TINY).log()
    marginals = marginal_weight * (log_m[..., :, None] + log_m[..., None, :])
    return -(joint * (log_joint - marginals)).sum(dim=(-1, -2))
