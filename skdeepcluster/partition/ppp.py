"""PPP: k-means partitions that a Gaussian mixture validates."""

import warnings
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.cluster import MiniBatchKMeans, kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.gaussian_mixture import (
    Mixture,
    log_posterior,
    mixture_of_partition,
)
from skdeepcluster.algorithms.kmeans import nearest_center, weighted_lloyd
from skdeepcluster.base import (
    Clusterer,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.partition._divisions import (
    canonical_order,
    divisions,
    merged,
    weighted_rand_index,
)
from skdeepcluster.partition._standardized import StandardizedCentersMixin
from skdeepcluster.validation import (
    FLOATS,
    caller_level,
    check_rows,
    check_weights,
    largest_value,
    scaled_to_range,
)

# Relative difference of losses that counts as none: an earlier start is kept then.
TIE = 1e-9
# A score below this is no validation.
VALID = 0.5


class Candidate(NamedTuple):
    """The partition for one number of clusters, its mixture and what both say.

    Attributes
    ----------
    centers : array of shape (k, n_features)
        Of the best of the k-means runs.
    mixture : Mixture or None
        None if the number is not feasible.
    inertia, stability, agreement, bic : float
    n_iter : int
        Steps of expectation maximization.
    """

    centers: np.ndarray
    mixture: Mixture | None
    inertia: float
    stability: float
    agreement: float
    bic: float

    @property
    def score(self):
        """Agreement of k-means and mixture times that of the runs of k-means."""
        return self.agreement * max(self.stability, 0.0)


class PPP(RandomStateMixin, ThreadsMixin, StandardizedCentersMixin, Clusterer):
    r"""Partitions by k-means that a Gaussian mixture validates, always the same ones (PPP).

    For each number of clusters :math:`k`, k-means is run from several starts, and a Gaussian
    mixture is fitted by expectation maximization from the best partition :math:`z`. With the
    probabilities :math:`\gamma` of the mixture, the rows on which both agree are

    .. math:: V_k = \{ i : \arg\max_j \gamma_{ij} = z_i, \; \max_j \gamma_{ij} \ge t \}, \qquad
        S_k = \frac{|V_k|}{n} \cdot \max \Big( 0, \frac{1}{R} \sum_{r=1}^R
        \mathrm{ARI}(z, z^{(r)}) \Big),

    where :math:`z^{(r)}` are the partitions of all starts. Among the numbers whose :math:`S_k` is
    within `slack` of the highest one, the mixture with the least Bayesian information criterion is
    chosen. A single cluster is the answer if its criterion is less and :math:`S_k < 1/2`.

    Use it for compact clusters where the number is not known and the answer must be the same
    whenever it is asked for: on the same rows it does not depend on `random_state`, nor on their
    order. It is not for clusters of any shape; k-means and mixtures share their blind spots, so a
    high score says that both agree, not that the clusters are real.

    Parameters
    ----------
    max_clusters : int, default=None
        Largest number of clusters. None means the square root of half the number of rows, at most
        20.

    min_clusters : int, default=1
        Smallest number of clusters. From 2 on, a single cluster is not an answer.

    n_init : int, default=10
        Starts of k-means for each number: the first by divisions along principal axes, the others
        by k-means++.

    threshold : float, default=0.95
        Least probability :math:`t` of a validated row.

    slack : float, default=0.1
        How far below the highest score numbers are compared by the mixture's criterion.

    covariance_type : {"auto", "full", "diag"}, default="auto"
        Covariances of the mixture. "auto" is "full" for up to 30 features, if each cluster has five
        times as many rows, else "diag".

    reg_covar : float, default=1e-3
        Added to the variances, in units of the mean variance of the features.

    assign : {"all", "core"}, default="all"
        Whether all rows are labeled, or only validated ones, and the others -1.

    max_samples : int, default=20000
        Of more distinct rows than that, the means of a tenth as many small clusters stand for the
        rows, with their numbers as weights. Clusters of fewer rows than these are not found then.

    max_loss : float, default=0.05
        Largest share of the variance that may be lost by that; twice as many are tried before a
        warning.

    max_iter : int, default=300
        Largest number of steps of a k-means run.

    tol : float, default=1e-4
        K-means ends when the centers move less than that, squared and in units of the mean
        variance.

    random_state : int, RandomState instance or None, default=None
        Without effect: the starts are the same for any value, and so are the labels. It is there
        since tools that set it expect it.

    Attributes
    ----------
    n_clusters_ : int
        The number of clusters.

    core_mask_ : ndarray of shape (n_samples,)
        The validated rows, on which k-means and the mixture agree.

    cluster_centers_ : ndarray of shape (n_clusters_, n_features)
        Centers of k-means on the validated rows, in the order of their first principal coordinates.

    weights_ : ndarray of shape (n_clusters_,)
        Weights of the mixture.

    means_ : ndarray of shape (n_clusters_, n_features)
        Its means.

    covariances_ : ndarray of shape (n_clusters_, n_features, n_features)
        Its covariances; variances, ``(n_clusters_, n_features)``, where they are diagonal.

    inertia_ : float
        Weighted sum of the squared distances to the nearest of `cluster_centers_`.

    scores_ : dict of str to ndarray of shape (n_numbers,)
        For each number of clusters tried, "n_clusters", the "agreement" of k-means and mixture, the
        "stability" of k-means, their product "score", the mixture's "bic" and the "inertia" of
        k-means in units of the mean variance. Numbers with clusters too small for a mixture have a
        score of 0 and an infinite criterion.

    n_iter_ : int
        Steps of expectation maximization for the number chosen.

    See Also
    --------
    NClustersSearch : The number of clusters of any clusterer.
    KMeansSDP : K-means with a certificate, for a given number of clusters.
    sklearn.mixture.GaussianMixture : The mixture alone.

    Notes
    -----
    *Differences from the paper* [1]_: of it only the abstract and the aims are known to us: k-means
    for large data, a mixture to validate its partitions, clusters that are the same in each run,
    and no number of clusters to be given. Score, choice of the number and the core of validated
    rows are of our own making. "Guaranteed" repetition is had by starts that do not change.

    Rows are sorted and equal ones merged before anything else, so that an integer weight counts
    like that many equal rows, and their order does not matter.

    References
    ----------
    .. [1] M. Sultan (2020). Probabilistic partitive partitioning (PPP). :arxiv:`2003.04372`

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeepcluster import PPP
    >>> X = StandardScaler().fit_transform(load_wine().data)
    >>> model = PPP().fit(X)
    >>> model.n_clusters_, round(model.core_mask_.mean(), 2)
    (3, np.float64(0.94))
    """

    max_clusters: int | None = param(
        None, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    min_clusters: int = param(1, Interval(Integral, 1, None, closed="left"))
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))
    threshold: float = param(0.95, Interval(Real, 0, 1, closed="both"))
    slack: float = param(0.1, Interval(Real, 0, None, closed="left"))
    covariance_type: str = param("auto", StrOptions({"auto", "full", "diag"}))
    reg_covar: float = param(1e-3, Interval(Real, 0, None, closed="left"))
    assign: str = param("all", StrOptions({"all", "core"}))
    max_samples: int = param(20_000, Interval(Integral, 20, None, closed="left"))
    max_loss: float = param(0.05, Interval(Real, 0, 1, closed="both"))
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-4, Interval(Real, 0, None, closed="left"))

    # `cluster_centers_`; `_centers` are those of the partition that the mixture validates.
    _measured_centers = "_final"

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the number of clusters that the mixture validates.

        Parameters
        ----------
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None: all are 1. An integer weight counts like that many equal
            rows, a row of weight 0 not at all.
        """
        X = self._validate(X, reset=True)
        least, most = self._numbers(len(X))
        weights = check_weights(sample_weight, len(X), least, "min_clusters")
        with self._limited_threads():
            Z, w = self._standardized(X, weights)
            rows, w = merged(Z[weights > 0], w)
            rows, w = self._reduced(rows, w)
            candidates = self._candidates(rows, w, least, min(most, len(rows)))
            best = self._chosen(candidates, w.sum())
            self._describe(X, Z, weights, rows, w, candidates, best)
        return self

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self.cluster_centers_.dtype
        X = check_rows(
            self,
            X,
            reset=reset,
            dtype=dtype,
            accept_sparse=False,
            ensure_min_samples=2 - (not reset),
        )
        return X

    def _numbers(self, n):
        most = self.max_clusters
        if most is None:
            most = max(min(20, int(np.sqrt(n / 2))), self.min_clusters)
        if most < self.min_clusters:
            raise ValueError(
                f"max_clusters={self.max_clusters} should be >= min_clusters={self.min_clusters}."
            )
        return self.min_clusters, most

    def _standardized(self, X, weights):
        """Rows around 0 with a mean variance of 1, and the weights of those that count."""
        X, self._unit = scaled_to_range(X)
        X = X.astype(np.float64, copy=False)
        w = weights[weights > 0]
        counted = X[weights > 0]
        self._shift = w @ counted / w.sum()
        variance = w @ np.square(counted - self._shift) / w.sum()
        self._scale = float(np.sqrt(variance.mean())) or 1.0
        Z = (X - self._shift) / self._scale
        self._largest = max(largest_value(Z), 1.0)
        return Z, w

    def _reduced(self, rows, w):
        """Means of small clusters for very many rows."""
        if len(rows) <= self.max_samples:
            return rows, w
        n_centers = self.max_samples // 10
        for _ in range(2):
            model = MiniBatchKMeans(n_centers, n_init=1, random_state=0, batch_size=4096)
            model.fit(rows, sample_weight=w)
            labels, squares = nearest_center(
                rows, model.cluster_centers_, self._n_threads(), return_squares=True
            )
            loss = w @ squares / (w @ np.square(rows).sum(axis=1))
            if loss <= self.max_loss:
                break
            n_centers *= 2
        else:
            warnings.warn(
                f"The {n_centers // 2} means that stand for {len(rows)} rows lose {loss:.3f} of "
                f"their variance, more than max_loss={self.max_loss}. Increase max_samples.",
                UserWarning,
                stacklevel=caller_level(),
            )
        totals = np.bincount(labels, w, len(model.cluster_centers_))
        kept = totals > 0
        return np.ascontiguousarray(model.cluster_centers_[kept]), totals[kept]

    def _candidates(self, rows, w, least, most):
        """Partitions and mixtures for each number of clusters."""
        divided = divisions(rows, w, most)
        return {k: self._candidate(rows, w, divided[k]) for k in range(least, most + 1)}

    def _candidate(self, rows, w, divided):
        k, tol, n_threads = len(divided), self.tol, self._n_threads()
        best, partitions = None, []
        for start in range(self.n_init if k > 1 else 1):
            centers = divided
            if start:
                seeded = np.random.RandomState(start)
                centers, _ = kmeans_plusplus(rows, k, sample_weight=w, random_state=seeded)
            found = weighted_lloyd(rows, w, centers, self.max_iter, tol, n_threads)
            partitions.append(found[1])
            if best is None or found[2] < best[2] - TIE * abs(best[2]):
                best = found
        centers, labels, inertia = best
        mixture = mixture_of_partition(
            rows, labels, k, weights=w, covariance_type=self.covariance_type, reg=self.reg_covar
        )
        if mixture is None:
            return Candidate(centers, None, inertia, 0.0, 0.0, np.inf)
        stability = np.mean([weighted_rand_index(labels, other, w) for other in partitions])
        valid = self._valid(rows, mixture, centers)[0]
        return Candidate(
            centers,
            mixture,
            inertia,
            float(stability),
            float(w @ valid / w.sum()),
            float(mixture.bic(w.sum())),
        )

    def _valid(self, Z, mixture, centers):
        """Whether mixture and k-means agree on rows, and the mixture's probabilities."""
        log_proba, _ = log_posterior(Z, mixture)
        likely = log_proba.argmax(axis=1)
        sure = np.exp(log_proba.max(axis=1)) >= self.threshold
        return (likely == nearest_center(Z, centers, self._n_threads())) & sure, log_proba

    def _chosen(self, candidates, total):
        feasible = {k: one for k, one in candidates.items() if one.mixture is not None}
        several = {k: one for k, one in feasible.items() if k > 1}
        if not several:
            if feasible:
                return 1
            raise ValueError(
                f"No number of clusters from {min(candidates)} to {max(candidates)} has clusters "
                "large enough for a mixture. Use fewer clusters, reg_covar > 0 or "
                'covariance_type="diag".'
            )
        highest = max(one.score for one in several.values())
        near = [k for k, one in several.items() if one.score >= highest - self.slack]
        best = min(near, key=lambda k: several[k].bic)
        score = several[best].score
        if score >= VALID:
            return best
        if 1 in feasible and feasible[1].bic < several[best].bic:
            return 1
        warnings.warn(
            f"The {best} clusters are not validated: k-means and mixture agree with a score of "
            f"{score:.2f}, less than {VALID}. There may be no compact clusters.",
            ConvergenceWarning,
            stacklevel=caller_level(),
        )
        return best

    def _describe(self, X, Z, weights, rows, w, candidates, best):
        """Set the fitted attributes, with clusters in the order of a principal coordinate."""
        chosen = candidates[best]
        mixture = chosen.mixture
        order = canonical_order(mixture.means, rows, w)
        self._mixture = mixture._replace(
            weights=mixture.weights[order],
            means=mixture.means[order],
            covariances=mixture.covariances[order],
        )
        self._centers = np.ascontiguousarray(chosen.centers[order])
        self.core_mask_, log_proba = self._valid(Z, self._mixture, self._centers)
        labels = log_proba.argmax(axis=1).astype(np.int32)
        self.labels_ = np.where(self.core_mask_, labels, -1) if self.assign == "core" else labels
        core = self.core_mask_ & (weights > 0)
        final = self._mixture.means
        if core.any():
            final, _, _ = weighted_lloyd(
                np.ascontiguousarray(Z[core]), weights[core], final, self.max_iter, self.tol,
                self._n_threads(),
            )  # fmt: skip
        squares = nearest_center(Z, final, self._n_threads(), return_squares=True)[1]
        with np.errstate(over="ignore"):
            scale = self._scale * self._unit
            self.inertia_ = float(weights @ squares) * scale**2
            self.covariances_ = self._mixture.covariances * scale**2
        self._final = final
        self.cluster_centers_ = self._in_units(final).astype(X.dtype)
        self.means_ = self._in_units(self._mixture.means)
        self.weights_ = self._mixture.weights
        self.n_clusters_ = self._n_features_out = best
        self.n_iter_ = mixture.n_iter
        self.scores_ = {"n_clusters": np.array(list(candidates))} | {
            name: np.array([getattr(one, name) for one in candidates.values()])
            for name in ("agreement", "stability", "score", "bic", "inertia")
        }

    def predict(self, X):
        """The most probable component of the mixture for each row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row, for a training row the one in `labels_`; -1 for rows that are not
            validated, if `assign` is "core".
        """
        Z = self._coordinates(self._new_rows(X))
        core, log_proba = self._valid(Z, self._mixture, self._centers)
        labels = log_proba.argmax(axis=1).astype(np.int32)
        return np.where(core, labels, -1) if self.assign == "core" else labels

    def predict_proba(self, X):
        """Probabilities of the components of the mixture.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters_)
            Of each row and cluster.
        """
        X = self._new_rows(X)
        return np.exp(log_posterior(self._coordinates(X), self._mixture)[0]).astype(X.dtype)

    def score_samples(self, X):
        """Logarithm of the mixture's density, in the units of the rows.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Of each row; at most that of a point 2**40 times as far as the farthest training row.
        """
        Z = self._coordinates(self._new_rows(X))
        shift = Z.shape[1] * (np.log(self._scale) + np.log(self._unit))
        return log_posterior(Z, self._mixture)[1] - shift
