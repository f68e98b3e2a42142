"""NeighborClusterer: clusters of a layout, or of a graph, of nearest neighbors."""

from numbers import Integral

import numpy as np
from scipy.sparse import csr_array

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.degree_linkage import labels_of_neighbors
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.spectral import landmark_spectral
from skdeepcluster.base import Clusterer, param
from skdeepcluster.graph._neighbors import NeighborGraphMixin
from skdeepcluster.graph._votes import VoteMixin

# In the order in which one of equal modularity is kept.
READ_OUTS = ("k-means", "cut", "linkage", "rows")
OF_LAYOUT = {"k-means", "cut"}
# K-means starts, of which the best counts, in the layout and of the rows.
N_STARTS, N_STARTS_OF_ROWS = 10, 3


def weights_inside(edges, labels):
    """The weight of each row's edges that lead into its own cluster.

    Parameters
    ----------
    edges : coo_array of shape (n, n)
        Symmetric weights.
    labels : (n,) array of int

    Returns
    -------
    inside : (n,) array
    """
    rows, columns = edges.coords
    within = labels[rows] == labels[columns]
    return np.bincount(rows, edges.data * within, minlength=len(labels))


def modularity(inside, degrees, labels):
    """Share of the weights within clusters less what would be expected without clusters.

    Parameters
    ----------
    inside : (n,) array
        Weights within clusters, of each row.
    degrees : (n,) array
        All weights of each row, some of them positive.
    labels : (n,) array of int

    Returns
    -------
    modularity : float
        Less than 1.
    """
    total = degrees.sum()
    volumes = np.bincount(labels, degrees)
    return float(inside.sum() / total - np.square(volumes / total).sum())


class NeighborClusterer(NeighborGraphMixin, VoteMixin, Clusterer):
    r"""Clusters by nearest neighbors: a graph of them, a layout of the graph, and a cut of it.

    Each row has edges to its nearest neighbors, weighted as in :class:`NeighborLayout`. Rows are
    placed in few dimensions such that those with edges between them come near each other and others
    stay apart. Clusters are read out in one of several ways, or in all of them, of which the one
    with the largest modularity on the graph is kept,

    .. math:: Q = \sum_c \left( \frac{w(c, c)}{w} - \frac{w(c)^2}{w^2} \right),

    where :math:`w(c, c)` is the weight of the edges within a cluster, :math:`w(c)` that of all
    edges of its rows and :math:`w` the total, each edge counted from both of its ends.

    Use it for images, embeddings and other rows with many features whose clusters are curved, where
    k-means cuts through them; it needs seconds where a network needs minutes. A layout makes
    islands even of rows without clusters, so that clusters are found is no proof of them.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.

    read_out : {"auto", "cut", "k-means", "linkage", "rows"}, default="auto"
        How clusters are found.

        - "auto": in all ways below; the one with the largest modularity is kept.
        - "cut": normalized cut of landmarks in the layout, which keeps islands of any shape and
          size whole. If there are more islands than clusters, it may put most of them together.
        - "k-means": k-means in the layout, for clusters of similar extent.
        - "linkage": merges of clusters of the graph as in :class:`GraphDegreeLinkage`; it needs no
          layout.
        - "rows": k-means on the rows themselves, for compact clusters; it needs no layout.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components) or None
        The layout of the training rows; None if the read-out needs none.

    read_out_ : str
        The read-out of `labels_`.

    candidates_ : dict of str to ndarray of shape (n_samples,)
        Labels by each read-out that was tried.

    modularities_ : dict of str to float
        Their modularities. If the two largest are close, look at both.

    probabilities_ : ndarray of shape (n_samples,)
        Share of the weights of each training row's edges that lead into its own cluster: near 1
        inside clusters, lower where they touch.

    See Also
    --------
    NeighborLayout : The layout alone.
    GraphDegreeLinkage : Linkage of exact graphs, with all merges.
    HDBSCAN : Clusters of any shape and noise, their number unknown.

    Notes
    -----
    The layout's objective, and the search for neighbors, are described in :class:`NeighborLayout`.
    K-means in the layout is what many do with UMAP [1]_.

    That a read-out has the largest modularity does not make it the best: modularity favors clusters
    of similar size, and knows the graph only. ``benchmarks/bench_neighbor_clusterer.py`` compares
    the read-outs on labeled sets.

    References
    ----------
    .. [1] L. McInnes, J. Healy and J. Melville, "UMAP: uniform manifold approximation and
           projection for dimension reduction", 2018. :arxiv:`1802.03426`

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepcluster import NeighborClusterer
    >>> from sklearn.metrics import adjusted_rand_score
    >>> X, y = make_moons(400, noise=0.05, random_state=0)
    >>> model = NeighborClusterer(n_clusters=2, random_state=0).fit(X)
    >>> float(adjusted_rand_score(y, model.labels_))
    1.0
    >>> model.predict([[0.0, 1.0], [1.0, -0.5]]) == model.labels_[[y.argmin(), y.argmax()]]
    array([ True,  True])
    """

    n_clusters: int = param(8, Interval(Integral, 1, None, closed="left"), positional=True)
    read_out: str = param("auto", StrOptions({"auto", *READ_OUTS}))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Search neighbors, place the rows and cluster them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        """
        with self._limited_threads():
            rng = self._fit_graph(X)
            n, k = len(self.indices_), self.n_clusters
            if n < k:
                raise ValueError(f"n_samples={n} should be >= n_clusters={k}.")
            seed = int(rng.integers(2**31))
            tried = READ_OUTS if self.read_out == "auto" else (self.read_out,)
            self.embedding_ = self._layout(rng) if OF_LAYOUT.intersection(tried) else None
            self.candidates_ = {name: self._read_out(name, seed) for name in tried}
        edges = self.graph_.tocoo()
        degrees = np.bincount(edges.coords[0], edges.data, minlength=n)
        inside = {name: weights_inside(edges, c) for name, c in self.candidates_.items()}
        self.modularities_ = {
            name: modularity(inside[name], degrees, c) for name, c in self.candidates_.items()
        }
        self.read_out_ = max(self.modularities_, key=self.modularities_.get)
        self.labels_ = self.candidates_[self.read_out_]
        self.probabilities_ = inside[self.read_out_] / degrees
        return self

    def _read_out(self, name, seed):
        """Labels of the training rows."""
        k = self.n_clusters
        if name == "cut":
            labels = landmark_spectral(self.embedding_, k, seed=seed)
        elif name == "k-means":
            labels = kmeans(self.embedding_, k, n_init=N_STARTS, seed=seed)[1]
        elif name == "rows":
            labels = kmeans(self._search.X, k, n_init=N_STARTS_OF_ROWS, seed=seed)[1]
        else:
            lengths = self.distances_.astype(np.float64)
            labels = labels_of_neighbors(lengths, self.indices_, k, self._search.X)
        return labels.astype(np.int32)

    def _votes(self, X):
        weights, indices = self._neighbors_of(X)
        weights = weights.astype(self.distances_.dtype, copy=False)
        starts = np.arange(0, indices.size + 1, indices.shape[1])
        shape = len(indices), len(self.labels_)
        votes = csr_array((weights.ravel(), indices.ravel(), starts), shape=shape)
        return votes, self.n_clusters
