"""UnbalancedAtlas: an embedding of several charts, each for some of the rows."""

import math
import warnings
from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import Clusterer, param
from skdeepcluster.constraints import PairsMixin
from skdeepcluster.deep import (
    DeepEstimator,
    NormalizedEncoderMixin,
    ProbabilityMixin,
    ViewsMixin,
    note_pairs,
    row_pairs,
)
from skdeepcluster.nn import Encoder, Heads, code_width, contrast, conv_trunk, dense_encoder, linear
from skdeepcluster.training import Stage, cosine_decay, pairs_of
from skdeepcluster.validation import caller_level

# Rows whose views each row is compared with in the objective, at most; rows compared at a time.
CANDIDATES, BLOCK_ROWS = 1000, 2**14


class UnbalancedAtlas(
    PairsMixin, ProbabilityMixin, ViewsMixin, NormalizedEncoderMixin, Clusterer, DeepEstimator
):
    r"""Contrastive embedding by several charts, one of which each row belongs to.

    A manifold that no single map flattens is described by an atlas: charts :math:`\psi_h`, linear
    in the output of one trunk, and memberships :math:`q_h` of each row in them. Views of a row are
    attracted to each other in the embedding and repelled from those of other rows, and memberships
    are driven away from uniform ones: each row decides for a chart. The embedding of a row is that
    of its chart alone.

    Pick it for an embedding to use elsewhere, such as of the states that successive frames show.
    With the defaults charts are no clusters: all rows may use one. They become clusters where
    `unbalance_weight` and `balance_weight` are large, about 1 and 3, but
    :class:`~skdeepcluster.ContrastiveClustering` is made for that. It counts as a clusterer where
    the loss reads memberships, with ``target="mixture"``.

    For the :math:`2b` views of a batch, with the other view :math:`p(r)` of the same row, let
    :math:`z_r` be the target, scaled to length one: :math:`\frac{1}{H} \sum_h \psi_h(x_r)` or, with
    ``target="mixture"``, :math:`\sum_h q_{rh} \psi_h(x_r)`. Training minimizes

    .. math:: -\frac{1}{2b} \sum_r \left[ \log
        \frac{\exp(z_r^\top z_{p(r)} / \tau)}{\sum_{s \ne r} \exp(z_r^\top z_s / \tau)}
        + \lambda \sum_h \Bigl(q_{rh} - \frac{1}{H}\Bigr)^2 \right]
        + \beta \, (\log H - \mathcal{H}(\bar q)),

    where :math:`\mathcal{H}(\bar q)` is the entropy of the mean membership.

    Parameters
    ----------
    n_charts : int, default=4
        Number :math:`H` of charts. With 1 it is contrastive learning without an atlas.

    n_components : int, default=64
        Width of each chart, and of the embedding.

    target : {"mean", "mixture"}, default="mean"
        What is contrasted in training: the mean of all charts, as in the paper, or their mean
        weighted by the memberships. With "mean" the contrast does not depend on memberships, and
        moves all charts alike: they differ as their random first weights do.

    unbalance_weight : float, default=0.1
        Weight :math:`\lambda` of memberships that are far from uniform.

    balance_weight : float, default=0.0
        Weight :math:`\beta` of charts that are used equally. Without it one chart may take all
        rows, which :math:`\lambda` does not prevent.

    temperature : float, default=0.5
        :math:`\tau`.

    batch_size : int, default=128
        Number of rows, or of pairs, in a step.

    max_epochs : int, default=50
        Maximum number of training epochs.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Chart of each training row.

    n_charts_used_ : int
        Number of charts that have rows.

    loss_ : float
        The same objective over the training rows: each row, embedded by its chart, has to find its
        own view among those of up to 1,000 rows. Its negative is the `score`.

    See Also
    --------
    SimCLR : Contrast of views in a single map.
    ContrastiveClustering : Contrast of views, and of clusters.

    Notes
    -----
    Differences from the paper, which embeds frames of games: two views of a row, or two rows of a
    pair, are contrasted by their cosine in the place of a frame and places of the feature map of
    the frame before; layers are normalized, weights start uniform instead of orthogonal, and the
    learning rate decays; the balance is an addition. A row in several pairs of a batch is among its
    own negatives.

    References
    ----------
    .. [1] L. Meng, M. Goodwin, A. Yazidi, P. Engelstad (2024). State representation learning using
           an unbalanced atlas. *ICLR*. :arxiv:`2305.10267`

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import UnbalancedAtlas
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> model = UnbalancedAtlas(hidden_layer_sizes=(32,), max_epochs=5, random_state=0).fit(X)
    >>> model.transform(X).shape, model.predict_proba(X).shape
    ((300, 64), (300, 4))
    """

    n_charts: int = param(4, Interval(Integral, 1, None, closed="left"), positional=True)
    n_components: int = param(64, Interval(Integral, 1, None, closed="left"))
    target: str = param("mean", StrOptions({"mean", "mixture"}))
    unbalance_weight: float = param(0.1, Interval(Real, 0, None, closed="left"))
    balance_weight: float = param(0.0, Interval(Real, 0, None, closed="left"))
    temperature: float = param(0.5, Interval(Real, 0, None, closed="neither"))
    max_epochs: int = 50
    batch_size: int = 128

    def fit(self, X, y=None, *, constraints=None, sample_ids=None):
        """Train the network on views of rows, or on pairs of rows.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            Not used.
        constraints : PairwiseConstraints, default=None
            Must-links: rows that are to be near each other, such as successive frames of a film.
            Then a view of each row of a pair is contrasted in the place of two views of a row, and
            rows without a pair are not trained on. Weights are not used. With
            ``views=torch.nn.Identity()`` rows are taken as they are.
        sample_ids : array-like of shape (n_samples,), default=None
            The id of each row, by which pairs find their rows where some are left out.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y, constraints=constraints, sample_ids=sample_ids)

    def _side(self, samples, X, y, *, constraints=None, sample_ids=None, **side):
        found = super()._side(samples, X, y, **side)
        pairs = self._pairs(constraints, sample_ids, len(samples))
        if len(pairs.cannot):
            raise ValueError(
                f"constraints has {len(pairs.cannot)} cannot-links, which are not used: rows of "
                "different pairs are repelled in any case. Leave them out."
            )
        note_pairs(found, pairs)
        return found

    # -- network -----------------------------------------------------------------------------

    def _encoder_alone(self, shape, generator):
        # Charts and memberships are linear in what the trunk gives: it ends with an activation.
        if isinstance(self.encoder, nn.Module):
            return super()._encoder_alone(shape, generator)
        name, hidden = self._architecture(shape)
        if name == "conv":
            return Encoder(nn.Sequential(*conv_trunk(shape, hidden, generator)[0], nn.Flatten()))
        if not hidden:
            return Encoder(nn.Flatten())
        *others, width = hidden
        dense = dense_encoder(shape, others, width, generator)
        return Encoder(nn.Sequential(*dense, nn.LayerNorm(width), nn.ReLU()))

    def _build(self, shape, plan, generator):
        trunk = self._encoder_alone(shape, generator)
        width = code_width(trunk, shape)
        return Atlas(trunk.encoder, width, self.n_charts, self.n_components, generator)

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        weights = {"unbalance": self.unbalance_weight, "balance": self.balance_weight}
        options = {"begin": self._begin, "batches": self._batches, "schedule": cosine_decay}
        return [Stage("train", self._loss, self.max_epochs, weights=weights, **options)]

    def _begin(self, fit):
        """From here on the model can predict."""
        fit.usable = True

    def _batches(self, fit):
        if "pairs" in fit.side.arrays:
            return pairs_of("pairs")(fit)
        return torch.randperm(len(fit.samples), generator=fit.generator)

    def _loss(self, fit, batch):
        if batch.index.ndim > 1:
            (views,) = self._views(fit, batch, 1)
        else:
            views = torch.stack(self._views(fit, batch), dim=1).flatten(0, 1)
        charts, log_q = fit.module(views)
        q = log_q.exp()
        both = torch.cat([F.normalize(target_of(charts, q, self.target), dim=1), q], dim=1)
        index, both = fit.whole_batch_to_train(batch, both.unflatten(0, (-1, 2)))
        z, q = both.flatten(0, 1).split([self.n_components, self.n_charts], dim=1)
        item = torch.arange(len(index), device=z.device).repeat_interleave(2)
        return {"contrast": contrast(z, item, self.temperature)} | self._terms(q)

    def _terms(self, q):
        """What memberships lack of certainty, and their mean of balance; 0 is best."""
        return {
            "unbalance": 1 - 1 / self.n_charts - distance_from_uniform(q).mean(),
            "balance": math.log(self.n_charts) - torch.special.entr(q.mean(dim=0)).sum(),
        }

    # -- results -----------------------------------------------------------------------------

    def _log_proba(self, module, x):
        return module.read(x)[1]

    def _evaluate(self, module, samples):
        found = self._over_views(
            samples,
            lambda x, view: torch.cat([*module.read(x), module.encode(view)], dim=1),
        )
        d = self.n_components
        z, log_q, seen = found.split([d, self.n_charts, d], dim=1)
        terms = self._terms(log_q.exp())
        loss = (
            contrast_with_views(z, seen, self.temperature)
            + self.unbalance_weight * terms["unbalance"]
            + self.balance_weight * terms["balance"]
        )
        return loss.item(), log_q.argmax(dim=1).int().cpu().numpy()

    def _attributes(self, fit):
        return {"n_components_": self.n_components}

    def _read_out(self, fit):
        found = super()._read_out(fit)
        used = {"n_charts_used_": len(np.unique(found.labels))}
        judged = self._judged(row_pairs(fit), found.labels)
        return found._replace(attributes=found.attributes | used | judged)

    def _warn(self, out_of_time):
        super()._warn(out_of_time)
        if self.target == "mixture" and self.n_charts > self.n_charts_used_ == 1:
            warnings.warn(
                f"{type(self).__name__} uses one of n_charts={self.n_charts} charts, so all rows "
                f"are in one cluster: raise balance_weight={self.balance_weight}, or lower "
                f"unbalance_weight={self.unbalance_weight}.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )

    def predict(self, X):
        """The chart of each row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            For the training rows these are `labels_`.
        """
        return super().predict(X)

    def predict_proba(self, X):
        """Memberships of the charts.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_charts)
            Rows sum to 1, and are largest at the labels of `predict`.
        """
        return super().predict_proba(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        if self.target == "mean":
            tags.estimator_type = None
        return tags


class Atlas(Encoder):
    """A trunk, charts that are linear in its output, and memberships in them.

    Parameters
    ----------
    trunk : torch.nn.Module
    width : int
        Of its output.
    n_charts, n_components : int
        Number of charts and width of each.
    generator : torch.Generator
    """

    def __init__(self, trunk, width, n_charts, n_components, generator):
        super().__init__(trunk)
        self.charts = Heads(n_charts, (width, n_components), generator)
        self.gate = linear(width, n_charts, generator)

    def forward(self, x):
        """All charts, of shape (n_charts, n, n_components), and log-memberships, (n, n_charts)."""
        features = self.encoder(x)
        return self.charts(features), F.log_softmax(self.gate(features).float(), dim=1)

    def read(self, x):
        """The embedding, of each row by its own chart, and log-memberships."""
        charts, log_q = self(x)
        own = charts[log_q.argmax(dim=1), torch.arange(len(log_q), device=log_q.device)]
        return F.normalize(own, dim=1), log_q

    def encode(self, x):
        """The embedding."""
        return self.read(x)[0]


def target_of(charts, q, target):
    """What is contrasted: the mean of charts, or that weighted by memberships.

    Parameters
    ----------
    charts : Tensor of shape (n_charts, n, n_components)
    q : Tensor of shape (n, n_charts)
    target : {"mean", "mixture"}
    """
    return charts.mean(dim=0) if target == "mean" else torch.einsum("nh,hnd->nd", q, charts)


def distance_from_uniform(q):
    r"""Of each row of memberships, from 0 if all are equal to :math:`1 - 1/H` if one of H is 1.

    .. math:: \sum_h (q_h - 1/H)^2
    """
    return (q - 1 / q.shape[1]).square().sum(dim=1)


def contrast_with_views(z, views, temperature):
    """Mean cross entropy of finding the own view of each row among those of some rows.

    Parameters
    ----------
    z, views : Tensor of shape (n, n_components)
        Of length one.
    temperature : float

    Returns
    -------
    loss : Tensor
        In float64; 0 for a single row.
    """
    n = len(z)
    chosen = torch.linspace(0, n - 1, min(n, CANDIDATES), device=z.device).round().long()
    total = torch.zeros((), dtype=torch.float64, device=z.device)
    for rows in torch.arange(n, device=z.device).split(BLOCK_ROWS):
        own = (z[rows] * views[rows]).sum(dim=1, keepdim=True)
        others = (z[rows] @ views[chosen].T).masked_fill(rows[:, None] == chosen, -torch.inf)
        logits = torch.cat([own, others], dim=1) / temperature
        total += (logits.logsumexp(dim=1) - logits[:, 0]).sum(dtype=torch.float64)
    return total / n
