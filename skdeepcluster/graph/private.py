"""PrivateGraphClustering: clusters of a graph that say little of any one of its edges."""

from numbers import Integral, Real

import numpy as np

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.communities import by_size
from skdeepcluster.algorithms.edge_flips import flip_probability, flipped, leading_vectors
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.neighbor_search import graph_neighbors
from skdeepcluster.algorithms.neighbors import joined_neighbors
from skdeepcluster.base import (
    Clusterer,
    NumberOfClustersMixin,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.graph._given import unpacked
from skdeepcluster.validation import (
    as_adjacency,
    check_adjacency,
    check_n_samples,
    check_rows,
    scaled_to_range,
)


class PrivateGraphClustering(NumberOfClustersMixin, RandomStateMixin, ThreadsMixin, Clusterer):
    r"""Clusters of a graph under differential privacy of its edges.

    Whatever is fitted is :math:`\epsilon`-differentially private: for two graphs that differ in one
    edge no result is more than :math:`e^\epsilon` times as likely for one as for the other. Each
    call of `fit` spends this anew: two fits of one graph have :math:`2 \epsilon` together. Each
    pair of nodes is flipped, from an edge to none or from none to an edge, with probability
    :math:`f`, which gives :math:`B`; the rest follows from :math:`B` alone [1]_, [2]_,

    .. math:: f = \frac{1}{1 + e^\epsilon}, \qquad
        \mathbb{E} \, \frac{B - f (1 1^\top - I)}{1 - 2 f} = A.

    K-means clusters the rows of the leading eigenvectors of this unbiased estimate.

    Use it to publish clusters of contacts or friendships. It protects edges, not nodes: that a node
    exists, and all its edges together, are not hidden. Time and memory grow with the square of the
    number of nodes. Without need of privacy take :class:`Leiden`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters; not to be chosen by looking at the graph.

    epsilon : float, default=1.0
        Privacy :math:`\epsilon`. Smaller is more private; above 5 or so little is hidden.

    affinity : {"nearest_neighbors", "precomputed"}, default="nearest_neighbors"
        What `X` is: rows, which have edges to their nearest neighbors unless `fit` is given an
        `adjacency`; or the graph itself. The privacy is that of the edges; it covers the values of
        rows in neither case.

    n_neighbors : int, default=15
        Number of neighbors of each row, where no graph is given.

    n_init : int, default=20
        Number of runs of k-means.

    random_state : int, RandomState instance or None, default=None
        Determines the flips and all else that is random. Who knows it can undo the flips: leave it
        None, which takes fresh numbers of the operating system, wherever the privacy counts.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each node, by decreasing size.

    released_ : sparse array of shape (n_samples, n_samples)
        The flipped graph :math:`B`, which may be published as well.

    embedding_ : ndarray of shape (n_samples, n_clusters)
        Leading eigenvectors of the estimate, by decreasing eigenvalue.

    cluster_centers_ : ndarray of shape (n_clusters, n_clusters)
        Centers of the clusters in the embedding.

    flip_probability_ : float
        The probability :math:`f`.

    epsilon_spent_ : float
        The privacy of this fit: `epsilon`.

    See Also
    --------
    Leiden : Communities without privacy.

    Notes
    -----
    Differences from the papers: that of [1]_ releases the noisy solution of a semidefinite program,
    for which its constants are not public; flipped edges with an unbiased estimate, as in [2]_,
    need none, and the guarantee follows from the flips alone. Nothing else of the graph is stored:
    neither its edges nor degrees, quality, neighbors or numbers of iterations. Weights are not
    used, an edge is one or none; edges in one direction count, and loops do not. Flips are drawn by
    a generator that is fast but not a cryptographic one. There is no `predict`, as a new node's
    edges were not flipped.

    References
    ----------
    .. [1] W. He, H. Fichtenberger and P. Peng, "A differentially private clustering algorithm for
           well-clustered graphs", ICLR, 2024. :arxiv:`2403.14332`
    .. [2] J. Hehir, A. Slavkovic and X. Niu, "Consistent spectral clustering of network block
           models under local differential privacy", Journal of Privacy and Confidentiality 12,
           2022. :arxiv:`2105.12615`

    Examples
    --------
    >>> import networkx as nx
    >>> import numpy as np
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import PrivateGraphClustering
    >>> graph = nx.random_partition_graph([150, 150], 0.5, 0.05, seed=0)
    >>> model = PrivateGraphClustering(2, epsilon=2, affinity="precomputed", random_state=0)
    >>> adjusted_rand_score(np.repeat([0, 1], 150), model.fit_predict(graph))
    1.0
    >>> model.epsilon_spent_
    2.0
    """

    epsilon: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    affinity: str = param("nearest_neighbors", StrOptions({"nearest_neighbors", "precomputed"}))
    n_neighbors: int = param(15, Interval(Integral, 1, None, closed="left"))
    n_init: int = param(20, Interval(Integral, 1, None, closed="left"))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.affinity == "precomputed"
        tags.input_tags.positive_only = tags.input_tags.sparse = tags.input_tags.pairwise
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, adjacency=None):
        """Flip edges of the graph, and cluster its nodes by what is left.

        Parameters
        ----------
        X : {array-like, sparse matrix, Graph} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Rows, which have edges to their nearest neighbors and no other effect; or the graph with
            ``affinity="precomputed"``; or both, a :class:`~skdeepcluster.Graph`.

        adjacency : array-like, sparse matrix or graph, default=None
            The edges between the rows, of shape (n_samples, n_samples), none negative; all that are
            not 0 count the same. None: edges to nearest neighbors.
        """
        rng = np.random.default_rng() if self.random_state is None else self._generator()
        with self._limited_threads():
            graph, dtype = self._graph(*unpacked(X, adjacency), rng)
            n = graph.shape[0]
            check_n_samples(n, self.n_clusters)
            self.flip_probability_ = flip_probability(self.epsilon)
            self.released_ = flipped(graph, self.flip_probability_, rng)
            # From here on only what is released may be used.
            U = leading_vectors(self.released_, self.flip_probability_, self.n_clusters, rng)
            U = np.ascontiguousarray(U)
            centers, labels = kmeans(
                U, self.n_clusters, n_init=self.n_init, seed=int(rng.integers(2**31)),
                n_threads=self._n_threads(),
            )  # fmt: skip
        self.labels_ = by_size(labels)
        _, first = np.unique(self.labels_, return_index=True)
        used = labels[first]
        unused = np.setdiff1d(np.arange(len(centers)), used)
        self.cluster_centers_ = centers[np.concatenate([used, unused])].astype(dtype)
        self.embedding_ = U.astype(dtype)
        self.epsilon_spent_ = float(self.epsilon)
        return self

    def _graph(self, X, adjacency, rng):
        """The graph, which is not kept, and the dtype of the results."""
        dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
        if self.affinity == "precomputed":
            if adjacency is not None:
                raise ValueError(
                    'With affinity="precomputed" X is the adjacency; do not pass another one.'
                )
            X = check_rows(self, as_adjacency(X), reset=True, ensure_min_samples=1)
            return _either_way(check_adjacency(X, name="X", directed=True)), dtype
        if adjacency is not None:
            n = check_rows(self, X, reset=True).shape[0]
            return _either_way(check_adjacency(adjacency, n, directed=True)), dtype
        X = check_rows(self, X, reset=True, accept_sparse=False, ensure_min_samples=2)
        n_neighbors = min(self.n_neighbors, len(X) - 1)
        found = graph_neighbors(
            scaled_to_range(X)[0], n_neighbors, self._n_threads(), int(rng.integers(2**31))
        )
        return joined_neighbors(found[1]), dtype


def _either_way(graph):
    """Edges in one direction are edges."""
    return graph + graph.T
