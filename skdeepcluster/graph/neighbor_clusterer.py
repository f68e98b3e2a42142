"""NeighborClusterer: clusters of a layout, or of a graph, of nearest neighbors."""

from numbers import Integral, Real

import numpy as np

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.candidates import best, scores
from skdeepcluster.algorithms.groups import weights_to
from skdeepcluster.algorithms.read_outs import N_EPOCHS, READ_OUTS, ReadOuts, read_outs_for
from skdeepcluster.base import Clusterer, param
from skdeepcluster.graph._neighbors import NeighborGraphMixin
from skdeepcluster.validation import check_n_samples


class NeighborClusterer(NeighborGraphMixin, Clusterer):
    r"""Clusters by nearest neighbors, read out in several ways; what other runs confirm is kept.

    Each row has edges to its nearest neighbors, weighted as in :class:`NeighborLayout`. Rows are
    joined with the neighbors of their strongest edges until at most 6,000 groups are left, and
    their graph is laid out in few dimensions, three times; the graph of their groups, six times.
    Clusters are read out in several ways and runs. Of all these candidates the one with the largest

    .. math:: Q(c)^{9/4} \max\left( a\Bigl( \frac{1}{3} \sum_{c' \in N(c)} \mathrm{ARI}(c, c')
        \Bigr),\; 1 - 10 \, b(c) \right), \quad a(s) = \min\left( s, \frac{1.9 + s}{3} \right),
        \quad
        Q(c) = \sum_k \left( \frac{w(k, k)}{w} - \frac{w(k)^2}{w^2} \right)

    is kept: a power of its modularity, where :math:`w(k, k)` is the weight of the edges within a
    cluster, :math:`w(k)` that of all edges of its rows and :math:`w` the total, each edge counted
    from both of its ends, times its confirmation: the mean adjusted Rand index with the three
    candidates that are most like it, or more, if the share :math:`b(c)` of the weights between
    clusters is small. Agreement above 0.95 counts a third, as runs that find the same clusters
    differ by some rows. In clusters of groups, each row finally joins the cluster that most of its
    edges lead to.

    Use it for images, embeddings and other rows with many features whose clusters are curved, where
    k-means cuts through them; it needs seconds where a network needs minutes. A layout makes
    islands even of rows without clusters, so that clusters are found is no proof of them.

    Parameters
    ----------
    n_clusters : int or None, default=8
        Number of clusters. None takes the number that persists longest: clusters of highest density
        in the layouts are found for growing least sizes, and the number that the widest range of
        these gives, on the mean of the layouts, is that of the read-outs. Small numbers of large
        clusters and larger ones of their parts may both persist; see `cluster_layers_`.

    read_out : {"auto", "cut", "k-means", "graph", "rows", "linkage"}, default="auto"
        How clusters are found.

        - "auto": in all ways below but linkage; in rows alone, if columns of two values, such as
          one-hot ones, are mixed with others. Neighbors have equal values there, so every graph of
          them is cut between the values.
        - "cut": normalized cuts of landmarks in the layouts, which keep islands of any shape and
          size whole. If there are more islands than clusters, they may put most of them together.
        - "k-means": k-means in the layouts, for clusters of similar extent.
        - "graph": normalized cuts of the graph, with several regularizations; it needs no layout.
        - "rows": k-means on the rows themselves, for compact clusters; it needs no layout.
        - "linkage": merges of clusters of the graph as in :class:`GraphDegreeLinkage`; it needs no
          layout.

    contamination : float, default=0
        Largest share of the training rows to take for noise, labeled -1: those with the largest
        `outlier_scores_`. By default each row has a cluster.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row, or -1.

    read_out_ : str
        The read-out of `labels_`.

    n_clusters_ : int
        The number of clusters, chosen or given. 1 if ``n_clusters=None`` finds no two.

    cluster_layers_ : list of ndarray of shape (n_samples,)
        Only with ``n_clusters=None``: labels by density for each number of clusters that persists
        over a ratio of 1.5 of least sizes, and always for the longest; from many clusters to few.
        Labels of the longest need not be those in `labels_`.

    layer_persistences_ : list of float
        Only with ``n_clusters=None``: logarithm of the ratio of least sizes over which the number
        of clusters of each layer persists.

    candidates_ : dict of str to ndarray of shape (n_runs, n_samples)
        Labels by each run of each read-out that was tried.

    modularities_ : dict of str to ndarray of shape (n_runs,)
        The modularity of each candidate.

    supports_ : dict of str to ndarray of shape (n_runs,)
        The mean adjusted Rand index of each candidate with the three that are most like it.

    scores_ : dict of str to ndarray of shape (n_runs,)
        What candidates are compared by. If two read-outs are close, look at both.

    probabilities_ : ndarray of shape (n_samples,)
        Share of the weights of each training row's edges that lead into its own cluster: near 1
        inside clusters, lower where they touch. Also those of noise.

    outlier_scores_ : ndarray of shape (n_samples,)
        Distance of each training row to its farthest neighbor in the graph, in parts of the median
        of these in its cluster: far above 1 for rows that no cluster is near to.

    See Also
    --------
    NeighborLayout : A layout of the rows.
    GraphDegreeLinkage : Linkage of exact graphs, with all merges.
    LandmarkSpectral : The cut of landmarks of the rows themselves, for more rows.
    HDBSCAN : Clusters of any shape and noise, their number unknown.

    Notes
    -----
    The layout's objective, and the search for neighbors, are described in :class:`NeighborLayout`.
    K-means in the layout is what many do with UMAP [1]_.

    Layouts have 200 passes by default. Groups are formed as in multilevel graph partitioning: a
    layout of groups takes a fraction of the time, and its cuts hang less on the seed. That other
    runs confirm a candidate does not make it right: read-outs may agree on a wrong one.
    ``benchmarks/bench_neighbor_clusterer.py`` compares them on labeled sets.

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

    n_clusters: int | None = param(
        8, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    read_out: str = param("auto", StrOptions({"auto", *READ_OUTS, "linkage"}))

    contamination: float = param(0.0, Interval(Real, 0, 0.5, closed="both"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Search neighbors, read out clusters in several ways and keep those of one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        """
        with self._limited_threads():
            rng = self._fit_graph(X)
            n = len(self.indices_)
            check_n_samples(n, self.n_clusters or 1)
            read_outs = ReadOuts(
                self.graph_, self.distances_, self.indices_, self._search.X, self._search.Z,
                self.n_clusters, n_components=self.n_components, min_dist=self.min_dist,
                n_epochs=self.n_epochs or N_EPOCHS, rng=rng, n_threads=self._n_threads(),
            )  # fmt: skip
            if self.n_clusters is None:
                self.cluster_layers_, self.layer_persistences_ = read_outs.layers()
                read_outs.n_clusters = self._most_persistent()
            self.n_clusters_ = k = read_outs.n_clusters
            auto = self.read_out == "auto"
            names = read_outs_for(self._search.X) if auto else (self.read_out,)
            self.candidates_ = read_outs.runs(names)
        # Sums are of this precision; converted once.
        graph = self.graph_.astype(np.float64)
        found = scores(graph, self.candidates_, k)
        self.modularities_, self.supports_, self.scores_ = found
        self.read_out_, self._clusters = best(self.candidates_, self.scores_)
        weights = weights_to(graph, self._clusters, k)
        self.probabilities_ = weights[np.arange(n), self._clusters] / weights.sum(axis=1)
        self._set_noise()
        return self

    def _set_noise(self):
        """Outlier scores of the training rows, and labels with the largest of them as noise."""
        reach = self.distances_[:, -1]
        clusters = self._clusters
        self._medians = np.array(
            [np.median(reach[clusters == j]) if (clusters == j).any() else 0
             for j in range(self.n_clusters_)]
        ).astype(reach.dtype)  # fmt: skip
        self.outlier_scores_ = self._outlier_scores(reach, clusters)
        n_noise = round(self.contamination * len(clusters))
        # Rows with equal scores are all noise, or none is.
        self._most = np.sort(self.outlier_scores_)[-n_noise - 1] if n_noise else np.inf
        self.labels_ = np.where(self.outlier_scores_ > self._most, -1, clusters)

    def _outlier_scores(self, reach, clusters):
        """Distances in parts of the medians of clusters; copies of one row are no outliers."""
        medians = self._medians[clusters]
        scores = np.divide(reach, medians, where=medians > 0, out=np.full_like(reach, np.inf))
        scores[reach == 0] = 0
        return scores

    def __setstate__(self, state):
        # Models of earlier versions have the number that was given, and no noise.
        if "labels_" in state and "_clusters" not in state:
            state = {"n_clusters_": state["n_clusters"], "contamination": 0.0} | state
            super().__setstate__(state | {"_clusters": state["labels_"]})
            self._set_noise()
        else:
            super().__setstate__(state)

    def _most_persistent(self):
        """The number of clusters of the layer that persists longest, 1 if there is none."""
        if not self.cluster_layers_:
            return 1
        return int(self.cluster_layers_[np.argmax(self.layer_persistences_)].max()) + 1

    def predict_proba(self, X):
        """Shares of the clusters among the neighbors of new rows, by the weights of these.

        A row equal to a training row belongs to its cluster alone.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters_)
            Each row sums to 1.
        """
        return self._shares(*self._neighbors_of(X)[:2])

    def _shares(self, weights, indices):
        n, k = len(weights), self.n_clusters_
        cells = np.arange(n)[:, np.newaxis] * k + self._clusters[indices]
        votes = np.bincount(cells.ravel(), weights.ravel(), minlength=n * k).reshape(n, k)
        return (votes / votes.sum(axis=1, keepdims=True)).astype(self.distances_.dtype)

    def predict(self, X):
        """The cluster with the largest share of the neighbors of each new row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row; for a training row the one in `labels_`. With `contamination`, -1
            for rows with a larger outlier score than any training row with a cluster.
        """
        weights, indices, distances = self._neighbors_of(X)
        labels = self._shares(weights, indices).argmax(axis=1).astype(np.int32)
        if np.isfinite(self._most):
            labels[self._outlier_scores(distances[:, -1], labels) > self._most] = -1
            equal = distances[:, 0] == 0
            labels[equal] = self.labels_[indices[equal, 0]]
        return labels
