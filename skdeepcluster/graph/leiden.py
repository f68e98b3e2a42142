"""Leiden: communities of a graph, their number found or given."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms import communities as algorithm
from skdeepcluster.algorithms.groups import members
from skdeepcluster.algorithms.neighbors import neighbor_matrix
from skdeepcluster.base import Clusterer, param
from skdeepcluster.graph._given import GivenGraphMixin
from skdeepcluster.validation import caller_level, check_n_samples

# Runs whose agreement is the stability of a resolution.
RUNS_OF_LAYERS = 5


class Leiden(GivenGraphMixin, Clusterer):
    r"""Communities of a graph by Leiden's method; how many there are follows from a resolution.

    A community has more weight among its nodes than a null model expects. Maximized is

    .. math:: \frac{1}{2m} \sum_{ij} \left( w_{ij} - \gamma \, p_{ij} \right) [c_i = c_j], \qquad
        2m = \sum_{ij} w_{ij},

    with :math:`p_{ij} = k_i k_j / 2m` for degrees :math:`k_i = \sum_j w_{ij}`, which is modularity
    with a resolution :math:`\gamma` [2]_, or with a constant [3]_. Each iteration moves single
    nodes to the communities that they gain most by, until none gains; refines each community into
    connected groups; and goes on with the graph of these groups [1]_.

    Use it for graphs, and for rows with clusters of any shape in few to many dimensions, when the
    number of clusters is not known. Every community is connected. When only compact clusters count,
    or noise should be left out, take k-means or :class:`HDBSCAN`.

    Parameters
    ----------
    n_clusters : int, default=None
        The number of communities: the resolution is then searched for, and communities merge where
        none gives this number. There are more if the graph has more components. None if
        `resolution` decides.

    resolution : float or array-like of shape (n_layers,), default=1.0
        The resolution :math:`\gamma`. Larger values give more and smaller communities. Each of
        several gives a layer; `labels_` are those of the most stable one.

    objective : {"modularity", "cpm", "erdos_renyi"}, default="modularity"
        The null model.

        - "modularity": :math:`p_{ij} = k_i k_j / 2m`, or with `directed`
          :math:`k_i^\text{out} k_j^\text{in} / m`.
        - "cpm": the constant Potts model, :math:`p_{ij} = 1`. A community has a density of more
          than :math:`\gamma`, however large the graph is; the scale of the weights matters.
        - "erdos_renyi": a constant too, the mean weight of all pairs.

    algorithm : {"leiden", "louvain"}, default="leiden"
        "louvain" leaves out the refinement [4]_. Communities that are not connected are separated
        in the end.

    directed : bool, default=False
        Whether a given graph has edges from rows to columns, which modularity then regards [5]_.

    n_init : int, default=None
        Number of runs, of which the best is kept. None means 1, and 5 for several resolutions.

    max_iter : int, default=2
        Most iterations of a run, each from the result of the one before. It ends earlier when
        nothing changes. On large graphs with weak communities more find better ones.

    temperature : float, default=0.01
        Randomness of refinement, in mean weights of edges; 0 takes what gains most.

    isolated : {"cluster", "noise"}, default="cluster"
        Whether nodes without edges are clusters of their own, or noise with the label -1.

    random_state : int, RandomState instance or None, default=None
        Determines the order of nodes, the choices in refinement, and the search for neighbors of
        more than 4,096 rows. The result is the same for any number of threads.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Community of each row, by decreasing size. Every one is connected.

    n_clusters_ : int
        Number of communities.

    quality_ : float
        The objective; the modularity, if this is it.

    resolution_ : float
        The resolution of `labels_`.

    stability_ : float
        Mean adjusted Rand index of all pairs of runs at this resolution; 1 for one run.

    layers_ : ndarray of shape (n_layers, n_samples)
        Communities at each resolution, the best of the runs.

    layer_qualities_ : ndarray of shape (n_layers,)
        Their objectives, each at its own resolution.

    layer_stabilities_ : ndarray of shape (n_layers,)
        Mean adjusted Rand index of all pairs of runs at each resolution.

    n_iter_ : int
        Iterations of the run that was kept.

    See Also
    --------
    NeighborClusterer : A given number of clusters by nearest neighbors.
    LandmarkSpectral : Normalized cuts, of a given number of clusters.
    metrics.modularity : Of any clusters.
    displays.CommunityHierarchyDisplay : A picture of the layers.

    Notes
    -----
    A community may still hide smaller ones: modularity does not resolve communities with fewer than
    about :math:`\sqrt{m}` edges. The constant Potts model has no such limit.

    An edge whose ends are one node counts for the degree. The layer that is kept has the largest
    stability among those that are neither the components of the graph nor single nodes, if there
    are others. Unlike in the paper, the last iteration is followed by moves of single nodes and
    separation of communities that are not connected, until neither changes anything: no move of one
    node raises the objective.

    References
    ----------
    .. [1] V. A. Traag, L. Waltman and N. J. van Eck, "From Louvain to Leiden: guaranteeing
           well-connected communities", Scientific Reports 9, 2019. :arxiv:`1810.08473`
    .. [2] J. Reichardt and S. Bornholdt, "Statistical mechanics of community detection", Physical
           Review E 74, 2006. :arxiv:`cond-mat/0603718`
    .. [3] V. A. Traag, P. Van Dooren and Y. Nesterov, "Narrow scope for resolution-limit-free
           community detection", Physical Review E 84, 2011. :arxiv:`1104.3083`
    .. [4] V. D. Blondel, J.-L. Guillaume, R. Lambiotte and E. Lefebvre, "Fast unfolding of
           communities in large networks", Journal of Statistical Mechanics, 2008.
           :arxiv:`0803.0476`
    .. [5] E. A. Leicht and M. E. J. Newman, "Community structure in directed networks", Physical
           Review Letters 100, 2008. :arxiv:`0709.4500`

    Examples
    --------
    >>> import networkx as nx
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import Leiden
    >>> club = Leiden(affinity="precomputed", random_state=0).fit(nx.karate_club_graph())
    >>> club.n_clusters_, round(club.quality_, 4)
    (4, 0.4449)
    >>> X, y = load_digits(return_X_y=True)
    >>> model = Leiden(random_state=0).fit(X)
    >>> model.n_clusters_, round(adjusted_rand_score(y, model.labels_), 2)
    (12, 0.89)
    >>> model.predict(X[:3]) == model.labels_[:3]
    array([ True,  True,  True])
    """

    n_clusters: int | None = param(
        None, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    resolution: float | list = param(1.0, Interval(Real, 0, None, closed="left"), "array-like")
    objective: str = param("modularity", StrOptions({"modularity", "cpm", "erdos_renyi"}))
    algorithm: str = param("leiden", StrOptions({"leiden", "louvain"}))
    directed: bool = param(False, "boolean")
    n_init: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    max_iter: int = param(2, Interval(Integral, 1, None, closed="left"))
    temperature: float = param(0.01, Interval(Real, 0, None, closed="left"))
    isolated: str = param("cluster", StrOptions({"cluster", "noise"}))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, adjacency=None):
        """Find the communities of a graph.

        Parameters
        ----------
        X : {array-like, sparse matrix, Graph} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Rows, or weights of edges with ``affinity="precomputed"``; or rows with their edges, a
            :class:`~skdeepcluster.Graph`.

        y : array-like of shape (n_samples,), default=None
            Labels of some rows, -1 for all others: rows of one label stay in one community, and
            rows of different ones apart. Without any -1 it is ignored.

        adjacency : array-like, sparse matrix or graph, default=None
            Weights of the edges between the rows, of shape (n_samples, n_samples), none negative.
            Graphs of networkx, igraph and PyTorch Geometric are taken too. `X` then only counts the
            rows. None: edges to nearest neighbors.
        """
        with self._limited_threads():
            given, rng = self._fit_given(X, adjacency, directed=self.directed)
            self.affinity_matrix_ = given
            graph, directed = given, None
            if self.directed:
                directed, graph = given, csr_array((given + given.T) / 2)
            n = graph.shape[0]
            resolutions = self._resolutions()
            if self.n_clusters is not None:
                check_n_samples(n, self.n_clusters)
            model = algorithm.null_model(self.objective, graph, directed)
            fixed = _fixed(y, n)
            seeds = rng.integers(2**31, size=self._n_runs(len(resolutions)))

            def find(resolution, seed):
                return algorithm.communities(
                    graph, model, resolution=resolution, algorithm=self.algorithm,
                    max_iter=self.max_iter, temperature=self.temperature, fixed=fixed,
                    seed=int(seed), n_threads=self._n_threads(),
                )  # fmt: skip

            if self.n_clusters is None:
                self._fit_layers(graph, model, resolutions, seeds, find)
            else:
                self._fit_number(graph, model, fixed, seeds, find)
        if self.isolated == "noise":
            alone = np.diff(graph.indptr) == (graph.diagonal() > 0)
            self.layers_ = self.layers_.copy()
            self.layers_[:, alone] = -1
            self.labels_ = np.where(alone, np.int32(-1), self.labels_)
        self.n_clusters_ = int(len(np.unique(self.labels_[self.labels_ >= 0])))
        return self

    def _resolutions(self):
        resolutions = check_array(
            np.atleast_1d(self.resolution),
            ensure_2d=False,
            dtype=np.float64,
            input_name="resolution",
        )
        if resolutions.ndim != 1 or resolutions.min() < 0:
            raise ValueError(
                f"resolution={self.resolution!r} must be one or more numbers from 0 on."
            )
        if self.n_clusters is not None and len(resolutions) > 1:
            raise ValueError("Several resolutions do not go with n_clusters; set one of both.")
        return resolutions

    def _n_runs(self, n_layers):
        return self.n_init or (RUNS_OF_LAYERS if n_layers > 1 else 1)

    def _fit_layers(self, graph, model, resolutions, seeds, find):
        """The best run at each resolution, and the layer to keep."""
        kept = [_best([find(r, seed) for seed in seeds], graph, model, r) for r in resolutions]
        self.layers_ = np.stack([labels for labels, *_ in kept])
        self.layer_qualities_ = np.array([quality for *_, quality in kept])
        self.layer_stabilities_ = np.array([stability for _, _, stability, _ in kept])
        n, n_components = graph.shape[0], algorithm.n_components(graph)
        sizes = self.layers_.max(axis=1) + 1
        scores = self.layer_stabilities_ - 2.0 * ((sizes == n_components) | (sizes == n))
        # Of equally stable layers the one of the best quality.
        best = int(np.lexsort((self.layer_qualities_, scores))[-1])
        self.labels_, self.n_iter_, self.stability_, self.quality_ = kept[best]
        self.resolution_ = float(resolutions[best])

    def _fit_number(self, graph, model, fixed, seeds, find):
        """The resolution that gives a number of communities, and merges where none does."""
        k = self.n_clusters
        n_components = algorithm.n_components(graph)
        labels, self.resolution_ = algorithm.search(
            lambda resolution: find(resolution, seeds[0])[0], k, n_components
        )
        if labels is None:
            labels = np.arange(graph.shape[0], dtype=np.int32)
        runs = [find(self.resolution_, seed) for seed in seeds]
        hit = [run for run in runs if run[0].max() + 1 == k]
        if not hit:
            labels = algorithm.merged(graph, labels, model, self.resolution_, k, fixed)
            hit = [(labels, runs[0][1])]
        self.labels_, self.n_iter_, _, self.quality_ = _best(hit, graph, model, self.resolution_)
        self.stability_ = algorithm.agreement([run[0] for run in runs])
        self.layers_ = self.labels_[np.newaxis]
        self.layer_qualities_ = np.array([self.quality_])
        self.layer_stabilities_ = np.array([self.stability_])
        n_found = int(self.labels_.max()) + 1
        if n_found != k:
            warnings.warn(
                f"Leiden found {n_found} communities, not n_clusters={k}: the graph has "
                f"{n_components} components, and communities are connected. Raise n_neighbors, or "
                "join components by edges.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )

    def _predicts(self):
        return self.affinity == "nearest_neighbors"

    @available_if(_predicts)
    def predict(self, X):
        """The community with the largest share of the nearest training rows of each row.

        Neighbors count as in UMAP's graph, a row equal to a training row alone. Only after a fit to
        rows without `adjacency`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Community of each row; for a training row the one in `labels_`, unless it has copies in
            another.
        """
        check_is_fitted(self)
        if not hasattr(self, "_search"):
            raise ValueError(
                "Leiden was fitted to a given graph, in which new rows have no edges. Fit it to "
                "rows alone, or fit the graph with the new nodes."
            )
        weights, indices, _ = self._neighbors_of(X)
        near = neighbor_matrix(weights, indices, len(self.labels_))
        votes = csr_array(near @ members(self.labels_, self.labels_.max() + 1))
        votes.sort_indices()
        # Of equal votes the first, which is of the larger community.
        return np.asarray(votes.argmax(axis=1)).ravel().astype(np.int32)


def _best(runs, graph, model, resolution):
    """Labels and iterations of the best run, the agreement of all, and the quality of the best."""
    found = [algorithm.quality(graph, labels, model, resolution) for labels, _ in runs]
    best = int(np.argmax(found))
    labels, n_iter = runs[best]
    return labels, n_iter, algorithm.agreement([run[0] for run in runs]), found[best]


def _fixed(y, n):
    """Labels of rows that stay together, -1 for others; None without any -1."""
    if y is None:
        return None
    y = column_or_1d(y)
    if len(y) != n:
        raise ValueError(f"y has {len(y)} labels for {n} rows.")
    known = y != -1
    if known.all() or not known.any():
        return None
    fixed = np.full(n, -1, np.int32)
    fixed[known] = np.unique(y[known], return_inverse=True)[1]
    return fixed
