"""SubclassContrastive: an encoder trained by the contrast of classes and of their subclasses."""

from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import ClusterMixin

from skdeepcluster._sklearn import HasMethods, Interval
from skdeepcluster.base import Clusterer, FloatTransformerMixin, param
from skdeepcluster.deep import (
    DeepEstimator,
    NormalizedEncoderMixin,
    ProbabilityMixin,
    ProjectionMixin,
    ViewsMixin,
)
from skdeepcluster.discovery.balanced_kmeans import BalancedKMeans
from skdeepcluster.discovery.subclass_clustering import (
    SubclassClustering,
    numbered_classes,
    numbers_of_subclasses,
)
from skdeepcluster.nn import code_width, contrast, contrast_of_classes
from skdeepcluster.training import ReadOut, Stage, cosine_decay, map_rows

# Percentiles of the spreads of the classes, beyond which they are clipped.
CLIPPED = (20, 80)


class SubclassContrastive(
    ProjectionMixin,
    ProbabilityMixin,
    ViewsMixin,
    NormalizedEncoderMixin,
    FloatTransformerMixin,
    Clusterer,
    DeepEstimator,
):
    r"""Subclass-balancing contrastive learning: classes and their subclasses, on two levels.

    Large classes are divided into subclasses of about the size of the smallest class, as by
    :class:`~skdeepcluster.SubclassClustering`, in the embedding that is being trained and anew as
    it changes. Views of rows of one subclass are attracted to each other, and less strongly those
    of one class, so a large class counts no more than its subclasses, and keeps its structure [1]_.

    Use it as a transformer before a classifier on long-tailed labels, or to find structure within
    labeled classes. **Here y are classes, all of them known**: unlike with other clusterers of the
    package they are used. Without y all rows are one class, whose views are contrasted.

    For views i of the rows of a batch, let :math:`P_i` be the other views of the subclass,
    :math:`A` all other views, :math:`Q_i` the other view of the same row and the views of other
    subclasses of the class, and :math:`A_i` the former and the views of all other subclasses. With
    embeddings :math:`z` of length one, training minimizes the mean of

    .. math:: -\frac{1}{|P_i|} \sum_{p \in P_i} \log \frac{\exp(z_i^\top z_p / \tau)}
        {\sum_{a \in A} \exp(z_i^\top z_a / \tau)}
        - \frac{\beta}{|Q_i|} \sum_{q \in Q_i} \log \frac{\exp(z_i^\top z_q / \tau_c)}
        {\sum_{a \in A_i} \exp(z_i^\top z_a / \tau_c)}.

    The temperature :math:`\tau_c` of a class that is divided follows its spread,

    .. math:: \tau_c = \tau \exp(\phi_c / \bar\phi), \quad
        \phi_c = \frac{\mathrm{mean}_i \|z_i - \bar z_c\|}{\log(n_c + 10)},

    where :math:`\phi` are clipped to their 20th and 80th percentile; that of others is
    :math:`\tau`.

    Parameters
    ----------
    min_subclass_size : int, default=10
        The least size that classes are divided into.

    clusterer : estimator, default=None
        What divides a class: a clusterer with `n_clusters`. None is
        :class:`~skdeepcluster.BalancedKMeans` with one start.

    class_weight : float, default=0.25
        Weight :math:`\beta` of the contrast of classes.

    temperature : float, default=0.1
        :math:`\tau`.

    update_interval : int, default=10
        Epochs after which subclasses and temperatures are found anew.

    pretrain_epochs : int, default=10
        Epochs before, of the contrast of classes alone, without subclasses.

    n_projected : int, default=128
        Width of the output of a projection head with one hidden layer: the loss sees its output,
        `transform` and the subclasses the features below it. With None there is no head: the loss
        sees the embedding itself, which then keeps less of the structure within classes.

    n_components : int, default=64
        Width of the embedding, whose rows have length one.

    max_epochs : int, default=100
        Epochs of the contrast on two levels.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Subclass of each training row, within its class.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted; ``[0]`` without y.

    subclass_to_class_ : ndarray of shape (n_subclasses,)
        The class of each subclass.

    n_subclasses_ : ndarray of shape (n_classes,)
        Number of subclasses of each class.

    n_clusters_ : int
        Number of all subclasses.

    cluster_centers_ : ndarray of shape (n_subclasses, n_components)
        Mean direction of each subclass in the embedding. `predict` takes the nearest, of any class;
        it may differ from `labels_`, which knows the classes.

    class_temperatures_ : ndarray of shape (n_classes,)
        The temperatures :math:`\tau_c` of the last division.

    loss_ : float
        Cross entropy between the nearest subclasses of rows and those of their views, a mean over
        the training rows. Its negative is the `score`; the losses that training minimized are in
        `history_`.

    See Also
    --------
    SubclassClustering : The subclasses, of rows as they are.
    SimCLR : The contrast of views, without classes.

    Notes
    -----
    Where the paper and its code differ, this is the paper: the authors' code multiplies the first
    term by :math:`\tau / 0.07`, replaces the exponential in :math:`\tau_c` by its argument, and
    divides classes by k-means, whose clusters have any size.

    Differences from the paper: subclasses are found below the head, of rows instead of views, by
    squared distances and a flow that balances them at the least cost; layers are normalized over
    units or channels instead of over the batch; the optimizer is Adam. The second stage is any
    classifier of the embedding. A single class has nothing to be contrasted with: its term is left
    out, and the first epochs contrast rows.

    References
    ----------
    .. [1] C. Hou, J. Zhang, H. Wang, T. Zhou (2023). Subclass-balancing contrastive learning for
           long-tailed recognition. *ICCV*. :arxiv:`2306.15925`

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepcluster import SubclassContrastive
    >>> X, y = make_blobs([60, 20, 15], n_features=8, random_state=0)
    >>> model = SubclassContrastive(hidden_layer_sizes=(32,), max_epochs=10, random_state=0)
    >>> model.fit(X, y).n_subclasses_
    array([4, 1, 1])
    >>> pipeline = make_pipeline(model, LogisticRegression(class_weight="balanced"))
    >>> pipeline.fit(X, y).predict(X).shape
    (95,)
    """

    min_subclass_size: int = param(10, Interval(Integral, 1, None, closed="left"))
    clusterer: ClusterMixin | None = param(None, HasMethods(["fit", "set_params"]), None)
    class_weight: float = param(0.25, Interval(Real, 0, None, closed="left"))
    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    update_interval: int = param(10, Interval(Integral, 1, None, closed="left"))
    pretrain_epochs: int = param(10, Interval(Integral, 0, None, closed="left"))
    n_components: int = param(64, Interval(Integral, 1, None, closed="left"))
    n_projected: int | None = 128
    max_epochs: int = 100

    _constraint = "unit_norm"

    def fit(self, X, y=None):
        """Train the network on rows and their classes.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            The class of each row, numbers or strings; -1 is a class like others.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y)

    # -- networks ----------------------------------------------------------------------------

    def _side(self, samples, X, y, **side):
        found = super()._side(samples, X, y, **side)
        found.names["classes"], label = numbered_classes(y, len(samples))
        found.rows["label"] = torch.as_tensor(label, dtype=torch.int64)
        return found

    def _plan(self, samples, side):
        label = side.rows["label"].cpu().numpy()
        return SimpleNamespace(n_subclasses=numbers_of_subclasses(label, self.min_subclass_size))

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        self._add_projection(module, shape, generator)
        n_classes, width = len(plan.n_subclasses), code_width(module, shape)
        module.register_buffer("centers", torch.zeros(plan.n_subclasses.sum(), width))
        module.register_buffer("temperatures", torch.full((n_classes,), self.temperature))
        return module

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        pretrain = Stage("pretrain", self._contrast_first, self.pretrain_epochs)
        train = Stage(
            "train",
            self._contrast_both,
            self.max_epochs,
            weights={"class": self.class_weight},
            schedule=cosine_decay,
            refresh=self._renew,
        )
        return [pretrain, train]

    def _paired(self, fit, batch, *known):
        """Views of all rows of a batch, one after the other, their rows and what is known."""
        pairs = torch.stack(self._projected_views(fit, batch), dim=1)
        index, pairs = fit.whole_batch_to_train(batch, pairs)
        z, index = pairs.flatten(0, 1), index.repeat_interleave(2)
        return z, index, *(values[index] for values in known)

    def _contrast_first(self, fit, batch):
        z, row, label = self._paired(fit, batch, fit.side.rows["label"])
        group = row if len(fit.plan.n_subclasses) == 1 else label
        return {"class": contrast(z, group, self.temperature)}

    def _contrast_both(self, fit, batch):
        known = fit.state.subclass, fit.side.rows["label"]
        z, row, subclass, label = self._paired(fit, batch, *known)
        n_subclasses = fit.plan.n_subclasses
        group = row if n_subclasses.sum() == 1 else subclass
        terms = {"subclass": contrast(z, group, self.temperature)}
        if len(n_subclasses) > 1:
            own = fit.module.temperatures[label]
            terms["class"] = contrast_of_classes(z, row, subclass, label, own)
        return terms

    def _renew(self, fit):
        if fit.epoch % self.update_interval == 0:
            self._divide(fit, fit.over_all_rows(fit.module.encode), fit.seed())

    def _divide(self, fit, Z, seed):
        """Find subclasses, their centers and the temperatures of the classes."""
        label = fit.side.rows["label"]
        model = self.clusterer if self.clusterer is not None else BalancedKMeans(n_init=1)
        model = SubclassClustering(
            min_subclass_size=self.min_subclass_size, clusterer=model, random_state=seed
        )
        found = model.fit(Z.cpu().numpy(), label.cpu().numpy())
        subclass = torch.as_tensor(found.labels_, dtype=torch.int64, device=Z.device)
        centers = torch.zeros_like(fit.module.centers).index_add_(0, subclass, Z.float())
        fit.module.centers.copy_(F.normalize(centers, dim=1))
        divided = torch.as_tensor(fit.plan.n_subclasses > 1, device=Z.device)
        fit.module.temperatures.copy_(
            class_temperatures(Z.float(), label, divided, self.temperature)
        )
        fit.state.subclass = subclass
        fit.usable = True

    # -- results -----------------------------------------------------------------------------

    def _log_proba(self, module, x):
        return F.log_softmax(module.encode(x) @ module.centers.T / self.temperature, dim=1)

    def _evaluate(self, module, samples):
        def loss_and_label(x, view):
            label = self._label(module, x)
            seen = self._log_proba(module, view)
            return torch.stack([-seen.gather(1, label[:, None])[:, 0], label], dim=1)

        found = self._over_views(samples, loss_and_label)
        return found[:, 0].mean(dtype=torch.float64).item(), found[:, 1].int().cpu().numpy()

    def _read_out(self, fit):
        Z = map_rows(fit.module.encode, fit.samples)
        fit.require_finite(Z.sum(dtype=torch.float64).item())
        # Kept in the state, so that reading out a fit again gives the same result.
        fit.state.seed = getattr(fit.state, "seed", None) or fit.seed()
        self._divide(fit, Z, fit.state.seed)
        loss, _ = self._evaluate(fit.module, fit.samples)
        labels = fit.state.subclass.cpu().numpy().astype(np.int32)
        return ReadOut(loss, labels, self._attributes(fit))

    def _attributes(self, fit):
        n_subclasses, classes = fit.plan.n_subclasses, fit.side.names["classes"]
        return {
            "classes_": classes,
            "subclass_to_class_": np.repeat(classes, n_subclasses),
            "n_subclasses_": n_subclasses,
            "n_clusters_": int(n_subclasses.sum()),
            "n_components_": fit.module.centers.shape[1],
            "cluster_centers_": fit.module.centers.cpu().numpy(),
            "class_temperatures_": fit.module.temperatures.cpu().numpy(),
        }


def class_temperatures(Z, label, divided, temperature):
    """Temperatures of the contrast of classes, larger where rows are further from their mean.

    Parameters
    ----------
    Z : Tensor of shape (n, n_components)
        Embeddings, of length one.
    label : Tensor of shape (n,)
        Number of the class of each row; every class has rows.
    divided : Tensor of shape (n_classes,), bool
        Whether a class has several subclasses; the others have the given temperature.
    temperature : float

    Returns
    -------
    temperatures : Tensor of shape (n_classes,)
        Those of divided classes are larger than the given one.
    """
    n_classes = len(divided)
    counts = torch.bincount(label, minlength=n_classes).to(Z.dtype)
    means = Z.new_zeros(n_classes, Z.shape[1]).index_add_(0, label, Z) / counts[:, None]
    distances = (Z - means[label]).norm(dim=1)
    spread = Z.new_zeros(n_classes).index_add_(0, label, distances) / counts
    spread = spread / (counts + 10).log()
    low, high = torch.quantile(spread, spread.new_tensor(CLIPPED) / 100)
    spread = spread.clamp(low, high)
    factors = (spread / spread.mean().clamp_min(torch.finfo(Z.dtype).tiny)).exp()
    return temperature * torch.where(divided, factors, 1.0)
