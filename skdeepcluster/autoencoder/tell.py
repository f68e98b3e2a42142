"""TELL: k-means as a layer of a network, whose weights are interpretable centers."""

import math
from collections.abc import Sequence
from numbers import Real

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.algorithms.kmeans import replace_empty
from skdeepcluster.base import param
from skdeepcluster.deep import (
    CenteredAutoencoder,
    ProbabilityMixin,
    StreamMixin,
    mean_and_labels,
)
from skdeepcluster.nn import Autoencoder, directions, mean_over_rows
from skdeepcluster.training import Stage, map_rows


class TELL(StreamMixin, ProbabilityMixin, CenteredAutoencoder):
    r"""K-means as a layer of a network, whose weights are interpretable centers.

    Embedding and centers lie on the unit sphere, where the squared distance to a center is linear
    in it: k-means becomes a layer :math:`W h + b` with weights :math:`W_j = 2 \mu_j`, trained by
    gradients like any other, batch by batch. Pick it for interpretable prototypes
    (`decoded_centers_`) and for streams (`partial_fit`). Only the direction of codes counts: groups
    that differ only in length cannot be separated.

    Training minimizes

    .. math:: \min_{\theta, \vartheta, \mu} \frac1n \sum_i \frac1d \|x_i - g_\vartheta(h_i)\|^2
        + \lambda \, \min_j \|h_i - \mu_j\|^2, \quad \|h_i - \mu_j\|^2 = 2 - W_j^\top h_i, \quad
        h_i = \frac{f_\theta(x_i)}{\|f_\theta(x_i)\|}, \quad \|\mu_j\| = 1,

    for standardized rows :math:`x_i` of :math:`d` features, alternately: in even epochs the second
    term moves only the centers, in odd ones only the network. A step moves each center against its
    gradient by the same length, whatever the norm of the gradient, and back to the sphere.

    ``encoder=None`` is the layer alone, of the rows themselves: :math:`h_i = x_i / \|x_i\|`, and
    only the second term, of which every epoch moves the centers. It is spherical k-means that takes
    streams; parameters of the autoencoder then do nothing.

    Parameters
    ----------
    encoder : {"mlp", "conv"}, sequence of int, torch.nn.Module or None, default="mlp"
        Network from rows to the embedding. A sequence gives the widths of an mlp's hidden layers. A
        module is copied with its weights and needs a `decoder`. None: the directions of the rows,
        which are neither centered nor scaled, and none of which may be 0.

    clustering_weight : float, default=0.5
        Weight :math:`\lambda` of the distance to the nearest center. The authors' code averages the
        distance over clusters, too, and pixels are in [0, 1] there: for the standardized pixels of
        MNIST and ten clusters theirs is a :math:`\lambda` of 0.015.

    center_step : float, default=0.1
        Length of a center's step. Without a fixed length, centers jump between clusters.

    temperature : float, default=0.1
        :math:`\tau` of `predict_proba`, whose probabilities are proportional to
        :math:`\exp(-\|h_i - \mu_j\|^2 / \tau)`; training and labels do not depend on it. The paper
        takes the limit of 0.

    init : {"neighbors", "spectral", "linkage", "k-means", "random"} or array, default="neighbors"
        Initialization of the centers, or the centers themselves, of shape
        (n_clusters, n_components). "random" directions, as in the paper, which has no pre-training
        either (``pretrain_epochs=0``) and trains for thousands of epochs; "k-means" is the best of
        20 runs on the embedding; "neighbors" clusters the rows themselves, "spectral" cuts
        neighborhood graphs over landmarks of the embedding, "linkage" merges neighbors in it, and
        the encoder first learns the labels of these three for `init_epochs`.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Centers of unit length.

    decoded_centers_ : ndarray of shape (n_clusters, n_features)
        The decoded centers, in the units of the data.

    See Also
    --------
    DCN : k-means in the embedding with centers that are running means.
    sklearn.cluster.MiniBatchKMeans : The layer without a network, on rows of unit length.

    Notes
    -----
    A center that was nearest to no row for an epoch is moved to the row that is farthest from its
    own center. Restarts (`n_init`) are compared by the objective, as in the paper.

    Differences from the paper: the default start, the pre-training before it, the larger
    `clustering_weight` and the optimizer. `paper_params` has the authors' recipe.

    References
    ----------
    .. [1] Peng, Li, Tsang, Zhu, Lv, Zhou: XAI beyond classification: interpretable neural
       clustering. JMLR 23, 2022.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import TELL
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> tell = TELL(n_clusters=3, hidden_layer_sizes=(32,), random_state=0).fit(X)
    >>> tell.decoded_centers_.shape
    (3, 8)
    """

    init: str | np.ndarray = param(
        "neighbors",
        StrOptions({"neighbors", "spectral", "linkage", "k-means", "random"}),
        "array-like",
    )
    encoder: str | Sequence[int] | nn.Module | None = param(
        "mlp", StrOptions({"mlp", "conv"}), "array-like", nn.Module, None
    )
    clustering_weight: float = param(0.5, Interval(Real, 0, None, closed="left"))
    center_step: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))

    _constraint = "unit_norm"
    _paper = {
        "init": "random",
        "encoder": (500, 500, 2000),
        "n_components": 10,
        "clustering_weight": 0.015,
        "optimizer": torch.optim.Adadelta,
        "learning_rate": 1.0,
        "pretrain_epochs": 0,
        "max_epochs": 3000,
    }

    @property
    def _scales_rows(self):
        return self.encoder is not None

    @property
    def _warms_up(self):
        return self.encoder is not None and super()._warms_up

    def _plan(self, samples, side):
        if self.encoder is None:
            zero = map_rows(lambda x: (x.flatten(1) == 0).all(dim=1), samples)
            if zero.any():
                raise ValueError(
                    f"row {int(zero.int().argmax())} of X is zero and has no direction, which "
                    "encoder=None compares; remove such rows or give an encoder"
                )
        return super()._plan(samples, side)

    def _build(self, shape, plan, generator):
        if self.encoder is not None:
            return super()._build(shape, plan, generator)
        module = Autoencoder(_Directions(), nn.Unflatten(1, tuple(shape)))
        module.centers = nn.Parameter(torch.zeros(self.n_clusters, math.prod(shape)))
        return module

    def _stages(self):
        weights = {"clustering": self.clustering_weight}
        return [
            *(self._pretrain_stages() if self.encoder is not None else ()),
            self._start_stage(self._warm_up, weights=weights),
            self._refinement(self.max_epochs),
        ]

    def _refinement(self, epochs):
        return Stage(
            "refine",
            self._alternate,
            epochs,
            {"clustering": self.clustering_weight},
            begin=self._reset_used,
            after_backward=self._move_centers,
            end_epoch=self._replace_unused,
        )

    def _first_clusters(self, fit, Z):
        if self._init_is("random"):
            centers = torch.randn(fit.module.centers.shape, generator=fit.generator).numpy()
        else:
            centers, labels = super()._first_clusters(fit, Z)
        centers = centers / np.maximum(np.linalg.norm(centers, axis=1, keepdims=True), 1e-12)
        if not self._warms_up:
            labels = (Z @ centers.T).argmax(axis=1)
        return centers, labels

    def _warm_up(self, fit, batch):
        """The encoder moves rows towards the centers of the initial labels."""
        h, restored = fit.module(self._corrupt(fit, batch, batch.x))
        held = fit.module.centers.detach()[fit.state.start_labels[batch.index]]
        return self._terms(batch, restored, (h * held).sum(dim=1))

    def _alternate(self, fit, batch):
        if self.encoder is None:
            cosine = _cosine(fit.module.encode(batch.x), fit.module.centers)
            return {"clustering": mean_over_rows(2 - 2 * cosine.amax(dim=1), batch.weights)}
        h, restored = fit.module(self._corrupt(fit, batch, batch.x))
        centers = fit.module.centers
        if fit.epoch % 2:
            cosine = _cosine(h, centers.detach())
        else:
            cosine = _cosine(h.detach(), centers)
        return self._terms(batch, restored, cosine.amax(dim=1))

    def _terms(self, batch, restored, cosine):
        return {
            "reconstruction": self._batch_loss(batch, restored),
            "clustering": mean_over_rows(2 - 2 * cosine, batch.weights),
        }

    @torch.no_grad()
    def _move_centers(self, fit, batch):
        """A step of one length for all centers that have a gradient, and back to the sphere."""
        centers = fit.module.centers
        gradient, centers.grad = centers.grad, None  # not for the optimizer
        if gradient is None:
            return
        length = gradient.norm(dim=1, keepdim=True)
        fit.state.used |= length[:, 0] > 0
        step = self.center_step * gradient / length.clamp_min(torch.finfo(length.dtype).tiny)
        centers.copy_(F.normalize(centers - step, dim=1))

    def _reset_used(self, fit):
        fit.state.used = torch.zeros(self.n_clusters, dtype=torch.bool, device=fit.device)

    def _replace_unused(self, fit):
        """Move centers that were nearest to no row in an epoch of theirs to far-away rows."""
        rests = fit.epoch % 2 and self.encoder is not None
        if rests or not self.clustering_weight:
            return
        if not fit.state.used.all():
            H = fit.over_all_rows(fit.module.encode)
            centers = fit.module.centers.detach()
            labels = _cosine(H, centers).argmax(dim=1).cpu().numpy()
            centers = replace_empty(H.cpu().numpy(), centers.cpu().numpy(), labels)
            with torch.no_grad():
                fit.module.centers.copy_(torch.tensor(centers))
        self._reset_used(fit)

    def _label(self, module, x):
        return _cosine(module.encode(x), module.centers).argmax(dim=1)

    def _log_proba(self, module, x):
        cosine = _cosine(module.encode(x), module.centers)
        return F.log_softmax(2 * cosine / self.temperature, dim=1)

    def _evaluate(self, module, samples):
        def term_and_label(x):
            h, restored = module(x)
            cosine, label = _cosine(h, module.centers).max(dim=1)
            loss = self.clustering_weight * (2 - 2 * cosine)
            if self.encoder is not None:
                loss = self._reconstruction_loss(x, restored, rows=True) + loss
            return torch.stack([loss, label], dim=1)

        return mean_and_labels(map_rows(term_and_label, samples), samples.weights)

    def _attributes(self, fit):
        with torch.no_grad():
            decoded = fit.module.decode(fit.module.centers).flatten(1).cpu().numpy()
        return super()._attributes(fit) | {
            "decoded_centers_": fit.samples.standardize.inverse(decoded)
        }

    def _further_stage(self):
        def begin(fit):
            fit.usable = True
            self._reset_used(fit)

        stage = self._refinement(epochs=1)
        stage.begin, stage.end_epoch = begin, None
        return stage


class _Directions(nn.Module):
    """Rows themselves, of length one."""

    def forward(self, x):
        return directions(x.flatten(1))


def _cosine(h, centers):
    # In bfloat16 similar centers would be indistinguishable.
    with torch.autocast(h.device.type, enabled=False):
        return h @ centers.T
