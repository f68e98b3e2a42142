"""PBN: novel classes in tables, in an embedding that known classes shape."""

from collections.abc import Sequence
from numbers import Real
from types import SimpleNamespace

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.deep import AutoencoderMixin, DeepClusterer
from skdeepcluster.discovery._novel_codes import NovelCodesMixin
from skdeepcluster.nn import code_width, linear
from skdeepcluster.training import ReadOut, Stage, map_rows

# Widths of the default layers in features, and the most units of each.
SHARES, WIDEST = (3 / 4, 1 / 2), 512
# Default width of the embedding.
WIDTH = 32


class PBN(NovelCodesMixin, AutoencoderMixin, DeepClusterer):
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

    label_weight: float = param(0.5, Interval(Real, 0, 1, closed="both"))
    hidden_layer_sizes: Sequence[int] | None = None
    n_components: int | None = None
    noise: float = 0.1
    max_epochs: int = 200
    batch_size: int = 512
    optimizer: str = "adamw"

    _constraint = "unit_norm"

    # -- network -----------------------------------------------------------------------------

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
        return ReadOut(loss, *self._clustered(fit))
