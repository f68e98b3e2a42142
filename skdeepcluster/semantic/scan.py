"""SCAN: a classifier that agrees on nearest neighbors, and then learns from what it is sure of."""

import copy
from numbers import Integral, Real

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.semantic._base import SemanticClusterer, entropy, log_agreement
from skdeepcluster.semantic._encoder import HeadedEncoderMixin
from skdeepcluster.semantic._neighbors import NeighborStartMixin
from skdeepcluster.semantic._pretext import PretextMixin
from skdeepcluster.training import Stage


class SCAN(NeighborStartMixin, PretextMixin, HeadedEncoderMixin, SemanticClusterer):
    r"""Semantic clustering by adopting nearest neighbors.

    Neighbors of each row are found once, in the rows, in features of a given encoder or in those
    of a contrastive pretext. Then a network learns to give a row and a random neighbor the same,
    certain cluster, while the entropy of a batch keeps clusters balanced. Optionally it learns
    further from its own labels where it is certain. Pick it where neighborhoods are pure and
    clusters of similar size; take :class:`~skdeepcluster.TEMI` for many clusters, whose sizes a
    batch says little about.

    With a neighbor :math:`i'` of each row and the mean :math:`\bar p` over the rows of a batch,
    training minimizes

    .. math:: -\frac{1}{b} \sum_i \log \langle p_i, p_{i'} \rangle - \lambda H(\bar p) .

    Then, with labels :math:`t_i` of rows whose largest probability exceeds a threshold and weights
    :math:`\omega` inverse to the clusters' numbers of such rows, self-labeling minimizes

    .. math:: -\frac{\sum_i \omega_{t_i} \log p_{t_i}(v(x_i))}{\sum_i \omega_{t_i}}

    over views :math:`v`.

    Parameters
    ----------
    entropy_weight : float, default=5.0
        Weight :math:`\lambda`; less for clusters of unequal size. With 0 clusters become empty.

    pretrain_epochs : int, default=0
        Epochs in which the encoder first learns to discriminate the views of each row from those of
        others; neighbors are then those of its features. By default they are those of the rows, or
        of the features of a given encoder.

    self_label_epochs : int, default=0
        Epochs of self-labeling. It ends as it began where a cluster would become empty.

    confidence_threshold : float, default=0.99
        Probability above which self-labeling uses a row's label.

    balance_labels : bool, default=True
        Whether self-labeling has the weights :math:`\omega`.

    weight_decay : float, default=1e-4
        Weight decay.

    Attributes
    ----------
    loss_ : float
        The first objective over training rows and their five nearest neighbors, with the entropy of
        all rows and :math:`\lambda = 1`; heads and epochs are compared by it. Its negative is the
        `score`.

    See Also
    --------
    TEMI : Heads on fixed features, with a teacher.

    Notes
    -----
    Views are used by the pretext and by self-labeling, and of images also by training on neighbors.

    Differences from the paper: heads begin with clusters of the graph of neighbors, since from
    random weights the objective ends higher (:ref:`user_guide_scan`), and training does not end
    above it; without held-out rows, heads and epochs are compared on training rows; a row is not
    its own neighbor; views are those of :mod:`skdeepcluster.views`; a batch without certain rows
    changes nothing.

    References
    ----------
    .. [1] Van Gansbeke, Vandenhende, Georgoulis, Proesmans, Van Gool: SCAN: learning to classify
       images without labels. ECCV 2020. :arxiv:`2005.12320`
    """

    entropy_weight: float = param(5.0, Interval(Real, 0, None, closed="left"))
    pretrain_epochs: int = param(0, Interval(Integral, 0, None, closed="left"))
    self_label_epochs: int = param(0, Interval(Integral, 0, None, closed="left"))
    confidence_threshold: float = param(0.99, Interval(Real, 0, 1, closed="left"))
    balance_labels: bool = param(True, "boolean")
    weight_decay: float = param(1e-4, Interval(Real, 0, None, closed="left"))

    # Groups of parameters have their own.
    _weight_decay = None

    # -- networks ----------------------------------------------------------------------------

    def _has_reference(self):
        return super()._has_reference() or self.pretrain_epochs > 0

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        self._add_projection(module, module.heads.weights[0].shape[1], generator)
        return module

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        train = Stage("train", self._agree, self.max_epochs, **self._training())
        stages = [*self._pretext(), *self._after_warmup(train)]
        if self.self_label_epochs:
            stages.append(
                Stage(
                    "self-label",
                    self._learn_own_labels,
                    self.self_label_epochs,
                    parameters=self._groups,
                    begin=self._keep_start,
                    end_epoch=self._keep_clusters,
                )
            )
        return stages

    def _training(self):
        return {
            "parameters": self._groups,
            "begin": self._start,
            "criterion": self._choose,
            "weights": {"entropy": self.entropy_weight},
            **self._pairs(),
        }

    def _groups(self, module):
        parameters = [*module.encoder.parameters(), *module.heads.parameters()]
        return [{"params": parameters, "weight_decay": self.weight_decay}]

    def _agree(self, fit, batch):
        rows = [batch.row(position) for position in range(2)]
        # Flat rows as they are: views of tables carry little information.
        if batch.x.ndim == 5 or not isinstance(self.views, str):
            x = [self._views(fit, row, 1)[0] for row in rows]
        else:
            x = [row.x for row in rows]
        log_p, log_q = self._all_log_proba(fit.module, torch.cat(x)).chunk(2, dim=1)
        _, p = fit.whole_batch_to_train(batch, log_p.exp().transpose(0, 1))
        return {
            "agreement": -log_agreement(log_p, log_q).mean(dim=1).sum(),
            "entropy": -entropy(p.mean(dim=0)).sum(),
        }

    # -- self-labeling -----------------------------------------------------------------------

    def _keep_start(self, fit):
        fit.state.start = copy.deepcopy(fit.module.state_dict())
        fit.state.n_found = self._n_found(fit)

    def _n_found(self, fit):
        labels = fit.over_all_rows(lambda x: self._label(fit.module, x))
        return len(labels.unique())

    def _keep_clusters(self, fit):
        """End as the stage began where a cluster has become empty."""
        if self._n_found(fit) < fit.state.n_found:
            fit.module.load_state_dict(fit.state.start)
            return True
        return False

    def _learn_own_labels(self, fit, batch):
        with torch.no_grad():
            log_p, labels = self._log_proba(fit.module, batch.x).max(dim=1)
            sure = log_p.exp() > self.confidence_threshold
            _, known = fit.whole_batch(batch, torch.where(sure, labels, self.n_clusters))
            counts = known.bincount(minlength=self.n_clusters + 1)[:-1].float()
            weight = torch.ones_like(counts)
            if self.balance_labels:
                weight = counts.sum() / counts.clamp_min(1)
            # Over the whole batch, of which this may be a share.
            scale = len(known) / (weight * counts).sum().clamp_min(1e-12)
        (view,) = self._views(fit, batch, 1)
        loss = F.cross_entropy(self._logits(fit.module, view), labels, reduction="none")
        return {"label": (loss * sure * weight[labels]).mean() * scale}

    def _logits(self, module, x):
        return module.heads.one(module.encode(x), int(module.best_head))
