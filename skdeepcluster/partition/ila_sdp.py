"""ILASDP: Gaussian clusters by semidefinite programs whose likelihood is adjusted in turns."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.linalg import LinAlgError
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.gaussian_mixture import Mixture, log_densities, log_posterior
from skdeepcluster.algorithms.kmeans_sdp import solve_low_rank
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, RandomStateMixin, param
from skdeepcluster.partition._standardized import StandardizedMixin
from skdeepcluster.partition.kmeans_sdp import KMeansSDP
from skdeepcluster.validation import (
    FLOATS,
    caller_level,
    check_n_samples,
    check_rows,
    largest_value,
    scaled_to_range,
)

RANK = 2


class ILASDP(StandardizedMixin, NumberOfClustersMixin, RandomStateMixin, Clusterer):
    r"""Clusters of different shapes by likelihood-adjusted semidefinite programs (iLA-SDP).

    For Gaussian clusters with covariances :math:`\Sigma_k`, twice the log-likelihood of a partition
    at the means of its clusters is, up to a constant,

    .. math:: \sum_k \langle A_k, Z_k \rangle, \qquad Z_k = 1_{G_k} 1_{G_k}^\top / |G_k|, \quad
        A_k = X P_k X^\top - \tfrac12 (v_k 1^\top + 1 v_k^\top) - \log \det \Sigma_k \, 1 1^\top,

    with :math:`P_k = \Sigma_k^{-1}` and :math:`v_k` the diagonal of :math:`X P_k X^\top`. It is
    maximized over :math:`Z_k \succeq 0, \; Z_k \ge 0, \; \mathrm{tr} Z_k = 1, \; \sum_k Z_k 1 = 1`,
    in turns with the covariances of the clusters found, beginning with those of
    :class:`KMeansSDP`. The partition of the highest likelihood is kept.

    Use it for elongated or unequal clusters in up to a few thousand rows where expectation
    maximization depends on its start. On easy data
    :class:`sklearn.mixture.GaussianMixture` is as good and faster.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.

    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Covariances: one for each cluster, one for all, variances of the features, or one variance
        for each cluster.

    reg_covar : float, default=1e-3
        Added to the variances, in units of the mean variance of the features.

    max_outer : int, default=10
        Largest number of programs.

    max_iter : int, default=300
        Largest number of steps for each.

    tol : float, default=1e-5
        Tolerance of the steps.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Means of the clusters.

    covariances_ : ndarray of shape (n_clusters, n_features, n_features)
        Their covariances.

    weights_ : ndarray of shape (n_clusters,)
        Shares of the rows.

    membership_ : ndarray of shape (n_samples, n_clusters)
        Row sums of the relaxed matrices :math:`Z_k`, which sum to about 1; of the program that was
        kept, or of a partition.

    log_likelihood_ : float
        The objective of the partition that was kept, half of the sum above, in units in which the
        mean variance of the features is 1.

    n_iter_ : int
        Number of programs.

    See Also
    --------
    KMeansSDP : The program for equal round clusters, with a certificate.
    sklearn.mixture.GaussianMixture : Expectation maximization.

    Notes
    -----
    *Differences from the paper* [1]_: programs are solved in factored form, each with factors of
    two columns, started at the probabilities of Gaussian densities; covariances are those of
    rounded clusters; and the partition is chosen by its likelihood, as values of relaxed programs
    are not comparable.

    References
    ----------
    .. [1] Y. Zhuang, X. Chen, Y. Yang (2023). Likelihood adjusted semidefinite programs for
           clustering heterogeneous data. *ICML*. :arxiv:`2209.15097`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import ILASDP
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(150, 2)) * np.repeat([[6, 0.4], [0.4, 3], [0.4, 3]], 50, axis=0)
    >>> X += np.repeat([[0, 0], [-3, 8], [3, 8]], 50, axis=0)
    >>> y = np.repeat([0, 1, 2], 50)
    >>> labels = ILASDP(n_clusters=3, random_state=0).fit_predict(X)
    >>> float(adjusted_rand_score(y, labels)) > 0.95
    True
    """

    covariance_type: str = param("full", StrOptions({"full", "tied", "diag", "spherical"}))
    reg_covar: float = param(1e-3, Interval(Real, 0, None, closed="left"))
    max_outer: int = param(10, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-5, Interval(Real, 0, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Solve the programs in turns with the covariances."""
        X = self._validate(X, reset=True)
        check_n_samples(len(X), self.n_clusters)
        self._dtype = X.dtype
        rows, self._unit = scaled_to_range(X)
        rows = rows.astype(np.float64)
        self._shift = rows.mean(axis=0)
        self._scale = float(np.sqrt(np.square(rows - self._shift).mean())) or 1.0
        Z = (rows - self._shift) / self._scale
        self._largest = max(largest_value(Z), 1.0)
        generator = self._generator()
        start = KMeansSDP(self.n_clusters, random_state=int(generator.integers(2**31)))
        with warnings.catch_warnings():
            # Too few distinct rows are reported below.
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = start.fit(Z).labels_
        best, n_iter, membership = None, 0, np.eye(self.n_clusters)[labels]
        for _ in range(self.max_outer):
            n_iter += 1
            mixture = self._mixture_of(Z, labels)
            likelihood = profiled(Z, labels, mixture)
            if best is None or likelihood > best[0]:
                best = likelihood, labels, mixture, membership
            membership = self._program(Z, mixture, generator)
            found = membership.argmax(axis=1).astype(np.int32)
            if np.array_equal(found, labels) or np.bincount(found).min(initial=1) == 0:
                break
            labels = found
        self._describe(X, best, n_iter)
        return self

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self._dtype
        return check_rows(self, X, reset=reset, dtype=dtype, accept_sparse=False)

    def _mixture_of(self, Z, labels):
        """Shares, means and covariances of clusters; those of empty ones are the data's."""
        k, (n, d) = self.n_clusters, Z.shape
        sizes = np.bincount(labels, minlength=k)
        means, covariances = np.zeros((k, d)), np.empty((k, d, d))
        for j in range(k):
            inside = Z[labels == j]
            if len(inside):
                means[j] = inside.mean(axis=0)
            spread = inside - means[j] if len(inside) else Z
            covariances[j] = spread.T @ spread / max(len(spread), 1)
        if self.covariance_type == "tied":
            covariances[:] = np.tensordot(sizes / n, covariances, 1)
        elif self.covariance_type == "diag":
            covariances *= np.eye(d)
        elif self.covariance_type == "spherical":
            variances = np.trace(covariances, axis1=1, axis2=2) / d
            covariances = variances[:, np.newaxis, np.newaxis] * np.eye(d)
        covariances += self.reg_covar * np.eye(d)
        weights = np.maximum(sizes, np.finfo(np.float64).tiny) / n
        return Mixture(weights, means, covariances, np.nan, 0, 0)

    def _program(self, Z, mixture, generator):
        """Row sums of the relaxed matrices."""
        n, k = len(Z), self.n_clusters
        try:
            factors = np.linalg.cholesky(np.linalg.inv(mixture.covariances))
        except LinAlgError as error:
            raise ValueError(
                f"The covariance of a cluster is singular with reg_covar={self.reg_covar}. Raise "
                'it, or take covariance_type="tied" or "diag".'
            ) from error
        W = np.stack([Z @ factor for factor in factors])
        v = np.square(W).sum(axis=2)
        heights = np.linalg.slogdet(mixture.covariances)[1]

        def apply(U):
            found = np.einsum("knd,kdr->knr", W, np.einsum("knd,knr->kdr", W, U))
            sums = U.sum(axis=1)
            found -= v[:, :, np.newaxis] * sums[:, np.newaxis] / 2
            found -= np.einsum("kn,knr->kr", v, U)[:, np.newaxis] / 2
            return found - heights[:, np.newaxis, np.newaxis] * sums[:, np.newaxis]

        # From a partition itself no step leads away: rows begin at their probabilities.
        likely = np.exp(log_posterior(Z, mixture)[0]).T
        U = np.abs(generator.normal(size=(k, n, RANK))) * (0.1 / np.sqrt(n))
        U[:, :, 0] += likely / np.sqrt(np.maximum(likely.sum(axis=1, keepdims=True), 1e-300))
        U /= np.linalg.norm(U, axis=(1, 2), keepdims=True)
        s = np.full(n, 1 / np.sqrt(n))
        U, _ = solve_low_rank(apply, s, U, max_iter=self.max_iter, tol=self.tol)
        return np.einsum("knr,kr->nk", U, U.sum(axis=1))

    def _describe(self, X, best, n_iter):
        likelihood, labels, mixture, membership = best
        self.labels_, self._mixture, self.n_iter_ = labels.astype(np.int32), mixture, n_iter
        self.membership_, self.log_likelihood_ = membership, likelihood
        self.weights_ = mixture.weights
        scale = self._scale * self._unit
        centers = self._in_units(mixture.means)
        self.cluster_centers_ = centers.astype(X.dtype)
        with np.errstate(over="ignore"):
            self.covariances_ = mixture.covariances * scale**2
        n_found = len(np.unique(labels))
        if n_found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_found}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )

    def _log_proba(self, X):
        return log_posterior(self._coordinates(self._new_rows(X)), self._mixture)[0]

    def predict(self, X):
        """The most probable cluster of each row, by Gaussian densities.

        For training rows on a border that need not be the one in `labels_`, which comes from the
        program.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row.
        """
        return self._log_proba(X).argmax(axis=1).astype(np.int32)

    def predict_proba(self, X):
        """Probabilities of the clusters, by Gaussian densities and shares of the rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters)
            Of each row and cluster.
        """
        return np.exp(self._log_proba(X)).astype(self._dtype)


def profiled(Z, labels, mixture):
    """Half of the sum of the products of A_k and Z_k, for a partition at its means."""
    densities = log_densities(Z, mixture.means, mixture.covariances)
    constant = len(Z) * Z.shape[1] * np.log(2 * np.pi) / 2
    return float(densities[np.arange(len(Z)), labels].sum() + constant)
