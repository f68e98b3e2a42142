"""Curves as they come in, where mixtures of processes start, and what they say of new curves."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import log_softmax, ndtr, ndtri
from sklearn.cluster import KMeans

from skdeepcluster.algorithms.groups import in_order
from skdeepcluster.mixture._blocks import patterns_of
from skdeepcluster.mixture._inference import TINY, MeanProcess

# Times of the grid on which curves are compared for the start.
GRID = 50
# Halvings in the search for quantiles, which end at the precision of float64.
HALVINGS = 60


def table_of_curves(curves, times, values, time_tol):
    """Single observations as a table of curves and times.

    Returns
    -------
    X : array of shape (n_curves, n_times)
        NaN where a curve is not observed.
    times : array of shape (n_times,)
    names : array of shape (n_curves,)
        Of the curves, sorted.
    """
    names, rows = np.unique(curves, return_inverse=True)
    distinct, columns = np.unique(times, return_inverse=True)
    if time_tol > 0:
        first, group = 0, np.zeros(len(distinct), dtype=np.intp)
        for i in range(1, len(distinct)):
            new = distinct[i] - distinct[first] > time_tol
            first = i if new else first
            group[i] = group[i - 1] + new
        distinct = np.bincount(group, distinct) / np.bincount(group)
        columns = group[columns]
    n = len(distinct)
    counts = np.bincount(rows * n + columns, minlength=len(names) * n).reshape(-1, n)
    if time_tol == 0 and (counts > 1).any():
        row, column = np.argwhere(counts > 1)[0]
        raise ValueError(
            f"Curve {names.tolist()[row]!r} has several values at time {distinct[column]:g}. "
            "Average them first, or give a time_tol."
        )
    sums = np.bincount(rows * n + columns, values, len(names) * n).reshape(-1, n)
    X = np.full(counts.shape, np.nan)
    np.divide(sums, counts, out=X, where=counts > 0)
    return X, distinct, names


def curves_on_grid(Z, observed, times):
    """Curves, interpolated, at up to `GRID` times."""
    order = np.argsort(times)
    grid = times[order]
    if len(grid) > GRID:
        grid = np.linspace(grid[0], grid[-1], GRID)
    found = np.empty((len(Z), len(grid)))
    for row, values, seen in zip(found, Z[:, order], observed[:, order], strict=True):
        row[:] = np.interp(grid, times[order][seen], values[seen])
    return found


def summaries(Z, observed):
    """Minimum, mean and maximum of each curve."""
    lowest = np.where(observed, Z, np.inf).min(axis=1)
    highest = np.where(observed, Z, -np.inf).max(axis=1)
    return np.column_stack([lowest, Z.sum(axis=1) / observed.sum(axis=1), highest])


def starts(Z, observed, times, n_clusters, n_init, summary, rng):
    """Different partitions to start from, at most `n_init`: the best of k-means first."""
    interpolated, summarized = curves_on_grid(Z, observed, times), summaries(Z, observed)
    if summary:
        interpolated = summarized
    found = []
    for start in range(n_init):
        rows = summarized if start == 1 else interpolated
        model = KMeans(n_clusters, n_init=1 if start > 1 else 10, random_state=rng)
        labels = model.fit(rows).labels_
        labels = in_order(labels)  # to notice the same partition
        if not any(np.array_equal(labels, other) for other in found):
            found.append(labels)
    return [np.eye(n_clusters)[labels] for labels in found]


class CurveMixture(NamedTuple):
    """A fitted mixture of processes, for standardized values.

    Attributes
    ----------
    times : array of shape (n_times,)
    log_weights : array of shape (n_clusters,)
    processes : list of MeanProcess
    mean_kernels : list of kernels
    curve_kernel : kernel
    noise : float
    jitter : float
    prior : callable, array of shape (n_clusters,) or None
        Prior means of the mean curves: a function of times, or a constant for each cluster.
    """

    times: np.ndarray
    log_weights: np.ndarray
    processes: list[MeanProcess]
    mean_kernels: list
    curve_kernel: object
    noise: float
    jitter: float
    prior: object

    def at(self, times):
        """Means and covariances of the mean curves at any times."""
        k, column = len(self.processes), times[:, np.newaxis]
        means, covariances = np.empty((k, len(times))), np.empty((k, len(times), len(times)))
        same = self.times[:, np.newaxis] == times
        known = {}
        for j, (process, kernel) in enumerate(zip(self.processes, self.mean_kernels, strict=True)):
            if id(kernel) not in known:
                # Jitter belongs to the process: at a time of the fit it is the same one.
                jitter = self.jitter * kernel.diag(self.times[:, np.newaxis]).mean()
                cross = kernel(self.times[:, np.newaxis], column) + jitter * same
                known[id(kernel)] = cross, kernel(column) + jitter * np.eye(len(times))
            prior = self.prior(times) if callable(self.prior) else self.prior[j]
            means[j], covariances[j] = process.at(known[id(kernel)][0], prior, known[id(kernel)][1])
        return means, covariances

    def conditioned(self, Z, observed, times, wanted=None):
        """Likelihoods of curves, and what clusters say of their values at wanted times.

        Parameters
        ----------
        Z : array of shape (n_curves, n_times)
            Values, 0 where not observed.
        observed : array of bool of shape (n_curves, n_times)
        times : array of shape (n_times,)
        wanted : array of shape (n_wanted,), optional

        Returns
        -------
        log_likelihood : array of shape (n_curves, n_clusters)
        means, variances : arrays of shape (n_curves, n_clusters, n_wanted)
            Only with `wanted`; the variances include the noise.
        """
        n, k = len(Z), len(self.processes)
        union, place = times, np.empty(0, dtype=np.intp)
        if wanted is not None:
            union, place = np.unique(np.concatenate([times, wanted]), return_inverse=True)
            seen, place = place[: len(times)], place[len(times) :]
        else:
            seen = np.arange(len(times))
        means, covariances = self.at(union)
        totals = covariances + self.curve_kernel(union[:, np.newaxis])
        log_likelihood = np.zeros((n, k))
        found_means, variances = np.empty((n, k, len(place))), np.empty((n, k, len(place)))
        for columns, rows in patterns_of(observed):
            at = seen[columns]
            for j, (mean, total) in enumerate(zip(means, totals, strict=True)):
                found_means[rows, j] = mean[place]
                variances[rows, j] = np.diag(total)[place] + self.noise
                if not len(at):
                    continue
                inner = total[np.ix_(at, at)]
                inner[np.diag_indices(len(at))] += self.noise
                root = cholesky(inner, lower=True)
                rest = Z[np.ix_(rows, columns)] - mean[at]
                whitened = solve_triangular(root, rest.T, lower=True)
                constant = len(at) * np.log(2 * np.pi) / 2 + np.log(np.diag(root)).sum()
                log_likelihood[rows, j] = -np.square(whitened).sum(axis=0) / 2 - constant
                if len(place):
                    carried = solve_triangular(root, total[np.ix_(at, place)], lower=True)
                    found_means[rows, j] += whitened.T @ carried
                    variances[rows, j] -= np.square(carried).sum(axis=0)
        # A variance that vanishes may be below 0 by rounding; that of the noise is always there.
        np.maximum(variances, self.noise, out=variances)
        return (log_likelihood, found_means, variances) if wanted is not None else log_likelihood

    def log_posterior(self, log_likelihood):
        """Logarithms of the clusters' probabilities."""
        return log_softmax(log_likelihood + self.log_weights, axis=1)


def log_weights_of(weights):
    """Logarithms of weights, of which some may be 0."""
    return np.log(np.maximum(weights, TINY))


def quantile(shares, means, deviations, level):
    """Quantiles of mixtures of Gaussians.

    Parameters
    ----------
    shares : array of shape (n, k)
    means, deviations : arrays of shape (n, k, m)
    level : float
        In (0, 1).

    Returns
    -------
    found : array of shape (n, m)
    """
    ends = means + ndtri(level) * deviations
    low, high = ends.min(axis=1), ends.max(axis=1)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = ndtr((middle[:, np.newaxis] - means) / deviations)
        less = np.einsum("nk,nkm->nm", shares, below) < level
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return (low + high) / 2
