"""An autoencoder followed by any clusterer."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skdeepcluster._sklearn import HasMethods, Interval, StrOptions
from skdeepcluster.base import param, seeded_clone
from skdeepcluster.deep import AutoencoderMixin, DeepClusterer, check_unit_interval
from skdeepcluster.nn import (
    CONSTRAINTS,
    RECONSTRUCTION_LOSSES,
    cosine_dissimilarity,
    directions,
    mean_over_rows,
)
from skdeepcluster.training import ReadOut, map_rows

# Constraints that are penalties and not functions of the code.
_PENALTIES = {"l1": torch.abs, "l2": torch.square}


def _clusterer_has(name):
    return lambda self: hasattr(getattr(self, "clusterer_", self.clusterer), name)


class AutoencoderClusterer(AutoencoderMixin, DeepClusterer):
    r"""Clusters the code of an autoencoder by any scikit-learn clusterer.

    Training does not depend on clusters: the code can be clustered again (`recluster`) by other
    methods and into other numbers of clusters without further training, and it is the baseline for
    methods that refine a code. Training minimizes

    .. math:: \min_{\theta, \vartheta} \frac{1}{n} \sum_i \ell\left(x_i, g_\vartheta(c(f_\theta(
        \tilde x_i)))\right) + \rho R(z_i)

    with encoder :math:`f`, decoder :math:`g`, constraint :math:`c` on the code and :math:`\tilde x`
    a row with a fraction `noise` of its entries set to zero.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters of the default clusterer; a given clusterer has its own.

    clusterer : clusterer, default=None
        Fitted to the code, by default ``KMeans(n_clusters, n_init=20)``, with the weights of the
        rows if its `fit` takes `sample_weight`. Where its `random_state`,
        or that of an estimator within it, is None it is derived from this estimator's.

    max_epochs : int, default=60
        Maximum number of epochs of the reconstruction.

    loss : {"mse", "mae", "bce", "cosine"}, default="mse"
        Loss of the reconstruction. "bce" is for entries in [0, 1], which are not standardized;
        "cosine" depends on the direction of each row only.

    constraint : {"none", "unit_norm", "tanh", "sigmoid", "simplex", "l1", "l2"}, default="none"
        Constraint on the code. With "unit_norm" k-means becomes spherical k-means. "l1" and "l2"
        add the mean absolute or squared entry of the code to the loss.

    constraint_weight : float, default=1e-3
        Weight of the penalty "l1" or "l2".

    center_samples : bool, default=False
        Whether "cosine" subtracts each row's own mean first.

    validation_fraction : float, default=0
        Fraction of the rows that is held out; the weights of the epoch with the best held-out loss
        are kept.

    patience : int, default=10
        Number of epochs without a better held-out loss after which training ends.

    reject_threshold : float, default=None
        Rows whose reconstruction error, one minus the cosine, exceeds this get label -1.

    Attributes
    ----------
    clusterer_ : clusterer
        Fitted to `embedding_`.

    embedding_ : ndarray of shape (n_samples, n_components)
        Codes of the training rows.

    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        The clusterer's centers, or the mean codes of its clusters; NaN for clusters without rows.

    n_clusters_ : int
        Number of the clusterer's clusters, with those that have no rows.

    reconstruction_error_ : ndarray of shape (n_samples,)
        One minus the cosine between each training row and its reconstruction.

    coverage_ : float
        Fraction of the training rows that are not rejected.

    See Also
    --------
    DEC : Refines the code together with the clusters.

    Notes
    -----
    Indices such as the silhouette cannot rank codes of different networks: a code that is easy to
    cluster need not be a meaningful one.

    References
    ----------
    .. [1] Gencoglu: Deep representation learning for clustering of health tweets. arXiv 1901.00439,
       2018.
    .. [2] Babaiee, Kiasari, Rus, Grosu: Unveiling the unseen: identifiable clusters in trained
       depthwise convolutional kernels. ICLR 2024.

    Examples
    --------
    >>> from sklearn.cluster import AgglomerativeClustering
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import AutoencoderClusterer
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> model = AutoencoderClusterer(
    ...     clusterer=AgglomerativeClustering(3), hidden_layer_sizes=(32,), random_state=0
    ... )
    >>> len(set(model.fit_predict(X)))
    3
    """

    max_epochs: int = 60
    clusterer: BaseEstimator | None = param(None, HasMethods("fit_predict"), None)
    loss: str = param("mse", StrOptions(set(RECONSTRUCTION_LOSSES)))
    constraint: str = param("none", StrOptions(set(CONSTRAINTS) | set(_PENALTIES)))
    constraint_weight: float = param(1e-3, Interval(Real, 0, None, closed="left"))
    center_samples: bool = param(False, "boolean")
    validation_fraction: float = param(0.0, Interval(Real, 0, 1, closed="left"))
    patience: int = param(10, Interval(Integral, 1, None, closed="left"))
    reject_threshold: float | None = param(None, Interval(Real, 0, 2, closed="both"), None)

    @property
    def _loss(self):
        return self.loss

    @property
    def _constraint(self):
        return "none" if self.constraint in _PENALTIES else self.constraint

    @property
    def _scales_rows(self):
        return self.loss in ("mse", "mae")

    @property
    def _n_clusters_sought(self):
        return self.n_clusters if self.clusterer is None else 0

    def _stages(self):
        return self._pretraining(
            self.max_epochs,
            weights={"penalty": self.constraint_weight},
            validation_fraction=self.validation_fraction,
            patience=self.patience,
        )

    def _prepared(self, x):
        """Rows as the loss compares them: of unit length for "cosine"."""
        if self.loss != "cosine":
            return x
        rows = x.flatten(1)
        if self.center_samples:
            rows = rows - rows.mean(dim=1, keepdim=True)
        return directions(rows).view_as(x)

    def _plan(self, samples, side):
        if self.loss == "bce":
            check_unit_interval(samples, "loss='bce'", "'mse'")
        if self.loss == "cosine":
            norms = map_rows(lambda x: self._prepared(x).flatten(1).norm(dim=1), samples)
            if (norms == 0).any():
                raise ValueError(
                    "loss='cosine' is not defined for rows that are zero (after centering); "
                    "remove them or use 'mse'"
                )
        return super()._plan(samples, side)

    def _reconstruct(self, fit, batch):
        x = self._prepared(batch.x)
        z, restored = fit.module(self._corrupt(fit, batch, x))
        weights = batch.weights
        terms = {"reconstruction": self._reconstruction_loss(x, restored, weights=weights)}
        if self.constraint in _PENALTIES:
            terms["penalty"] = mean_over_rows(_PENALTIES[self.constraint](z), weights)
        return terms

    def _encode(self, module, x):
        return module.encode(self._prepared(x))

    def _evaluate_rows(self, module, x):
        """Of each row the loss, the dissimilarity of its reconstruction, and its code."""
        x = self._prepared(x)
        z, restored = module(x)
        errors = self._reconstruction_loss(x, restored, rows=True)
        if self.constraint in _PENALTIES:
            errors = errors + self.constraint_weight * _PENALTIES[self.constraint](z).mean(dim=1)
        shown = restored.sigmoid() if self.loss == "bce" else restored
        return torch.cat([errors[:, None], cosine_dissimilarity(x, shown)[:, None], z], dim=1)

    def _evaluate(self, module, samples):
        found = map_rows(lambda x: self._evaluate_rows(module, x), samples)
        loss = mean_over_rows(found[:, 0], samples.weights, torch.float64).item()
        return loss, found[:, 1:].cpu().numpy()

    def _read_out(self, fit):
        loss, found = self._evaluate(fit.module, fit.samples)
        fit.require_finite(loss)
        dissimilarity, Z = found[:, 0], np.ascontiguousarray(found[:, 1:])
        # Kept in the state, so that reading out a fit again gives the same result.
        fit.state.clusterer_seed = getattr(fit.state, "clusterer_seed", None) or fit.seed()
        weights = fit.samples.weights
        weights = None if weights is None else weights.cpu().numpy()
        seed = fit.state.clusterer_seed
        attributes = {
            "embedding_": Z,
            "reconstruction_error_": dissimilarity,
            "n_components_": Z.shape[1],
            "_clusterer_seed": seed,
            "_weights": weights,
            **self._clusters(Z, dissimilarity, self.clusterer, seed, weights),
        }
        return ReadOut(loss, attributes.pop("labels_"), attributes)

    def _clusters(self, Z, dissimilarity, clusterer, seed, weights):
        """Fitted attributes of the second stage."""
        if clusterer is None:
            clusterer = KMeans(self.n_clusters, n_init=20)
        clusterer = seeded_clone(clusterer, seed)
        known = weights is not None and has_fit_parameter(clusterer, "sample_weight")
        labels = np.array(clusterer.fit_predict(Z, **{"sample_weight": weights} if known else {}))
        centers = getattr(clusterer, "cluster_centers_", None)
        if np.shape(centers)[1:] != Z.shape[1:]:
            centers = np.full((labels.max(initial=-1) + 1, Z.shape[1]), np.nan, dtype=Z.dtype)
            for j in np.unique(labels[labels >= 0]):
                rows = labels == j
                if weights is None or not weights[rows].any():
                    centers[j] = Z[rows].mean(axis=0)
                else:
                    centers[j] = np.average(Z[rows], axis=0, weights=weights[rows])
            if self.constraint == "unit_norm":
                centers /= np.linalg.norm(centers, axis=1, keepdims=True)
        labels[self._rejected(dissimilarity)] = -1
        return {
            "clusterer_": clusterer,
            "cluster_centers_": centers,
            "n_clusters_": len(centers),
            "labels_": labels,
            "coverage_": float(1 - self._rejected(dissimilarity).mean()),
        }

    def _rejected(self, dissimilarity):
        limit = np.inf if self.reject_threshold is None else self.reject_threshold
        return dissimilarity > limit

    def recluster(self, clusterer=None):
        """Cluster the same code again.

        Parameters
        ----------
        clusterer : clusterer, default=None
            Instead of the constructor's.

        Returns
        -------
        self : object
            With new labels, centers and `clusterer_`.
        """
        check_is_fitted(self)
        clusterer = self.clusterer if clusterer is None else clusterer
        Z = self.embedding_.astype(np.float32)
        known = self._clusterer_seed, getattr(self, "_weights", None)
        found = self._clusters(Z, self.reconstruction_error_, clusterer, *known)
        for name, value in found.items():
            setattr(self, name, value)
        return self

    def predict(self, X):
        """The clusterer's prediction if it has `predict`, otherwise the nearest center.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            -1 for rejected rows.
        """
        found = self._stream(X, lambda x: self._evaluate_rows(self.module_, x)[:, 1:])
        Z = found[:, 1:].astype(np.float32, order="C")
        if hasattr(self.clusterer_, "predict"):
            labels = np.array(self.clusterer_.predict(Z))
        else:
            # Noise and clusters without rows have no center.
            known = np.flatnonzero(np.isfinite(self.cluster_centers_).all(axis=1))
            centers = self.cluster_centers_[known].astype(Z.dtype)
            labels = np.full(len(Z), -1)
            if len(known):
                labels = known[pairwise_distances_argmin(Z, centers)]
        labels[self._rejected(found[:, 0])] = -1
        return labels

    @available_if(_clusterer_has("predict_proba"))
    def predict_proba(self, X):
        """Probabilities of the clusters, where the clusterer has them.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            What the clusterer gives for the code.
        """
        Z = self.transform(X)
        return self.clusterer_.predict_proba(Z.astype(np.float32))
