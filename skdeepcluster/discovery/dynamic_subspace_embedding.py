"""DynamicSubspaceEmbedding: an embedding of known classes whose units become separate learners."""

import warnings
from collections.abc import Sequence
from itertools import chain, zip_longest
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.constraints import check_partial_labels
from skdeepcluster.deep import (
    DeepClusterer,
    LabelMixin,
    NormalizedEncoderMixin,
    known_classes,
    mean_and_labels,
)
from skdeepcluster.discovery._attention import AttentionMixin
from skdeepcluster.discovery._learners import (
    BlockNetwork,
    centers_from_classes,
    divided_rows,
    held_out,
    progress,
    units_to_split,
)
from skdeepcluster.nn import code_width, linear, margin_loss
from skdeepcluster.training import Items, ReadOut, Stage, balanced, map_rows
from skdeepcluster.validation import caller_level

# Rows of a class in a batch; more where batches have place for them.
ROWS_PER_CLASS = 8
# Classes where there are no labels: clusters of k-means, by default so many.
DEFAULT_CLASSES = 8


class DynamicSubspaceEmbedding(AttentionMixin, LabelMixin, NormalizedEncoderMixin, DeepClusterer):
    r"""An embedding of known classes, whose units become separate learners where training stalls.

    A network learns distances from classes: small within a class, large between classes, by the
    margin loss on all units of the embedding together. Where the classes of rows held out are not
    found better for some epochs, the units of which the loss depends most stay as they are, and
    the others begin anew as a learner of their own. Rows are then divided among the learners by
    k-means of their features, and each learner sees its own rows only. In the last epochs all units
    learn together. All rows are clustered by k-means of the embedding.

    Pick it where classes are known and their rows shall be compact, to cluster, search or label
    further rows of the same classes, and where classes differ in several respects. With
    ``max_learners=1`` it is metric learning by the margin loss, which is as good on many data: try
    it first.

    **Here y are classes, and may all be known**: unlike with other clusterers of the package they
    are used then too. Rows with -1 are unlabeled.

    With :math:`u_i` the units of the learner that a row belongs to, scaled to length one, and
    :math:`d_{ij} = \|u_i - u_j\|`, training minimizes

    .. math:: \frac{1}{A} \Bigl(\sum_{i, j} [d_{ij} - \beta + m]_+
        + \sum_{i, k} [\beta - d_{ik} + m]_+\Bigr)

    over batches, where j are the rows of the class of i, k as many of the nearest rows of other
    classes with :math:`d_{ik} \ge 1/2`, and A is the number of terms that are not 0.

    Parameters
    ----------
    n_clusters : int, default=None
        Number of clusters; None is that of the classes, or 8 without y.

    max_learners : int, default=4
        Most learners that units are divided into.

    patience : int, default=10
        Epochs without progress, after which the last learner is split. After a split the next needs
        progress first.

    score_threshold : float, default=0.5
        Units of a larger importance stay. Importance is the size of the mean of a unit's output
        times the gradient of the loss in it, scaled to [0, 1] over the units of the learner.

    min_neurons : int, default=5
        Least number of units that stay in a split. Learners with at most twice as many units are
        not split.

    update_interval : int, default=2
        Epochs between divisions of the rows among learners.

    finetune_fraction : float, default=0.17
        Last part of the epochs, in which all units learn together from all labeled rows.

    validation_fraction : float, default=0.1
        Part of the labeled rows of each class that is held out until then. Its normalized mutual
        information with clusters of the embedding is the progress; where it has fewer than three
        rows for each class, that of all labeled rows is.

    margin : float, default=0.2
        Margin :math:`m` around the boundary.

    boundary : float, default=1.2
        Distance :math:`\beta`, at most 2, between those within and between classes.

    n_components : int, default=32
        Width of the embedding, whose rows have length one.

    max_epochs : int, default=60
        Number of epochs; in one of them there are about as many rows as labeled ones.

    batch_size : int, default=64
        Number of rows in a step, of classes with at least eight rows each.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row, by the nearest center. It is not the class that is given, but
        what the embedding makes of it.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted; the i-th is where cluster i begins, if there are enough clusters. Empty
        without y.

    cluster_centers_ : ndarray of shape (n_clusters_, n_components)
        Centers in the embedding.

    n_clusters_ : int
        Number of clusters.

    learner_index_ : ndarray of shape (n_components,)
        Learner of each unit of the embedding.

    n_learners_ : int
        Number of learners.

    split_epochs_ : ndarray of shape (n_splits,)
        Number of epochs before each split.

    validation_nmi_ : ndarray of shape (n_epochs,)
        The progress, in each epoch before all units learn together; empty with one learner.

    loss_ : float
        Mean squared distance of the embedding to the nearest center. Its negative is the `score`.

    See Also
    --------
    GlobalLocalAdapter : A classifier for rows that have shifted.
    MLC : An embedding in subspaces, without classes.

    Notes
    -----
    Differences from the paper: progress is measured on rows held out from training, where the
    authors' script has those of the evaluation; the epoch with the best clusters is not chosen; the
    network is trained from random weights, its attention map weights the maps of three
    convolutions, and there is no dropout; new weights are uniform; batches have equally many rows
    of each class without repetition, and leave out no pairs within a class; where fewer other rows
    have a distance of 1/2, nearer ones are taken too; rows are divided as soon as a learner is
    split. Without y the classes are clusters of k-means of the rows, with a warning.

    References
    ----------
    .. [1] S. Adiga V., J. Dolz, H. Lombaert (2022). Attention-based dynamic subspace learners for
           medical image analysis. *IEEE Journal of Biomedical and Health Informatics*, 26(9).
           :arxiv:`2206.09068`
    .. [2] A. Sanakoyeu, V. Tschernezki, U. Büchler, B. Ommer (2019). Divide and conquer the
           embedding space for metric learning. *CVPR*. :arxiv:`1906.05990`

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import DynamicSubspaceEmbedding
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> model = DynamicSubspaceEmbedding(max_epochs=20, random_state=0).fit(X[:200], y[:200])
    >>> model.transform(X[200:]).shape
    (100, 32)
    >>> float((model.predict(X[200:]) == y[200:]).mean())
    1.0
    """

    n_clusters: int | None = param(
        None, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    max_learners: int = param(4, Interval(Integral, 1, None, closed="left"))
    patience: int = param(10, Interval(Integral, 1, None, closed="left"))
    score_threshold: float = param(0.5, Interval(Real, 0, 1, closed="both"))
    min_neurons: int = param(5, Interval(Integral, 1, None, closed="left"))
    update_interval: int = param(2, Interval(Integral, 1, None, closed="left"))
    finetune_fraction: float = param(0.17, Interval(Real, 0, 1, closed="both"))
    validation_fraction: float = param(0.1, Interval(Real, 0, 1, closed="left"))
    margin: float = param(0.2, Interval(Real, 0, None, closed="left"))
    boundary: float = param(1.2, Interval(Real, 0, 2, closed="both"))
    n_components: int = param(32, Interval(Integral, 1, None, closed="left"))
    hidden_layer_sizes: Sequence[int] | None = None
    max_epochs: int = 60
    batch_size: int = 64

    def fit(self, X, y=None):
        """Learn the embedding of known classes, and cluster all rows in it.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            The class of each row, an integer. With -1 for some rows these are unlabeled.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y)

    # -- networks ----------------------------------------------------------------------------

    @property
    def _n_clusters_sought(self):
        return self.n_clusters or 1

    def _side(self, samples, X, y, **side):
        found = super()._side(samples, X, y, **side)
        n = len(samples)
        labels, classes = check_partial_labels(y, n, full=True)
        if labels is None or not len(classes):
            if n < 2:
                raise ValueError("An embedding of classes needs two rows, got n_samples=1.")
            rows = map_rows(lambda x: x.flatten(1), samples).cpu().numpy()
            k = min(max(2, self.n_clusters or DEFAULT_CLASSES), n)
            labels = kmeans(rows, k, n_init=10, seed=self._draw_seed())[1]
        else:
            counts = np.bincount(labels[labels >= 0])
            if len(classes) < 2 or counts.max() < 2:
                what = "one class" if len(classes) < 2 else "no class with two rows"
                raise ValueError(
                    f"y has {what} (n_samples={n}); two classes and two rows of one of them are "
                    "needed to learn distances. Rows with -1 are unlabeled."
                )
            found.arrays["classes"] = torch.as_tensor(classes)
        found.rows["label"] = torch.as_tensor(labels, dtype=torch.int64)
        return found

    def _plan(self, samples, side):
        n_classes = int(side.rows["label"].max()) + 1
        return SimpleNamespace(n_classes=n_classes, n_clusters=self.n_clusters or n_classes)

    def _build(self, shape, plan, generator):
        if isinstance(self.encoder, torch.nn.Module):
            module = self._encoder_alone(shape, generator)
            trunk, width = module.encoder, code_width(module, shape)
            head = linear(width, self.n_components, generator)
        elif self._attends_to(shape):
            trunk, width = self._attentive_trunk(shape, generator)
            head = linear(width, self.n_components, generator)
        else:
            *layers, head = self._encoder_alone(shape, generator).encoder
            trunk = torch.nn.Sequential(*layers)
        return BlockNetwork(trunk, head, plan.n_clusters)

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        hooks = {"begin": self._begin, "end_epoch": self._end_epoch, "batches": self._batches}
        hooks["after_backward"] = self._note_products
        return [Stage("train", self._margin_loss, self.max_epochs, **hooks)]

    @property
    def _first_joint_epoch(self):
        """The epoch from which on all units learn together, from all labeled rows."""
        return self.max_epochs - round(self.finetune_fraction * self.max_epochs)

    def _begin(self, fit):
        """Hold rows out, and give all others to the first learner."""
        state = fit.state
        fraction = self.validation_fraction if self.max_learners > 1 else 0.0
        state.judged, state.group = held_out(fit, fraction)
        state.best, state.best_epoch, state.waits = -1.0, 0, True
        state.nmi, state.splits = torch.empty(0, dtype=torch.float64), torch.empty(0).long()

    def _batches(self, fit):
        """Batches of each learner's rows in turn, of several classes each."""
        fit.state.products = torch.zeros(self.n_components, device=fit.device)
        label, group = fit.side.rows["label"].cpu(), fit.state.group
        learners = range(fit.module.n_learners)
        if fit.epoch >= self._first_joint_epoch:
            group, learners = torch.where(label >= 0, 0, -1), [0]
        joint = len(learners) == 1
        found = []
        for learner in learners:
            rows = torch.nonzero(group == learner)[:, 0]
            batches = balanced(label, rows, fit.batch_size, ROWS_PER_CLASS, fit.generator)
            trained = -1 if joint else learner
            known = [{"learner": torch.full((len(rows),), trained)} for rows in batches]
            found.append([Items(*items) for items in zip(batches, known, strict=True)])
        return [batch for batch in chain(*zip_longest(*found)) if batch is not None]

    def _margin_loss(self, fit, batch):
        own = fit.module.encode_for(batch.x, batch.side.learner)
        index, z = fit.whole_batch_to_train(batch, own)
        return {"margin": margin_loss(z, fit.side.rows["label"][index], self.margin, self.boundary)}

    def _note_products(self, fit, batch):
        """Add up, for each unit, its output times the gradient in it, over the rows of the batch.

        Outputs are linear in weights and bias, so that these have the same sum.
        """
        head = fit.module.head
        with torch.no_grad():
            products = (head.weight * head.weight.grad).sum(dim=1) + head.bias * head.bias.grad
            fit.state.products += products

    def _end_epoch(self, fit):
        """Split the last learner if there is no progress, and divide rows anew among learners."""
        state, epoch = fit.state, fit.epoch
        if self.max_learners == 1 or epoch + 1 >= self._first_joint_epoch:
            return
        nmi = progress(fit)
        state.nmi = torch.cat([state.nmi, torch.tensor([nmi], dtype=torch.float64)])
        if nmi > state.best:
            state.best, state.best_epoch, state.waits = nmi, epoch, True
        stalls = epoch >= state.best_epoch + self.patience
        split = state.waits and stalls and self._split(fit)
        if split or (fit.module.n_learners > 1 and (epoch + 1) % self.update_interval == 0):
            state.group = divided_rows(fit)

    def _split(self, fit):
        """Give units of the last learner, with new weights, to a new one."""
        module, state = fit.module, fit.state
        if module.n_learners == self.max_learners:
            return False
        options = self.score_threshold, self.min_neurons
        units = units_to_split(state.products, module.learner, *options)
        if not len(units):
            return False
        module.learner[units] = module.n_learners
        fit.reset_units(module.head, units)
        state.waits = False
        state.splits = torch.cat([state.splits, torch.tensor([fit.epoch + 1])])
        return True

    # -- results -----------------------------------------------------------------------------

    def _label(self, module, x):
        return module.nearest(x)[:, 1]

    def _evaluate(self, module, samples):
        return mean_and_labels(map_rows(module.nearest, samples))

    def _read_out(self, fit):
        module = fit.module
        Z = map_rows(module.encode, fit.samples)
        fit.require_finite(Z.sum(dtype=torch.float64).item())
        centers = centers_from_classes(fit, Z.cpu().numpy())
        module.centers.copy_(torch.as_tensor(centers))
        loss, labels = self._evaluate(module, fit.samples)
        return ReadOut(loss, labels, self._attributes(fit))

    def _attributes(self, fit):
        module, state = fit.module, fit.state
        return {
            "classes_": known_classes(fit),
            "cluster_centers_": module.centers.cpu().numpy(),
            "learner_index_": module.learner.cpu().numpy(),
            "n_clusters_": fit.plan.n_clusters,
            "n_components_": len(module.learner),
            "n_learners_": module.n_learners,
            "split_epochs_": state.splits.numpy(),
            "validation_nmi_": state.nmi.numpy(),
        }

    def _warn(self, out_of_time):
        super()._warn(out_of_time)
        n_classes = len(self.classes_)
        if not n_classes:
            message = (
                "Without y the classes are clusters of k-means of the rows, which the embedding "
                "can only make more compact. Give the classes that are known."
            )
        elif self.n_clusters_ < n_classes:
            message = (
                f"y has {n_classes} classes, more than n_clusters={self.n_clusters}: clusters join "
                "classes, and their numbers are not those of classes. Use n_clusters=None."
            )
        else:
            return
        warnings.warn(message, ConvergenceWarning, stacklevel=caller_level())
