"""Base of the subspace methods: rate reduction with memberships of pairs, and the read-out."""

import warnings
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.deep import DeepClusterer, NormalizedEncoderMixin, ProbabilityMixin
from skdeepcluster.metrics import rate_reduction
from skdeepcluster.nn import code_width, coding_rate, linear, membership_rate
from skdeepcluster.subspace._network import SubspaceNet
from skdeepcluster.subspace._read_out import (
    batch_memberships,
    clusters_of_numbers,
    landmark_memberships,
    shortest,
    subspaces_of,
)
from skdeepcluster.training import ReadOut, Stage, map_rows
from skdeepcluster.validation import caller_level

# An embedding has collapsed if its rate is below so many times that of equal rows; memberships have
# if rows keep more than this share for themselves.
LEAST_RATE, MOST_ALONE = 1.5, 0.5
# Landmarks for each cluster, at least.
LANDMARKS_PER_CLUSTER = 20


class SubspaceClusterer(ProbabilityMixin, NormalizedEncoderMixin, DeepClusterer):
    """Base of the methods that increase the coding rate of all rows over that within clusters.

    Parameters
    ----------
    n_clusters : int or None, default=8
        Number of clusters. It has no part in training; None takes the number up to `max_clusters`
        with the shortest code.

    max_clusters : int, default=20
        Largest number that ``n_clusters=None`` tries.

    n_components : int, default=32
        Width of the embedding.

    distortion : float, default=0.1
        Squared error up to which rows are coded.

    reg : float, default=0.12
        Entropy of the memberships: with less rows keep to themselves, with more memberships become
        uniform.

    membership_weight : float, default=0.05
        Weight of the squares of memberships, against rows that keep to themselves.

    own_memberships : bool, default=True
        Whether memberships come from a head of their own, which begins as a copy of that of the
        embedding; otherwise from the embedding.

    cluster_weight_decay : float, default=5e-3
        Weight decay of the head of the memberships.

    n_landmarks : int, default=2000
        Rows on which the clusters are found, all if there are fewer, and at least 20 for each
        cluster. Takes the square of it in memory.

    encoder : {"auto", "mlp", "conv"}, sequence of int or torch.nn.Module, default="auto"
        Network from rows to the embedding, the last layer of which is the head that is copied:
        "auto" takes "conv" for images and "mlp" for flat rows. A sequence gives the widths of an
        mlp's hidden layers. A module is copied with its weights, and linear heads are added to it.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (256, 256), narrower in proportion for less
        than 50 features, or channels of the convolutions of "conv", by default (32, 64, 128).

    batch_size : int, default=512
        Number of rows in a step; each cluster should have several. A step takes
        ``batch_size * n_components**2`` numbers in memory.

    weight_decay : float, default=1e-4
        Weight decay of the other parameters.

    Attributes
    ----------
    n_clusters_ : int
        Number of clusters.

    coding_lengths_ : dict of int to float
        Length of the code of the landmarks by so many clusters, in nats: of the one that was given,
        or of all that were tried.

    coding_rate_ : float
        Coding rate of the embedding of the training rows.

    subspaces_ : list of ndarray of shape (subspace_ranks_[c], n_components)
        Orthonormal basis of the subspace of each cluster, with 95 % of its energy.

    subspace_ranks_ : ndarray of shape (n_clusters_,)
        Their dimensions.

    loss_ : float
        Minus the `skdeepcluster.metrics.rate_reduction` of the embedding by its clusters. Its
        negative is the `score`.

    n_components_ : int
        Width of the embedding, whose rows have length one.
    """

    n_clusters: int | None = param(
        8, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    max_clusters: int = param(20, Interval(Integral, 1, None, closed="left"))
    n_components: int = param(32, Interval(Integral, 1, None, closed="left"))
    distortion: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    reg: float = param(0.12, Interval(Real, 0, None, closed="neither"))
    membership_weight: float = param(0.05, Interval(Real, 0, None, closed="left"))
    own_memberships: bool = param(True, "boolean")
    cluster_weight_decay: float = param(5e-3, Interval(Real, 0, None, closed="left"))
    n_landmarks: int = param(2000, Interval(Integral, 2, None, closed="left"))
    encoder: str | Sequence[int] | nn.Module = "auto"
    hidden_layer_sizes: Sequence[int] | None = None
    batch_size: int = 512
    weight_decay: float | None = param(1e-4, Interval(Real, 0, None, closed="left"))

    _hidden = {"mlp": (256, 256), "conv": (32, 64, 128)}
    # Groups of parameters have their own.
    _weight_decay = None
    # Which parameter says how long the coding rate grows first.
    _first = ""
    # Whether opposite rows are far from each other, and not alike.
    _signed = False

    @property
    def _n_clusters_sought(self):
        return self.n_clusters or 1

    # -- networks ----------------------------------------------------------------------------

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        encoder = module.encoder
        if isinstance(self.encoder, nn.Module):
            width = code_width(module, shape)
            trunk, head = encoder, linear(width, self.n_components, generator)
        else:
            trunk, head = encoder[:-1], encoder[-1]
        n_clusters = self.n_clusters or self.max_clusters
        return SubspaceNet(trunk, head, self.own_memberships, n_clusters)

    # -- training ----------------------------------------------------------------------------

    def _first_stages(self):
        """Stages before memberships begin as those of the embedding."""
        return []

    def _stages(self):
        train = Stage(
            "train",
            self._reduce,
            self.max_epochs,
            weights={"membership": self.membership_weight},
            parameters=self._groups,
            begin=lambda fit: fit.module.copy_head(),
            batches=self._whole_batches,
        )
        return [*self._first_stages(), train]

    def _groups(self, module):
        of_features = [*module.trunk.parameters(), *module.feature_head.parameters()]
        groups = [{"params": of_features, "weight_decay": self.weight_decay}]
        if module.cluster_head is not None:
            own = [*module.cluster_head.parameters()]
            groups.append({"params": own, "weight_decay": self.cluster_weight_decay})
        return groups

    def _whole_batches(self, fit, n_batches=None):
        """Batches of random rows; rates of an incomplete last one would be other ones."""
        n = len(fit.samples)
        size = min(n, self.batch_size)
        in_epoch, batches = n // size, []
        while len(batches) < (n_batches or in_epoch):
            order = torch.randperm(n, generator=fit.generator)
            batches += order[: in_epoch * size].split(size)
        return batches[: n_batches or in_epoch]

    def _reduce(self, fit, batch):
        z, c = self._whole_heads(fit, batch, [batch.x])
        return self._rates(z[:, 0], self._memberships(c[:, 0]))

    def _whole_heads(self, fit, batch, views):
        """Both heads' outputs for views of all rows of a batch, of shape (n, n_views, p)."""
        own = torch.cat(fit.module.heads(torch.cat(views)), dim=1)
        own = torch.stack(own.chunk(len(views)), dim=1)
        _, whole = fit.whole_batch_to_train(batch, own)
        return whole.chunk(2, dim=2)

    def _memberships(self, c):
        with torch.autocast(c.device.type, enabled=False):
            similarity = c @ c.T
            return batch_memberships(similarity if self._signed else similarity.abs(), self.reg)

    def _rates(self, z, memberships):
        return {
            "rate": -coding_rate(z, self.distortion),
            "within": membership_rate(z, memberships, self.distortion),
            "membership": memberships.square().sum() / 2,
        }

    # -- results -----------------------------------------------------------------------------

    def _read_out(self, fit):
        module, p = fit.module, self.n_components
        found = map_rows(lambda x: torch.cat(module.heads(x), dim=1), fit.samples).cpu()
        fit.require_finite(found.sum(dtype=torch.float64).item())
        n, k = len(found), self.n_clusters
        n_landmarks = max(self.n_landmarks, LANDMARKS_PER_CLUSTER * (k or self.max_clusters))
        chosen = torch.randperm(n, generator=fit.generator)[:n_landmarks].sort().values
        z, c = found[chosen].split(p, dim=1)
        numbers = [k] if k else range(1, min(self.max_clusters, len(z)) + 1)
        memberships = landmark_memberships(c.numpy(), self.reg, self._signed)
        by_number, lengths = clusters_of_numbers(
            memberships, z.numpy(), numbers, self.distortion, fit.seed()
        )
        k = k or min(lengths, key=lengths.get)
        module.set_subspaces(z, torch.as_tensor(by_number[k]), self.distortion)
        loss, labels = self._evaluate(module, fit.samples)
        bases = subspaces_of(found[:, :p], torch.as_tensor(labels), k)
        attributes = {
            "n_clusters_": k,
            "coding_lengths_": lengths,
            "coding_rate_": coding_rate(found[:, :p].double(), self.distortion).item(),
            "subspaces_": bases,
            "subspace_ranks_": np.array([len(basis) for basis in bases]),
            "n_components_": p,
            "_alone": float(memberships.diagonal().mean()),
        }
        return ReadOut(loss, labels, attributes | self._attributes(fit))

    def _log_proba(self, module, x):
        n_clusters = getattr(self, "n_clusters_", None) or self.n_clusters or self.max_clusters
        lengths = module.added_lengths(module.encode(x), self.distortion)
        return F.log_softmax(-lengths[:, :n_clusters], dim=1)

    def _evaluate(self, module, samples):
        z = map_rows(module.encode, samples).cpu().numpy()
        labels = map_rows(lambda x: self._label(module, x).int(), samples).cpu().numpy()
        return -rate_reduction(z, labels, precision=self.distortion), labels

    def pair_memberships(self, X):
        """Memberships of pairs of rows, from which clusters are found.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            Some of the rows, up to some thousand: the result holds all their pairs.

        Returns
        -------
        memberships : ndarray of shape (n_samples, n_samples)
            Symmetric and doubly stochastic.
        """
        c = self._stream(X, lambda x: self.module_.heads(x)[1])
        return landmark_memberships(c, self.reg, self._signed).astype(c.dtype)

    def _warn(self, out_of_time):
        super()._warn(out_of_time)
        if self.n_clusters is None:
            shortest(self.coding_lengths_)
        if self._n_clusters_sought == 1 or len(self.labels_) < 10:
            return
        least = np.log1p(self.n_components / self.distortion) / 2
        signs = []
        if self.coding_rate_ < LEAST_RATE * least:
            signs.append(
                f"rows have become alike (coding_rate_={self.coding_rate_:.2f}, {least:.2f} of "
                f"equal rows); try a lower learning_rate or more {self._first}"
            )
        if self._alone > MOST_ALONE:
            signs.append(
                f"rows are members of their own clusters only (with {self._alone:.2f} on average); "
                f"raise reg, or try fewer {self._first}"
            )
        if signs:
            warnings.warn(
                f"The embedding of {type(self).__name__} has collapsed: {' and '.join(signs)}.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
