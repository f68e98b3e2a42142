"""SplitMergeGaussianMixture: known classes and any number of new ones, by splits and merges."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.special import gammaln, log_softmax
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.kmeans import nearest_center
from skdeepcluster.algorithms.known_kmeans import (
    best_start,
    known_kmeans,
    means_of,
    squared_distances,
)
from skdeepcluster.base import CentersMixin, Clusterer, RandomStateMixin, param
from skdeepcluster.constraints import PartialLabelMixin
from skdeepcluster.discovery._niw import GaussianPrior
from skdeepcluster.validation import caller_level, check_n_samples

# Features above which determinants say little.
_MANY_FEATURES = 200
# Chance that a part of a known class has no labeled row, below which it is another class.
_CHANCE = 0.05


class SplitMergeGaussianMixture(PartialLabelMixin, CentersMixin, RandomStateMixin, Clusterer):
    r"""Known classes and new ones, whose number is found by splitting and merging clusters.

    Each round is k-means in which labeled rows keep their classes, then tests of all clusters that
    have no labeled row. A cluster C is split into the parts A and B of its 2-means if

    .. math:: \log H = \log \alpha + \log \Gamma(n_A) + \log p(A) + \log \Gamma(n_B) + \log p(B)
        - \log \Gamma(n_C) - \log p(C) > 0,

    with the marginal likelihood p of Gaussian rows under a normal-inverse-Wishart prior, and two
    clusters next to each other are merged where the same ratio of them and their union is below 0
    [1]_. It ends with a round that accepts nothing, or with the best round.

    Use it where some classes are known, others are not, and nobody knows how many there are.
    Without labels it begins with one cluster. The tests compare determinants and need some rows per
    dimension: give few features, or `n_components`. A known class is split where one of its parts
    has no labeled row, and would have one if it were of the class.

    Parameters
    ----------
    n_clusters_init : int, default=None
        Number of clusters at the beginning; at least that of the known classes. None is one and a
        half times that, or 1 without labels.

    n_components : int, default=None
        Number of principal components in which all is computed; None takes the features.

    alpha : float, default=1.0
        Prior weight of a further cluster, :math:`\alpha`.

    kappa : float, default=1e-4
        Rows that the prior mean of a cluster, that of all rows, counts for.

    nu : float, default=None
        Degrees of freedom of the prior; None is 2 more than the number of features.

    psi_scale : {"within"} or float, default="within"
        The prior covariance is this times the identity. "within" is the mean variance within the
        clusters of a round, or within the labeled classes if that is smaller.

    stochastic : bool, default=False
        Whether a step is accepted with probability min(1, H), as in the paper, instead of for
        H > 1.

    min_cluster_size : int, default=6
        Smaller parts are not split off.

    max_rounds : int, default=30
        Maximum number of rounds.

    n_init : int, default=10
        Number of starts of the k-means of the first round.

    max_iter : int, default=100
        Maximum number of passes of each k-means.

    tol : float, default=1e-4
        Tolerance of each k-means, a fraction of the mean variance.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row; the i-th known class is cluster i. `predict` gives the same
        for unlabeled rows.

    covariances_ : ndarray of shape (n_clusters, n_components, n_components)
        Most probable covariances of the clusters, in the space of the tests.

    weights_ : ndarray of shape (n_clusters,)
        Shares of the rows.

    n_clusters_ : int
        Number of clusters found.

    is_known_ : ndarray of bool of shape (n_clusters,)
        Which clusters are known classes.

    n_iter_ : int
        Number of rounds.

    history_ : list of int
        Number of clusters in each round.

    lower_bound_ : float
        Log of the joint probability of rows and clusters, by which rounds are compared.

    See Also
    --------
    SemiSupervisedKMeans : With a given number of clusters.
    sklearn.mixture.BayesianGaussianMixture : Another way to a number of clusters, without labels.

    Notes
    -----
    Differences from the paper: no network is trained here, rows are embeddings. Known classes give
    away parts without labels, while there they absorb new ones. The number of clusters is carried
    from round to round and does not begin at the true one; steps are accepted without chance by
    default; the prior covariance follows the data.

    References
    ----------
    .. [1] B. Zhao, X. Wen, K. Han (2023). Learning semi-supervised Gaussian mixture models for
           generalized category discovery. *ICCV*.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import SplitMergeGaussianMixture
    >>> X, y = make_blobs(300, centers=5, n_features=4, random_state=0)
    >>> partial = np.where((y < 2) & (np.arange(300) % 2 == 0), y, -1)
    >>> SplitMergeGaussianMixture(random_state=0).fit(X, partial).n_clusters_
    5
    """

    n_clusters_init: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    n_components: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    alpha: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    kappa: float = param(1e-4, Interval(Real, 0, None, closed="neither"))
    nu: float | None = param(None, Interval(Real, 0, None, closed="neither"), None)
    psi_scale: str | float = param(
        "within", StrOptions({"within"}), Interval(Real, 0, None, closed="neither")
    )
    stochastic: bool = param(False, "boolean")
    min_cluster_size: int = param(6, Interval(Integral, 1, None, closed="left"))
    max_rounds: int = param(30, Interval(Integral, 1, None, closed="left"))
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(100, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-4, Interval(Real, 0, None, closed="left"))
    _takes_sparse = False

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find clusters beside known classes.

        Parameters
        ----------
        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown. Without any -1 they are ignored.
        """
        X = self._validate(X, reset=True)
        n = len(X)
        labels = self._partial_labels(y, n, self.n_clusters_init, "n_clusters_init")
        fixed = np.full(n, -1) if labels is None else labels
        n_known = len(self.classes_)
        k = self.n_clusters_init or n_known + max(1, n_known // 2)
        check_n_samples(n, k, "n_clusters_init")
        rng = check_random_state(self.random_state)
        Z = self._project(X.astype(np.float64), rng)
        tol = self.tol * Z.var(axis=0).mean()
        centers = best_start(Z, means_of(Z, fixed, n_known), fixed, k, self.n_init, rng, tol)
        best, seen = None, set()
        self.history_ = []
        for _ in range(self.max_rounds):
            centers, labels, inertia, _ = known_kmeans(
                Z, centers, fixed, max_iter=self.max_iter, tol=tol
            )
            kept = (np.bincount(labels, minlength=len(centers)) > 0) | (
                np.arange(len(centers)) < n_known
            )
            centers = centers[kept]
            labels = (np.cumsum(kept) - 1)[labels].astype(np.int32)
            prior = self._prior(Z, inertia, fixed)
            bound = self._bound(Z, labels, prior)
            self.history_.append(len(centers))
            if best is None or bound > best[0]:
                best = bound, centers, labels, prior
            moved, n_steps = self._step(Z, centers, labels, fixed, prior, rng)
            if not n_steps:
                best = bound, centers, labels, prior
                break
            state = labels.tobytes()
            if state in seen and not self.stochastic:
                break  # it goes around in a circle
            seen.add(state)
            centers = moved
        else:
            warnings.warn(
                f"Clusters were still split or merged in round max_rounds={self.max_rounds}; the "
                "best round is kept.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        self.n_iter_ = len(self.history_)
        self.lower_bound_, centers, labels, prior = best
        self._describe(X, Z, centers, labels, prior, n_known)
        return self

    def _describe(self, X, Z, centers, labels, prior, n_known):
        """Set the fitted attributes."""
        k, d = len(centers), Z.shape[1]
        self.labels_ = labels
        self.n_clusters_ = k
        self.is_known_ = np.arange(k) < n_known
        counts = np.bincount(labels, minlength=k)
        self.weights_ = counts / len(X)
        covariances = []
        for j in range(k):
            matrix, nu = prior.posterior(Z[labels == j])
            covariances.append(matrix / (nu + d + 2))
        self.covariances_ = np.array(covariances)
        self._projected_centers = centers
        self._set_centers(means_of(X.astype(np.float64), labels, k), X.dtype)

    def _project(self, X, rng):
        """Rows in principal components, which are set."""
        self._mean, self._axes = np.zeros(X.shape[1]), None
        if self.n_components is not None and self.n_components < min(X.shape):
            pca = PCA(self.n_components, random_state=rng).fit(X)
            self._mean, self._axes = pca.mean_, pca.components_.T
        elif X.shape[1] > _MANY_FEATURES:
            warnings.warn(
                f"X has {X.shape[1]} features, in which the tests compare determinants that say "
                "little; set n_components, such as 16.",
                UserWarning,
                stacklevel=caller_level(),
            )
        return self._projected(X)

    def _projected(self, X):
        X = X.astype(np.float64) - self._mean
        return X if self._axes is None else X @ self._axes

    def _prior(self, Z, inertia, fixed):
        n, d = Z.shape
        scale = self.psi_scale
        if isinstance(scale, str):
            known = np.flatnonzero(fixed >= 0)
            n_free = len(known) - len(self.classes_)
            scale = inertia / (n * d)
            if n_free > d:
                # Clusters are as wide as classes, however many there are yet.
                means = means_of(Z, fixed, len(self.classes_))
                within = np.square(Z[known] - means[fixed[known]]).sum() / (n_free * d)
                scale = min(scale, within)
            # Rows that are all alike have no scale.
            scale = max(scale, np.finfo(float).tiny ** 0.25)
        nu = d + 2.0 if self.nu is None else self.nu
        if nu <= d - 1:
            raise ValueError(f"nu={nu} must be more than {d - 1}, the number of features less one.")
        return GaussianPrior(Z.mean(axis=0), self.kappa, nu, scale)

    def _bound(self, Z, labels, prior):
        counts = np.bincount(labels)
        used = np.flatnonzero(counts)
        likelihood = sum(prior.log_marginal(Z[labels == j]) for j in used)
        return float(likelihood + len(used) * np.log(self.alpha) + gammaln(counts[used]).sum())

    def _accepts(self, log_ratio, rng):
        if self.stochastic:
            return np.log(max(rng.uniform(), np.finfo(float).tiny)) < log_ratio
        return log_ratio > 0

    def _halves(self, rows, prior, rng):
        """Which rows are in the second of two clusters, if they should be split."""
        if len(rows) < 2 * self.min_cluster_size or not np.ptp(rows, axis=0).any():
            return None
        seed = rng.randint(2**31 - 1)
        second = KMeans(2, n_init=3, random_state=seed).fit(rows).labels_ == 1
        if min(second.sum(), (~second).sum()) < self.min_cluster_size:
            return None
        ratio = prior.log_split(rows[~second], rows[second], self.alpha)
        return second if self._accepts(ratio, rng) else None

    def _step(self, Z, centers, labels, fixed, prior, rng):
        """Centers after all splits and merges, and their number."""
        n_known = len(self.classes_)
        members = [Z[labels == j] for j in range(len(centers))]
        known, new, whole = list(centers[:n_known]), [], []
        for j, rows in enumerate(members):
            second = self._halves(rows, prior, rng)
            if j >= n_known:
                if second is None:
                    whole.append(j)
                else:
                    new += [rows[~second].mean(axis=0), rows[second].mean(axis=0)]
                continue
            if second is None:
                continue
            # Part of a known class has labels, unless by little chance.
            labeled = fixed[labels == j] >= 0
            part = second if not labeled[second].any() else ~second
            if not labeled[part].any() and (1 - labeled.mean()) ** part.sum() < _CHANCE:
                known[j] = rows[~part].mean(axis=0)
                new.append(rows[part].mean(axis=0))
        n_steps = len(centers) - n_known - len(whole)
        n_steps += len(new) - 2 * n_steps
        merged = set()
        if len(whole) > 1:
            squares = squared_distances(centers[whole], centers[whole])
            np.fill_diagonal(squares, np.inf)
            for a in np.argsort(squares.min(axis=1), kind="stable"):
                i, j = whole[a], whole[np.argmin(squares[a])]
                if {i, j} & merged or not (len(members[i]) and len(members[j])):
                    continue
                if self._accepts(-prior.log_split(members[i], members[j], self.alpha), rng):
                    merged |= {i, j}
                    new.append(np.concatenate([members[i], members[j]]).mean(axis=0))
                    n_steps += 1
        new += [centers[j] for j in whole if j not in merged]
        return np.array(known + new), n_steps

    def _nearest(self, X):
        return nearest_center(self._projected(X), self._projected_centers, 1)

    def predict_proba(self, X):
        """Probabilities of the clusters by their Gaussian densities.

        They weigh shapes and sizes, while `predict` takes the nearest center: the most probable
        cluster may be another.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1.
        """
        X = self._new_rows(X)
        Z = self._projected(X)
        logs = np.empty((len(Z), self.n_clusters_))
        for j, (center, covariance) in enumerate(
            zip(self._projected_centers, self.covariances_, strict=True)
        ):
            root = np.linalg.cholesky(covariance)
            scaled = np.linalg.solve(root, (Z - center).T)
            logs[:, j] = -0.5 * np.square(scaled).sum(axis=0) - np.log(np.diag(root)).sum()
        logs += np.log(np.maximum(self.weights_, np.finfo(float).tiny))
        return np.exp(log_softmax(logs, axis=1)).astype(self.cluster_centers_.dtype)
