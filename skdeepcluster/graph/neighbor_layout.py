"""NeighborLayout: places of rows in few dimensions, by a graph of their nearest neighbors."""

import numpy as np

from skdeepcluster._sklearn import fit_context
from skdeepcluster.algorithms.layouts import graph_layout, start_of_layout
from skdeepcluster.algorithms.neighbor_search import principal_axes
from skdeepcluster.base import Estimator, FloatTransformerMixin
from skdeepcluster.graph._neighbors import NeighborGraphMixin

# Epochs of a layout of up to so many rows, and of more, as in UMAP.
MANY_ROWS, EPOCHS, EPOCHS_OF_MANY = 10_000, 500, 200


class NeighborLayout(NeighborGraphMixin, FloatTransformerMixin, Estimator):
    r"""Layout of a graph of nearest neighbors by the objective of UMAP.

    Each row has edges to its nearest neighbors with weights

    .. math:: p_{ij} = e^{-\max(0, d_{ij} - \rho_i) / \sigma_i}, \quad
        \sum_j p_{ij} = \log_2(k + 1), \quad w_{ij} = p_{ij} + p_{ji} - p_{ij} p_{ji},

    where :math:`\rho_i` is the distance to the nearest row that is no copy and :math:`k` is
    `n_neighbors` [1]_. The sum is larger where :math:`\sigma_i` would be less than a thousandth of
    the mean distance. The layout :math:`z` minimizes

    .. math:: -\sum_{ij} w_{ij} \log v_{ij} - \sum_{ij} (1 - w_{ij}) \log (1 - v_{ij}), \quad
        v_{ij} = \frac{1}{1 + a \|z_i - z_j\|^{2b}},

    by stochastic gradients: edges attract in proportion to their weights, random pairs repel.

    Use it before a clusterer that needs compact clusters, or with two components for a picture. The
    layout makes islands even of rows without clusters: that it shows groups is no proof of them.
    Distances between islands mean little.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        The layout of the training rows.

    See Also
    --------
    NeighborClusterer : Clusters of the layout, and predictions for new rows.

    Notes
    -----
    The search for neighbors compares up to 4,096 rows exactly, along principal directions with 93 %
    of the variance and then by all features; more rows are searched by random trees and neighbors
    of neighbors [2]_. On MNIST it finds 97 % of the 15 nearest neighbors.

    Other than in the authors' program, rows move in blocks in which they see each other where they
    were before the block. So a seed gives one layout on any number of threads. The start are
    principal components. New rows are placed at the mean of their neighbors by the weights, without
    further optimization.

    References
    ----------
    .. [1] L. McInnes, J. Healy and J. Melville, "UMAP: uniform manifold approximation and
           projection for dimension reduction", 2018. :arxiv:`1802.03426`
    .. [2] W. Dong, M. Charikar and K. Li, "Efficient k-nearest neighbor graph construction for
           generic similarity measures", WWW, 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import NeighborLayout
    >>> X, _ = load_digits(return_X_y=True)
    >>> NeighborLayout(n_components=2, random_state=0).fit_transform(X).shape
    (1797, 2)
    """

    @property
    def _n_features_out(self):
        return self.embedding_.shape[1]

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Search neighbors and place the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        """
        with self._limited_threads():
            rng = self._fit_graph(X)
            self.embedding_ = self._layout(rng).astype(self._search.X.dtype)
        return self

    def _layout(self, rng):
        """Places of the training rows."""
        X = self._search.X
        mean, axes, _, _ = principal_axes(X, self.n_components, rng)
        start = start_of_layout((X - mean) @ axes.T, self.n_components, rng)
        return graph_layout(
            self.graph_,
            start,
            n_epochs=self.n_epochs or (EPOCHS if len(X) <= MANY_ROWS else EPOCHS_OF_MANY),
            min_dist=self.min_dist,
            seed=int(rng.integers(2**31)),
            n_threads=self._n_threads(),
        )

    def fit_transform(self, X, y=None):
        """Search neighbors, and place the rows and return their places.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            The layout.
        """
        return self.fit(X).embedding_

    def transform(self, X):
        """Place new rows at the weighted mean of their neighbors among the training rows.

        A row equal to a training row has its place.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            Their places.
        """
        weights, indices, _ = self._neighbors_of(X)
        weights /= weights.sum(axis=1, keepdims=True)
        places = np.einsum("ij,ijk->ik", weights, self.embedding_[indices])
        return places.astype(self.embedding_.dtype, copy=False)
