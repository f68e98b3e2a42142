"""GlobalLocalAdapter: a classifier adapts to rows that have shifted and may be of new classes."""

import copy
import math
import warnings
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.constraints import PartialLabelMixin, check_partial_labels
from skdeepcluster.deep import (
    DeepClusterer,
    NormalizedEncoderMixin,
    ProbabilityMixin,
    known_classes,
    mean_and_labels,
    note_labels,
)
from skdeepcluster.discovery.one_vs_all import LEAST_CLUSTERS, one_vs_all_labels
from skdeepcluster.nn import code_width, linear
from skdeepcluster.training import Stage, map_rows
from skdeepcluster.validation import caller_level, check_n_samples

# Smoothing of labels, and what is added to probabilities within logarithms.
SMOOTHING, EPSILON = 0.1, 1e-5
# Learning rate of the adaptation, in units of that of the training before.
ADAPTATION_RATE = 0.1
# Known classes where there are no labels: clusters of k-means, by default so many.
DEFAULT_CLASSES = 8


class GlobalLocalAdapter(
    PartialLabelMixin, ProbabilityMixin, NormalizedEncoderMixin, DeepClusterer
):
    r"""A classifier that adapts to shifted rows, of known classes and of none.

    A network learns the known classes from the labeled rows, or comes as it is with `encoder` and
    `classifier`. Then it adapts to the unlabeled rows alone: to the labels that
    :func:`~skdeepcluster.one_vs_all_labels` gives them anew in each epoch, where rows of no known
    class are to have equal probabilities, and to the predictions for the nearest neighbors. A row
    whose probabilities have a large entropy then belongs to no known class.

    Pick it where unlabeled rows are of another origin than labeled ones. Where there is no shift,
    or where the number of clusters is wrong, adaptation can draw unknown rows into known classes:
    compare `labels_` with `source_labels_`, the classifier's own before.

    With probabilities :math:`p_i` and their mean :math:`q_i` over the neighbors of a row, and
    one-hot or uniform pseudo-labels :math:`\hat y_i`, adaptation minimizes over the encoder

    .. math:: -\frac{1}{n} \sum_i \sum_c
        \left(\lambda \, \hat y_{ic} + q_{ic}\right) \log p_{ic} .

    Parameters
    ----------
    n_clusters : int, default=None
        Number of classes of the unlabeled rows, known ones that occur and unknown ones together;
        1 counts as 2. None is that of the largest silhouette before the adaptation.

    classifier : torch.nn.Module, default=None
        Last layer of a trained network, from the embedding of `encoder`, a module then, to scores
        of classes. No labels are needed then, and rows are not standardized.

    global_weight : float, default=0.3
        Weight :math:`\lambda` of the pseudo-labels.

    rho : float, default=0.75
        Least factor of a prototype's similarity, between 0 and 1.

    n_neighbors : int, default=4
        Number of neighbors, by the cosine of the embedding.

    entropy_threshold : float, default=0.55
        Entropy, in units of that of equal probabilities, above which a row is of no known class.

    pretrain_epochs : int, default=50
        Epochs in which the known classes are learned.

    max_epochs : int, default=30
        Epochs of the adaptation.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (64,), narrower in proportion for less than
        50 features, or channels of the convolutions of "conv", by default (32, 64, 128). Wide
        layers fit wrong pseudo-labels, and lose rows of no known class.

    batch_size : int, default=64
        Number of rows in a step.

    n_components : int, default=64
        Width of the embedding.

    learning_rate : float, default=1e-3
        Learning rate for the known classes. That of the adaptation is a tenth of it, and decays.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Known class of each training row, -1 for none; labeled rows have their own, which `predict`
        may not give.

    source_labels_ : ndarray of shape (n_samples,)
        The same before the adaptation.

    classes_ : ndarray of shape (n_classes,)
        The known classes, sorted; the i-th has label i. Without labels they are clusters of
        k-means of the rows, as many as `n_clusters`, by default 8.

    n_clusters_ : int
        Number of clusters, given or found.

    loss_ : float
        Mean entropy of the probabilities, in units of that of equal ones. Its negative is the
        `score`.

    See Also
    --------
    one_vs_all_labels : The pseudo-labels, for any embedding and probabilities.

    Notes
    -----
    Differences from the paper: "adam" in the place of stochastic gradients, and layers are
    normalized over units and not over batches; the last layer's weights are not normalized; a row
    is not its own neighbor, whatever its embedding was; numbers of clusters are compared in
    principal axes. The epoch with the best labels is not chosen: that takes labels.

    References
    ----------
    .. [1] S. Qu et al. (2023). Upcycling models under domain and category shift. *CVPR*.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import GlobalLocalAdapter
    >>> X, y = make_blobs(240, centers=10 * np.eye(8)[:4], random_state=0)
    >>> partial = np.where((y < 3) & (np.arange(240) < 100), y, -1)
    >>> model = GlobalLocalAdapter(4, hidden_layer_sizes=(32,), random_state=0).fit(X, partial)
    >>> model.predict_proba(X).shape
    (240, 3)
    """

    n_clusters: int | None = param(
        None, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    classifier: torch.nn.Module | None = param(None, torch.nn.Module, None)
    global_weight: float = param(0.3, Interval(Real, 0, None, closed="left"))
    rho: float = param(0.75, Interval(Real, 0, 1, closed="both"))
    n_neighbors: int = param(4, Interval(Integral, 1, None, closed="left"))
    entropy_threshold: float = param(0.55, Interval(Real, 0, 1, closed="both"))
    pretrain_epochs: int = param(50, Interval(Integral, 0, None, closed="left"))
    max_epochs: int = 30
    batch_size: int = 64
    n_components: int = param(64, Interval(Integral, 1, None, closed="left"))

    def fit(self, X, y=None):
        """Learn the known classes, and adapt to the rows without a label.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            The class of labeled rows, -1 for those to adapt to. Without any -1 it is ignored.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y)

    # -- networks ----------------------------------------------------------------------------

    _hidden = {"mlp": (64,), "conv": (32, 64, 128)}
    # Rows may be of fewer known classes, or of none.
    _n_clusters_sought = 0

    @property
    def _scales_rows(self):
        return self.classifier is None

    def _side(self, samples, X, y, **side):
        found = super()._side(samples, X, y, **side)
        labels, classes = check_partial_labels(y, len(samples))
        n_new = len(samples) if labels is None else int(np.sum(labels < 0))
        least = max(LEAST_CLUSTERS, self.n_clusters or 0)
        check_n_samples(n_new, least, of_weight=" without a label" * (len(classes) > 0))
        if self.classifier is not None:
            if len(classes):
                raise ValueError("With a given classifier no labels are used. Leave out y.")
            if not isinstance(self.encoder, torch.nn.Module):
                raise ValueError(
                    f"classifier needs the module that it was trained with, got encoder="
                    f"{self.encoder!r}."
                )
        elif len(classes) == 1:
            raise ValueError("y has one known class; at least two are needed.")
        elif len(classes) == 0:
            rows = map_rows(lambda x: x.flatten(1), samples).cpu().numpy()
            k = max(LEAST_CLUSTERS, min(self.n_clusters or DEFAULT_CLASSES, len(rows)))
            labels = kmeans(rows, k, n_init=10, seed=self._draw_seed())[1]
            note_labels(found, labels, np.arange(k))
            found.arrays["target"] = torch.arange(len(rows))
            return found
        note_labels(found, labels, classes)
        target = np.arange(len(samples)) if labels is None else np.flatnonzero(labels < 0)
        found.arrays["target"] = torch.as_tensor(target, dtype=torch.int64)
        return found

    def _plan(self, samples, side):
        return SimpleNamespace(n_classes=len(side.arrays.get("classes", ())))

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        width = code_width(module, shape)
        if self.classifier is None:
            module.classifier = linear(width, plan.n_classes, generator)
            module.n_classes = plan.n_classes
            return module
        module.classifier = copy.deepcopy(self.classifier).to("cpu", torch.float32)
        with torch.no_grad():
            scores = module.classifier(torch.zeros(2, width))
        if scores.ndim != 2 or scores.shape[1] < 2:
            raise ValueError(
                f"classifier gives scores of shape {tuple(scores.shape)} for two rows; they must "
                "be (n, n_classes), of at least two classes."
            )
        module.n_classes = scores.shape[1]
        return module

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        adapt = Stage(
            "adapt",
            self._adapt,
            self.max_epochs,
            weights={"global": self.global_weight},
            parameters=lambda module: module.encoder.parameters(),
            learning_rate=ADAPTATION_RATE * self.learning_rate,
            schedule=lambda progress: (1 + 10 * progress) ** -0.75,
            batches=lambda fit: self._shuffled(fit, fit.side.arrays["target"]),
            begin=self._begin,
            refresh=self._renew,
        )
        if self.classifier is not None:
            return [adapt]
        known = Stage("pretrain", self._classify, self.pretrain_epochs, batches=self._known_rows)
        return [known, adapt]

    def _known_rows(self, fit):
        return self._shuffled(fit, torch.nonzero(fit.side.rows["label"] >= 0)[:, 0])

    def _shuffled(self, fit, rows):
        return rows.cpu()[torch.randperm(len(rows), generator=fit.generator)]

    def _classify(self, fit, batch):
        logits = fit.module.classifier(fit.module.encode(batch.x)).float()
        return {
            "label": F.cross_entropy(logits, batch.side.label, label_smoothing=SMOOTHING),
        }

    def _begin(self, fit):
        """Keep what the classifier says by itself."""
        fit.state.source_labels = fit.over_all_rows(lambda x: self._label(fit.module, x))
        fit.usable = True

    def _renew(self, fit):
        """Embedding, probabilities and pseudo-labels of all rows to adapt to."""
        target = fit.side.arrays["target"].to(fit.device)
        width = fit.module.n_classes
        both = fit.over_all_rows(lambda x: self._embedding_and_proba(fit.module, x))[target]
        fit.state.z, fit.state.p = both[:, :-width].contiguous(), both[:, -width:].contiguous()
        place = torch.full((len(fit.samples),), -1, device=fit.device)
        place[target] = torch.arange(len(target), device=fit.device)
        fit.state.place = place
        given = None if self.n_clusters is None else max(LEAST_CLUSTERS, self.n_clusters)
        found = one_vs_all_labels(
            fit.state.z.cpu().numpy(),
            fit.state.p.cpu().numpy(),
            n_clusters=getattr(fit.state, "n_clusters", given),
            rho=self.rho,
            n_init=1,
            random_state=fit.seed(),
        )
        fit.state.n_clusters = found.n_clusters
        labels = torch.as_tensor(found.labels, dtype=torch.int64, device=fit.device)
        sure = F.one_hot(labels.clamp_min(0), width).float()
        fit.state.y = torch.where(labels[:, None] >= 0, sure, 1 / width)

    def _embedding_and_proba(self, module, x):
        z = module.encode(x)
        p = module.classifier(z).float().softmax(dim=1)
        return torch.cat([F.normalize(z, dim=1), p], dim=1)

    def _adapt(self, fit, batch):
        state, width = fit.state, fit.module.n_classes
        both = self._embedding_and_proba(fit.module, batch.x)
        p, place = both[:, -width:], state.place[batch.index]
        with torch.no_grad():
            cosines = both[:, :-width] @ state.z.T
            cosines.scatter_(1, place[:, None], -torch.inf)
            nearest = cosines.topk(min(self.n_neighbors, len(state.z) - 1), dim=1).indices
            q = state.p[nearest].mean(dim=1)
            # What later batches find has moved with the network.
            index, current = fit.whole_batch(batch, both.detach())
            state.z[state.place[index]] = current[:, :-width]
            state.p[state.place[index]] = current[:, -width:]
        log_p = (p + EPSILON).log()
        return {
            "global": -(state.y[place] * log_p).sum(dim=1).mean(),
            "local": -(q * log_p).sum(dim=1).mean(),
        }

    # -- results -----------------------------------------------------------------------------

    def _log_proba(self, module, x):
        return F.log_softmax(module.classifier(module.encode(x)).float(), dim=1)

    def _entropy_and_label(self, module, x):
        log_p = self._log_proba(module, x)
        entropy = -(log_p.exp() * log_p).sum(dim=1) / math.log(log_p.shape[1])
        label = log_p.argmax(dim=1)
        return entropy, torch.where(entropy > self.entropy_threshold, -1, label)

    def _label(self, module, x):
        return self._entropy_and_label(module, x)[1]

    def _evaluate(self, module, samples):
        found = map_rows(lambda x: torch.stack(self._entropy_and_label(module, x), 1), samples)
        return mean_and_labels(found)

    def _attributes(self, fit):
        classes = known_classes(fit)
        return {
            "classes_": classes if len(classes) else np.arange(fit.module.n_classes),
            "n_components_": code_width(fit.module, fit.samples.shape),
        }

    def _read_out(self, fit):
        read_out = super()._read_out(fit)
        labels, attributes = read_out.labels, read_out.attributes
        known = np.ones(len(labels), bool)
        known[fit.side.arrays["target"].cpu().numpy()] = False
        if known.any():
            labels[known] = fit.side.rows["label"].cpu().numpy()[known]
        source = getattr(fit.state, "source_labels", None)
        attributes["source_labels_"] = labels.copy() if source is None else source.cpu().numpy()
        attributes["n_clusters_"] = getattr(fit.state, "n_clusters", self.n_clusters)
        return read_out

    def _warn(self, out_of_time):
        super()._warn(out_of_time)
        if self.labels_.max() < 0:
            warnings.warn(
                f"{type(self).__name__} finds no row of a known class, with "
                f"entropy_threshold={self.entropy_threshold}: raise it, or train longer "
                f"(pretrain_epochs={self.pretrain_epochs}).",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )

    def unknown_score(self, X):
        """Entropy of the probabilities of each row, in units of that of equal ones.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.

        Returns
        -------
        score : ndarray of shape (n_samples,)
            Between 0 and 1; above `entropy_threshold` a row is of no known class.
        """
        return self._stream(X, lambda x: self._entropy_and_label(self.module_, x)[0])
