"""Clusters of the rows of unknown class in the embedding of a network."""

from numbers import Integral

import numpy as np
import torch

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param, parameters
from skdeepcluster.constraints import PartialLabelMixin, check_partial_labels
from skdeepcluster.deep import known_classes, note_labels
from skdeepcluster.discovery._novel import sampled_silhouette
from skdeepcluster.training import map_rows
from skdeepcluster.validation import check_n_samples

# Numbers of clusters that are compared at most.
MOST_CLUSTERS = 30


@parameters
class NovelCodesMixin(PartialLabelMixin):
    """A deep clusterer that learns from known classes, and clusters the rows of none.

    Parameters
    ----------
    n_clusters : int or None, default=8
        Number of novel clusters. None is that of the largest mean silhouette, at most 30 and a
        tenth of the rows of unknown class.

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
    """

    n_clusters: int | None = param(
        8, Interval(Integral, 1, None, closed="left"), None, positional=True
    )

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

    @property
    def _n_clusters_sought(self):
        return self.n_clusters or 1

    def _side(self, samples, X, y, **side):
        found = super()._side(samples, X, y, **side)
        labels, classes = check_partial_labels(y, len(samples))
        n_novel = len(samples) if labels is None else int(np.sum(labels < 0))
        what = " of unknown class" * (len(classes) > 0)
        check_n_samples(n_novel, self._n_clusters_sought, of_weight=what)
        note_labels(found, labels, classes)
        return found

    def _clustered(self, fit):
        """Labels of all rows, and the fitted attributes."""
        Z = map_rows(lambda x: self._encode(fit.module, x), fit.samples).cpu().numpy()
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
        return labels, {
            "classes_": classes,
            "cluster_centers_": np.concatenate([*(m[np.newaxis] for m in means), centers]),
            "n_clusters_": len(centers),
            "n_components_": Z.shape[1],
            "silhouettes_": silhouettes,
        }

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

    def _squares(self, module, x, centers):
        """Squared distances of standardized rows to centers, in the embedding."""
        z = self._encode(module, x)
        centers = torch.tensor(centers, dtype=z.dtype, device=z.device)
        return (z[:, None] - centers).square().sum(dim=2)

    def predict(self, X):
        """The nearest center of each row in the embedding, known or novel.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Clusters from 0 on, known classes first.
        """

        def nearest(x):
            return self._squares(self.module_, x, self.cluster_centers_).argmin(dim=1).int()

        return self._stream(X, nearest)
