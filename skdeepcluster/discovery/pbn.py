"""PBN: novel classes in tables, in an embedding that known classes shape."""

from collections.abc import Sequence
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.constraints import PartialLabelMixin, check_partial_labels
from skdeepcluster.deep import AutoencoderMixin, DeepClusterer, known_classes, note_labels
from skdeepcluster.discovery._novel import sampled_silhouette
from skdeepcluster.nn import code_width, linear
from skdeepcluster.training import ReadOut, Stage, map_rows
from skdeepcluster.validation import check_n_samples

# Widths of the default layers in features, and the most units of each.
SHARES, WIDEST = (3 / 4, 1 / 2), 512
# Default width of the embedding.
WIDTH = 32
# Numbers of clusters that are compared at most.
MOST_CLUSTERS = 30


class PBN(PartialLabelMixin, AutoencoderMixin, DeepClusterer):
    r"""Novel classes in an embedding that known classes shape.

    An autoencoder is trained on all rows, and a linear classifier of the known classes on its
    embedding, whose rows have length one. What discriminates known classes then counts in the
    embedding, in which rows of unknown class are clustered by k-means. Unlabeled rows belong to
    none of the known classes here (novel class discovery). Pick it where known and novel classes
    differ in the same respects, such as letters or faults of one machine; if they do not,
    :class:`~skdeepcluster.NCDKMeans` and :class:`~skdeepcluster.NCDSpectralClustering` are faster
    and as good.

    For rows :math:`L` of known class, with :math:`z_i = f(x_i) / \|f(x_i)\|`, training minimizes
    over the encoder :math:`f`, the decoder :math:`g` and the classifier :math:`h`

    .. math:: - \frac{w}{|L|} \sum_{i \in L} \log h(z_i)_{y_i}
        + \frac{1 - w}{n} \sum_i \|g(z_i) - x_i\|^2 .

    Parameters
    ----------
    n_clusters : int or None, default=8
        Number of novel clusters. None is that of the largest mean silhouette, at most 30 and a
        tenth of the rows of unknown class.

    label_weight : float, default=0.5
        Weight :math:`w` of the known classes, at most 1; the reconstruction has the rest.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default 3/4 and 1/2 of the number of features, but
        512 at most; or channels of the convolutions of "conv", by default (32, 64, 128).

    n_components : int, default=None
        Width of the embedding; by default 32, or the number of features if that is less.

    noise : float, default=0.1
        Fraction of the entries of standardized rows that are set to zero, their mean, in training.

    max_epochs : int, default=200
        Number of training epochs.

    batch_size : int, default=512
        Number of rows in a step.

    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        "sgd" has momentum 0.9. A callable takes parameters and ``lr=`` and returns a
        `torch.optim.Optimizer`.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row: that of its class, or a novel one. `predict` takes the nearest
        center, known or novel, and may differ: in new rows there may be known classes.

    classes_ : ndarray of shape (n_classes,)
        The known classes, sorted; the i-th is cluster i, and novel clusters follow.

    cluster_centers_ : ndarray of shape (n_classes + n_clusters_, n_components)
        Means of the known classes in the embedding, then centers of the novel clusters.

    n_clusters_ : int
        Number of novel clusters.

    silhouettes_ : dict of int to float
        Mean silhouette of each number of clusters that was tried; empty if `n_clusters` is given.

    loss_ : float
        Mean squared error of the reconstruction, a sum over features. Its negative is the `score`.

    Notes
    -----
    Differences from the paper: layers are not normalized, and in the place of dropout entries of
    rows are set to zero; rows are scaled by one number for all features, so scale features of
    different units first; batches are drawn anew in each epoch; the weights are not tuned.

    References
    ----------
    .. [1] C. Troisemaine et al. (2024). A practical approach to novel class discovery in tabular
           data. *Data Mining and Knowledge Discovery* 38.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import PBN
    >>> X, y = make_blobs(200, n_features=8, centers=5, random_state=0)
    >>> partial = np.where(y < 3, y, -1)
    >>> model = PBN(2, max_epochs=20, random_state=0).fit(X, partial)
    >>> np.unique(model.labels_[partial < 0])
    array([3, 4], dtype=int32)
    """

    n_clusters: int | None = param(
        8, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    label_weight: float = param(0.5, Interval(Real, 0, 1, closed="both"))
    hidden_layer_sizes: Sequence[int] | None = None
    n_components: int | None = None
    noise: float = 0.1
    max_epochs: int = 200
    batch_size: int = 512
    optimizer: str = "adamw"

    _constraint = "unit_norm"

    def fit(self, X, y=None):
        """Train the network, and cluster the rows of unknown class.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            The class of rows of known classes, -1 for the others. Without any -1 it is ignored, and
            all rows are novel.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y)

    # -- network -----------------------------------------------------------------------------

    @property
    def _n_clusters_sought(self):
        return self.n_clusters or 1

    def _architecture(self, shape=None):
        name, hidden = super()._architecture(shape)
        given = self.hidden_layer_sizes is not None or not isinstance(self.encoder, str)
        if name == "mlp" and shape and not given:
            d = int(torch.Size(shape).numel())
            hidden = [min(WIDEST, max(1, int(share * d))) for share in SHARES]
        return name, hidden

    def _code_width(self, shape):
        return self.n_components or min(WIDTH, int(torch.Size(shape).numel()))

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        if plan.n_classes:
            module.classifier = linear(code_width(module, shape), plan.n_classes, generator)
        return module

    # -- training ----------------------------------------------------------------------------

    def _side(self, samples, X, y, **side):
        found = super()._side(samples, X, y, **side)
        labels, classes = check_partial_labels(y, len(samples))
        n_novel = len(samples) if labels is None else int(np.sum(labels < 0))
        what = " of unknown class" * (len(classes) > 0)
        check_n_samples(n_novel, self._n_clusters_sought, of_weight=what)
        note_labels(found, labels, classes)
        return found

    def _plan(self, samples, side):
        return SimpleNamespace(n_classes=len(side.arrays.get("classes", ())))

    def _stages(self):
        weights = {"label": self.label_weight, "reconstruction": 1 - self.label_weight}
        return [Stage("train", self._terms, self.max_epochs, weights=weights)]

    def _terms(self, fit, batch):
        z, restored = fit.module(self._corrupt(fit, batch, batch.x))
        terms = {"reconstruction": self._squared_error(batch.x, restored).mean()}
        if fit.plan.n_classes:
            logits = fit.module.classifier(z).float()
            loss = F.cross_entropy(logits, batch.side.label.clamp_min(0), reduction="none")
            terms["label"] = (batch.side.label_weight * loss).mean()
        return terms

    def _squared_error(self, x, restored):
        """Of each row."""
        return self._reconstruction_loss(x, restored, rows=True) * x[0].numel()

    # -- results -----------------------------------------------------------------------------

    def _evaluate(self, module, samples):
        errors = map_rows(lambda x: self._squared_error(x, module(x)[1])[:, None], samples)
        return errors.mean(dtype=torch.float64).item(), None

    def _read_out(self, fit):
        loss, _ = self._evaluate(fit.module, fit.samples)
        fit.require_finite(loss)
        Z = map_rows(fit.module.encode, fit.samples).cpu().numpy()
        classes = known_classes(fit)
        labels = np.full(len(Z), -1)
        if len(classes):
            labels = fit.side.rows["label"].cpu().numpy()
        # Kept in the state, so that reading out a fit again gives the same result.
        fit.state.seed = getattr(fit.state, "seed", None) or fit.seed()
        novel = np.flatnonzero(labels < 0)
        centers, found, silhouettes = self._novel_clusters(Z[novel], fit.state.seed)
        means = [Z[labels == j].mean(axis=0) for j in range(len(classes))]
        labels = labels.astype(np.int32)
        labels[novel] = len(classes) + found
        attributes = {
            "classes_": classes,
            "cluster_centers_": np.concatenate([*(m[np.newaxis] for m in means), centers]),
            "n_clusters_": len(centers),
            "n_components_": Z.shape[1],
            "silhouettes_": silhouettes,
        }
        return ReadOut(loss, labels, attributes)

    def _novel_clusters(self, Z, seed):
        """Centers and labels, and the silhouettes by which their number was chosen."""
        if self.n_clusters is not None:
            return *kmeans(Z, self.n_clusters, n_init=10, seed=seed), {}
        most = min(MOST_CLUSTERS, len(Z) // 10, len(np.unique(Z, axis=0)) - 1)
        found, silhouettes = {}, {}
        for k in range(2, most + 1):
            found[k] = kmeans(Z, k, n_init=10, seed=seed)
            n_found = len(np.unique(found[k][1]))
            if 1 < n_found < len(Z):
                silhouettes[k] = sampled_silhouette(Z, found[k][1], seed)
        if not silhouettes:
            return *kmeans(Z, 1, n_init=1, seed=seed), {}
        return *found[max(silhouettes, key=silhouettes.get)], silhouettes

    def predict(self, X):
        """The nearest center of each row in the embedding, known or novel.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Clusters from 0 on, known classes first.
        """

        def nearest(x):
            z = self.module_.encode(x)
            centers = torch.tensor(self.cluster_centers_, dtype=z.dtype, device=z.device)
            return (z[:, None] - centers).square().sum(dim=2).argmin(dim=1).int()

        return self._stream(X, nearest)
