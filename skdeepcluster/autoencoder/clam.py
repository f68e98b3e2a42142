"""ClAM: clustering by the memories of an associative memory that learns to complete rows."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.cluster import kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import param
from skdeepcluster.deep import CenteredAutoencoder, ProbabilityMixin, mean_and_labels
from skdeepcluster.nn import Autoencoder, mean_over_rows
from skdeepcluster.training import Stage, cosine_decay, map_rows


class ClAM(ProbabilityMixin, CenteredAutoencoder):
    r"""Clustering with an associative memory that completes rows.

    The centers :math:`\mu_j` are the memories of a dense associative memory, whose energy and
    dynamics are, for a state :math:`v`,

    .. math:: E(v) = -\frac1\beta \log \sum_j \exp(-\beta \|\mu_j - v\|^2), \quad
        v \leftarrow v + \frac1T \, m \odot \sum_j w_j(v) (\mu_j - v), \quad
        w(v) = \mathrm{softmax}_j(-\beta \|\mu_j - v\|^2) .

    Each step descends the energy, towards a memory. Training masks some entries of a row, those
    where the mask :math:`m` is 1, by their mean, and the memories learn to restore them in
    :math:`T` steps:

    .. math:: \min_\mu \; \mathbb{E}_{x, m}
        \frac{\|m \odot (x - x^T(\mu, m))\|^2}{\|m\|_1} .

    The cluster of a row is the memory nearest to the state that the dynamics reach from the whole
    row. Missing entries (NaN) are masked throughout: the memories complete them before a row is
    assigned, and `impute` gives the result; with an `encoder` there may be none. Pick it instead of
    k-means for rows whose features predict each other, where gradients through the clustering are
    of use, or where cells are missing; expect clusters as good as those of k-means, rarely better
    ones. Independent features cannot be completed, and training then learns nothing.

    By default the rows themselves are clustered. `decoder`, `hidden_layer_sizes`, `n_components`,
    `noise`, `layerwise_epochs`, `pretrain_epochs` and `init_epochs` act only with an `encoder`.

    Parameters
    ----------
    encoder : {"mlp", "conv"}, sequence of int, torch.nn.Module or None, default=None
        Network from rows to the embedding that is clustered. None, as in the paper: the rows
        themselves. An encoder is pre-trained with its decoder, and then stays fixed.

    decoder : torch.nn.Module, default=None
        Only with an `encoder`: network from the embedding back to rows; by default the encoder's
        mirror image.

    hidden_layer_sizes : sequence of int, default=None
        Only with ``encoder="mlp"`` or "conv": widths of the hidden layers, by default
        (500, 500, 2000), or channels of the convolutions, by default (32, 64, 128).

    n_components : int, default=None
        Only with an `encoder`: width of the embedding; by default 10, or the number of features if
        that is less.

    noise : float, default=0
        Only with an `encoder`: fraction of the entries of standardized rows set to zero, which is
        their mean, in the input of the reconstruction.

    layerwise_epochs : int, default=0
        Only with a dense `encoder`: epochs for which each of its layers is first trained by itself
        to restore its input from a corrupted copy.

    pretrain_epochs : int, default=60
        Only with an `encoder`: epochs of the reconstruction that the clustering starts from.

    pretrain_learning_rate : float, default=1e-3
        Only with an `encoder`: learning rate of its training. None takes that of the memories,
        whose steps are larger.

    init_epochs : int, default=50
        Only with an `encoder` and ``init="spectral"``: maximum number of warm-up epochs, in which
        the encoder learns the labels of the start. They end when 99.5 % of the rows have their
        label.

    temperature : float or "scale", default="scale"
        :math:`1 / \beta`, for standardized rows. If it is large the memories merge; if it is small
        only the nearest one moves. "scale" is the median squared distance of rows to their nearest
        center at the start, or the mean where most rows are at their centers.

    inner_iter : int, default=10
        Steps :math:`T` of the dynamics.

    mask_ratio : float, default=0.2
        Fraction of the entries of a row that are masked and to be restored, at least one. It acts
        on what is clustered: rows or, with an encoder, their embedding.

    shared_mask_interval : int, default=3
        In every so many epochs the same entries are masked in all rows of a batch.

    init : {"k-means", "k-means++", "spectral", "random"} or array, default="k-means"
        Initialization of the centers, or the centers themselves, of shape
        (n_clusters, n_components). "k-means" is the best of 20 runs; "k-means++" are rows far from
        each other; "random" are normal numbers near the mean, as in the authors' script; "spectral"
        are the means of spectral clusters, which an encoder learns for `init_epochs`.

    learning_rate : float, default=0.02
        Learning rate of the memories, with cosine decay to 0.

    max_epochs : int, default=50
        Epochs in which the memories are trained.

    batch_size : int, default=64
        Rows in a step.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        The memories, in the embedding; without an encoder among standardized rows.

    decoded_centers_ : ndarray of shape (n_clusters, n_features)
        The memories, decoded if there is an encoder, in the units of the data.

    temperature_ : float
        :math:`1 / \beta`.

    See Also
    --------
    sklearn.cluster.KMeans : Centers that are means.
    DEC : An embedding that is trained with the clusters.

    Notes
    -----
    The authors' script draws the masked entries with replacement and never the first one; selects
    settings by the silhouette of the result; and lowers the learning rate at plateaus of the loss.
    Here masks have distinct entries of all features, restarts (`n_init`) are compared by the
    objective, in which each entry is masked once, and the learning rate follows a schedule. The
    script's inverse temperature is twice :math:`\beta`.

    References
    ----------
    .. [1] Saha, Krotov, Zaki, Ram: End-to-end differentiable clustering with associative memories.
       ICML 2023. :arxiv:`2306.03209`

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeepcluster import ClAM
    >>> X, _ = load_iris(return_X_y=True)
    >>> clam = ClAM(n_clusters=3, max_epochs=10, random_state=0).fit(X)
    >>> clam.decoded_centers_.shape
    (3, 4)
    >>> clam.predict_proba(X).shape
    (150, 3)
    """

    encoder: str | Sequence[int] | nn.Module | None = param(
        None, StrOptions({"mlp", "conv"}), "array-like", nn.Module, None
    )
    temperature: float | str = param(
        "scale", StrOptions({"scale"}), Interval(Real, 0, None, closed="neither")
    )
    inner_iter: int = param(10, Interval(Integral, 1, None, closed="left"))
    mask_ratio: float = param(0.2, Interval(Real, 0, 1, closed="neither"))
    shared_mask_interval: int = param(3, Interval(Integral, 1, None, closed="left"))
    init: str | np.ndarray = param(
        "k-means", StrOptions({"k-means", "k-means++", "spectral", "random"}), "array-like"
    )
    learning_rate: float = 0.02
    pretrain_epochs: int = param(60, Interval(Integral, 0, None, closed="left"))
    pretrain_learning_rate: float | None = 1e-3
    max_epochs: int = 50
    batch_size: int = 64

    _paper = {"init": "random", "max_epochs": 200}

    def _build(self, shape, plan, generator):
        if self.encoder is None:
            n_features = math.prod(shape)
            module = Autoencoder(_Rows(), nn.Unflatten(1, tuple(shape)), "none")
            module.centers = nn.Parameter(torch.zeros(self.n_clusters, n_features))
        else:
            module = super()._build(shape, plan, generator)
        n_components = module.centers.shape[1]
        if n_components == 1:
            raise ValueError(
                "ClAM completes entries from the others, which needs more than n_features=1, or "
                "with an encoder n_components=1; use sklearn.cluster.KMeans or more features"
            )
        module.register_buffer("beta", torch.ones(()))
        # Initial values of masked entries.
        module.register_buffer("fill", torch.zeros(n_components))
        return module

    def _stages(self):
        stages = []
        if self.encoder is not None:
            stages = self._pretrain_stages()
            if self._warms_up:
                options = {
                    "parameters": self._autoencoder_parameters,
                    "learning_rate": self.pretrain_learning_rate,
                }
                stages.append(self._start_stage(self._warm_up, **options))
        stages.append(
            Stage(
                "refine",
                self._completion,
                self.max_epochs,
                begin=self._place_memories,
                parameters=lambda module: [module.centers],
                schedule=cosine_decay,
            )
        )
        return stages

    def _first_clusters(self, fit, Z):
        if self._init_is("random"):
            drawn = torch.randn(fit.module.centers.shape, generator=fit.generator)
            centers = 0.1 + 0.1 * drawn.numpy()
            return centers, pairwise_distances_argmin(Z, centers)
        if self._init_is("k-means++"):
            options = {"sample_weight": self._weights_of(fit), "random_state": fit.seed()}
            centers = kmeans_plusplus(Z, self.n_clusters, **options)[0]
            return centers, pairwise_distances_argmin(Z, centers)
        return super()._first_clusters(fit, Z)

    def _warm_up(self, fit, batch):
        """The encoder moves rows towards the centers of the initial labels."""
        z, restored = fit.module(self._corrupt(fit, batch, batch.x))
        held = fit.module.centers.detach()[fit.state.start_labels[batch.index]]
        return {
            "reconstruction": self._batch_loss(batch, restored),
            "clustering": mean_over_rows((z - held).square().sum(dim=1), batch.weights),
        }

    def _place_memories(self, fit):
        if not fit.usable:
            self._start(fit)
        module = fit.module
        Z = fit.over_all_rows(module.encode)
        with torch.no_grad():
            weights = fit.samples.weights
            module.fill.copy_((Z if weights is None else weights[:, None] * Z).mean(dim=0))
            if self.temperature == "scale":
                nearest = torch.cdist(Z, module.centers).amin(dim=1).square()
                # Most rows may be centers. If all are, any temperature will do.
                usual = nearest.median() or nearest.mean()
                beta = 1 / usual.clamp_min(torch.finfo(torch.float32).eps)
            else:
                beta = torch.tensor(1 / float(self.temperature))
            module.beta.copy_(beta)

    def _memories(self, module):
        r"""Keys and offsets with -beta \|mu - v\|^2 = v keys + offsets, but for a common term."""
        centers = module.centers
        return 2 * module.beta * centers.T, -module.beta * centers.square().sum(dim=1)

    def _logits(self, module, v):
        keys, offsets = self._memories(module)
        with torch.autocast(v.device.type, enabled=False):
            return torch.addmm(offsets, v, keys)

    def _evolve(self, module, v, hidden=None):
        """The state after all steps; entries that are not masked stay fixed."""
        rate = 1 / self.inner_iter if hidden is None else hidden / self.inner_iter
        keys, offsets = self._memories(module)
        with torch.autocast(v.device.type, enabled=False):
            for _ in range(self.inner_iter):
                weights = torch.addmm(offsets, v, keys).softmax(dim=1)
                v = torch.lerp(v, weights @ module.centers, rate)
        return v

    def _errors(self, module, z, hidden, missing=None):
        """Squared errors of masked entries that are known, 0 at the others."""
        unknown = hidden if missing is None else hidden | missing
        completed = self._evolve(module, torch.where(unknown, module.fill, z), unknown)
        asked = hidden if missing is None else hidden & ~missing
        return torch.where(asked, z - completed, 0.0).square()

    @property
    def _takes_missing(self):
        return self.encoder is None

    def _missing(self, x):
        """Where entries are missing, or None if all are known."""
        if not self._takes_missing:
            return None
        missing = x.flatten(1).isnan()
        return missing if missing.any() else None

    def _encode(self, module, x):
        """The embedding, of rows that the memories have completed."""
        z, missing = module.encode(x).float(), self._missing(x)
        if missing is None:
            return z
        return self._evolve(module, torch.where(missing, module.fill, z), missing)

    def _completion(self, fit, batch):
        with torch.no_grad():
            z = fit.module.encode(batch.x).float()
        n_hidden = max(1, round(self.mask_ratio * z.shape[1]))
        keys = fit.uniform(batch, z.shape[1])
        if (fit.epoch + 1) % self.shared_mask_interval == 0:
            # From the generator itself: all processes draw the same.
            drawn = torch.rand(1, z.shape[1], generator=fit.generator)
            keys = drawn.to(z.device).expand_as(z)
        missing = self._missing(batch.x)
        if missing is not None:
            # Known entries first; a row may have fewer of them.
            keys = keys.masked_fill(missing, -1)
        hidden = torch.zeros_like(z, dtype=torch.bool)
        hidden.scatter_(1, keys.topk(n_hidden, dim=1).indices, True)
        errors = self._errors(fit.module, z, hidden, missing).sum(dim=1)
        if missing is not None:
            errors = n_hidden * errors / (hidden & ~missing).sum(dim=1).clamp_min(1)
        return {"completion": mean_over_rows(errors, batch.weights) / n_hidden}

    def _evaluate(self, module, samples):
        def error_and_label(x):
            z, missing = module.encode(x).float(), self._missing(x)
            d = z.shape[1]
            # Each entry is masked once, together with those whose position differs by a multiple
            # of the number of masks.
            n_masks = min(d, round(1 / self.mask_ratio))
            place = torch.arange(d, device=z.device) % n_masks
            error = sum(
                self._errors(module, z, (place == k).expand_as(z), missing).sum(dim=1)
                for k in range(n_masks)
            )
            label = self._log_proba(module, x).argmax(dim=1)
            n_known = d if missing is None else (~missing).sum(dim=1).clamp_min(1)
            return torch.stack([error / n_known, label], dim=1)

        return mean_and_labels(map_rows(error_and_label, samples), samples.weights)

    def _log_proba(self, module, x):
        return self._logits(module, self._evolve(module, self._encode(module, x))).log_softmax(1)

    def impute(self, X):
        """Rows whose missing entries, NaN, are completed by the memories.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            In the units of the data, images flattened. Known entries stay what they are.
        """
        completed = self.inverse_transform(self.transform(X))
        samples = self._new_samples(X)
        rows = samples.rows.block(0, len(samples))
        return np.where(np.isnan(rows), completed, rows).astype(completed.dtype)

    def _attributes(self, fit):
        with torch.no_grad():
            decoded = fit.module.decode(fit.module.centers).flatten(1).cpu().numpy()
        return super()._attributes(fit) | {
            "decoded_centers_": fit.samples.standardize.inverse(decoded),
            "temperature_": 1 / fit.module.beta.item(),
        }


class _Rows(nn.Module):
    """Rows themselves, with missing entries at their mean."""

    def forward(self, x):
        return x.flatten(1).nan_to_num(0.0)
