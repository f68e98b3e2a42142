"""WeightedFlowDiffusion: the cluster around given nodes, by edges and attributes."""

import warnings
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._flow_diffusion import diffuse, sweep
from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, param
from skdeepcluster.graph._given import GivenGraphMixin, unpacked
from skdeepcluster.validation import caller_level, check_n_samples, check_rows, scaled_to_range

# Multiples of the target volume that are tried.
FACTORS = np.arange(1.25, 5.01, 0.25)
# Share of the graph's sinks up to which factors are tried.
MOST = 0.5
# Share of the edges that are taken for those within clusters.
SHORT = 0.1
# Edges whose lengths are computed at a time.
BLOCK_EDGES = 2**16


class LocalCluster(NamedTuple):
    """The cluster around seeds.

    Attributes
    ----------
    nodes : ndarray of shape (n_nodes,)
        Its nodes, in increasing order.
    heights : ndarray of shape (n_nodes,)
        How high mass rose at each: large near the seeds.
    conductance : float
        Share of the weight of its edges that leave it, of the smaller side.
    factor : float
        Source mass in multiples of the target volume.
    n_reached : int
        Number of nodes that the diffusion reached, on which its time depends.
    converged : bool
        Whether all nodes kept what they had in the end.
    n_iter : int
        Number of pushes for each node that was reached, rounded up; at least 1.
    """

    nodes: np.ndarray
    heights: np.ndarray
    conductance: float
    factor: float
    n_reached: int
    converged: bool
    n_iter: int


