"""Variational expectation maximization for a mixture of multi-task Gaussian processes."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import entr, log_softmax

from skdeepcluster.mixture._blocks import Blocks, Objective, patterns_of, with_jitter

# Steps of L-BFGS in each step of maximization.
MAX_STEPS = 25
TINY = np.finfo(np.float64).tiny


class MeanProcess:
    r"""The mean curve of a cluster given the curves: :math:`q(\mu) = N(\hat m, \hat C)`.

    With the prior :math:`N(m, L L^\top)` and the curves' precision W it is kept as
    :math:`\hat m = m + L w` and :math:`\hat C = L B^{-1} L^\top`, :math:`B = I + L^\top W L`, which
    needs no inverse of a covariance that may be nearly singular.

    Parameters
    ----------
    root : array of shape (n_times, n_times)
        L, lower triangular.
    prior : array of shape (n_times,)
        m.
    precision : array of shape (n_times, n_times)
        W.
    pull : array of shape (n_times,)
        Precisions times the curves' differences from m.
    """

    def __init__(self, root, prior, precision, pull):
        n = len(prior)
        B = np.eye(n) + root.T @ precision @ root
        lower = cholesky((B + B.T) / 2, lower=True)
        self.root, self.prior = root, prior
        # The inverse of the root of B.
        self.half = solve_triangular(lower, np.eye(n), lower=True)
        self.weights = self.half.T @ (self.half @ (root.T @ pull))
        self.mean = prior + root @ self.weights
        spread = self.half @ root.T
        self.covariance = spread.T @ spread
        # Expected log prior plus entropy.
        log_determinant = 2 * np.log(np.diag(lower)).sum()
        square = self.weights @ self.weights + np.square(self.half).sum()
        self.bound = (n - square - log_determinant) / 2

    def at(self, cross, prior, covariance):
        """Mean and covariance at other times, given their prior ones and those with the times."""
        whitened = solve_triangular(self.root, cross, lower=True)
        lost = self.half @ whitened
        mean = prior + whitened.T @ self.weights
        return mean, covariance - whitened.T @ whitened + lost.T @ lost


class Inference:
    """The state of a fit: responsibilities, mean processes and hyper-parameters.

    Parameters
    ----------
    Z : array of shape (n_curves, n_times)
        Standardized values, 0 where not observed.
    observed : array of bool of shape (n_curves, n_times)
    times : array of shape (n_times,)
    shares : array of shape (n_curves, n_clusters)
        Responsibilities to start from.
    mean_kernels : list of n_clusters kernels
    shared : bool
        Whether these have the same hyper-parameters.
    curve_kernel : kernel
    noise : float
    prior : array of shape (n_times,) or None
        Prior mean of the mean curves. None is a constant for each cluster, which is fitted.
    jitter : float
    """

    def __init__(
        self, Z, observed, times, shares, *, mean_kernels, shared, curve_kernel, noise, prior,
        jitter,
    ):  # fmt: skip
        self.times, self.jitter, self.shared = times, jitter, shared
        self.patterns = patterns_of(observed)
        self.values = [Z[np.ix_(rows, columns)] for columns, rows in self.patterns]
        self.blocks = Blocks([pattern.columns for pattern in self.patterns], len(times))
        self.whole = Blocks([np.arange(len(times))], len(times))
        self.mean_kernels, self.curve_kernel, self.noise = mean_kernels, curve_kernel, noise
        self.shares = shares
        self.weights = shares.mean(axis=0)
        self.constant = prior is None
        k = shares.shape[1]
        if prior is None:
            each = (shares.T @ Z).sum(axis=1)
            constants = each / np.maximum(shares.T @ observed.sum(axis=1), TINY)
            prior = np.repeat(constants[:, np.newaxis], len(times), axis=1)
        self.priors = np.array(np.broadcast_to(prior, (k, len(times))))
        self._factorize()
        self.update_means()

    def _factorize(self):
        """Roots of the mean kernels, and inverses of the curves' covariances."""
        column = self.times[:, np.newaxis]
        found = {}
        for kernel in self.mean_kernels:
            if id(kernel) not in found:
                found[id(kernel)] = cholesky(with_jitter(kernel(column), self.jitter), lower=True)
        self.roots = [found[id(kernel)] for kernel in self.mean_kernels]
        factors = self.blocks.factors(self.curve_kernel(column), self.noise)
        self.factors = factors
        self.precisions = self.blocks.unpadded(factors)

    def _totals(self):
        """Sums of the responsibilities of each pattern's curves."""
        return np.array([self.shares[rows].sum(axis=0) for _, rows in self.patterns])

    def update_means(self):
        """The step of expectation for the mean curves."""
        k, n_times = self.priors.shape
        totals = self._totals()
        pulls = np.zeros((k, n_times))
        for (columns, rows), values, (inverse, _), total in zip(
            self.patterns, self.values, self.precisions, totals, strict=True
        ):
            sums = self.shares[rows].T @ values
            pulls[:, columns] += (sums - total[:, np.newaxis] * self.priors[:, columns]) @ inverse
        self.processes = []
        for j in range(k):
            scaled = [
                totals[batch.members, j, np.newaxis, np.newaxis] * factor.inverse
                for batch, factor in zip(self.blocks.batches, self.factors, strict=True)
            ]
            precision = self.blocks.scattered(scaled)
            self.processes.append(MeanProcess(self.roots[j], self.priors[j], precision, pulls[j]))
        self._expect()

    def _expect(self):
        """Expected log-likelihood of each curve in each cluster."""
        self.expected = np.empty_like(self.shares)
        spreads = [
            self.blocks.traces(self.factors, process.covariance) for process in self.processes
        ]
        for (columns, rows), values, (inverse, log_determinant), *spread in zip(
            self.patterns, self.values, self.precisions, *spreads, strict=True
        ):
            constant = log_determinant + len(columns) * np.log(2 * np.pi)
            for j, process in enumerate(self.processes):
                rest = values - process.mean[columns]
                square = ((rest @ inverse) * rest).sum(axis=1)
                self.expected[rows, j] = -(constant + square + spread[j]) / 2

    def update_shares(self):
        """The step of expectation for the responsibilities."""
        scores = self.expected + np.log(np.maximum(self.weights, TINY))
        self.shares = np.exp(log_softmax(scores, axis=1))

    def maximize(self):
        """The step of maximization: weights, constants and hyper-parameters."""
        self.weights = self.shares.mean(axis=0)
        if self.constant:
            ones = np.ones(len(self.times))
            for prior, process in zip(self.priors, self.processes, strict=True):
                unit = solve_triangular(process.root, ones, lower=True)
                prior += unit @ process.weights / (unit @ unit)
        self._fit_mean_kernels()
        self._fit_curve_kernel()
        self._factorize()

    def _fit_mean_kernels(self):
        moments = [
            np.outer(process.mean - prior, process.mean - prior) + process.covariance
            for process, prior in zip(self.processes, self.priors, strict=True)
        ]
        if self.shared:
            kernel = self._fit_mean_kernel(self.mean_kernels[0], sum(moments), len(moments))
            self.mean_kernels = [kernel] * len(moments)
        else:
            self.mean_kernels = [
                self._fit_mean_kernel(kernel, moment, 1)
                for kernel, moment in zip(self.mean_kernels, moments, strict=True)
            ]

    def _fit_mean_kernel(self, kernel, moment, count):
        objective = Objective(
            kernel, self.times, self.whole, np.array([count]), [moment[np.newaxis]],
            noise=None, jitter=self.jitter,
        )  # fmt: skip
        return objective.minimized(MAX_STEPS)[0]

    def _fit_curve_kernel(self):
        moments = []
        for (columns, rows), values in zip(self.patterns, self.values, strict=True):
            moment = np.zeros((len(columns), len(columns)))
            for j, process in enumerate(self.processes):
                rest = values - process.mean[columns]
                moment += (self.shares[rows, j] * rest.T) @ rest
            moments.append(moment)
        moments, totals = self.blocks.moments(moments), self._totals()
        for batch, moment in zip(self.blocks.batches, moments, strict=True):
            for process, total in zip(self.processes, totals[batch.members].T, strict=True):
                moment += total[:, np.newaxis, np.newaxis] * batch.gathered(process.covariance)
        counts = np.array([len(rows) for _, rows in self.patterns])
        objective = Objective(
            self.curve_kernel, self.times, self.blocks, counts, moments,
            noise=self.noise, jitter=0.0,
        )  # fmt: skip
        self.curve_kernel, self.noise = objective.minimized(MAX_STEPS)

    def bound(self):
        """The evidence lower bound."""
        likelihood = np.vdot(self.shares, self.expected)
        log_weights = np.log(np.maximum(self.weights, TINY))
        assignment = self.shares.sum(axis=0) @ log_weights + entr(self.shares).sum()
        return float(likelihood + assignment + sum(process.bound for process in self.processes))

    def run(self, max_iter, tol):
        """Iterate until a step gains less than `tol`; return whether that happened."""
        self.bounds = [self.bound()]
        for _ in range(max_iter):
            self.maximize()
            self.update_means()
            self.update_shares()
            self.bounds.append(self.bound())
            if self.bounds[-1] - self.bounds[-2] < tol:
                # The means of the last responsibilities, to which all else refers.
                self.update_means()
                return True
        self.update_means()
        return False

    def n_parameters(self):
        """Number of hyper-parameters and free weights."""
        kernels = self.mean_kernels[:1] if self.shared else self.mean_kernels
        free = sum(kernel.n_dims for kernel in kernels) + self.curve_kernel.n_dims + 1
        return free + len(self.weights) - 1
