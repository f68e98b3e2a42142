"""Base of the semantic methods: heads whose softmax is the cluster, the best of which is kept."""

from numbers import Integral

import numpy as np
import torch

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.deep import DeepClusterer, ProbabilityMixin
from skdeepcluster.training import map_rows

# Rows whose probabilities are computed at once where those of all rows are needed.
BLOCK = 2**14


class SemanticClusterer(ProbabilityMixin, DeepClusterer):
    """Base of the methods in which the softmax of a head is the cluster.

    Parameters
    ----------
    n_heads : int, default=1
        Number of heads. That with the lowest objective is kept.

    max_epochs : int, default=100
        Maximum number of training epochs. The weights of the epoch with the lowest objective are
        kept; labels are not needed for it.

    Attributes
    ----------
    best_head_ : int
        The head that is kept.

    head_losses_ : ndarray of shape (n_heads,)
        Objective of each head in the epoch that is kept; infinite without training.
    """

    n_heads: int = param(1, Interval(Integral, 1, None, closed="left"))
    max_epochs: int = 100

    def _predictor(self, module):
        """The network that predicts: with `encode`, and the buffers of the choice of a head."""
        return module

    def _head_log_proba(self, net, z, head):
        """Log-probabilities by one head, from features."""
        raise NotImplementedError

    # -- selection ---------------------------------------------------------------------------

    def _others(self, net, samples, Z, fit=None):
        """What each row is compared with: a list of indices of rows, or of features."""
        raise NotImplementedError

    def _objective(self, log_p, others):
        r"""Objective of a head, lower where rows agree with others and clusters are balanced.

        .. math:: -\frac{1}{n} \sum_i \log \langle p_i, p_{i'} \rangle - H(\bar p)
        """
        agreement = sum(log_agreement(log_p, other).mean() for other in others) / len(others)
        return -agreement - entropy(log_p.exp().mean(dim=0))

    def _objectives(self, log_p, others):
        """By which heads are compared, and by which the means over heads of epochs are."""
        loss = self._objective(log_p, others)
        return loss, loss

    def _losses(self, net, Z, others, heads):
        """Objectives of some heads, from the features of all rows: for heads and for epochs."""
        losses = []
        for head in heads:

            def of(features, head=head):
                parts = [self._head_log_proba(net, z, head) for z in features.split(BLOCK)]
                return torch.cat(parts)

            log_p = of(Z)
            seen = [log_p[o] if not o.is_floating_point() else of(o) for o in others]
            losses.append([float(value) for value in self._objectives(log_p, seen)])
        return np.array(losses)

    @torch.no_grad()
    def _choose(self, fit):
        """Choose the best head; its objective, by which epochs are compared."""
        net = self._predictor(fit.module)
        training = fit.module.training
        fit.module.eval()
        Z = fit.over_all_rows(net.encode)
        losses = self._losses(net, Z, self._others(net, fit.samples, Z, fit), range(self.n_heads))
        fit.module.train(training)
        best = int(losses[:, 0].argmin())
        net.best_head.fill_(best)
        net.head_losses.copy_(torch.as_tensor(losses[:, 0]))
        return float(self._of_epoch(losses[:, 1], best))

    @staticmethod
    def _of_epoch(losses, best):
        """By which epochs are compared, from the objectives of all heads."""
        return losses[best]

    # -- results -----------------------------------------------------------------------------

    def _start(self, fit):
        """What a stage begins with: from here on the model can predict."""
        fit.usable = True

    def _encode(self, module, x):
        return self._predictor(module).encode(x)

    def _log_proba(self, module, x):
        net = self._predictor(module)
        return self._head_log_proba(net, net.encode(x), int(net.best_head))

    def _evaluate(self, module, samples):
        net = self._predictor(module)
        Z = map_rows(net.encode, samples)
        with torch.no_grad():
            others = self._others(net, samples, Z)
            loss = self._losses(net, Z, others, [int(net.best_head)])[0, 0].item()
        labels = map_rows(lambda x: self._label(module, x).int(), samples)
        return loss, labels.cpu().numpy()

    def _attributes(self, fit):
        net = self._predictor(fit.module)
        return {
            "best_head_": int(net.best_head),
            "head_losses_": net.head_losses.cpu().numpy(),
        }


def with_choice(module, n_heads):
    """The module with buffers for the head that is kept, and for the objective of each."""
    module.register_buffer("best_head", torch.zeros((), dtype=torch.int64))
    module.register_buffer("head_losses", torch.full((n_heads,), torch.inf))
    return module


def log_agreement(log_p, log_q):
    r"""Log of the probability that rows and others are in one cluster, of each pair.

    .. math:: \log \sum_c p_{ic} q_{ic}
    """
    return torch.logsumexp(log_p + log_q, dim=-1)


def entropy(p):
    """Entropy of distributions along the last dimension, in nats; 0 log 0 = 0."""
    return -torch.xlogy(p, p).sum(dim=-1)
