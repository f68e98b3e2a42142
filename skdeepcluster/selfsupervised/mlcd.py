"""MLCD: several of the nearest clusters as positive labels of a row."""

from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.selfsupervised.clusterfit import TeacherBase


class MLCD(TeacherBase):
    r"""Multi-label cluster discrimination.

    As in `ClusterFit` a teacher's features are clustered once and a new network learns the groups;
    here several nearest groups are positive for a row, and the loss raises the scores of positive
    groups separately from lowering those of negative ones. Pick it if rows plausibly belong to
    several groups, or if there are so many groups that those of one cluster would compete.

    With scores :math:`s_{ic} = \beta (\cos(f_\theta(t(x_i)), w_c) - m)`, the nearest groups
    :math:`P_i` and random negative ones :math:`N_i`, training minimizes

    .. math:: \min_{\theta, W} \; \frac{1}{n} \sum_i \log\Bigl(1 + \sum_{c \in P_i} e^{-s_{ic}}
        \Bigr) + \log\Bigl(1 + \sum_{c \in N_i} e^{s_{ic}}\Bigr),

    where the margin :math:`m` is used for :math:`P_i` only.

    Parameters
    ----------
    n_positives : int, default=4
        Number of nearest groups that are positive for a row, at most a tenth of the groups.

    negative_rate : float, default=1
        Fraction of the groups that are sampled as negative ones in a step.

    temperature : float, default=0.0625
        :math:`1 / \beta`: the smaller, the more sharply positive and negative groups are separated.

    margin : float, default=0
        Margin :math:`m` of the positive groups.

    Attributes
    ----------
    pseudo_labels_ : ndarray of shape (n_samples, n_positives)
        The groups :math:`P_i`, nearest first.

    prototypes_ : ndarray of shape (n_prototypes_, n_components)
        The weights :math:`w_c`, of length one.

    See Also
    --------
    ClusterFit : A single group as label.

    Notes
    -----
    The loss was not published as code; this follows the paper's equations. With :math:`|N|`
    negative groups of cosine 0 it is at least :math:`\log(1 + |N|)`.

    References
    ----------
    .. [1] An, Yang, Dai, Feng, Deng: Multi-label cluster discrimination for visual representation
       learning. ECCV 2024. :arxiv:`2407.17331`
    """

    n_positives: int = param(4, Interval(Integral, 1, None, closed="left"))
    negative_rate: float = param(1.0, Interval(Real, 0, 1, closed="right"))
    temperature: float = param(0.0625, Interval(Real, 0, None, closed="neither"))
    margin: float = param(0.0, Interval(Real, -1, 1, closed="both"))

    def _clusters(self, features, seed):
        _, centers = super()._clusters(features, seed)
        lengths = np.linalg.norm(centers, axis=1, keepdims=True)
        directions = centers / np.maximum(lengths, 1e-12)
        n_positives = max(1, min(self.n_positives, len(centers) // 10))
        nearest = [
            np.argsort(-(rows @ directions.T), axis=1, kind="stable")[:, :n_positives]
            for rows in np.array_split(features, -(-len(features) // 2**14))
        ]
        return np.concatenate(nearest), centers

    def _add_heads(self, module, width, plan, generator):
        weights = 0.01 * torch.randn(plan.n_prototypes, width, generator=generator)
        module.prototypes = nn.Parameter(weights)

    def _loss_of_batch(self, fit, batch):
        (z,) = self._encoded_views(fit, batch, 1)
        with torch.autocast(z.device.type, enabled=False):
            cosine = z @ F.normalize(fit.module.prototypes, dim=1).T
        positive = torch.zeros_like(cosine, dtype=torch.bool)
        positive.scatter_(1, batch.side.label, True)
        drawn = torch.rand(cosine.shape[1], generator=fit.generator) < self.negative_rate
        negative = ~positive & drawn.to(z.device)
        return {
            "positive": _log_one_plus((self.margin - cosine) / self.temperature, positive),
            "negative": _log_one_plus(cosine / self.temperature, negative),
        }

    def _attributes(self, fit):
        prototypes = F.normalize(fit.module.prototypes.detach(), dim=1)
        return super()._attributes(fit) | {
            "pseudo_labels_": fit.side.rows["label"].cpu().numpy(),
            "prototypes_": prototypes.cpu().numpy(),
        }


def _log_one_plus(scores, chosen):
    """Mean over rows of log(1 + the sum of exp(score) over chosen columns)."""
    return F.pad(scores.masked_fill(~chosen, -torch.inf), (1, 0)).logsumexp(dim=1).mean()
