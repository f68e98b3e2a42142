"""Gaussian mixtures that start at a partition, with weights of rows and nothing random."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.special import logsumexp

# "auto": covariances are full up to this many features, and with so many rows for each.
FULL_FEATURES, FULL_ROWS = 30, 5


class Mixture(NamedTuple):
    """A Gaussian mixture.

    Attributes
    ----------
    weights : array of shape (n_components,)
    means : array of shape (n_components, n_features)
    covariances : array of shape (n_components, n_features, n_features)
        Of shape (n_components, n_features), variances, where they are diagonal.
    log_likelihood : float
        Weighted sum over the rows.
    n_parameters : int
        Free ones.
    n_iter : int
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    log_likelihood: float
    n_parameters: int
    n_iter: int

    def bic(self, total):
        """Bayesian information criterion for rows of this total weight; less is better."""
        return self.n_parameters * np.log(total) - 2 * self.log_likelihood


def covariance_type_of(sizes, n_features):
    """The type of covariances for clusters of such sizes: "full" where all are large enough."""
    enough = n_features <= FULL_FEATURES and sizes.min() >= FULL_ROWS * n_features
    return "full" if enough else "diag"


def mixture_of_partition(
    X, labels, n_clusters, *, weights=None, covariance_type="auto", reg=0.0, max_iter=100, tol=1e-3
):
    r"""The mixture to which expectation maximization leads from a partition.

    .. math:: \max_{\pi, \mu, \Sigma} \; \sum_i w_i \log \sum_j \pi_j N(x_i; \mu_j, \Sigma_j)

    Parameters
    ----------
    X : array of shape (n, n_features)
    labels : array of shape (n,)
        The partition that gives the first weights, means and covariances.
    n_clusters : int
    weights : array of shape (n,), optional
    covariance_type : {"auto", "full", "diag"}, default="auto"
        "auto" is that of `covariance_type_of`.
    reg : float, default=0.0
        Added to the variances.
    max_iter : int, default=100
        0 means that the mixture is that of the partition.
    tol : float, default=1e-3
        Least gain of the mean log-likelihood.

    Returns
    -------
    mixture : Mixture or None
        None if a covariance is singular, also for a cluster with fewer rows than its covariance
        needs.
    """
    n, d = X.shape
    w = np.ones(n) if weights is None else weights
    # Equal rows count like one row of their total weight.
    sizes = np.bincount(labels, w, n_clusters)
    if covariance_type == "auto":
        covariance_type = covariance_type_of(sizes, d)
    full = covariance_type == "full"
    if sizes.min() < (d + 1 if full else 2):
        return None
    X = X.astype(np.float64, copy=False)
    responsibilities = np.zeros((n, n_clusters))
    responsibilities[np.arange(n), labels] = 1
    before, n_iter = -np.inf, 0
    try:
        for _ in range(max_iter + 1):
            pi, means, covariances = _maximize(X, w, responsibilities, full, reg)
            joint = log_densities(X, means, covariances) + np.log(pi)
            each = logsumexp(joint, axis=1)
            likelihood = float(w @ each)
            if not np.isfinite(likelihood):
                return None
            if likelihood - before < tol * w.sum():
                break
            before, responsibilities = likelihood, np.exp(joint - each[:, np.newaxis])
            n_iter += 1
    except LinAlgError:
        return None
    n_covariances = d * (d + 1) // 2 if full else d
    n_parameters = n_clusters * (n_covariances + d + 1) - 1
    return Mixture(pi, means, covariances, likelihood, n_parameters, n_iter)


def _maximize(X, w, responsibilities, full, reg):
    """Weights, means and covariances of rows that belong to components in these shares."""
    shares = w[:, np.newaxis] * responsibilities
    sizes = np.maximum(shares.sum(axis=0), np.finfo(np.float64).tiny)
    means = shares.T @ X / sizes[:, np.newaxis]
    d = X.shape[1]
    covariances = np.empty((len(means), d, d) if full else means.shape)
    for j, mean in enumerate(means):
        # Differences, since sums of squares would lose the digits of values far from 0.
        centered = X - mean
        if full:
            covariances[j] = (shares[:, j] * centered.T) @ centered / sizes[j] + reg * np.eye(d)
        else:
            covariances[j] = shares[:, j] @ centered**2 / sizes[j] + reg
    return sizes / w.sum(), means, covariances


def log_densities(X, means, covariances):
    """Logarithms of the components' densities, an array of shape (n, n_components).

    Raises
    ------
    LinAlgError
        If a covariance is singular.
    """
    found = np.empty((len(X), len(means)))
    constant = X.shape[1] * np.log(2 * np.pi)
    for j, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        if covariance.ndim == 2:
            lower = cholesky(covariance, lower=True)
            whitened = solve_triangular(lower, (X - mean).T, lower=True)
            log_determinant = 2 * np.log(np.diag(lower)).sum()
        else:
            if not (covariance > 0).all():
                raise LinAlgError("a variance is 0")
            whitened = ((X - mean) / np.sqrt(covariance)).T
            log_determinant = np.log(covariance).sum()
        found[:, j] = -0.5 * (constant + log_determinant + np.square(whitened).sum(axis=0))
    return found


def log_posterior(X, mixture):
    """Logarithms of the probabilities of components for rows, and of the density of each row."""
    joint = log_densities(X, mixture.means, mixture.covariances) + np.log(mixture.weights)
    each = logsumexp(joint, axis=1)
    return joint - each[:, np.newaxis], each
