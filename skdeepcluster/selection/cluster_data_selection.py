"""ClusterDataSelection: rows to label or to train on, chosen by clusters."""

from numbers import Integral, Real

import numpy as np
from sklearn.metrics import euclidean_distances

from skdeepcluster._sklearn import Interval, RealNotInt, StrOptions, fit_context, safe_indexing
from skdeepcluster.algorithms.kmeans import kmeans, nearest_center
from skdeepcluster.base import (
    Clusterer,
    FloatTransformerMixin,
    NumberOfClustersMixin,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.validation import (
    FLOATS,
    check_n_samples,
    check_rows,
    largest_value,
    rows_of_size_one,
    scaled_to_range,
    within_reach,
)

# Bins into which "bins" divides the rows, if there are rows enough.
N_BINS = 10


class ClusterDataSelection(
    NumberOfClustersMixin, RandomStateMixin, ThreadsMixin, FloatTransformerMixin, Clusterer
):
    r"""Rows to label or to train on within a budget, chosen by clusters.

    K-means measures how typical each row is, by its distance to the center :math:`c_{a(i)}` of its
    cluster,

    .. math:: s_i = 1 - \cos(x_i, c_{a(i)}) \quad \text{or} \quad s_i = \|x_i - c_{a(i)}\|,

    and rows are taken, as `keep` says,

    - "stratified": at random, from every cluster in proportion to its size, one at least;
    - "easy" or "hard": those with the lowest or the highest scores [1]_;
    - "bins": in equal numbers from bins, each of which is filled greedily by the rows of the
      largest gain :math:`\sum_{j \in P} s(j, x) - 2 \sum_{j \in S} s(j, x)`, with the rows left
      :math:`P`, those in the bin :math:`S`, and :math:`s(x, y) = (1 + \cos(x, y)) / 2` [2]_.

    Use "stratified" to label a small share of the rows. "hard" is for data with very many rows of
    each kind, from which typical ones are redundant; on small data both ends of the scores are
    worse than chance, and the hardest rows are outliers and mistakes.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters; about that of the kinds of rows.

    budget : int or float, default=0.1
        Number of rows to choose, or their share, rounded to at least one.

    keep : {"stratified", "easy", "hard", "bins"}, default="stratified"
        Which rows are taken.

    metric : {"cosine", "euclidean"}, default="cosine"
        How rows are compared. With "cosine" they are scaled to length one.

    Attributes
    ----------
    indices_ : ndarray of shape (n_selected,)
        The rows that are chosen, ascending.

    support_ : ndarray of shape (n_samples,)
        Whether each row is chosen.

    scores_ : ndarray of shape (n_samples,)
        Distance of each row to the center of its cluster.

    labels_ : ndarray of shape (n_samples,)
        Cluster of each row.

    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centers of the clusters, among rows of length one with the cosine.

    cluster_shares_ : ndarray of shape (n_clusters,)
        Share of the rows of each cluster that is chosen: what a selection leaves out.

    See Also
    --------
    balanced_sample : The same number of rows from every cluster, large or small.

    Notes
    -----
    *Differences from the papers:* there, embeddings come from a trained network, which any features
    stand for here. The sums of the gains are updated, not computed anew, in memory linear in the
    rows. The stratified choice is a baseline that was better than both on small data.

    References
    ----------
    .. [1] B. Sorscher, R. Geirhos, S. Shekhar, S. Ganguli, A. Morcos (2022). Beyond neural scaling
           laws: beating power law scaling via data pruning. *NeurIPS*.
    .. [2] D. Zhou et al. (2023). Dataset quantization. *ICCV*. :arxiv:`2308.10524`

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import ClusterDataSelection
    >>> X, y = load_digits(return_X_y=True)
    >>> selection = ClusterDataSelection(n_clusters=10, budget=50, random_state=0).fit(X)
    >>> len(selection.indices_), len(set(y[selection.indices_]))
    (50, 10)
    """

    budget: int | float = param(
        0.1,
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
    )
    keep: str = param("stratified", StrOptions({"stratified", "easy", "hard", "bins"}))
    metric: str = param("cosine", StrOptions({"cosine", "euclidean"}))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster the rows and choose among them."""
        X = self._validate(X, reset=True)
        n = len(X)
        check_n_samples(n, self.n_clusters)
        is_share = isinstance(self.budget, Real) and not isinstance(self.budget, Integral)
        wanted = max(1, round(self.budget * n)) if is_share else int(self.budget)
        if wanted > n:
            raise ValueError(f"budget={self.budget} is more than n_samples={n}.")
        generator = self._generator()
        rows, self._unit = scaled_to_range(X)
        self._largest = max(largest_value(rows), 1.0)
        Z = self._compared(rows)
        with self._limited_threads():
            seed = int(generator.integers(2**31))
            n_threads = self._n_threads()
            self._centers, self.labels_ = kmeans(
                Z, self.n_clusters, n_init=5, seed=seed, n_threads=n_threads
            )
            self.scores_ = self._to_centers(Z)[np.arange(n), self.labels_]
            if self.keep == "stratified":
                chosen = stratified(self.labels_, self.n_clusters, wanted, generator)
            elif self.keep == "bins":
                chosen = self._from_bins(Z, wanted, generator)
            else:
                sign = 1 if self.keep == "easy" else -1
                chosen = np.argsort(sign * self.scores_, kind="stable")[:wanted]
        self.indices_ = np.sort(chosen)
        self.support_ = np.zeros(n, bool)
        self.support_[self.indices_] = True
        sizes = np.bincount(self.labels_, minlength=self.n_clusters)
        kept = np.bincount(self.labels_[self.indices_], minlength=self.n_clusters)
        self.cluster_shares_ = kept / np.maximum(sizes, 1)
        unit = X.dtype.type(1 if self.metric == "cosine" else self._unit)
        self.cluster_centers_ = self._centers * unit
        self._n_features_out = self.n_clusters
        return self

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self.cluster_centers_.dtype
        return check_rows(self, X, reset=reset, dtype=dtype, accept_sparse=False)

    def _compared(self, X):
        """Rows of length one for the cosine; rows of zeros stay."""
        if self.metric == "euclidean":
            return np.ascontiguousarray(X)
        X = rows_of_size_one(X)
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        return np.ascontiguousarray(X / np.where(lengths > 0, lengths, 1))

    def _to_centers(self, Z):
        if self.metric == "euclidean":
            return euclidean_distances(Z, self._centers) * Z.dtype.type(self._unit)
        lengths = np.linalg.norm(self._centers, axis=1)
        return np.maximum(1 - Z @ self._centers.T / np.where(lengths > 0, lengths, 1), 0)

    def _from_bins(self, Z, wanted, generator):
        """Rows of bins, in numbers that differ by one at most."""
        n_bins = min(N_BINS, wanted)
        bins = bins_of(self._centered(Z), n_bins)
        quotas = np.full(n_bins, wanted // n_bins)
        quotas[: wanted % n_bins] += 1
        chosen = [
            generator.choice(rows, quota, replace=False)
            for rows, quota in zip(bins, quotas, strict=True)
        ]
        return np.concatenate(chosen)

    def _centered(self, Z):
        """Rows whose products are the cosines between them."""
        Z = Z.astype(np.float64)
        lengths = np.linalg.norm(Z, axis=1, keepdims=True)
        return Z / np.where(lengths > 0, lengths, 1)

    def fit_resample(self, X, y=None):
        """Choose rows and return them, as imbalanced-learn's samplers do.

        Returns
        -------
        X : array-like of shape (n_selected, n_features)
            The chosen rows.
        y : array-like of shape (n_selected,)
            Their entries of `y`; only if it is given.
        """
        indices = self.fit(X).indices_
        rows = safe_indexing(X, indices)
        return rows if y is None else (rows, safe_indexing(y, indices))

    def _new(self, X):
        X = self._new_rows(X)
        X = within_reach(X / X.dtype.type(self._unit), self._largest)
        return self._compared(X.astype(self._centers.dtype, copy=False))

    def predict(self, X):
        """The cluster of each row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row, for a training row the one in `labels_`.
        """
        return nearest_center(self._new(X), self._centers, self._n_threads())

    def transform(self, X):
        """Distances to the centers.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            Of each row to each center.
        """
        return self._to_centers(self._new(X))


def stratified(labels, n_clusters, wanted, generator):
    """Random rows of all clusters, in proportion to their sizes and one at least where possible."""
    sizes = np.bincount(labels, minlength=n_clusters)
    exact = wanted * sizes / len(labels)
    quotas = np.minimum(np.maximum(np.floor(exact).astype(int), sizes > 0), sizes)
    while quotas.sum() != wanted:
        missing = quotas.sum() < wanted
        distance = exact - quotas
        # The cluster that has too few, or too many, but none loses its last row before others.
        if missing:
            k = np.where(quotas < sizes, distance, -np.inf).argmax()
            quotas[k] += 1
        else:
            spare = quotas > 1 if (quotas > 1).any() else quotas > 0
            k = np.where(spare, distance, np.inf).argmin()
            quotas[k] -= 1
    chosen = [
        generator.choice(np.flatnonzero(labels == k), quota, replace=False)
        for k, quota in enumerate(quotas)
        if quota
    ]
    return np.concatenate(chosen)


def bins_of(Z, n_bins):
    """Rows of each bin, in the order in which the largest gain chose them.

    Parameters
    ----------
    Z : array of shape (n, d), float64
        Rows of length one.
    n_bins : int

    Returns
    -------
    bins : list of arrays
        A partition of the rows, with sizes that differ by one at most.
    """
    n = len(Z)
    sums = (n + Z @ Z.sum(axis=0)) / 2
    left = np.ones(n, bool)
    bins = []
    for size in [len(part) for part in np.array_split(np.arange(n), n_bins)]:
        with_bin, chosen = np.zeros(n), []
        for _ in range(size):
            gain = np.where(left, sums - 2 * with_bin, -np.inf)
            row = int(gain.argmax())
            left[row] = False
            chosen.append(row)
            with_bin += (1 + Z @ Z[row]) / 2
        sums -= with_bin
        bins.append(np.array(chosen))
    return bins
