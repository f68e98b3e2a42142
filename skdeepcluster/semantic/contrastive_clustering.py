"""ContrastiveClustering: contrast of rows in one head, and of clusters in another."""

from numbers import Integral, Real

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.nn import contrast, dense_encoder
from skdeepcluster.semantic._base import SemanticClusterer, entropy
from skdeepcluster.semantic._encoder import HeadedEncoderMixin
from skdeepcluster.semantic._pairs import ViewPairsMixin
from skdeepcluster.training import Stage


class ContrastiveClustering(ViewPairsMixin, HeadedEncoderMixin, SemanticClusterer):
    r"""Contrast of rows and of clusters.

    Views of a row are attracted to each other and repelled from those of other rows, as in
    :class:`~skdeepcluster.SimCLR`. At the same time, the probabilities of a cluster over the rows
    of a batch represent the cluster: in both views they are attracted, and repelled from those of
    other clusters. Pick it for images with views that preserve the class and large batches, of at
    least some ten rows for each cluster; on tables views carry little information.

    With projections :math:`z` of two views of the :math:`b` rows of a batch and probabilities
    :math:`p^a, p^b`, whose columns are :math:`y^a_c, y^b_c`, training minimizes

    .. math:: \mathrm{NTX}_{0.5}(z^a, z^b) + \mathrm{NTX}_{1}(y^a, y^b)
        + \lambda \sum_{v \in \{a, b\}} (\log k - H(\bar p^v)),

    where :math:`\mathrm{NTX}_\tau` is the mean cross entropy of the softmax over cosines divided by
    :math:`\tau`, in which each vector has to find its other view among all vectors of both views.

    Parameters
    ----------
    instance_temperature : float, default=0.5
        Temperature of the contrast of rows.

    cluster_temperature : float, default=1.0
        Temperature of the contrast of clusters.

    entropy_weight : float, default=1.0
        Weight :math:`\lambda` of the balance of clusters.

    n_projected : int, default=64
        Width of the projections that rows are contrasted in.

    Attributes
    ----------
    loss_ : float
        Minus the log of the agreement of training rows with a view of each, less the entropy of the
        mean probabilities; heads and epochs are compared by it. Its negative is the `score`.

    See Also
    --------
    IIC : Mutual information of the clusters of two views.
    SimCLR : Contrast of rows, and clusters of the embedding.

    Notes
    -----
    Differences from the paper: with several heads each contrasts its own clusters, and the best is
    kept; cluster heads have a hidden layer of the width of the features, as in the paper; the
    weights of the best epoch are kept by the objective above instead of the last ones.

    References
    ----------
    .. [1] Li, Hu, Liu, Peng, Zhou, Peng: Contrastive clustering. AAAI 2021. :arxiv:`2009.09687`
    """

    instance_temperature: float = param(0.5, Interval(Real, 0, None, closed="neither"))
    cluster_temperature: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    entropy_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    n_projected: int = param(64, Interval(Integral, 1, None, closed="left"))

    @property
    def _head_layers(self):
        return (self.n_components,)

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        width = module.heads.weights[0].shape[1]
        module.projection = dense_encoder((width,), (width,), self.n_projected, generator)
        return module

    def _stages(self):
        return [Stage("train", self._loss, self.max_epochs, **self._training())]

    def _training(self):
        return {
            "weights": {"entropy": self.entropy_weight},
            "batches": self._whole_batches,
            "begin": self._start,
            "criterion": self._choose,
        }

    def _loss(self, fit, batch):
        module = fit.module
        features = module.encode(torch.cat(self._views(fit, batch)))
        z = F.normalize(module.projection(features).float(), dim=1)
        index, pairs = fit.whole_batch_to_train(batch, torch.stack(z.chunk(2), dim=1))
        row = torch.arange(len(index), device=z.device).repeat_interleave(2)
        p = self._probabilities(fit, batch, features)
        instance = contrast(pairs.flatten(0, 1), row, self.instance_temperature)
        return {"instance": instance} | self._cluster_terms(fit, p)

    def _cluster_terms(self, fit, p):
        """Terms of the loss of probabilities of shape (n_heads, 2, n, n_clusters)."""
        means = entropy(p.mean(dim=2))
        log_k = torch.tensor(float(self.n_clusters), device=p.device).log()
        clusters = [contrast_of_clusters(*views, self.cluster_temperature) for views in p]
        return {
            "cluster": torch.stack(clusters).mean(),
            "entropy": (log_k - means).sum(dim=1).mean(),
        }

    def _probabilities(self, fit, batch, features):
        """Probabilities of the rows of all processes, of shape (n_heads, 2, n, n_clusters)."""
        p = fit.module.heads(features).softmax(dim=2)
        _, p = fit.whole_batch_to_train(batch, torch.stack(p.chunk(2, dim=1)).permute(2, 1, 0, 3))
        return p.permute(1, 2, 0, 3)


def contrast_of_clusters(p, q, temperature):
    """Contrast of the columns of probabilities of two views.

    Parameters
    ----------
    p, q : Tensor of shape (n, n_clusters)
    temperature : float
    """
    columns = F.normalize(torch.cat([p.T, q.T]), dim=1)
    cluster = torch.arange(p.shape[1], device=p.device).repeat(2)
    return contrast(columns, cluster, temperature)
