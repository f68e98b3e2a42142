"""What the pseudo-label methods share: encoder, views, heads, and the way from rows to labels."""

import math
import warnings
from functools import partial
from numbers import Integral
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from skdeepcluster._encoder import EncoderBase, ProbabilityMixin
from skdeepcluster.assignment import grouped_anchors, moved_anchors
from skdeepcluster.base import seeded
from skdeepcluster.nn import Encoder, conv_encoder, dense_encoder
from skdeepcluster.training import Stage, map_blocks
from skdeepcluster.views import Draws, ImageViews, TabularViews, Views

# Anchors that the read-out keeps for new rows: a tenth of the rows, but not more than these.
MAX_ANCHORS = 1000
# Views of rows that tell where to cut the embedding, all rows together.
VIEWED = 10_000
# An embedding has collapsed where rows of length one stand this near to each other, where it has
# hardly more than one dimension, or where views tell next to nothing of their rows' clusters: this
# share of the cross entropy of a guess.
SPREAD, RANK, GUESS = 0.01, 1.05, 0.9


class SelfLabelBase(ProbabilityMixin, EncoderBase):
    """Base of the methods that train an encoder by labels that they make themselves.

    Parameters
    ----------
    encoder : {"auto", "mlp", "conv"}, sequence of int or torch.nn.Module, default="auto"
        Network from rows to the embedding: "auto" takes "conv" for images and "mlp" for flat rows.
        A sequence gives the widths of an mlp's hidden layers. A module is copied with its weights.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (512, 512), or channels of the convolutions
        of "conv", by default (32, 64, 128).

    n_components : int, default=64
        Width of the embedding, whose rows have length one.

    n_prototypes : int, default=None
        Groups that the training tells apart; by default ten for each cluster, but not more than a
        fifth of the rows.

    views : "auto" or callable, default="auto"
        Random views of a batch of standardised rows: "auto" takes
        `skdeepcluster.views.ImageViews` for images and `skdeepcluster.views.TabularViews` for flat
        rows. A callable takes a tensor of shape (n, C, H, W) or (n, n_features) and returns one of
        the same shape; it may draw from torch's global generator.

    final_clustering : {"spectral", "average", "k-means"}, default="spectral"
        How the embedding becomes `n_clusters` groups: by cuts of neighbourhood graphs, which find
        groups of unequal sizes and any shape (for images and views of your own also by merges of
        neighbours, and those are taken that part fewest rows from their views); by average linkage
        of many centres; or by k-means, which likes groups of one size.

    max_epochs : int, default=50
        Most epochs of the training.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Mean direction of each cluster in the embedding.

    n_prototypes_ : int
        Groups that the training told apart.

    embedding_rank_ : float
        Dimensions that the embedding makes use of: the squared sum of the eigenvalues of its
        covariance over the sum of their squares. Near 1 it has collapsed.

    loss_ : float
        Cross entropy of the clusters of views with those of their rows, a mean over the training
        rows that all methods of the family share. Its negative is the `score`; the losses that
        training minimised are in `history_`.
    """

    encoder: object = "auto"
    n_components: int = 64
    n_prototypes: int | None = None
    views: object = "auto"
    final_clustering: str = "spectral"
    max_epochs: int = 50

    _parameter_constraints = {
        **EncoderBase._parameter_constraints,
        "encoder": [StrOptions({"auto", "mlp", "conv"}), "array-like", nn.Module],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_prototypes": [Interval(Integral, 1, None, closed="left"), None],
        "views": [StrOptions({"auto"}), callable],
        "final_clustering": [StrOptions({"spectral", "average", "k-means"})],
    }

    _constraint = "unit_norm"
    # Crops and turns move pixels: the background must look the same everywhere.
    _common_means = True
    _hidden = {"mlp": (512, 512), "conv": (32, 64, 128)}
    # Whether batches have to be whole, as where rows of a batch are compared.
    _drops_rest = False
    # Temperature of the memberships of the read-out.
    _read_out_temperature = 0.1

    # -- networks ----------------------------------------------------------------------------

    def _check_samples(self, samples):
        n = len(samples)
        most = max(self.n_clusters, n // 5)
        self.n_prototypes_ = min(self.n_prototypes or min(10 * self.n_clusters, most), n)
        self._n_anchors = max(self.n_clusters, self.n_prototypes_, min(MAX_ANCHORS, n // 10))

    def _build(self, shape, generator):
        module = self._encoder_alone(shape, generator)
        with torch.no_grad():
            width = module.eval().encode(torch.zeros(2, *shape)).shape[1]
        module.register_buffer("anchors", torch.zeros(self._n_anchors, width))
        module.register_buffer("anchor_clusters", torch.full((self._n_anchors,), -1))
        self._add_heads(module, width, generator)
        return module

    def _encoder_alone(self, shape, generator):
        if isinstance(self.encoder, nn.Module):
            return super()._encoder_alone(shape, generator)
        name, hidden = self._architecture(shape)
        make = conv_encoder if name == "conv" else dense_encoder
        return Encoder(make(shape, hidden, self.n_components, generator), self._constraint)

    def _add_heads(self, module, width, generator):
        """Give the module what else is trained, for an embedding of this width."""

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        return [Stage("train", self._loss_of_batch, self.max_epochs, **self._training())]

    def _training(self):
        """Options of the stage of training."""
        options = {"schedule": cosine_decay}
        if self._drops_rest:
            options["rows"] = self._whole_batches
        return options

    def _loss_of_batch(self, fit, batch):
        """The method's own loss."""
        raise NotImplementedError

    def _whole_batches(self, fit):
        """All rows in random order, less those that would make a smaller last batch."""
        n = len(fit.samples)
        size = min(n, self.batch_size)
        return torch.randperm(n, generator=fit.generator)[: n // size * size]

    # -- views -------------------------------------------------------------------------------

    def _draw_outside(self):
        return super()._draw_outside() or not isinstance(self._view_maker((1,)), Views)

    def _view_maker(self, shape):
        if self.views == "auto":
            return ImageViews() if len(shape) == 3 else TabularViews()
        return self.views

    def _views(self, fit, batch, n_views=2, n_local=0):
        """Views of a batch, whole ones and those that keep less of a row."""
        x = batch.x
        draws = SimpleNamespace(
            uniform=partial(fit.uniform, batch),
            normal=partial(fit.normal, batch),
            company=partial(fit.company, batch),
        )
        whole = self._view_maker(x.shape[1:])
        local = whole.local() if n_local and isinstance(whole, Views) else whole
        makers = [whole] * n_views + [local] * n_local
        return [view_of(make, x, draws) for make in makers]

    def _encoded_views(self, fit, batch, n_views=2, n_local=0):
        """Embeddings of views, one after the other in a list."""
        views = self._views(fit, batch, n_views, n_local)
        return fit.module.encode(torch.cat(views)).chunk(len(views))

    # -- labels ------------------------------------------------------------------------------

    def _conclude(self, fit):
        Z = torch.cat(list(map_blocks(fit.module.encode, fit.samples)))
        fit.require_finite(Z.sum(dtype=torch.float64).item())
        anchors, clusters = self._anchors(fit, Z.cpu().numpy())
        fit.module.anchors[: len(anchors)] = torch.as_tensor(anchors)
        fit.module.anchor_clusters.fill_(-1)[: len(clusters)] = torch.as_tensor(clusters)
        fit.loss, fit.labels = self._assess(fit.module, fit.samples)
        centers = Z.new_zeros(self.n_clusters, Z.shape[1])
        centers.index_add_(0, torch.as_tensor(fit.labels, device=Z.device).long(), Z)
        centered = Z.double() - Z.mean(dim=0, dtype=torch.float64)
        variances = torch.linalg.eigvalsh(centered.T @ centered / len(Z))
        squares = variances.square().sum().item()
        fit.found = {
            "cluster_centers_": F.normalize(centers, dim=1).cpu().numpy(),
            "n_components_": Z.shape[1],
            "embedding_rank_": variances.sum().item() ** 2 / squares if squares > 0 else 0.0,
            "_spread": variances.sum().clamp_min(0).sqrt().item(),
        }

    def _anchors(self, fit, Z):
        rule, views = self.final_clustering, None
        make = self._view_maker(fit.samples.shape)
        # Views of tables stay near their rows: they tell no more than neighbours do.
        if rule == "spectral" and not isinstance(make, TabularViews):
            views = torch.stack(
                [
                    self._over_views(fit.samples, lambda x, view: fit.module.encode(view), seed)
                    for seed in range(max(1, VIEWED // len(Z)))
                ]
            )
            views = views.cpu().numpy()
        return grouped_anchors(Z, self.n_clusters, self._n_anchors, rule, views)

    def _over_views(self, samples, function, seed=0):
        """Concatenate function(rows, views of them) over samples; a seed's views are the same."""
        draws = torch.Generator().manual_seed(seed)
        make = self._view_maker(samples.shape)
        with seeded(self._lent_generators(samples.device), seed=seed):
            parts = map_blocks(lambda x: function(x, view_of(make, x, Draws(x, draws))), samples)
            return torch.cat(list(parts))

    def _objective(self, fit):
        self._conclude(fit)
        return fit.loss

    def _learned(self, fit):
        found = getattr(fit, "found", None)
        return None if found is None else found | self._own_attributes(fit)

    def _own_attributes(self, fit):
        """Fitted attributes that the method has beside those of the family."""
        return {}

    def _assess(self, module, samples):
        def loss_and_label(x, view):
            label = self._label(module, x)
            seen = self._log_proba(module, view)
            return torch.stack([-seen.gather(1, label[:, None])[:, 0], label], dim=1)

        found = self._over_views(samples, loss_and_label)
        return found[:, 0].mean(dtype=torch.float64).item(), found[:, 1].int().cpu().numpy()

    def _log_proba(self, module, x):
        """By the nearest anchor of each cluster."""
        clusters = module.anchor_clusters
        cosine = module.encode(x) @ module.anchors[clusters >= 0].T
        nearest = cosine.new_full((len(x), self.n_clusters), -1e4)
        index = clusters[clusters >= 0].expand(len(x), -1)
        nearest = nearest.scatter_reduce(1, index, cosine, "amax")
        return F.log_softmax(nearest / self._read_out_temperature, dim=1)

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
            signs.append("views of a row have other clusters than the row")
        if signs:
            warnings.warn(
                f"The embedding of {type(self).__name__} has collapsed: {', and '.join(signs)} "
                f"(embedding_rank_={self.embedding_rank_:.2f}, loss_={self.loss_:.2f}). Its "
                "clusters mean little. Try more max_epochs, a lower learning_rate, weaker views, "
                "more n_prototypes or a larger batch_size.",
                ConvergenceWarning,
                stacklevel=3,
            )


def view_of(make, x, draws):
    """A view of each row by one of ours, which has its numbers from `draws`, or by the user's."""
    if isinstance(make, Views):
        if isinstance(make, ImageViews) and x.ndim != 4:
            raise ValueError(
                "views=ImageViews(...) needs images of shape (n, C, H, W) or (n, H, W), or "
                "image_shape=(C, H, W) for flat rows"
            )
        return make(x, draws)
    with torch.no_grad():
        view = make(x)
    if not isinstance(view, torch.Tensor) or view.shape != x.shape:
        got = tuple(view.shape) if isinstance(view, torch.Tensor) else type(view).__name__
        raise ValueError(
            f"views must return a tensor of the shape of its batch, {tuple(x.shape)}; got {got}"
        )
    return view


def cosine_decay(progress):
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * progress))


class OnlineBase(SelfLabelBase):
    """Base of the methods that can go on with new rows."""

    # Whether rows go on from a fitted model.
    _goes_on = False

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Go on with new rows, in one pass that trains the network and moves the clusters.

        It has a tenth of the learning rate. The first call is `fit`. Later ones keep the network,
        the prototypes, the clusters with their numbers, and the standardisation of rows;
        `labels_`, `loss_` and `history_` are those of the rows of the last call.

        Parameters
        ----------
        X : array-like, sparse matrix or torch.utils.data.Dataset
            As in `fit`; later calls may have any number of rows.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X)
        (stage,) = self._stages()
        stage.epochs, stage.schedule = 1, None
        stage.learning_rate = 0.1 * self.learning_rate
        self._goes_on = True
        try:
            self._go_on(X, y, stage)
        finally:
            del self._goes_on
        return self

    def _check_samples(self, samples):
        if not self._goes_on:
            super()._check_samples(samples)

    def _anchors(self, fit, Z):
        if not self._goes_on:
            return super()._anchors(fit, Z)
        known = fit.module.anchor_clusters >= 0
        anchors = moved_anchors(Z, fit.module.anchors[known].cpu().numpy())
        return anchors, fit.module.anchor_clusters[known].cpu().numpy()