class WeightedFlowDiffusion(NumberOfClustersMixin, GivenGraphMixin, Clusterer):
    r"""Local clusters around seeds, by diffusion over edges weighted by attributes.

    Mass starts at the seeds. A node keeps as much as its sink :math:`T_i` holds, and the rest flows
    over its edges, whose capacities fall with the distance of the attributes [1]_,

    .. math:: w_{ij} = a_{ij} \exp(-\gamma \|x_i - x_j\|^2).

    Where it rises is the solution of

    .. math:: \min_{h \ge 0} \; \frac{1}{2} h^\top L h - h^\top (\Delta - T),

    with the Laplacian :math:`L` of the weights and the source mass :math:`\Delta`. The cluster are
    the nodes with :math:`h_i > 0`. The time depends on the size of the cluster, not of the graph.

    Use it to ask which nodes of a large graph belong to one, by `query`. As a partition, which it
    makes without `seeds`, it is a rough one: take :class:`Leiden`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters where no seeds are given. Seeds are then chosen: in turn the node with
        the most weight that no earlier cluster reached.

    seeds : array-like of int, default=None
        Nodes whose cluster is wanted. None: `n_clusters` of them, each for a cluster.

    target_size : int, default=None
        Nodes that the cluster should have, about; None: an equal share of all.

    target_volume : float, default=None
        Sum of the sinks of the cluster, about, instead of `target_size`.

    factor : float or None, default=None
        Source mass in multiples of the target volume, more than 1. None tries several from 1.25 to
        5, up to half of what all nodes keep, and keeps the cluster of the least conductance.

    gamma : float or "scale", default="scale"
        How fast weights fall with squared distances of attributes; 0 leaves these out. "scale" is
        one over the 10th percentile of the squared distances over the edges: the length of edges
        within clusters, even if most lead to others.

    sink : {"degree", "uniform"}, default="degree"
        What a node keeps: the weight of its edges in the given graph, or 1.

    cut : {"support", "sweep"}, default="support"
        The cluster: all nodes that mass rose at, or the first of them, in the order of their
        heights, with the least conductance.

    n_neighbors : int, default=10
        Number of neighbors of each row in the graph, if none is given.

    max_iter : int, default=1000
        Most pushes for each node that is reached.

    tol : float, default=1e-4
        Excess that does not count, in mean sinks.

    random_state : int, RandomState instance or None, default=None
        Determines the search for neighbors of more than 4,096 rows.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        0 for the cluster of the seeds and -1 for all other nodes; or the cluster in which a node is
        relatively highest, and -1 where none reaches it.

    embedding_ : sparse array of shape (n_samples, n_seeds)
        Heights in each cluster; one column for given seeds.

    conductances_ : ndarray of shape (n_seeds,)
        The conductance of each cluster, before nodes are shared out.

    seeds_ : ndarray of shape (n_seeds,)
        The seeds, given or chosen.

    gamma_ : float
        How fast weights fall.

    n_iter_ : int
        Number of pushes for each node that was reached, rounded up: the most of any cluster.

    See Also
    --------
    Leiden : A partition of all nodes.

    Notes
    -----
    Unlike in the authors' code nodes are pushed in the order of a queue, which has the same result;
    mass that the component of the seeds cannot keep is an error, not a loop; and the volume of the
    true class is not known, so factors are compared by conductance. Attributes should have one
    scale (:class:`sklearn.preprocessing.StandardScaler`), and few dimensions.

    References
    ----------
    .. [1] S. Yang and K. Fountoulakis, "Weighted flow diffusion for local graph clustering with
           node attributes: an algorithm and statistical guarantees", ICML, 2023.
           :arxiv:`2301.13187`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import WeightedFlowDiffusion
    >>> path = np.diag(np.ones(9), 1)
    >>> path[4, 5] = 0.05
    >>> model = WeightedFlowDiffusion(
    ...     seeds=[2], target_size=4, factor=1.5, affinity="precomputed", sink="uniform"
    ... ).fit(path + path.T)
    >>> model.labels_
    array([ 0,  0,  0,  0,  0, -1, -1, -1, -1, -1], dtype=int32)
    >>> model.query([7]).nodes
    array([5, 6, 7, 8, 9], dtype=int32)
    """

    seeds: list | None = param(None, "array-like", None)
    target_size: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    target_volume: float | None = param(None, Interval(Real, 0, None, closed="neither"), None)
    factor: float | None = param(None, Interval(Real, 1, None, closed="neither"), None)
    gamma: float | str = param(
        "scale", Interval(Real, 0, None, closed="left"), StrOptions({"scale"})
    )
    sink: str = param("degree", StrOptions({"degree", "uniform"}))
    cut: str = param("support", StrOptions({"support", "sweep"}))
    n_neighbors: int = 10
    max_iter: int = param(1000, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-4, Interval(Real, 0, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, adjacency=None):
        """Weigh the graph, and find the cluster of the seeds, or several.

        Parameters
        ----------
        X : {array-like, sparse matrix, Graph} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Attributes of the nodes, or weights of edges with ``affinity="precomputed"``, which has
            no attributes; or both, a :class:`~skdeepcluster.Graph`.

        adjacency : array-like, sparse matrix or graph, default=None
            Weights of the edges between the rows, of shape (n_samples, n_samples), none negative.
            None: edges to nearest neighbors.
        """
        X, adjacency = unpacked(X, adjacency)
        with self._limited_threads():
            self.affinity_matrix_, _ = self._fit_given(X, adjacency)
            rows = None
            if self.affinity != "precomputed":
                rows = self._search.X if adjacency is None else self._rows_of(X)
            self._weigh(rows)
        n = self.affinity_matrix_.shape[0]
        if self.seeds is not None:
            self.seeds_ = _checked_seeds(self.seeds, n)
            clusters = [self.query(self.seeds_)]
            self.labels_ = np.full(n, -1, np.int32)
            self.labels_[clusters[0].nodes] = 0
        else:
            check_n_samples(n, self.n_clusters)
            clusters = self._chosen(n)
            self.labels_ = _highest(clusters, n)
        self.conductances_ = np.array([cluster.conductance for cluster in clusters])
        columns = [np.full(len(c.nodes), i) for i, c in enumerate(clusters)]
        entries = (
            np.concatenate([c.heights for c in clusters]),
            (np.concatenate([c.nodes for c in clusters]), np.concatenate(columns)),
        )
        self.embedding_ = csr_array(entries, shape=(n, len(clusters)))
        self.n_iter_ = max(cluster.n_iter for cluster in clusters)
        n_unfinished = sum(not cluster.converged for cluster in clusters)
        if n_unfinished:
            warnings.warn(
                f"{n_unfinished} diffusions did not converge within max_iter={self.max_iter} "
                "pushes for each node. Raise max_iter or tol, or lower gamma.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        return self

    def _rows_of(self, X):
        """Attributes in a range in which squares fit."""
        return scaled_to_range(check_rows(self, X, reset=False, accept_sparse="csr"))[0]

    def _weigh(self, rows):
        """Weights by attributes, degrees and sinks."""
        graph = self.affinity_matrix_
        loopless = graph.copy()
        loopless.setdiag(0)
        loopless.eliminate_zeros()
        loopless.sort_indices()
        self._sinks = np.ones(graph.shape[0])
        if self.sink == "degree":
            # A node without edges keeps something too.
            degrees = loopless.sum(axis=1)
            self._sinks = np.where(degrees > 0, degrees, 1.0)
        self.gamma_ = 0.0 if self.gamma == "scale" or rows is None else float(self.gamma)
        if rows is not None and self.gamma != 0:
            squares = _squared_lengths(loopless, rows)
            if self.gamma == "scale" and len(squares):
                # Where many neighbors are equal, the mean.
                length = np.quantile(squares, SHORT) or squares.mean()
                self.gamma_ = float(1 / length) if length else 0.0
            loopless.data = loopless.data * np.exp(-self.gamma_ * squares)
        self._weighted = (
            loopless.indptr.astype(np.int64), loopless.indices.astype(np.int32), loopless.data
        )  # fmt: skip
        self._degrees = loopless.sum(axis=1)
        self._total = float(self._degrees.sum())

    def query(self, seeds, *, target_size=None, target_volume=None):
        """The cluster around seeds in the graph of the fit.

        Parameters
        ----------
        seeds : array-like of int
            Nodes that share the source mass equally.

        target_size : int, default=None
            Nodes that the cluster should have, about; by default as the model says.

        target_volume : float, default=None
            Sum of the sinks of the cluster, about.

        Returns
        -------
        cluster : LocalCluster
            With the attributes `nodes`, `heights`, `conductance`, `factor`, `n_reached` and
            `converged`.
        """
        check_is_fitted(self)
        n = len(self._sinks)
        seeds = _checked_seeds(seeds, n)
        volume = self._volume(target_size, target_volume)
        if (self._degrees[seeds] == 0).all():
            warnings.warn(
                f"Seeds {seeds.tolist()} have no edges of any weight; they are their own cluster.",
                UserWarning,
                stacklevel=caller_level(),
            )
            return LocalCluster(np.sort(seeds), np.ones(len(seeds)), 0.0, 1.0, len(seeds), True, 1)
        best, refusal = None, None
        for factor in FACTORS if self.factor is None else [self.factor]:
            # What fills most of the graph is no local cluster.
            if best is not None and factor * volume > MOST * self._sinks.sum():
                break
            try:
                found = self._cluster(seeds, volume, float(factor))
            except ValueError as error:
                # Larger factors have more mass.
                refusal = error
                break
            if best is None or found.conductance < best.conductance:
                best = found
        if best is None:
            raise refusal
        return best

    def _volume(self, target_size, target_volume):
        if target_size is None and target_volume is None:
            target_size, target_volume = self.target_size, self.target_volume
        if target_volume is not None:
            return float(target_volume)
        n = len(self._sinks)
        size = target_size
        if size is None:
            size = n / max(self.n_clusters, 2)
        return float(size * self._sinks.sum() / n)

    def _cluster(self, seeds, volume, factor):
        mass = factor * volume
        # Rounding is no excess.
        tol = max(self.tol, 1e-12) * self._sinks.mean()
        nodes, heights, _, n_pushes, ending = diffuse(
            *self._weighted, self._degrees, self._sinks, seeds,
            np.full(len(seeds), mass / len(seeds)), tol, float(self.max_iter),
        )  # fmt: skip
        if ending == 2:
            raise ValueError(
                f"The component of seeds {seeds.tolist()} cannot keep a mass of {mass:.4g}, "
                f"{factor:.3g} times the target volume of {volume:.4g}: it is the cluster. Lower "
                "target_size or target_volume."
            )
        risen = heights > 0
        n_reached = len(nodes)
        nodes, heights = nodes[risen], heights[risen]
        if not len(nodes):
            nodes, heights = seeds, np.ones(len(seeds))
        order = np.lexsort((nodes, -heights))
        cuts, volumes = sweep(*self._weighted, self._degrees, nodes[order])
        smaller = np.minimum(volumes, self._total - volumes)
        found = np.divide(cuts, smaller, out=np.ones(len(cuts)), where=smaller > 0)
        last = len(order) - 1
        if self.cut == "sweep":
            last = int(found.argmin())
            order = order[: last + 1]
        order = order[np.argsort(nodes[order])]
        return LocalCluster(
            nodes[order], heights[order], float(np.clip(found[last], 0, 1)), factor, n_reached,
            ending == 0, max(1, -(-n_pushes // n_reached)),
        )  # fmt: skip

    def _chosen(self, n):
        """Clusters of seeds that are chosen one after another."""
        open_ = np.ones(n, bool)
        relative = np.zeros(n)
        seeds, clusters = [], []
        for _ in range(self.n_clusters):
            if open_.any():
                seed = int(np.where(open_, self._degrees, -1.0).argmax())
            else:
                seed = int(np.where(np.isin(np.arange(n), seeds), np.inf, relative).argmin())
            seeds.append(seed)
            clusters.append(self._share(seed))
            nodes, heights = clusters[-1].nodes, clusters[-1].heights
            relative[nodes] = np.maximum(relative[nodes], heights / heights.max())
            open_[nodes] = open_[seed] = False
        self.seeds_ = np.array(seeds, np.int32)
        return clusters

    def _share(self, seed):
        """The cluster of a seed; where its component is too small, with less mass."""
        volume = self._volume(None, None)
        while True:
            try:
                with warnings.catch_warnings():
                    # Nodes without edges are clusters like others here.
                    warnings.simplefilter("ignore", UserWarning)
                    return self.query([seed], target_volume=volume)
            except ValueError:
                volume /= 2


def _checked_seeds(seeds, n):
    found = np.atleast_1d(np.asarray(seeds))
    if found.ndim != 1 or not len(found) or found.dtype.kind not in "iu":
        raise ValueError(f"seeds={seeds!r} are not numbers of nodes.")
    if found.min() < 0 or found.max() >= n:
        raise ValueError(
            f"seeds has numbers from {found.min()} to {found.max()}; nodes are 0 to {n - 1}."
        )
    return np.unique(found).astype(np.int32)


def _squared_lengths(graph, rows):
    """Squared distances of the attributes along the entries of a graph."""
    source = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    squares = np.empty(graph.nnz)
    for begin in range(0, graph.nnz, BLOCK_EDGES):
        part = slice(begin, begin + BLOCK_EDGES)
        difference = rows[source[part]] - rows[graph.indices[part]]
        if hasattr(difference, "toarray"):
            squares[part] = np.asarray(difference.multiply(difference).sum(axis=1)).ravel()
        else:
            squares[part] = np.einsum("ij,ij->i", difference, difference)
    return squares


def _highest(clusters, n):
    """The cluster in which each node is relatively highest, -1 where it is in none."""
    best, labels = np.zeros(n), np.full(n, -1, np.int32)
    for i, cluster in enumerate(clusters):
        relative = cluster.heights / cluster.heights.max()
        higher = relative > best[cluster.nodes]
        labels[cluster.nodes[higher]] = i
        best[cluster.nodes[higher]] = relative[higher]
    return labels
