"""MLC: a network, trained by views, whose clusters span orthogonal subspaces."""

from numbers import Integral, Real

import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.deep import ViewsMixin
from skdeepcluster.nn import coding_rate
from skdeepcluster.subspace._base import SubspaceClusterer
from skdeepcluster.training import Stage


class MLC(ViewsMixin, SubspaceClusterer):
    r"""Manifold linearizing and clustering.

    A network is first trained such that views of a row have the same embedding while all rows fill
    many directions. Then embedding and memberships of pairs of rows are trained together by rate
    reduction: each cluster, which may be a curved manifold, becomes a linear subspace, nearly
    orthogonal to those of others. Memberships begin as those of the embedding, so nothing hangs on
    a random start of clusters. Pick it for images with known invariances and many or somewhat
    unbalanced clusters, whose rows should stay different. Take :class:`~skdeepcluster.CPP` for
    features of pre-trained networks. Every row has the same mass, outliers too.

    With embeddings :math:`Z, Z'` of two views of a batch, pre-training minimizes

    .. math:: -R \Big( \frac{Z + Z'}{2} \Big) - \lambda \frac{1}{m} \sum_i |z_i^\top z_i'|, \quad
        R(Z) = \frac{1}{2} \log\det \Big( I + \frac{p}{m \epsilon^2} Z^\top Z \Big).

    Then, with the mean :math:`Z` of the embeddings of views, scaled to length one, training
    minimizes

    .. math:: -R(Z) + \frac{1}{2m} \sum_j \log\det \Big( I + \frac{p}{\epsilon^2}
        Z^\top \mathrm{diag}(\Pi_{\cdot j}) Z \Big) + \frac{\mu}{2} \|\Pi\|_F^2 .

    The memberships :math:`\Pi` are the mean over views of the doubly stochastic matrices nearest to
    :math:`|C C^\top|` with entropy `reg`, where :math:`C` are outputs of the other head, of length
    one. Labels of all rows come from spectral clusters of landmarks, as those of
    :class:`~skdeepcluster.CPP`.

    Parameters
    ----------
    n_views : int, default=2
        Number of views that embeddings and memberships are averaged over.

    pretrain_epochs : int, default=50
        Epochs of pre-training. Without any the result hangs on the random weights.

    similarity_weight : float, default=30.0
        Weight :math:`\lambda` of the cosine of views.

    signed_memberships : bool, default=False
        Whether memberships come from :math:`C C^\top`, so that opposite rows are far from each
        other.

    See Also
    --------
    CPP : The same for features of pre-trained networks, without views.

    Notes
    -----
    Differences from the paper: cosines are absolute by default, and the squares of memberships are
    penalized, as for CPP [2]_; hidden layers are normalized over units instead of over the batch;
    the optimizer is Adam; clusters are found on landmarks, and other rows follow by coding lengths.

    References
    ----------
    .. [1] Ding, Tong, Chan, Dai, Ma, Haeffele: Unsupervised manifold linearizing and clustering.
       ICCV 2023. :arxiv:`2301.01805`
    .. [2] Chu, Tong, Ding, Dai, Haeffele, Vidal, Ma: Image clustering via the principle of rate
       reduction in the age of pretrained models. ICLR 2024. :arxiv:`2306.05272`
    """

    n_views: int = param(2, Interval(Integral, 1, None, closed="left"))
    pretrain_epochs: int = param(50, Interval(Integral, 0, None, closed="left"))
    similarity_weight: float = param(30.0, Interval(Real, 0, None, closed="left"))
    signed_memberships: bool = param(False, "boolean")

    _first = "pretrain_epochs"

    @property
    def _signed(self):
        return self.signed_memberships

    def _first_stages(self):
        if not self.pretrain_epochs:
            return []
        return [
            Stage(
                "pretrain",
                self._total_rate,
                self.pretrain_epochs,
                weights={"similarity": self.similarity_weight},
                parameters=lambda module: self._groups(module)[:1],
                batches=self._whole_batches,
            )
        ]

    def _total_rate(self, fit, batch):
        z, _ = self._whole_heads(fit, batch, self._views(fit, batch, 2))
        return {
            "rate": -coding_rate(z.mean(dim=1), self.distortion),
            "similarity": -(z[:, 0] * z[:, 1]).sum(dim=1).abs().mean(),
        }

    def _reduce(self, fit, batch):
        z, c = self._whole_heads(fit, batch, self._views(fit, batch, self.n_views))
        memberships = sum(self._memberships(own) for own in c.unbind(dim=1)) / self.n_views
        return self._rates(F.normalize(z.mean(dim=1), dim=1), memberships)
