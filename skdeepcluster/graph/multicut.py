"""MulticutClustering: correlation clustering of rows by their inner products."""

from numbers import Integral, Real

import numpy as np

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms import multicut as algorithm
from skdeepcluster.algorithms.communities import by_size
from skdeepcluster.base import Clusterer, RandomStateMixin, ThreadsMixin, param
from skdeepcluster.validation import (
    check_rows,
    largest_value,
    rows_of_size_one,
    scaled_to_range,
    within_reach,
)

# Rows up to which pairs are joined in their exact order.
EXACT_ROWS = 500
# Products of rows, clusters and features up to which single rows are compared with all clusters.
MOST_PRODUCTS = 2**31
# Pairs whose products give the strength, and the quantile that is it.
N_PAIRS, QUANTILE = 100_000, 0.9


class MulticutClustering(RandomStateMixin, ThreadsMixin, Clusterer):
    r"""Multicut of the complete graph of rows: their number of clusters follows from signed costs.

    Two rows attract each other if their inner product is more than a strength :math:`a`, and repel
    each other otherwise. Minimized is the cost of the pairs that are cut,

    .. math:: \sum_{i < j, \; c_i \ne c_j} \left( \langle f_i, f_j \rangle - a \right),

    by joining the two clusters of the largest cost while one is positive, and then by moves of
    single rows [1]_. The cost of two clusters follows from their sums, so nothing is stored for
    pairs: memory is linear in the rows.

    Use it for embeddings whose inner products mean similarity, such as those of contrastive
    networks, when the number of clusters is not known. On other features clusters by linkage are as
    good.

    Parameters
    ----------
    strength : float or "auto", default="auto"
        The product at which two rows neither attract nor repel. Larger values give more clusters.
        "auto" is the 0.9 quantile of the products of random pairs, but at most half of the mean
        product of a row with itself; the right value depends on the embedding.

    solver : {"auto", "exact", "lazy"}, default="auto"
        "exact" joins pairs in the order of their costs, in time that grows with the square of the
        rows at least. "lazy" joins pairs of `n_neighbors` candidates for each cluster, and looks
        for candidates again when none attract each other. "auto" is "exact" for up to 500 rows.

    n_neighbors : int, default=5
        Candidates of each cluster for "lazy".

    normalize : bool, default=True
        Whether rows are first scaled to length one. Otherwise `strength` depends on their scale.

    max_iter : int, default=100
        Most passes of moves of single rows; 0 leaves these out.

    random_state : int, RandomState instance or None, default=None
        Determines the pairs for "auto", and the search for neighbors of more than 4,096 rows.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each row, by decreasing size.

    n_clusters_ : int
        Number of clusters.

    objective_ : float
        Cost of the pairs that are cut.

    strength_ : float
        The strength that was used.

    cluster_sums_ : ndarray of shape (n_clusters_, n_features)
        Sums of the rows of each cluster.

    n_iter_ : int
        Passes of moves.

    See Also
    --------
    Leiden : Communities of a graph, their number found.
    sklearn.cluster.AgglomerativeClustering : Merges by distances.

    Notes
    -----
    Unlike in the authors' code, moves of single rows follow the joins. Of many rows and clusters a
    row is compared only with the clusters of its nearest rows.

    References
    ----------
    .. [1] A. Abbas and P. Swoboda, "ClusterFuG: clustering fully connected graphs by multicut",
           ICML, 2023. :arxiv:`2301.12159`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import MulticutClustering
    >>> from sklearn.metrics import adjusted_rand_score
    >>> y = np.arange(200) % 5
    >>> X = np.eye(8)[y] + np.random.default_rng(0).normal(scale=0.1, size=(200, 8))
    >>> model = MulticutClustering(strength=0.5).fit(X)
    >>> model.n_clusters_, adjusted_rand_score(y, model.labels_)
    (5, 1.0)
    >>> model.predict(np.eye(8)[:1]) == model.labels_[:1]
    array([ True])
    """

    strength: float | str = param("auto", Interval(Real, None, None, closed="neither"),
                                  StrOptions({"auto"}))  # fmt: skip
    solver: str = param("auto", StrOptions({"auto", "exact", "lazy"}))
    n_neighbors: int = param(5, Interval(Integral, 1, None, closed="left"))
    normalize: bool = param(True, "boolean")
    max_iter: int = param(100, Interval(Integral, 0, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Join rows to clusters, and move single rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows. Those of zeros have no direction, and are clusters of their own if `strength` is
            positive.
        """
        X = check_rows(self, X, reset=True, accept_sparse=False)
        X, self._unit = scaled_to_range(X)
        if self._unit != 1 and not self.normalize:
            raise ValueError(
                f"Inner products overflow or vanish: X has values up to {largest_value(X):.3g} "
                f"times {self._unit:.3g}. Scale X, or normalize its rows."
            )
        self._largest = largest_value(X)
        rows = self._rows(X)
        with self._limited_threads():
            rng = self._generator()
            self.strength_ = self._strength(rows, rng)
            strength = self.strength_
            labels, near = self._contracted(rows, strength, rng)
            k = int(labels.max()) + 1
            if len(rows) * k * rows.shape[1] <= MOST_PRODUCTS:
                near = None
            elif near is None:
                near = algorithm.best_partners(
                    rows, np.zeros(len(rows)), 0.0, min(self.n_neighbors, len(rows) - 1)
                )
            self.n_iter_ = 0
            if self.max_iter:
                labels, self.n_iter_ = algorithm.local_search(
                    rows, labels, strength, self.max_iter, near
                )
        self.labels_ = by_size(labels)
        self.n_clusters_ = int(self.labels_.max()) + 1
        found = algorithm.cluster_sums(rows, self.labels_, self.n_clusters_)
        self.cluster_sums_, self._sizes = found
        self.objective_ = algorithm.objective(rows, self.labels_, strength)
        return self

    def _rows(self, X):
        X = X.astype(np.float64)
        if not self.normalize:
            return X
        X = rows_of_size_one(X)
        norms = np.linalg.norm(X, axis=1, keepdims=True)
        return np.ascontiguousarray(X / np.where(norms > 0, norms, 1))

    def _strength(self, rows, rng):
        if self.strength != "auto":
            return float(self.strength)
        i, j = rng.integers(len(rows), size=(2, N_PAIRS))
        j = np.where(i == j, (j + 1) % len(rows), j)
        found = np.quantile(np.einsum("ij,ij->i", rows[i], rows[j]), QUANTILE)
        # Of few clusters more pairs than that are within one.
        return float(min(found, np.square(rows).sum(axis=1).mean() / 2))

    def _contracted(self, rows, strength, rng):
        """Labels by joins, and the nearest rows of each if they were found."""
        if self.solver == "exact" or (self.solver == "auto" and len(rows) <= EXACT_ROWS):
            return algorithm.exact_contraction(rows, strength), None
        near = None
        if self.normalize and len(rows) > 1:
            # Of rows of length one the nearest have the largest products.
            seed = int(rng.integers(2**31))
            near = algorithm.near_rows(rows, self.n_neighbors, seed, self._n_threads())
        return algorithm.lazy_contraction(rows, strength, self.n_neighbors, near)[0], near

    def predict(self, X):
        """The cluster that attracts each row most, or -1 where none attracts it.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row. For a training row the one in `labels_` if moves of rows have
            converged (`n_iter_` is less than `max_iter`) and rows were compared with all clusters;
            but -1 for one that is alone and does not attract even itself.
        """
        X = self._new_rows(X)
        labels = np.empty(len(X), np.int32)
        for begin in range(0, len(X), 1024):
            part = slice(begin, begin + 1024)
            costs = self._rows(X[part]) @ self.cluster_sums_.T - self.strength_ * self._sizes
            best = costs.argmax(axis=1)
            labels[part] = np.where(costs[np.arange(len(best)), best] > 0, best, -1)
        return labels

    def _validate(self, X, reset):
        X = check_rows(self, X, reset=reset, accept_sparse=False, dtype=np.float64)
        return within_reach(X / self._unit, self._largest)
