"""MetricLearningClusterer: a metric that known classes teach, for clusters of other classes."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.deep import DeepClusterer, NormalizedEncoderMixin
from skdeepcluster.discovery._novel_codes import NovelCodesMixin
from skdeepcluster.nn import (
    PAIR_DISTANCES,
    PAIR_LOSSES,
    ColumnScale,
    centered,
    code_width,
    linear,
    log_energy,
    unit_row_penalty,
    zero_mean_penalty,
)
from skdeepcluster.training import ReadOut, Stage, map_rows, rows_of_classes

# Margin of each loss that has one.
MARGINS = {"triplet": 0.2, "binomial": 0.5, "contrastive": 1.0, "npair": None}
# Classes where there are no labels: clusters of k-means, by default so many.
DEFAULT_CLASSES = 8
# Rows of which the principal axes are computed.
SAMPLE_ROWS = 2000


class MetricLearningClusterer(NovelCodesMixin, NormalizedEncoderMixin, DeepClusterer):
    r"""Clusters of new classes by a metric that known classes teach.

    A network learns from the labeled rows alone that rows of one class are near to each other and
    rows of different classes far. The rows of unknown class take no part in this; then they are
    embedded and clustered by k-means (zero-shot clustering). Pick it where many similar classes are
    known and rows of further ones come: what discriminates known classes has to discriminate new
    ones too. Where rows vary most in what is common to their classes, little is left of k-means and
    much of this. With few known classes, or new ones that differ in other respects, it loses what
    would discriminate them, and is worse than k-means of the rows: choose `max_epochs`, of which 0
    is k-means in principal axes, by hiding known classes
    (:func:`~skdeepcluster.constraints.constraint_search`). If unlabeled rows may be of known
    classes, cluster what `transform` returns by :class:`~skdeepcluster.SemiSupervisedKMeans` in a
    pipeline.

    With the embedding :math:`h_i = W f(x_i) + b` of labeled rows, distances :math:`d_{ij}`, and the
    pairs of one class :math:`P` and of different classes :math:`N` in a batch, training minimizes

    .. math:: \ell(d, P, N) + \frac{\mu}{n} \sum_i \Big| \sum_k h_{ik} \Big|
        + \lambda \log \frac{1}{2 |N|} \sum_{(i, j) \in N} \|\bar h_i - \bar h_j\|^2 .

    The second term keeps entries of a row at a mean of 0. The third, energy confusion, draws
    different classes together against the first; its gradient ends at :math:`W`
    (:math:`\bar h_i` is :math:`h_i` for a fixed :math:`f`), so that the last layer is kept from
    fitting the known classes too closely.

    W begins as the principal axes of :math:`f(x)`. The loss :math:`\ell`, with margin m, is one of

    .. math:: \text{triplet} \quad & \max(0, d_{ij} - d_{ik} + m),
        \quad (i, j) \in P, (i, k) \in N, \text{ the mean of those above 0} \\
        \text{binomial} \quad & \frac{1}{|P|} \sum_P \log(1 + e^{2 (d_{ij} - m)})
        + \frac{1}{|N|} \sum_N \log(1 + e^{50 (m - d_{ij})}) \\
        \text{contrastive} \quad & \frac{1}{|P|} \sum_P d_{ij}
        + \frac{1}{|N|} \sum_N \max(0, m - d_{ij}) \\
        \text{npair} \quad & \frac{1}{|P|} \sum_{(i, j) \in P}
        \log\Big(1 + \sum_{k : (i, k) \in N} e^{(d_{ij} - d_{ik}) / \tau}\Big) .

    Parameters
    ----------
    loss : {"triplet", "binomial", "contrastive", "npair"}, default="triplet"
        The loss :math:`\ell` of distances.

    metric : {"euclidean", "cosine", "snr"}, default="euclidean"
        The distance: the Euclidean one; 1 minus the cosine; or the signal-to-noise distance
        :math:`\operatorname{var}(h_j - h_i) / \operatorname{var}(h_i)`, with variances over the
        entries of a row. What is clustered, and what `transform` returns, has rows as they are for
        "euclidean", of length one for "cosine", and centered and of length one for "snr".

    margin : float, default=None
        The margin m; by default 0.2 for "triplet", 0.5 for "binomial" and 1 for "contrastive".

    temperature : float, default=0.1
        :math:`\tau`, of "npair" only.

    zero_mean_weight : float, default=0.0
        Weight :math:`\mu`; 0.005 is usual with "snr".

    energy_weight : float, default=0.0
        Weight :math:`\lambda` of energy confusion, 0.01 to 0.5. Then
        :math:`\frac{1}{2D} \sum_k (\|w_k\|^2 - 1)^2` of the D rows of W is added, since a small W
        would have a small energy too.

    rows_per_class : int, default=4
        Number of rows of a class that come together in a batch; of smaller classes all rows.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default none: then f are the rows, and the metric
        is linear, which fits few classes less closely. Or channels of the convolutions of "conv",
        by default (32, 64, 128).

    n_components : int, default=32
        Width of the embedding, but at most that of :math:`f(x)`. A module given as `encoder` is f.

    max_epochs : int, default=100
        Number of training epochs, each of about as many rows as are labeled.

    learning_rate : float, default=3e-3
        Learning rate of the optimizer.

    batch_size : int, default=64
        Number of rows in a step, of as many classes as there are times `rows_per_class` in it.

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained network, for standardized rows: :math:`f` is ``module_.encode`` and W and b are
        ``module_.embedding``.

    loss_ : float
        Mean squared distance of the rows to the nearest center in the embedding. Its negative is
        the `score`.

    See Also
    --------
    skdeepcluster.metrics.snr_distances : The signal-to-noise distance, also of other embeddings.
    skdeepcluster.metrics.knn_score : With one neighbor, the recall at 1 of an embedding.

    Notes
    -----
    Differences from the papers: networks are linear by default or small, and begin untrained, and
    all layers have one learning rate; features are centered and scaled so that their variances sum
    up to 1 before training, for margins that do not depend on their units; W begins as principal
    axes; the energy is a mean over all pairs of different classes of a batch, not over
    some drawn ones, and its logarithm ends at that of 1e-6, since it has no least value; the
    exponents of "npair" have negative distances in the place of inverse ones, which are infinite
    for equal rows; signal-to-noise distances are at most 10,000. Without labels there is nothing to
    learn from: the labels of k-means, of 8 clusters if `n_clusters` is None, are taken as known.

    References
    ----------
    .. [1] T. Yuan, W. Deng, J. Tang, Y. Tang, B. Chen (2019). Signal-to-noise ratio: a robust
           distance metric for deep metric learning. *CVPR*. :arxiv:`1904.02616`
    .. [2] B. Chen, W. Deng (2019). Energy confused adversarial metric learning for zero-shot image
           retrieval and clustering. *AAAI*. :arxiv:`1901.07169`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import MetricLearningClusterer
    >>> X, y = make_blobs(300, centers=10 * np.eye(12)[:6], random_state=0)
    >>> partial = np.where(y < 4, y, -1)
    >>> model = MetricLearningClusterer(2, max_epochs=20, random_state=0).fit(X, partial)
    >>> np.unique(model.labels_[partial < 0])
    array([4, 5], dtype=int32)
    """

    loss: str = param("triplet", StrOptions(set(PAIR_LOSSES)))
    metric: str = param("euclidean", StrOptions(set(PAIR_DISTANCES)))
    margin: float | None = param(None, Interval(Real, 0, None, closed="left"), None)
    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    zero_mean_weight: float = param(0.0, Interval(Real, 0, None, closed="left"))
    energy_weight: float = param(0.0, Interval(Real, 0, None, closed="left"))
    rows_per_class: int = param(4, Interval(Integral, 2, None, closed="left"))
    hidden_layer_sizes: Sequence[int] | None = None
    n_components: int = param(32, Interval(Integral, 1, None, closed="left"))
    max_epochs: int = 100
    batch_size: int = 64
    learning_rate: float = 3e-3

    _hidden = {"mlp": (), "conv": (32, 64, 128)}

    # -- network -----------------------------------------------------------------------------

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        layers = [module.encoder]
        if not isinstance(self.encoder, nn.Module):
            layers = list(module.encoder)[:-1]  # W takes the place of the last layer
        module.encoder = nn.Sequential(*layers, ColumnScale(torch.ones(())))
        n_features = code_width(module, shape)
        width = min(self.n_components, n_features)
        if self.metric == "snr" and width < 2:
            raise ValueError(
                f"metric='snr' needs an embedding of width 2 or more, as a single entry does not "
                f"vary, got n_components={self.n_components} of {n_features} feature(s)."
            )
        module.embedding = linear(n_features, width, generator)
        return module

    def _place_axes(self, fit):
        """Let W be the principal axes of features whose variances sum up to 1."""
        rows = torch.randperm(len(fit.samples), generator=fit.generator)[:SAMPLE_ROWS]
        with torch.no_grad():
            blocks = map(fit.module.encode, fit.samples.batches(rows.split(fit.batch_size)))
            features = torch.cat(list(blocks)).double().cpu().numpy()
        fit.require_finite(features.sum())
        mean, variance = features.mean(axis=0), features.var(axis=0).sum()
        layer, factor, axes = fit.module.embedding, 1.0, np.eye(*fit.module.embedding.weight.shape)
        if variance > 0:
            factor = variance**-0.5
            n_axes = min(layer.out_features, *features.shape)
            axes = PCA(n_axes, random_state=fit.seed()).fit(features).components_
        with torch.no_grad():
            fit.module.encoder[-1].factor.fill_(factor)
            layer.weight.zero_()
            layer.weight[: len(axes)] = torch.as_tensor(axes)
            layer.bias.zero_()
            layer.bias[: len(axes)] = torch.as_tensor(-factor * axes @ mean)

    def _encode(self, module, x):
        h = module.embedding(module.encode(x)).float()
        if self.metric == "euclidean":
            return h
        return F.normalize(centered(h) if self.metric == "snr" else h, dim=1)

    # -- training ----------------------------------------------------------------------------

    def _side(self, samples, X, y, **side):
        found = super()._side(samples, X, y, **side)
        if "label" in found.rows:
            label = found.rows["label"]
            sizes = torch.bincount(label[label >= 0])
            if len(sizes) < 2:
                raise ValueError("y has one known class; at least two are needed.")
            if sizes.max() < 2:
                raise ValueError("y has one row of each known class; one class needs two or more.")
        else:
            rows = map_rows(lambda x: x.flatten(1), samples).cpu().numpy()
            k = min(self.n_clusters or DEFAULT_CLASSES, len(rows))
            labels = kmeans(rows, k, n_init=10, seed=self._draw_seed())[1]
            found.rows["label"] = torch.as_tensor(labels, dtype=torch.int64)
        return found

    def _stages(self):
        return [
            Stage(
                "train",
                self._terms,
                self.max_epochs,
                weights={"zero_mean": self.zero_mean_weight, "energy": self.energy_weight},
                begin=self._place_axes,
                batches=rows_of_classes("label", self.rows_per_class),
            )
        ]

    def _terms(self, fit, batch):
        module = fit.module
        features = module.encode(batch.x)
        index, h = fit.whole_batch_to_train(batch, module.embedding(features).float())
        label = fit.side.rows["label"][index]
        different = label[:, None] != label
        same = ~different & (index[:, None] != index)
        margin = MARGINS[self.loss] if self.margin is None else self.margin
        distances = PAIR_DISTANCES[self.metric](h)
        loss = PAIR_LOSSES[self.loss]
        terms = {"metric": loss(distances, same, different, margin, self.temperature)}
        if self.zero_mean_weight:
            terms["zero_mean"] = zero_mean_penalty(h)
        if self.energy_weight:
            confused = module.embedding(features.detach()).float()
            terms["energy"] = log_energy(fit.whole_batch_to_train(batch, confused)[1], different)
            terms["norm"] = unit_row_penalty(module.embedding.weight)
        return terms

    # -- results -----------------------------------------------------------------------------

    def _mean_square(self, module, samples, centers):
        squares = map_rows(lambda x: self._squares(module, x, centers).amin(1, True), samples)
        return squares.mean(dtype=torch.float64).item()

    def _evaluate(self, module, samples):
        return self._mean_square(module, samples, self.cluster_centers_), None

    def _read_out(self, fit):
        fit.require_finite(sum(p.sum().item() for p in fit.module.parameters()))
        labels, attributes = self._clustered(fit)
        loss = self._mean_square(fit.module, fit.samples, attributes["cluster_centers_"])
        fit.require_finite(loss)
        return ReadOut(loss, labels, attributes)
