"""DeepWalk: clusters of nodes by vectors that random walks train."""

from numbers import Integral, Real

import numpy as np

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.smoothing import unit_length
from skdeepcluster.algorithms.walks import netmf, skip_gram
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, param
from skdeepcluster.graph._given import GivenGraphMixin
from skdeepcluster.validation import check_n_samples

# Windows and negative samples of each method.
WINDOWS = {"skip-gram": 5, "netmf": 10}
NEGATIVES = {"skip-gram": 5, "netmf": 1}


class DeepWalk(NumberOfClustersMixin, GivenGraphMixin, Clusterer):
    r"""Clusters of the nodes of a graph, by vectors of nodes that meet on random walks.

    Walks from every node are read as sentences [1]_. The vector :math:`z_u` of a node predicts the
    nodes :math:`v` that are near it on a walk, against :math:`b` that are drawn by their degrees,

    .. math:: \max_{z, c} \sum_{(u, v)} \left( \log \sigma(z_u^\top c_v) + b \,
        \mathbb{E}_n \log \sigma(-z_u^\top c_n) \right),

    by stochastic gradient steps; or the matrix that this factors on walks of any length is factored
    itself [3]_,

    .. math:: M = \log \max\left(1, \frac{\operatorname{vol}(A)}{b T}
        \sum_{r=1}^T (D^{-1} A)^r D^{-1}\right) \approx U S U^\top, \qquad Z = U S^{1/2}.

    K-means clusters the vectors, scaled to length one. With `p` and `q` the walks are those of
    node2vec [2]_.

    Use it when vectors of nodes are wanted as well as clusters. For clusters alone :class:`Leiden`
    is faster, and chooses their number; where nodes have features take
    :class:`SmoothedGraphClustering`.

    Parameters
    ----------
    method : {"skip-gram", "netmf"}, default="skip-gram"
        Gradient steps on walks, or the factors of the matrix, whose memory grows with the pairs of
        nodes that are within a window of each other: for graphs of up to some ten thousand nodes.

    n_components : int, default=64
        Length of the vectors; with "netmf" at most the number of nodes.

    n_walks : int, default=10
        Number of walks from each node. Without effect on "netmf".

    walk_length : int, default=40
        Number of nodes of a walk. Without effect on "netmf".

    window : int, default=None
        The longest distance of a pair on a walk. For each node of a walk it is shortened at random,
        so that near pairs weigh more. None means 5, and 10 for "netmf", where all distances weigh
        the same.

    n_negatives : int, default=None
        Negative samples :math:`b` of each pair. None means 5, and 1 for "netmf".

    p : float, default=1.0
        A step back to the node before is 1/p times as likely. Without effect on "netmf".

    q : float, default=1.0
        A step to a node that is no neighbor of the node before is 1/q times as likely. Without
        effect on "netmf".

    learning_rate : float, default=0.025
        Size of the first gradient steps; it falls linearly to 0.0001.

    n_init : int, default=20
        Number of runs of k-means.

    random_state : int, RandomState instance or None, default=None
        Determines the walks, the start and the negative samples, the starts of k-means, and the
        search for neighbors of more than 4,096 rows. The result is the same for any number of
        threads, which share the walks; gradient steps are made one after another.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Vectors of length one, which k-means clusters; zero for nodes without edges.

    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Centers of the clusters in the embedding.

    inertia_ : float
        Sum of squared distances of the vectors to their centers.

    See Also
    --------
    Leiden : Communities without vectors.
    SmoothedGraphClustering : Features of nodes beside edges.

    Notes
    -----
    Differences from the paper: it trains a tree of the nodes (hierarchical softmax) in place of
    negative samples, which are those of [2]_; walks are weighted where edges are; the clusters are
    ours. Each pass over the nodes draws new walks, so none are stored. There is no `predict`, as
    the vector of a new node depends on its edges.

    References
    ----------
    .. [1] B. Perozzi, R. Al-Rfou and S. Skiena, "DeepWalk: online learning of social
           representations", KDD, 2014. :arxiv:`1403.6652`
    .. [2] A. Grover and J. Leskovec, "node2vec: scalable feature learning for networks", KDD, 2016.
           :arxiv:`1607.00653`
    .. [3] J. Qiu et al., "Network embedding as matrix factorization: unifying DeepWalk, LINE, PTE,
           and node2vec", WSDM, 2018. :arxiv:`1710.02971`

    Examples
    --------
    >>> import networkx as nx
    >>> import numpy as np
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import DeepWalk
    >>> graph = nx.random_partition_graph([50, 50, 50], 0.3, 0.02, seed=0)
    >>> model = DeepWalk(3, affinity="precomputed", random_state=0).fit(graph)
    >>> adjusted_rand_score(np.repeat([0, 1, 2], 50), model.labels_)
    1.0
    """

    method: str = param("skip-gram", StrOptions(set(WINDOWS)))
    n_components: int = param(64, Interval(Integral, 1, None, closed="left"))
    n_walks: int = param(10, Interval(Integral, 1, None, closed="left"))
    walk_length: int = param(40, Interval(Integral, 2, None, closed="left"))
    window: int | None = param(None, Interval(Integral, 1, 2**30, closed="left"), None)
    n_negatives: int | None = param(None, Interval(Integral, 1, 2**30, closed="left"), None)
    p: float = param(1.0, Interval(Real, 1e-9, 1e9, closed="both"))
    q: float = param(1.0, Interval(Real, 1e-9, 1e9, closed="both"))
    learning_rate: float = param(0.025, Interval(Real, 0, None, closed="neither"))
    n_init: int = param(20, Interval(Integral, 1, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, adjacency=None):
        """Find vectors of the nodes, and cluster them.

        Parameters
        ----------
        X : {array-like, sparse matrix, Graph} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Rows, which have edges to their nearest neighbors and no other effect; or weights of
            edges with ``affinity="precomputed"``; or both, a :class:`~skdeepcluster.Graph`.

        adjacency : array-like, sparse matrix or graph, default=None
            Weights of the edges between the rows, of shape (n_samples, n_samples), none negative.
            None: edges to nearest neighbors.
        """
        with self._limited_threads():
            graph, rng = self._fit_given(X, adjacency)
            self.affinity_matrix_ = graph
            check_n_samples(graph.shape[0], self.n_clusters)
            window = self.window or WINDOWS[self.method]
            n_negatives = self.n_negatives or NEGATIVES[self.method]
            if self.method == "netmf":
                Z = netmf(graph, self.n_components, window, n_negatives, rng)
            else:
                Z = skip_gram(
                    graph, self.n_components, n_walks=self.n_walks, length=self.walk_length,
                    p=float(self.p), q=float(self.q), window=window, n_negatives=n_negatives,
                    learning_rate=self.learning_rate, rng=rng, n_threads=self._n_threads(),
                )  # fmt: skip
            if not np.isfinite(Z).all():
                raise ValueError(
                    f"The vectors overflow with learning_rate={self.learning_rate}. Lower it."
                )
            dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
            Z = np.ascontiguousarray(unit_length(Z), dtype)
            centers, self.labels_ = kmeans(
                Z, self.n_clusters, n_init=self.n_init, seed=int(rng.integers(2**31)),
                n_threads=self._n_threads(),
            )  # fmt: skip
        self.inertia_ = float(np.square(Z - centers[self.labels_]).sum())
        self.embedding_, self.cluster_centers_ = Z, centers.astype(dtype, copy=False)
        return self
