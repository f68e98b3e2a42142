"""ClusterFit: the clusters of one representation, learned by a new network."""

import copy
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.deep._clusterer import seeded, seeded_clone
from skdeepcluster.nn import linear
from skdeepcluster.selfsupervised._base import SelfLabelBase
from skdeepcluster.training import map_blocks


class TeacherBase(SelfLabelBase):
    """Base of the methods that learn, once, the clusters of features that exist already.

    Parameters
    ----------
    teacher : transformer, callable, torch.nn.Module or array, default=None
        Where the features come from. A transformer with `transform` is used as it is if it is
        fitted; otherwise a clone is fitted to the rows, in which each `random_state` that is None
        is derived from this estimator's. Callables and modules take standardised rows as a tensor.
        An array of shape (n_samples, n_teacher_features) is the features of the training rows. By
        default the standardised rows are their own features.

    normalize : bool, default=True
        Whether features are scaled to length one.

    Attributes
    ----------
    teacher_centers_ : ndarray of shape (n_prototypes_, n_teacher_features)
        Centres of the clusters of the features, where k-means finds them.
    """

    teacher: object = None
    normalize: bool = True

    _parameter_constraints = {
        **SelfLabelBase._parameter_constraints,
        "teacher": [HasMethods("transform"), callable, nn.Module, "array-like", None],
        "normalize": ["boolean"],
    }

    def fit(self, X, y=None):
        # A transformer meets the rows as the user gave them.
        self._given = None
        teacher = self.teacher
        if hasattr(teacher, "transform"):
            try:
                check_is_fitted(teacher)
            except NotFittedError:
                teacher = seeded_clone(teacher, self._draw_seed()).fit(X)
            self._given = teacher.transform(X)
        elif teacher is not None and not callable(teacher):
            self._given = teacher
        try:
            return super().fit(X, y)
        finally:
            del self._given
            vars(self).pop("_taught", None)

    fit.__doc__ = SelfLabelBase.fit.__doc__

    def _identity(self, seed):
        settings, modules = super()._identity(seed)
        settings |= {"teacher": None, "clusterer": repr(settings.get("clusterer"))}
        modules.register_buffer("labels", torch.as_tensor(self._taught.labels))
        return settings, modules

    def _draw_outside(self):
        return super()._draw_outside() or callable(self.teacher)

    def _check_samples(self, samples):
        super()._check_samples(samples)
        seed = self._draw_seed()
        with seeded(self._lent_generators(samples.device), seed):
            features = self._features(samples)
        self._taught = self._teach(features, seed)

    def _features(self, samples):
        """The teacher's features of all rows."""
        if self._given is not None:
            features = check_array(self._given, dtype=np.float32, input_name="teacher's features")
        else:
            teacher = self.teacher or torch.nn.Identity()
            if isinstance(teacher, nn.Module):
                teacher = copy.deepcopy(teacher).to(samples.device).eval()
            parts = map_blocks(lambda x: teacher(x).float().flatten(1).cpu(), samples)
            features = check_array(torch.cat(list(parts)).numpy(), input_name="teacher's features")
        if len(features) != len(samples):
            raise ValueError(
                f"teacher gives features of {len(features)} rows, but X has {len(samples)} rows"
            )
        if self.normalize:
            features = features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-5)
        return np.ascontiguousarray(features)

    def _teach(self, features, seed):
        """Clusters of the features: labels, and what else is to be known."""
        centers, labels = kmeans(
            features, self.n_prototypes_, n_init=1, max_iter=50, seed=seed, refill=True
        )
        return SimpleNamespace(labels=labels.astype(np.int64), centers=centers)

    def _labels_of(self, fit, batch):
        if not hasattr(fit.state, "labels"):
            fit.state.labels = torch.as_tensor(self._taught.labels, device=fit.device)
        return fit.state.labels[batch.index]

    def _own_attributes(self, fit):
        centers = self._taught.centers
        return {} if centers is None else {"teacher_centers_": centers}


class ClusterFit(TeacherBase):
    r"""A new network learns the clusters of a teacher's features.

    The teacher's features are grouped once, and a network that begins from nothing learns the
    groups from views of the rows. What does not survive grouping is forgotten, which helps where
    the teacher fits its own task too closely. It is the quickest of the family, and turns any
    clustering into one that predicts: ``ClusterFit(clusterer=HDBSCAN())``.

    With features :math:`u_i` of the teacher, clusters :math:`a_i` and a head :math:`W`,

    .. math:: \min_{C, a} \sum_i \|u_i - C_{a_i}\|^2, \quad \text{then} \quad
        \min_{\theta, W} \; \frac{1}{n} \sum_i
        \operatorname{CE}\bigl(W f_\theta(t(x_i)), a_i\bigr) .

    Parameters
    ----------
    clusterer : clusterer with `fit_predict`, default=None
        Instead of k-means; a clone is fitted to the features, in which each `random_state` that is
        None is derived from this estimator's. Rows that it calls noise (-1) are not trained on.

    Attributes
    ----------
    pseudo_labels_ : ndarray of shape (n_samples,)
        Clusters of the features.

    accuracy_ : float
        Share of the rows whose pseudo-label the network tells from the row itself.

    See Also
    --------
    MLCD : Several of the nearest centres as labels.
    DeepClusterV2 : Clusters that follow the network.

    References
    ----------
    .. [1] Yan, Misra, Gupta, Ghadiyaram, Mahajan: ClusterFit: improving generalization of visual
       representations. CVPR 2020. :arxiv:`1912.03330`

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import ClusterFit
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> student = ClusterFit(n_clusters=3, hidden_layer_sizes=(32,), random_state=0).fit(X)
    >>> student.transform(X).shape
    (300, 64)
    """

    clusterer: object = None

    _parameter_constraints = {
        **TeacherBase._parameter_constraints,
        "clusterer": [HasMethods("fit_predict"), None],
    }

    def _teach(self, features, seed):
        if self.clusterer is None:
            return super()._teach(features, seed)
        labels = np.asarray(seeded_clone(self.clusterer, seed).fit_predict(features))
        known = np.unique(labels[labels >= 0])
        if len(known) == 0:
            raise ValueError(f"clusterer={self.clusterer!r} finds no clusters in the features")
        self.n_prototypes_ = len(known)
        labels = np.where(labels >= 0, np.searchsorted(known, labels), -1)
        return SimpleNamespace(labels=labels, centers=None)

    def _add_heads(self, module, width, generator):
        module.head = linear(width, self.n_prototypes_, generator)

    def _logits(self, module, x):
        return module.head(module.encoder(x).relu()).float()

    def _loss_of_batch(self, fit, batch):
        (x,) = self._views(fit, batch, 1)
        logits, labels = self._logits(fit.module, x), self._labels_of(fit, batch)
        # A batch may be all noise.
        loss = F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
        return {"label": loss / (labels >= 0).sum().clamp_min(1)}

    def _own_attributes(self, fit):
        told = torch.cat(
            list(map_blocks(lambda x: self._logits(fit.module, x).argmax(dim=1), fit.samples))
        )
        labels = self._taught.labels
        known = labels >= 0
        return super()._own_attributes(fit) | {
            "pseudo_labels_": labels,
            "accuracy_": float((told.cpu().numpy() == labels)[known].mean()),
        }
