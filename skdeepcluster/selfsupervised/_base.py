"""Base of the self-supervised methods: encoder, views, heads, and the read-out of labels."""

import math
import warnings
from numbers import Integral
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.assignment import grouped_anchors, moved_anchors
from skdeepcluster.base import param
from skdeepcluster.deep import (
    DeepClusterer,
    NormalizedEncoderMixin,
    ProbabilityMixin,
    StreamMixin,
    ViewsMixin,
)
from skdeepcluster.nn import code_width
from skdeepcluster.training import ReadOut, Stage, cosine_decay, map_rows
from skdeepcluster.validation import caller_level
from skdeepcluster.views import MaskedViews, TabularViews

# Maximum number of anchors that the read-out keeps for new rows; otherwise a tenth of the rows.
MAX_ANCHORS = 1000
# Views, of all rows together, by which the cut of the embedding is chosen.
VIEWED = 10_000
# An embedding has collapsed if the standard deviation of its rows, of length one, is below SPREAD;
# if its effective dimension is below RANK; or if views hardly predict the clusters of their rows:
# with a cross entropy above the fraction GUESS of that of uniform guesses.
SPREAD, RANK, GUESS = 0.01, 1.05, 0.9
# Temperature of the memberships of the read-out.
TEMPERATURE = 0.1


