"""ClusterFit: a new network learns the clusters of given features."""

import copy
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepcluster._sklearn import HasMethods
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param, seeded_clone
from skdeepcluster.deep import seeded
from skdeepcluster.nn import linear
from skdeepcluster.selfsupervised._base import SelfSupervised
from skdeepcluster.training import map_rows


class TeacherBase(SelfSupervised):
    """Base of the methods that cluster the features of a teacher once and learn the clusters.

    Parameters
    ----------
    teacher : transformer, callable, torch.nn.Module or array, default=None
        Source of the features. A transformer with `transform` is used as it is if it is fitted;
        otherwise a clone is fitted to the rows, in which each `random_state` that is None is
        derived from this estimator's. Callables and modules take standardized rows as a tensor. An
        array of shape (n_samples, n_teacher_features) has the features of the training rows. By
        default the features are the standardized rows.

    normalize : bool, default=True
        Whether features are scaled to length one.

    Attributes
    ----------
    teacher_centers_ : ndarray of shape (n_prototypes_, n_teacher_features)
        Centers of the clusters of the features, if they are found by k-means.
    """

    teacher: BaseEstimator | Callable[[torch.Tensor], torch.Tensor] | np.ndarray | None = param(
        None, HasMethods("transform"), callable, nn.Module, "array-like", None
    )
    normalize: bool = param(True, "boolean")

    # A checkpoint identifies it by the clusters of the features.
    _in_side = frozenset({"teacher"})

    def _uses_user_code(self):
        return super()._uses_user_code() or callable(self.teacher)

    def _side(self, samples, X, y, **side):
        known = super()._side(samples, X, y, **side)
        given = self._given_features(X)
        seed = self._draw_seed()
        with seeded(self._global_generators(samples.device), seed):
            features = self._features(samples, given)
        labels, centers = self._clusters(features, seed)
        known.rows["label"] = torch.as_tensor(labels, dtype=torch.int64)
        if centers is not None:
            known.arrays["teacher_centers"] = torch.as_tensor(centers)
        return known

    def _given_features(self, X):
        """Features that a transformer gives for X as it was passed, or an array of features."""
        teacher = self.teacher
        if hasattr(teacher, "transform"):
            try:
                check_is_fitted(teacher)
            except NotFittedError:
                teacher = seeded_clone(teacher, self._draw_seed()).fit(X)
            return teacher.transform(X)
        return None if callable(teacher) else teacher

    def _features(self, samples, given):
        """The teacher's features of all rows."""
        if given is not None:
            features = check_array(given, dtype=np.float32, input_name="teacher's features")
        else:
            teacher = self.teacher or torch.nn.Identity()
            if isinstance(teacher, nn.Module):
                teacher = copy.deepcopy(teacher).to(samples.device).eval()
            features = map_rows(lambda x: teacher(x).float().flatten(1).cpu(), samples)
            features = check_array(features.numpy(), input_name="teacher's features")
        if len(features) != len(samples):
            raise ValueError(
                f"teacher gives features of {len(features)} rows, but X has {len(samples)} rows"
            )
        if self.normalize:
            features = features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-5)
        return np.ascontiguousarray(features)

    def _clusters(self, features, seed):
        """Labels of the features, one or several for each row, and centers if there are any."""
        n_prototypes = self._n_prototypes_of(len(features))
        options = {"n_init": 1, "max_iter": 50, "refill": True}
        centers, labels = kmeans(features, n_prototypes, seed=seed, **options)
        return labels, centers

    def _attributes(self, fit):
        centers = fit.side.arrays.get("teacher_centers")
        return {} if centers is None else {"teacher_centers_": centers.cpu().numpy()}


class ClusterFit(TeacherBase):
    r"""A new network learns the clusters of a teacher's features.

    The teacher's features are clustered once, and a network with random initial weights learns to
    predict the clusters from views of the rows. What the clusters do not keep is lost, which helps
    if the teacher is overfitted to its own task. It is the fastest of the family, and makes any
    clustering inductive: ``ClusterFit(clusterer=HDBSCAN())``.

    With features :math:`u_i` of the teacher, clusters :math:`a_i` and a head :math:`W`,

    .. math:: \min_{C, a} \sum_i \|u_i - C_{a_i}\|^2, \quad \text{then} \quad
        \min_{\theta, W} \; \frac{1}{n} \sum_i
        \operatorname{CE}\bigl(W f_\theta(t(x_i)), a_i\bigr) .

    Parameters
    ----------
    clusterer : clusterer with `fit_predict`, default=None
        Used instead of k-means; a clone is fitted to the features, in which each `random_state`
        that is None is derived from this estimator's. Noise (-1) is not trained on.

    Attributes
    ----------
    pseudo_labels_ : ndarray of shape (n_samples,)
        Clusters of the features.

    accuracy_ : float
        Fraction of the rows whose pseudo-label the network predicts from the row itself.

    See Also
    --------
    MLCD : Several of the nearest centers as labels.
    DeepClusterV2 : Clusters that follow the network.

    References
    ----------
    .. [1] Yan, Misra, Gupta, Ghadiyaram, Mahajan: ClusterFit: improving generalization of visual
       representations. CVPR 2020. :arxiv:`1912.03330`
    """

    clusterer: BaseEstimator | None = param(None, HasMethods("fit_predict"), None)

    def _clusters(self, features, seed):
        if self.clusterer is None:
            return super()._clusters(features, seed)
        labels = np.asarray(seeded_clone(self.clusterer, seed).fit_predict(features))
        known = np.unique(labels[labels >= 0])
        if len(known) == 0:
            raise ValueError(f"clusterer={self.clusterer!r} finds no clusters in the features")
        return np.where(labels >= 0, np.searchsorted(known, labels), -1), None

    def _plan(self, samples, side):
        plan = super()._plan(samples, side)
        if self.clusterer is not None:
            plan.n_prototypes = int(side.rows["label"].max()) + 1
        return plan

    def _add_heads(self, module, width, plan, generator):
        module.head = linear(width, plan.n_prototypes, generator)

    def _logits(self, module, x):
        return module.head(module.encoder(x).relu()).float()

    def _loss_of_batch(self, fit, batch):
        (x,) = self._views(fit, batch, 1)
        logits, labels = self._logits(fit.module, x), batch.side.label
        # A batch may be all noise.
        loss = F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
        return {"label": loss / (labels >= 0).sum().clamp_min(1)}

    def _attributes(self, fit):
        predicted = map_rows(lambda x: self._logits(fit.module, x).argmax(dim=1), fit.samples)
        labels = fit.side.rows["label"]
        known = labels >= 0
        return super()._attributes(fit) | {
            "pseudo_labels_": labels.cpu().numpy(),
            "accuracy_": (predicted == labels)[known].double().mean().item(),
        }
