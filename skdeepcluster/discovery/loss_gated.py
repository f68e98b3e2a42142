"""LossGatedClusterer: a classifier learns pseudo-labels, and leaves out wrong ones."""

import math
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import ClusterMixin
from sklearn.metrics import normalized_mutual_info_score
from torch import nn

from skdeepcluster._sklearn import HasMethods, Interval
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param, seeded_clone
from skdeepcluster.deep import DeepClusterer, NormalizedEncoderMixin, ProbabilityMixin, ViewsMixin
from skdeepcluster.discovery.loss_gate import corrected, fitted_gate
from skdeepcluster.nn import code_width, with_margin
from skdeepcluster.training import ReadOut, Stage, map_rows
from skdeepcluster.validation import as_array, check_labels, check_n_samples

# Rounds end when the clusters of two have a mutual information above this.
SAME = 0.95


class LossGatedClusterer(ProbabilityMixin, ViewsMixin, NormalizedEncoderMixin, DeepClusterer):
    r"""A classifier of clusters that leaves out wrong pseudo-labels and corrects them.

    A network learns to predict pseudo-labels, of k-means, of any clustering or given ones, from
    views of the rows. After some epochs only rows are trained on whose loss is below a threshold,
    which :func:`~skdeepcluster.loss_gate` finds anew in each epoch; still later the others learn
    what the network itself predicts, where it is sure. Its embedding is then clustered again, and
    so on. Pick it to clean labels of which some are wrong at random, and to make any clustering
    predict. It separates no classes that a cluster joins: all its rows agree.

    With pseudo-labels :math:`y_i`, cosines :math:`\cos \theta_{ic}` of the embedding of a view and
    class weights, cross entropies :math:`\ell_i` of :math:`\mathrm{softmax}(\cos \theta_i / T)`,
    the threshold :math:`\tau`, and predictions :math:`q_i` for the rows themselves, it minimizes

    .. math:: \frac{1}{n} \sum_i \mathbb{1}[\ell_i \le \tau] \, \ell_i
        + \mathbb{1}[\ell_i > \tau] \, \mathbb{1}\bigl[\max_c q_{ic} > c_0\bigr]
        \operatorname{CE}(q_i, p_i) .

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters that k-means finds. `clusterer` and `pseudo_labels` have their own.

    clusterer : clusterer with `fit_predict`, default=None
        Used instead of k-means for the first pseudo-labels; a clone is fitted to the standardized
        rows, in which each `random_state` that is None is derived from this estimator's. Its noise
        (-1) is never trusted. In later rounds k-means finds as many clusters in the embedding.

    n_rounds : int, default=2
        Most rounds of clustering and training. They end when the clusters of two are nearly the
        same, with a normalized mutual information above 0.95.

    gate_start : float, default=0.3
        Share of the epochs of a round after which losses are gated. Before, all pseudo-labels are
        learned. 1 means never.

    correct_start : float, default=0.6
        Share of the epochs of a round after which labels are corrected; the later of it and
        `gate_start` counts. 1 means never.

    confidence : float, default=0.5
        Least probability of a prediction that replaces a pseudo-label, :math:`c_0`.

    target_temperature : float, default=0.1
        Divisor of the cosines in :math:`q_i`.

    temperature : float, default=0.1
        Divisor :math:`T` of the cosines in the loss.

    margin : float, default=0.0
        Angle in radians that is added to that between a row and its pseudo-class, so that classes
        become more compact.

    max_epochs : int, default=15
        Epochs of each round.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (64,), or channels of the convolutions of
        "conv", by default (32, 64, 128). Wide layers fit wrong pseudo-labels.

    n_components : int, default=64
        Width of the embedding, whose rows have length one.

    batch_size : int, default=64
        Number of rows in a step.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Class that the network predicts, for each training row.

    initial_labels_ : ndarray of shape (n_samples,)
        Pseudo-labels of the first round, -1 for none.

    pseudo_labels_ : ndarray of shape (n_samples,)
        Those of the last round, in the numbers of `labels_`.

    reliable_ : ndarray of shape (n_samples,), bool
        Whether the final network believes the last pseudo-label: gives it a probability above
        `confidence`, or a loss that is not above the threshold of all these losses.

    loss_gate_ : named tuple
        The gate of the losses of rows as they are, with the final network, as
        :func:`~skdeepcluster.loss_gate` returns it; rows without a pseudo-label have no loss.

    loss_thresholds_ : ndarray of shape (n_epochs,)
        Threshold of the losses in each epoch of all rounds; infinite while there was none.

    prototypes_ : ndarray of shape (n_clusters_, n_components)
        Class weights, of length one.

    n_clusters_ : int
        Number of classes.

    n_rounds_ : int
        Number of rounds that trained.

    n_components_ : int
        Width of the embedding.

    loss_ : float
        Cross entropy between the clusters of rows and those of their views, a mean over the
        training rows. Its negative is the `score`; the losses that training minimized are in
        `history_`.

    See Also
    --------
    loss_gate : The threshold alone, for a training loop of one's own.
    correct_labels : The correction alone.
    ClusterFit : Learns a clustering as it is, and clusters the embedding.

    Notes
    -----
    Differences from the paper: class weights start at the mean directions of the pseudo-classes;
    without a margin and with a scale of 10 by default, where speakers are told apart by 0.2 and 30;
    layers are normalized over units and not over batches, and the optimizer is Adam; sums are
    divided by the size of the batch from the first epoch on, so that losses do not jump when the
    correction begins; where losses have no two separated modes, the threshold before holds, and at
    most half of the rows are rejected.

    References
    ----------
    .. [1] B. Han, Z. Chen, Y. Qian (2022). Self-supervised speaker verification using dynamic
           loss-gate and label correction. *Interspeech*. :arxiv:`2208.01928`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import LossGatedClusterer
    >>> X, y = make_blobs(300, centers=10 * np.eye(8)[:4], random_state=0)
    >>> rng = np.random.default_rng(0)
    >>> noisy = np.where(rng.random(300) < 0.2, rng.integers(0, 4, 300), y)
    >>> model = LossGatedClusterer(4, n_rounds=1, random_state=0).fit(X, pseudo_labels=noisy)
    >>> bool((model.labels_ == y).mean() > 0.97)
    True
    """

    clusterer: ClusterMixin | None = param(None, HasMethods("fit_predict"), None)
    n_rounds: int = param(2, Interval(Integral, 1, None, closed="left"))
    gate_start: float = param(0.3, Interval(Real, 0, 1, closed="both"))
    correct_start: float = param(0.6, Interval(Real, 0, 1, closed="both"))
    confidence: float = param(0.5, Interval(Real, 0, 1, closed="both"))
    target_temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    margin: float = param(0.0, Interval(Real, 0, math.pi / 2, closed="both"))
    max_epochs: int = 15
    batch_size: int = 64
    n_components: int = param(64, Interval(Integral, 1, None, closed="left"))

    def fit(self, X, y=None, *, pseudo_labels=None):
        """Train the network on rows and pseudo-labels.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        pseudo_labels : array-like of shape (n_samples,), default=None
            Labels of the first round, some of which may be wrong; -1 for none. The i-th of the
            others, sorted, is cluster i. By default `clusterer` or k-means finds them.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y, pseudo_labels=pseudo_labels)

    # -- pseudo-labels -----------------------------------------------------------------------

    _constraint = "unit_norm"
    _hidden = {"mlp": (64,), "conv": (32, 64, 128)}
    # So few units would not suffice for fewer features.
    _full_width_features = 1
    # A checkpoint identifies it by the pseudo-labels.
    _in_side = frozenset({"clusterer"})

    @property
    def _n_clusters_sought(self):
        # Of a clusterer and of given labels there may be fewer.
        return min(self.n_clusters, getattr(self, "n_clusters_", self.n_clusters))

    def _check_rows(self, rows):
        check_n_samples(rows.shape[0], self.n_clusters)

    def _side(self, samples, X, y, *, pseudo_labels=None, **side):
        found = super()._side(samples, X, y, **side)
        if pseudo_labels is None:
            labels = self._first_clusters(samples)
        else:
            labels = check_labels(as_array(pseudo_labels), "pseudo_labels")
            if len(labels) != len(samples):
                raise ValueError(
                    f"pseudo_labels has {len(labels)} labels, but X has {len(samples)} rows."
                )
            if labels.dtype.kind not in "iuf" or labels.min() < -1:
                raise ValueError(
                    "pseudo_labels must be integers from 0 on, or -1 for none; encode others with "
                    "numpy.unique(labels, return_inverse=True)."
                )
        known = np.unique(labels[labels >= 0])
        if len(known) == 0:
            origin = "pseudo_labels has" if pseudo_labels is not None else "clusterer finds"
            raise ValueError(f"{origin} no cluster: all labels are -1.")
        labels = np.where(labels >= 0, np.searchsorted(known, labels), -1)
        found.rows["label"] = torch.as_tensor(labels, dtype=torch.int64)
        return found

    def _first_clusters(self, samples):
        rows = map_rows(lambda x: x.flatten(1), samples).cpu().numpy()
        seed = self._draw_seed()
        if self.clusterer is None:
            return kmeans(rows, self.n_clusters, seed=seed)[1]
        labels = seeded_clone(self.clusterer, seed).fit_predict(rows)
        return check_labels(labels, "labels of clusterer")

    def _plan(self, samples, side):
        return SimpleNamespace(n_classes=int(side.rows["label"].max()) + 1)

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        width = code_width(module, shape)
        module.prototypes = nn.Parameter(torch.zeros(plan.n_classes, width))
        return module

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        return [self._round(number) for number in range(self.n_rounds)]

    def _round(self, number):
        return Stage(
            f"round {number + 1}",
            self._loss,
            self.max_epochs,
            begin=lambda fit: self._begin(fit, number),
            refresh=lambda fit: fit.state.done,
            end_epoch=lambda fit: self._end_epoch(fit, number),
        )

    def _begin(self, fit, number):
        """Cluster the embedding, and move the class weights to the clusters."""
        state = fit.state
        if number == 0:
            state.label = fit.side.rows["label"].to(fit.device)
            state.n_rounds, state.done = 0, False
            state.thresholds = torch.empty(0, dtype=torch.float64)
        if state.done:
            return
        z = fit.over_all_rows(fit.module.encode)
        if number > 0:
            k = fit.plan.n_classes
            options = {"seed": fit.seed()} | fit.sums_over_rows()
            label = kmeans(z.cpu().numpy(), k, refill=True, **options)[1]
            before = state.clusters.cpu().numpy()
            state.done = normalized_mutual_info_score(before, label) > SAME
            if state.done:
                return
            state.label = torch.as_tensor(label, device=fit.device).long()
        state.clusters = state.label
        state.losses = torch.zeros(len(fit.samples), dtype=torch.float64, device=fit.device)
        state.threshold = math.inf
        state.n_rounds += 1
        known = state.label >= 0
        sums = torch.zeros_like(fit.module.prototypes)
        sums.index_add_(0, state.label[known], z[known])
        with torch.no_grad():
            fit.module.prototypes.copy_(F.normalize(sums, dim=1))
        fit.usable = True

    def _loss(self, fit, batch):
        state, n = fit.state, max(1, len(batch))
        label = state.label[batch.index]
        (view,) = self._views(fit, batch, 1)
        cosine = self._cosines(fit.module, view)
        losses = self._cross_entropy(cosine, label)
        index, whole = fit.whole_batch(batch, losses.detach().double())
        state.losses[index] = whole
        trusted = self._trusted(fit, losses.detach(), label)
        correction = cosine.new_zeros(())
        if self._is_corrected(fit.epoch):
            with torch.no_grad():
                scores = self._cosines(fit.module, batch.x)
            arrays = (values.cpu().numpy() for values in (scores, label, trusted))
            targets = corrected(*arrays, self.confidence, self.target_temperature).targets
            targets = torch.as_tensor(targets, device=cosine.device)[~trusted]
            log_p = F.log_softmax(cosine[~trusted] / self.temperature, dim=1)
            correction = -(targets * log_p).sum() / n
        return {"label": losses[trusted].sum() / n, "correction": correction}

    def _trusted(self, fit, losses, label):
        """Which rows of a batch learn their pseudo-label."""
        if self._is_gated(fit.epoch):
            return (label >= 0) & (losses <= fit.state.threshold)
        return label >= 0

    def _is_gated(self, epoch):
        # The first epoch has no losses before it.
        return epoch >= max(1, self.gate_start * self.max_epochs)

    def _is_corrected(self, epoch):
        return self._is_gated(epoch) and epoch >= self.correct_start * self.max_epochs

    def _cosines(self, module, x):
        z = module.encode(x)
        with torch.autocast(z.device.type, enabled=False):
            return z @ F.normalize(module.prototypes, dim=1).T

    def _cross_entropy(self, cosine, label):
        """That of each row with its label, 0 where there is none."""
        scores = with_margin(cosine, label, self.margin) / self.temperature
        return F.cross_entropy(scores, label, ignore_index=-1, reduction="none")

    def _end_epoch(self, fit, number):
        """The threshold for the next epoch, from the losses of this one."""
        state = fit.state
        if state.done:
            return
        used = state.threshold if self._is_gated(fit.epoch) else math.inf
        state.thresholds = torch.cat([state.thresholds, state.thresholds.new_tensor([used])])
        known = state.label >= 0
        share = (known & (state.losses <= used)).double().mean().item()
        fit.history[f"round {number + 1}"].setdefault("trusted", []).append(share)
        if self._is_gated(fit.epoch + 1):
            gate = fitted_gate(state.losses[known].cpu().numpy())
            if math.isfinite(gate.threshold):
                state.threshold = gate.threshold

    # -- results -----------------------------------------------------------------------------

    def _log_proba(self, module, x):
        return F.log_softmax(self._cosines(module, x) / self.temperature, dim=1)

    def _evaluate(self, module, samples):
        return self._agreement_of_views(module, samples)

    def _attributes(self, fit):
        prototypes = F.normalize(fit.module.prototypes.detach(), dim=1)
        return {
            "prototypes_": prototypes.cpu().numpy(),
            "n_clusters_": fit.plan.n_classes,
            "n_components_": prototypes.shape[1],
        }

    def _read_out(self, fit):
        found = super()._read_out(fit)
        log_p = map_rows(lambda x: self._log_proba(fit.module, x), fit.samples)
        label = fit.state.label
        known = label >= 0
        losses = -log_p[known].gather(1, label[known, None])[:, 0].cpu().numpy().astype(np.float64)
        gate = fitted_gate(losses)
        reliable = known.cpu().numpy()
        reliable[reliable] = gate.trusted | (np.exp(-losses) > self.confidence)
        return ReadOut(
            found.loss,
            found.labels,
            found.attributes
            | {
                "initial_labels_": fit.side.rows["label"].cpu().numpy(),
                "pseudo_labels_": label.cpu().numpy(),
                "reliable_": reliable,
                "loss_gate_": gate,
                "loss_thresholds_": fit.state.thresholds.numpy(),
                "n_rounds_": fit.state.n_rounds,
            },
        )
