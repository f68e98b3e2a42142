"""CDC: a clustering head and a calibrated one, each of which supervises the other."""

from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.deep import DeepClusterer, ProbabilityMixin
from skdeepcluster.nn import code_width, dense_encoder
from skdeepcluster.semantic._base import entropy
from skdeepcluster.semantic._encoder import HeadedEncoderMixin
from skdeepcluster.semantic._pretext import PretextMixin
from skdeepcluster.training import Stage, Step, map_rows

# Hidden units of the heads for each cluster by default, and at most.
UNITS, MOST_UNITS = 8, 512
# The learning rates of the encoder and of the pretext, in units of that of the heads.
OF_ENCODER, OF_PRETEXT = 0.5, 10.0


class CDC(PretextMixin, HeadedEncoderMixin, ProbabilityMixin, DeepClusterer):
    r"""Calibrated deep clustering.

    Self-labeling makes networks far too certain. Here two heads take turns: the clustering head
    learns, with the encoder, the labels of the most certain rows of each cluster, in numbers that
    follow the confidence of the calibrated head; the calibrated head learns the clustering head's
    probabilities, averaged over groups of similar rows. Pick it where probabilities matter, to
    reject or review uncertain rows, and clusters are of similar size. It improves little on the
    features that it begins with: their quality decides.

    With the calibrated probabilities :math:`r` of the :math:`b` rows of a batch,
    :math:`M = \lfloor b / k \rfloor`, and for each cluster the :math:`M` rows where :math:`r_{ic}`
    is largest, the first :math:`\lfloor \sum \max_{c'} r_{ic'} \rfloor` of these :math:`M` are
    selected. The clustering head :math:`p` minimizes over the set :math:`S` of all selected rows

    .. math:: -\frac{1}{|S|} \sum_{i \in S} \log p_{t_i}(v(x_i)), \qquad t_i = \arg\max_c r_{ic},

    for views :math:`v`, and the calibrated head

    .. math:: -\frac{1}{b} \sum_{ic} q_{ic} \log r_{ic} - \lambda H(\bar r),

    where :math:`q_i` is the mean of :math:`p` over the mini-cluster of row :math:`i`, by k-means
    on the features of the batch. Both heads begin with the k-means clusters of the
    features: hidden units are the centers of many, and clusters the centers of the hidden units.

    Parameters
    ----------
    n_hidden : int, default=None
        Number of hidden units of the heads; by default eight for each cluster, up to 512 and to a
        fourth of the rows.

    n_mini_clusters : int, default=None
        Number of mini-clusters of a batch: many leave the calibrated head as certain as the other.
        By default a tenth of the rows, but two for each cluster, and at most a third of the rows.

    entropy_weight : float, default=1.0
        Weight :math:`\lambda` of the balance of clusters.

    pretrain_epochs : int, default=100
        Epochs in which the encoder first learns to discriminate the views of each row from those of
        others. Take 0 for an encoder that is trained.

    max_epochs : int, default=100
        Number of epochs of the heads; the last one is kept. With 0 they are as they begin.

    learning_rate : float, default=1e-4
        Learning rate of the heads. That of the encoder is half of it, that of pre-training ten
        times as much.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The cluster of each row, by the calibrated head.

    cluster_head_labels_ : ndarray of shape (n_samples,)
        The same by the clustering head.

    loss_ : float
        Cross entropy of the calibrated probabilities with those of the clustering head, a mean over
        the training rows, less :math:`\lambda` times the entropy of their mean. Its negative is the
        `score`.

    See Also
    --------
    SCAN : Self-labeling with a fixed threshold.
    skdeepcluster.metrics.expected_calibration_error : The error of probabilities, given classes.
    skdeepcluster.displays.ReliabilityDisplay : Accuracy over confidence.

    Notes
    -----
    The probabilities are calibrated by the clustering head's own, averaged: they are better than
    these, not calibrated in the statistical sense.

    Differences from the paper: hidden layers are normalized over units instead of over the batch;
    prototypes are made orthogonal by the polar decomposition instead of by gradient descent; a
    batch is one step of each head; the last epoch is kept, where the authors' scripts report the
    one with the best accuracy.

    References
    ----------
    .. [1] Jia, Cheng, Liu, Hou: Towards calibrated deep clustering network. ICLR 2025.
       :arxiv:`2403.02998`
    """

    n_hidden: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    n_mini_clusters: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    entropy_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    pretrain_epochs: int = param(100, Interval(Integral, 0, None, closed="left"))
    max_epochs: int = 100
    learning_rate: float = 1e-4

    # -- networks ----------------------------------------------------------------------------

    def _plan(self, samples, side):
        plan = super()._plan(samples, side)
        n, k = len(samples), self.n_clusters
        plan.n_hidden = self.n_hidden or max(k, min(UNITS * k, MOST_UNITS, n // 4))
        if plan.n_hidden > n:
            raise ValueError(
                f"n_hidden={self.n_hidden} hidden units begin with as many k-means clusters, but "
                f"there are n_samples={n}"
            )
        return plan

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        width = code_width(module, shape)
        if not self.train_encoder:
            module.requires_grad_(False)
        for name in ("cluster_head", "calibrated_head"):
            head = dense_encoder((width,), [plan.n_hidden], self.n_clusters, generator)
            module.add_module(name, head)
        self._add_projection(module, width, generator)
        return module

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        return [
            *self._pretext(learning_rate=OF_PRETEXT * self.learning_rate),
            Stage(
                "train",
                self._self_label,
                self.max_epochs,
                parameters=self._groups,
                begin=self._start,
                further=[
                    Step(
                        self._calibrate,
                        lambda m: m.calibrated_head.parameters(),
                        {"balance": self.entropy_weight},
                    )
                ],
            ),
        ]

    def _groups(self, module):
        encoder = {"params": [*module.encoder.parameters()], "lr": OF_ENCODER * self.learning_rate}
        heads = [*module.cluster_head.parameters()]
        return [{"params": heads}, encoder] if self.train_encoder else heads

    @torch.no_grad()
    def _start(self, fit):
        """Both heads from k-means clusters of the features."""
        fit.usable = True
        head = fit.module.cluster_head
        _, first, *rest, last = head
        Z = fit.over_all_rows(fit.module.encode)
        for layer, n_units in ((first, fit.plan.n_hidden), (last, self.n_clusters)):
            rows = standardized_rows(Z)
            centers, _ = kmeans(rows.cpu().numpy(), n_units, n_init=10, seed=fit.seed())
            layer.weight.copy_(torch.as_tensor(orthogonal_rows(centers)))
            layer.bias.zero_()
            if layer is first:
                Z = torch.cat([torch.nn.Sequential(first, *rest)(z) for z in Z.split(2**14)])
        fit.module.calibrated_head.load_state_dict(head.state_dict())

    def _self_label(self, fit, batch):
        labels, selected, scale = self._pseudo_labels(fit, batch)
        (view,) = self._views(fit, batch, 1)
        logits = fit.module.cluster_head(fit.module.encode(view)).float()
        loss = F.cross_entropy(logits, labels, reduction="none")
        return {"self_label": (loss * selected).mean() * scale}

    @torch.no_grad()
    def _pseudo_labels(self, fit, batch):
        """Labels of this process's rows, which of them are selected, and rows per selected one."""
        _, whole = fit.whole_batch(batch, self._log_proba(fit.module, batch.x).exp())
        own = fit.processes.share(torch.arange(len(whole), device=whole.device))
        chosen = selection(whole)
        scale = len(whole) / chosen.sum().clamp_min(1)
        return whole[own].argmax(dim=1), chosen[own], scale

    def _calibrate(self, fit, batch):
        with torch.no_grad():
            z = fit.module.encode(batch.x).float()
            p = fit.module.cluster_head(z).float().softmax(dim=1)
            _, whole = fit.whole_batch(batch, torch.cat([z, p], dim=1))
            features, p = whole.split([z.shape[1], self.n_clusters], dim=1)
            own = fit.processes.share(torch.arange(len(whole), device=whole.device))
            q = self._targets(features, p, fit.seed())[own]
        log_r = F.log_softmax(fit.module.calibrated_head(z).float(), dim=1)
        _, r = fit.whole_batch_to_train(batch, log_r.exp())
        return {
            "calibration": -(q * log_r).sum(dim=1).mean(),
            "balance": -entropy(r.mean(dim=0)),
        }

    def _targets(self, features, p, seed):
        """Means of probabilities over mini-clusters."""
        n, k = p.shape
        n_groups = self.n_mini_clusters or min(max(2 * k, n // 10), max(1, n // 3))
        rows = F.normalize(features, p=1, dim=1).cpu().numpy()
        _, labels = kmeans(rows, min(n_groups, n), n_init=1, seed=seed)
        return means_of_groups(p, torch.as_tensor(labels, device=p.device).long())

    # -- results -----------------------------------------------------------------------------

    def _log_proba(self, module, x):
        return F.log_softmax(module.calibrated_head(module.encode(x)).float(), dim=1)

    def cluster_head_proba(self, X):
        """Probabilities by the clustering head, which is more certain.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1.
        """
        return self._stream(X, lambda x: self._proba_of_cluster_head(self.module_, x))

    @staticmethod
    def _proba_of_cluster_head(module, x):
        return module.cluster_head(module.encode(x)).float().softmax(dim=1)

    def _evaluate(self, module, samples):
        def of(x):
            p, log_r = self._proba_of_cluster_head(module, x), self._log_proba(module, x)
            return torch.cat([-(p * log_r).sum(dim=1, keepdim=True), log_r], dim=1)

        found = map_rows(of, samples)
        log_r = found[:, 1:]
        balance = entropy(log_r.double().exp().mean(dim=0)).item()
        loss = found[:, 0].mean(dtype=torch.float64).item() - self.entropy_weight * balance
        return loss, log_r.argmax(dim=1).int().cpu().numpy()

    def _read_out(self, fit):
        found = map_rows(lambda x: self._proba_of_cluster_head(fit.module, x), fit.samples)
        read_out = super()._read_out(fit)
        labels = found.argmax(dim=1).int().cpu().numpy()
        read_out.attributes["cluster_head_labels_"] = labels
        return read_out

    def _attributes(self, fit):
        return {"n_components_": fit.module.cluster_head[1].in_features}


def selection(r):
    """Which rows are selected by calibrated probabilities, of shape (n, n_clusters)."""
    n, k = r.shape
    most = max(1, n // k)
    rows = r.topk(most, dim=0).indices
    confidence = r.amax(dim=1)[rows].double().mean(dim=0)
    kept = torch.arange(most, device=r.device)[:, None] < (most * confidence + 1e-9).floor()
    chosen = torch.zeros(n, dtype=torch.bool, device=r.device)
    chosen[rows[kept]] = True
    return chosen


def means_of_groups(p, labels):
    """The mean over the group of each row."""
    sums = p.new_zeros(int(labels.max()) + 1, p.shape[1]).index_add_(0, labels, p)
    counts = labels.bincount().clamp_min(1)
    return (sums / counts[:, None])[labels]


def standardized_rows(Z):
    """Rows without their mean, of length one."""
    return F.normalize(Z - Z.mean(dim=1, keepdim=True), dim=1)


def orthogonal_rows(W):
    """The nearest matrix whose rows, or if there are more of them columns, are orthonormal."""
    left, _, right = np.linalg.svd(W.astype(np.float64), full_matrices=False)
    return (left @ right).astype(np.float32)
