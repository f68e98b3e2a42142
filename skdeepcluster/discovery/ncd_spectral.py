"""NCDSpectralClustering: novel classes in the spectrum of a graph of all rows."""

from numbers import Integral, Real

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.sparse.linalg import eigsh
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, fit_context
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.known_kmeans import squared_distances
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, RandomStateMixin, param
from skdeepcluster.discovery._novel import NovelMixin
from skdeepcluster.validation import check_rows, scaled_to_range

# Rows above which eigenvectors come from iterations.
_MANY_ROWS = 2000


class NCDSpectralClustering(NovelMixin, NumberOfClustersMixin, RandomStateMixin, Clusterer):
    r"""Spectral clustering of the rows of novel classes, in a graph of all rows.

    With the longest edge :math:`t` of the minimum spanning tree of squared distances and
    :math:`m` = `min_dist`,

    .. math:: \sigma^2 = -\frac{t}{\ln m}, \qquad A_{ij} = e^{-\|x_i - x_j\|^2 / (2 \sigma^2)}
        \; (i \ne j), \qquad L = I - S^{-1/2} A S^{-1/2},

    so that the weakest edge of the tree has the affinity :math:`\sqrt m` [1]_. Rows of known and
    novel classes form one graph; k-means of the novel rows in the eigenvectors of the smallest
    eigenvalues but the first yields the clusters. Unlabeled rows belong to no known class here.

    Use it for up to some 5,000 rows: it holds all pairs, and its time is cubic in their number. One
    outlier makes the longest edge long; remove outliers first. It is transductive, without
    `predict`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of novel clusters.

    n_components : int, default=None
        Number of eigenvectors; None is that of all clusters, known and novel.

    min_dist : float, default=0.6
        :math:`m`, between 0 and 1: the smaller, the narrower the kernel.

    n_init : int, default=10
        Number of starts of k-means.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row: that of its class, or a novel one.

    embedding_ : ndarray of shape (n_samples, n_components)
        The eigenvectors.

    sigma_ : float
        Width of the kernel.

    See Also
    --------
    NCDKMeans : Takes many rows, and predicts.

    References
    ----------
    .. [1] C. Troisemaine et al. (2024). A practical approach to novel class discovery in tabular
           data. *Data Mining and Knowledge Discovery* 38.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_moons
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import NCDSpectralClustering
    >>> X, y = make_moons(200, noise=0.05, random_state=0)
    >>> known = np.array([[5.0, 5.0], [5.1, 5.0]])
    >>> model = NCDSpectralClustering(2, n_components=3, min_dist=0.01, random_state=0)
    >>> labels = model.fit_predict(np.vstack([X, known]), np.r_[np.full(200, -1), 0, 0])
    >>> labels[200:].tolist()
    [0, 0]
    """

    n_components: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    min_dist: float = param(0.6, Interval(Real, 0, 1, closed="neither"))
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster the rows of novel classes.

        Parameters
        ----------
        y : array-like of shape (n_samples,), default=None
            The class of rows of known classes, -1 for the others. Without any -1 it is ignored, and
            all rows are novel.
        """
        X = check_rows(self, X, reset=True, accept_sparse=False)
        known, novel = self._novel_rows(y, len(X), self.n_clusters)
        rng = check_random_state(self.random_state)
        rows, unit = scaled_to_range(X)
        width, sigma = self._embed(rows.astype(np.float64), rng)
        self.embedding_ = width.astype(X.dtype)
        self.sigma_ = sigma * unit
        seed = rng.randint(2**31 - 1)
        found = np.ascontiguousarray(width[novel])
        labels = kmeans(found, self.n_clusters, n_init=self.n_init, seed=seed, n_threads=1)[1]
        self.labels_ = self._joined(known, novel, labels)
        return self

    def _embed(self, rows, rng):
        """Eigenvectors of the graph, and the width of the kernel."""
        n = len(rows)
        squares = squared_distances(rows, rows)
        # A tree knows only edges longer than 0.
        least = np.finfo(float).tiny ** 0.5 * max(squares.max(), 1.0)
        longest = minimum_spanning_tree(np.maximum(squares, least)).data.max(initial=0)
        variance = max(longest, least) / -np.log(self.min_dist)
        affinity = np.exp(-squares / (2 * variance))
        np.fill_diagonal(affinity, 0)
        degree = np.maximum(affinity.sum(axis=1), np.finfo(float).tiny)
        affinity /= np.sqrt(degree)[:, np.newaxis]
        affinity /= np.sqrt(degree)
        wanted = self.n_components or self.n_clusters + len(self.classes_)
        wanted = min(wanted, n - 1)
        if wanted < 1:
            return np.zeros((n, 1)), np.sqrt(variance)
        if n > _MANY_ROWS:
            start = rng.uniform(-1, 1, n)
            values, vectors = eigsh(affinity, wanted + 1, which="LA", v0=start)
            vectors = vectors[:, np.argsort(-values)]
        else:
            _, vectors = eigh(affinity, subset_by_index=[n - wanted - 1, n - 1])
            vectors = vectors[:, ::-1]
        return vectors[:, 1:], np.sqrt(variance)
