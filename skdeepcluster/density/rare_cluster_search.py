"""RareClusterSearch: small dense groups far from all else."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import euclidean_distances

from skdeepcluster._sklearn import Interval, fit_context
from skdeepcluster.algorithms.gaussian_mixture import mixture_of_partition
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.neighbors import nearest_neighbors
from skdeepcluster.base import Clusterer, RandomStateMixin, ThreadsMixin, param
from skdeepcluster.density.hdbscan import HDBSCAN
from skdeepcluster.validation import (
    FLOATS,
    caller_level,
    check_rows,
    largest_value,
    scaled_to_range,
    within_reach,
)

# Surroundings of a group: so many times as many rows as it has.
SURROUNDINGS = 10
# Candidates nearer than this share of the sum of their radii are one.
NEAR = 0.5
# Radii within which new rows belong to a group.
REACH = 2.0
# Distances below this share of the median one are those of copies.
COPIES = 1e-6
NULL_COMPONENTS = 20
# Rows that each cell of common rows may keep at least.
CELL_ROWS = 50
# Share of the rows that a component must have.
FEW = 0.01


class RareClusterSearch(RandomStateMixin, ThreadsMixin, Clusterer):
    r"""Small dense groups far from the common rows; all else is left without a label.

    Clusterings spend their clusters on what is common, and outlier detection gives single rows.
    This searches for groups of a few up to a few hundred similar rows: the leaves :math:`G` of the
    hierarchy of :class:`HDBSCAN`, ranked by

    .. math:: \mathrm{score}(G) = \log
        \frac{\mathrm{median}_{i \in N(G)} \, d_k(x_i)}{\mathrm{median}_{i \in G} \, d_k(x_i)}
        + \log \frac{\min_{i \in N(G)} \|x_i - \mu_G\|}{\mathrm{median}_{i \in G} \|x_i - \mu_G\|},

    where :math:`d_k` is the distance to the k-th neighbor, :math:`\mu_G` the mean of the group and
    :math:`N(G)` the 10 times as many rows around it that are nearest: how much denser it is, and
    how far from them. The same search in rows of a Gaussian mixture, fitted to the data with many
    components, says what scores chance has, and only groups with higher ones are kept.

    Use it on good embeddings of images, texts or spectra to find unusual kinds. It finds copies and
    artifacts as well, which are the tightest groups of all.

    Parameters
    ----------
    n_groups : int, default=20
        Largest number of groups that are kept.

    min_size : int, default=5
        Least number of rows of a group.

    max_size : int, default=None
        Largest number of rows of a group. None means 2 % of the rows, between 2 `min_size` and 500.

    min_samples : int, default=5
        As for :class:`HDBSCAN`.

    n_neighbors : int, default=10
        The rank :math:`k` of the neighbor; less where groups may be smaller than that.

    n_components : int, default=40
        Principal components of the standardized features that are searched.

    n_references : int, default=5
        Number of searches in rows without groups. 0 keeps all candidates.

    max_samples : int, default=50000
        From more rows on, common ones are left out first: of each cell of k-means, one for 50 of
        this number, only so many rows are kept at random that this number are left. Small cells
        keep all; groups of more than 50 rows may lose some.

    random_state : int, RandomState instance or None, default=None
        Determines the references and which common rows are left out.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The group of each row, in the order of the scores; -1 for all others.

    n_groups_ : int
        Number of groups.

    n_clusters_ : int
        The same, under the name that other clusterers have it.

    groups_ : list of dict
        Of each group "members" (indices of rows), "center" and "radius" among the components,
        "tight", "distinct", "stability" (that of the hierarchy), "score", "p_value" (share of the
        references with as high a score, the group itself counted), "exemplars" (indices of the five
        members nearest to the center), "contrast" (of the five nearest other rows) and "copies"
        (whether most members are copies of one row).

    null_scores_ : ndarray of shape (n_references,)
        The highest score in each reference; minus infinity where there was no candidate.

    See Also
    --------
    HDBSCAN : The clusters, of which these are the small ones.
    VotingClustering : Labels of rows that are sure.

    Notes
    -----
    *Differences from the paper* [1]_: only its abstract was available to us. That a clustering
    isolates local patterns in pretrained representations is from there; candidates, scores and the
    comparison with a mixture are of our own making.

    References
    ----------
    .. [1] M. Walmsley, A. M. M. Scaife (2023). Rare galaxy classes identified in foundation model
           representations. *NeurIPS Workshop on Machine Learning and the Physical Sciences*.
           :arxiv:`2312.02910`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import RareClusterSearch
    >>> rng = np.random.default_rng(0)
    >>> common = rng.normal(size=(1000, 4))
    >>> rare = 6 + 0.1 * rng.normal(size=(12, 4))
    >>> model = RareClusterSearch(random_state=0).fit(np.concatenate([common, rare]))
    >>> model.n_groups_, model.groups_[0]["members"].min()
    (1, np.int64(1000))
    """

    n_groups: int = param(20, Interval(Integral, 1, None, closed="left"), positional=True)
    min_size: int = param(5, Interval(Integral, 2, None, closed="left"))
    max_size: int | None = param(None, Interval(Integral, 2, None, closed="left"), None)
    min_samples: int = param(5, Interval(Integral, 1, None, closed="left"))
    n_neighbors: int = param(10, Interval(Integral, 1, None, closed="left"))
    n_components: int = param(40, Interval(Integral, 1, None, closed="left"))
    n_references: int = param(5, Interval(Integral, 0, None, closed="left"))
    max_samples: int = param(50_000, Interval(Real, 1000, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find and rank the groups."""
        X = self._validate(X, reset=True)
        n = len(X)
        if self.max_size is not None and self.max_size < self.min_size:
            raise ValueError(f"max_size={self.max_size} should be >= min_size={self.min_size}.")
        if n < 2 * self.min_size:
            raise ValueError(
                f"n_samples={n} should be >= 2 * min_size={2 * self.min_size}: there must be more "
                "rows than those of a group."
            )
        rng = self._generator()
        with self._limited_threads():
            Z = self._embedded(X)
            rows = self._kept(Z, rng)
            groups = self._search(np.ascontiguousarray(Z[rows]))
            self.null_scores_ = self._null(Z[rows], groups, rng)
        bound = self.null_scores_.max(initial=-np.inf)
        groups = [group for group in groups if group["score"] > bound][: self.n_groups]
        for group in groups:
            for name in ("members", "exemplars", "contrast"):
                group[name] = rows[group[name]]
            higher = np.count_nonzero(self.null_scores_ >= group["score"])
            group["p_value"] = (1 + higher) / (1 + len(self.null_scores_))
        self._keep(groups, n)
        if not groups:
            warnings.warn(
                "No group of the wanted sizes is denser and farther from all else than groups in "
                "rows without any; all labels are -1.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        return self

    def _keep(self, groups, n):
        self.groups_, self.n_groups_ = groups, len(groups)
        self.n_clusters_ = self.n_groups_
        self.labels_ = np.full(n, -1, np.int32)
        for i, group in enumerate(groups):
            self.labels_[group["members"]] = i

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self._dtype
        X = check_rows(self, X, reset=reset, dtype=dtype, accept_sparse=False)
        self._dtype = X.dtype
        return X

    def _embedded(self, X):
        """Principal components of the standardized features, as float64."""
        X, self._unit = scaled_to_range(X)
        X = X.astype(np.float64)
        self._shift, self._scale = X.mean(axis=0), X.std(axis=0)
        self._scale[self._scale <= 1e-12 * np.abs(self._shift)] = 1.0
        self._scale[self._scale == 0] = 1.0
        Z = (X - self._shift) / self._scale
        self._largest = max(largest_value(Z), 1.0)
        self._axes = None
        if self.n_components < Z.shape[1]:
            most = min(self.n_components, *Z.shape)
            self._axes = PCA(most, svd_solver="covariance_eigh").fit(Z).components_
            Z = Z @ self._axes.T
        return np.ascontiguousarray(Z)

    def _kept(self, Z, rng):
        """Rows that are left when most of the common ones are taken out of very many."""
        n = len(Z)
        if n <= self.max_samples:
            return np.arange(n)
        n_cells = int(self.max_samples // CELL_ROWS)
        cells = MiniBatchKMeans(n_cells, n_init=1, random_state=int(rng.integers(2**31))).fit(Z)
        _, cell, counts = np.unique(cells.labels_, return_inverse=True, return_counts=True)
        # The most rows that a cell may keep.
        low, high = 1, int(counts.max())
        while low < high:
            middle = (low + high + 1) // 2
            fits = np.minimum(counts, middle).sum() <= self.max_samples
            low, high = (middle, high) if fits else (low, middle - 1)
        order = rng.permutation(n)
        by_cell = order[np.argsort(cell[order], kind="stable")]
        rank = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.sort(by_cell[rank < low])

    def _search(self, Z):
        """Candidates of the wanted sizes, the highest score first."""
        n = len(Z)
        most = self.max_size
        if most is None:
            most = int(np.clip(0.02 * n, 2 * self.min_size, 500))
        k = min(self.n_neighbors, n - 1, max(self.min_size - 1, 1))
        to_neighbor = nearest_neighbors(Z, k, self._n_threads())[0][:, -1]
        floor = COPIES * max(np.median(to_neighbor), np.finfo(np.float64).tiny)
        model = HDBSCAN(
            self.min_size,
            min_samples=min(self.min_samples, n),
            cluster_selection_method="leaf",
            n_jobs=self.n_jobs,
        ).fit(Z)
        sizes = np.bincount(model.labels_[model.labels_ >= 0])
        found = []
        for label in np.flatnonzero((sizes >= self.min_size) & (sizes <= most)):
            members = np.flatnonzero(model.labels_ == label)
            stability = float(model.cluster_persistence_[label])
            found.append(described(Z, members, np.maximum(to_neighbor, floor), floor, stability))
        found.sort(key=lambda group: -group["score"])
        kept = []
        for group in found:
            apart = all(
                np.linalg.norm(group["center"] - other["center"])
                >= NEAR * (group["radius"] + other["radius"])
                for other in kept
            )
            if apart:
                kept.append(group)
        return kept

    def _null(self, Z, groups, rng):
        """The highest scores in rows of a mixture that is fitted to the common rows."""
        if not (self.n_references and groups):
            return np.empty(0)
        common = np.ones(len(Z), bool)
        common[np.concatenate([group["members"] for group in groups])] = False
        rows = np.ascontiguousarray(Z[common])
        k = int(np.clip(len(rows) // (5 * Z.shape[1] + 5), 1, NULL_COMPONENTS))
        _, labels = kmeans(rows, k, n_init=1, seed=int(rng.integers(2**31)))
        # A component of few outliers would be a group.
        sizes = np.bincount(labels, minlength=k)
        large = sizes >= min(FEW * len(rows), sizes.max())
        rows = rows[large[labels]]
        labels = (np.cumsum(large) - 1)[labels[large[labels]]]
        mixture = mixture_of_partition(rows, labels, int(large.sum()), reg=1e-6, max_iter=20)
        if mixture is None:
            return np.empty(0)
        scores = []
        for _ in range(self.n_references):
            groups = self._search(drawn(mixture, len(Z), rng))
            scores.append(max((group["score"] for group in groups), default=-np.inf))
        return np.array(scores)

    def _near(self, X):
        """Distances of new rows to the groups, in their radii."""
        Z = (X.astype(np.float64) / self._unit - self._shift) / self._scale
        Z = within_reach(Z, self._largest)
        Z = Z if self._axes is None else Z @ self._axes.T
        if not self.groups_:
            return np.empty((len(Z), 0))
        centers = np.array([group["center"] for group in self.groups_])
        radii = np.array([max(group["radius"], 1e-12) for group in self.groups_])
        return euclidean_distances(Z, centers) / radii

    def predict(self, X):
        """The group within two radii of which a row is, the nearest one in radii.

        For training rows that need not be `labels_`, which come from the hierarchy.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Group of each row; -1 for rows near none.
        """
        near = self._near(self._new_rows(X))
        if not near.shape[1]:
            return np.full(len(near), -1, np.int32)
        labels = near.argmin(axis=1)
        return np.where(near.min(axis=1) <= REACH, labels, -1).astype(np.int32)

    def score_samples(self, X):
        """Minus the distance to the nearest group, in its radii.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            0 at the center of a group; minus infinity if there are no groups.
        """
        return -self._near(self._new_rows(X)).min(axis=1, initial=np.inf)

    def more_like(self, X):
        """Order of the groups by how near they are to some rows.

        Returns
        -------
        order : ndarray of shape (n_groups_,)
            Indices of groups, the one with the nearest center in radii first.
        """
        return np.argsort(self._near(self._new_rows(X)).min(axis=0), kind="stable")

    def exclude(self, groups):
        """Leave out groups that are known, such as artifacts, and number the others anew.

        Parameters
        ----------
        groups : array-like of int
            Their labels.

        Returns
        -------
        self : object
            This search.
        """
        groups = set(np.atleast_1d(groups).tolist())
        if not groups <= set(range(self.n_groups_)):
            raise ValueError(f"groups={sorted(groups)} are not all labels of {self.n_groups_}.")
        kept = [group for i, group in enumerate(self.groups_) if i not in groups]
        self._keep(kept, len(self.labels_))
        return self


def described(Z, members, to_neighbor, floor, stability):
    """Position and scores of a candidate."""
    center = Z[members].mean(axis=0)
    distances = euclidean_distances(center[np.newaxis], Z)[0]
    radius = max(float(np.median(distances[members])), floor)
    outside = np.ones(len(Z), bool)
    outside[members] = False
    others = np.flatnonzero(outside)
    nearest = others[np.argsort(distances[others], kind="stable")[: SURROUNDINGS * len(members)]]
    tight = float(np.median(to_neighbor[nearest]) / np.median(to_neighbor[members]))
    distinct = float(distances[nearest[0]] / radius)
    with np.errstate(divide="ignore"):
        score = float(np.log(tight) + np.log(distinct))
    return {
        "members": members,
        "center": center,
        "radius": radius,
        "tight": tight,
        "distinct": distinct,
        "stability": stability,
        "score": score,
        "exemplars": members[np.argsort(distances[members], kind="stable")[:5]],
        "contrast": nearest[:5],
        "copies": bool(np.median(to_neighbor[members]) <= floor),
    }


def drawn(mixture, n, rng):
    """Random rows of a mixture."""
    counts = rng.multinomial(n, mixture.weights / mixture.weights.sum())
    d = mixture.means.shape[1]
    rows = []
    for count, mean, covariance in zip(counts, mixture.means, mixture.covariances, strict=True):
        noise = rng.normal(size=(count, d))
        full = covariance.ndim == 2
        spread = noise @ np.linalg.cholesky(covariance).T if full else noise * np.sqrt(covariance)
        rows.append(mean + spread)
    return np.concatenate(rows)