class SelfSupervised(ProbabilityMixin, ViewsMixin, NormalizedEncoderMixin, DeepClusterer):
    """Base of the methods that train an encoder by views and pseudo-labels.

    Parameters
    ----------
    n_components : int, default=64
        Width of the embedding, whose rows have length one.

    n_prototypes : int, default=None
        Number of prototypes, the pseudo-classes of training; by default ten per cluster, but at
        most a fifth of the rows.

    final_clustering : {"spectral", "average", "k-means"}, default="spectral"
        How the embedding is partitioned into `n_clusters` clusters: by cuts of neighborhood graphs,
        which find clusters of unequal sizes and any shape (for images and user-defined views also
        by merges of neighbors, keeping the partition that separates the fewest rows from their
        views); by average linkage of many centers; or by k-means, which favors clusters of equal
        size.

    max_epochs : int, default=50
        Maximum number of training epochs.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Mean direction of each cluster in the embedding.

    n_prototypes_ : int
        Number of prototypes used in training.

    embedding_rank_ : float
        Effective dimension of the embedding: the squared sum of the eigenvalues of its covariance
        over the sum of their squares. Near 1 it has collapsed.

    loss_ : float
        Cross entropy between the clusters of rows and those of their views, a mean over the
        training rows; all methods of the family have this same objective at the end. Its negative
        is the `score`; the losses that training minimized are in `history_`.
    """

    n_components: int = param(64, Interval(Integral, 1, None, closed="left"))
    n_prototypes: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    final_clustering: str = param("spectral", StrOptions({"spectral", "average", "k-means"}))
    max_epochs: int = 50

    _constraint = "unit_norm"
    # Whether an incomplete last batch is dropped, for losses that compare the rows of a batch.
    _drops_rest = False

    # -- networks ----------------------------------------------------------------------------

    def _plan(self, samples, side):
        n = len(samples)
        n_prototypes = self._n_prototypes_of(n)
        n_anchors = max(self.n_clusters, n_prototypes, min(MAX_ANCHORS, n // 10))
        return SimpleNamespace(n_prototypes=n_prototypes, n_anchors=n_anchors, continues=False)

    def _n_prototypes_of(self, n_samples):
        """Number of prototypes for so many rows."""
        most = max(self.n_clusters, n_samples // 5)
        return min(self.n_prototypes or min(10 * self.n_clusters, most), n_samples)

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        width = code_width(module, shape)
        module.register_buffer("anchors", torch.zeros(plan.n_anchors, width))
        module.register_buffer("anchor_clusters", torch.full((plan.n_anchors,), -1))
        self._add_heads(module, width, plan, generator)
        return module

    def _add_heads(self, module, width, plan, generator):
        """Add further trained layers to the module, for an embedding of this width."""

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        return [Stage("train", self._loss_of_batch, self.max_epochs, **self._training())]

    def _training(self):
        """Options of the stage of training."""
        options = {"schedule": cosine_decay}
        if self._drops_rest:
            options["batches"] = self._whole_batches
        return options

    def _loss_of_batch(self, fit, batch):
        """The method's own loss."""
        raise NotImplementedError

    def _whole_batches(self, fit):
        """All rows in random order, without those of an incomplete last batch."""
        n = len(fit.samples)
        size = min(n, self.batch_size)
        return torch.randperm(n, generator=fit.generator)[: n // size * size]

    # -- labels ------------------------------------------------------------------------------

    def _read_out(self, fit):
        Z = map_rows(fit.module.encode, fit.samples)
        fit.require_finite(Z.sum(dtype=torch.float64).item())
        place_anchors(
            fit.module.anchors, fit.module.anchor_clusters, *self._anchors(fit, Z.cpu().numpy())
        )
        loss, labels = self._evaluate(fit.module, fit.samples)
        return ReadOut(loss, labels, self._describe(fit, Z, labels) | self._attributes(fit))

    def _describe(self, fit, Z, labels):
        """Fitted attributes that follow from the embedding of the training rows."""
        centers = Z.new_zeros(self.n_clusters, Z.shape[1])
        centers.index_add_(0, torch.as_tensor(labels, device=Z.device).long(), Z)
        centered = Z.double() - Z.mean(dim=0, dtype=torch.float64)
        variances = torch.linalg.eigvalsh(centered.T @ centered / len(Z))
        squares = variances.square().sum().item()
        return {
            "cluster_centers_": F.normalize(centers, dim=1).cpu().numpy(),
            "n_components_": Z.shape[1],
            "embedding_rank_": variances.sum().item() ** 2 / squares if squares > 0 else 0.0,
            "n_prototypes_": fit.plan.n_prototypes,
            "_spread": variances.sum().clamp_min(0).sqrt().item(),
        }

    def _anchors(self, fit, Z):
        return self._cut(fit, Z, self.n_clusters, fit.plan.n_anchors, self._seen)

    def _seen(self, fit, seed):
        """Embeddings of a view of each row."""
        return self._over_views(fit.samples, lambda x, view: fit.module.encode(view), seed)

    def _cut(self, fit, Z, n_clusters, n_anchors, seen):
        """Anchors and their clusters, of an embedding whose views `seen` embeds."""
        rule, views = self.final_clustering, None
        make = self._view_maker(fit.samples.shape)
        # Views of tables stay near their rows: they add nothing to what neighbors show. Masks, of
        # which more is changed, choose no better cuts of digits.
        if rule == "spectral" and not isinstance(make, (TabularViews, MaskedViews)):
            n_views = max(1, VIEWED // len(fit.samples))
            views = torch.stack([seen(fit, seed) for seed in range(n_views)]).cpu().numpy()
        return grouped_anchors(Z, n_clusters, n_anchors, rule, views)

    def _evaluate(self, module, samples):
        return self._agreement_of_views(module, samples)

    def _log_proba(self, module, x):
        z = module.encode(x)
        return log_memberships(z, module.anchors, module.anchor_clusters, self.n_clusters)

    def _warn(self, out_of_time):
        super()._warn(out_of_time)
        k = self.n_clusters
        if k == 1 or len(np.unique(self.labels_)) < 2:
            return
        signs = []
        if self._spread < SPREAD:
            signs.append("all rows are in nearly one place")
        if self.embedding_rank_ < RANK and k > 2 and self.n_features_in_ > 2:
            signs.append("it has hardly more than one dimension")
        if self.loss_ > GUESS * math.log(k):
            signs.append("views of a row fall into other clusters than the row")
        if signs:
            warnings.warn(
                f"The embedding of {type(self).__name__} has collapsed: {', and '.join(signs)} "
                f"(embedding_rank_={self.embedding_rank_:.2f}, loss_={self.loss_:.2f}). Its "
                "clusters mean little. Try more max_epochs, a lower learning_rate, weaker views, "
                "more n_prototypes or a larger batch_size.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )


def random_prototypes(n_prototypes, width, generator):
    """Prototypes to train, of length one."""
    prototypes = torch.randn(n_prototypes, width, generator=generator)
    return nn.Parameter(F.normalize(prototypes, dim=1))


def place_anchors(anchors, clusters, found, clusters_found):
    """Store anchors and their clusters in buffers, which may be longer."""
    anchors[: len(found)] = torch.as_tensor(found)
    clusters.fill_(-1)[: len(clusters_found)] = torch.as_tensor(clusters_found)


def log_memberships(z, anchors, clusters, n_clusters):
    """Log-probabilities of clusters, by the nearest anchor of each."""
    cosine = z @ anchors[clusters >= 0].T
    nearest = cosine.new_full((len(z), n_clusters), -1e4)
    index = clusters[clusters >= 0].expand(len(z), -1)
    nearest = nearest.scatter_reduce(1, index, cosine, "amax")
    return F.log_softmax(nearest / TEMPERATURE, dim=1)


class OnlineBase(StreamMixin, SelfSupervised):
    """Base of the methods that continue with new rows, at a tenth of the learning rate."""

    def _further_stage(self):
        (stage,) = self._stages()
        stage.epochs, stage.schedule = 1, None
        stage.learning_rate = 0.1 * self.learning_rate
        return stage

    def _further_plan(self):
        return SimpleNamespace(n_prototypes=self.n_prototypes_, continues=True)

    def _anchors(self, fit, Z):
        if not fit.plan.continues:
            return super()._anchors(fit, Z)
        known = fit.module.anchor_clusters >= 0
        anchors = moved_anchors(Z, fit.module.anchors[known].cpu().numpy())
        return anchors, fit.module.anchor_clusters[known].cpu().numpy()
