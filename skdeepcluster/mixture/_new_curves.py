"""What a fitted mixture of curves says of new curves: clusters, densities, forecasts, samples."""

from numbers import Integral

import numpy as np
from scipy.linalg import cholesky
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._docstrings import documented
from skdeepcluster.mixture._curves import CurveMixture, log_weights_of, quantile
from skdeepcluster.validation import as_array, within_reach


def checked_times(times, n_times, name="times"):
    """Different finite numbers, as many as there are columns."""
    times = check_array(as_array(times), ensure_2d=False, dtype=np.float64, input_name=name)
    if times.ndim != 1 or len(times) != (n_times or len(times)):
        columns = "" if n_times is None else f" of {n_times} columns"
        raise ValueError(f"{name} has shape {times.shape}; it must have a time for each{columns}.")
    if n_times is not None and len(np.unique(times)) < len(times):
        raise ValueError(f"{name} must all be different: a curve has one value at each time.")
    return times


@documented
class NewCurvesMixin:
    """Predictions and forecasts of a fitted `MagmaClust`."""

    def _mixture(self):
        prior = self._prior_constants
        return CurveMixture(
            self.times_,
            log_weights_of(self.weights_),
            self._processes,
            self.mean_kernels_,
            self.curve_kernel_,
            self._noise,
            self._jitter,
            self._prior() if prior is None else prior,
        )

    def _in_units(self, Z):
        return (Z * self._scale + self._shift) * self._unit

    def _read(self, X, times):
        """Standardized curves, which of their values are observed, times, and their dtype."""
        check_is_fitted(self)
        if times is None:
            X, times = self._new_rows(X), self.times_
        else:
            X = check_array(
                as_array(X), dtype=self.mean_processes_.dtype, ensure_all_finite="allow-nan"
            )
            times = checked_times(times, X.shape[1])
        observed = ~np.isnan(X)
        Z = (X.astype(np.float64) / self._unit - self._shift) / self._scale
        return within_reach(np.where(observed, Z, 0.0), self._largest), observed, times, X.dtype

    def _log_posterior(self, X, times):
        Z, observed, times, dtype = self._read(X, times)
        mixture = self._mixture()
        return mixture.log_posterior(mixture.conditioned(Z, observed, times)), dtype

    def predict(self, X, *, times=None):
        """The most probable cluster of each curve.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Curves, NaN where not observed.
        times : array-like of shape (n_features,), default=None
            Times of the columns, if they are others than `times_`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Of a curve without a value, the largest cluster.
        """
        return self._log_posterior(X, times)[0].argmax(axis=1).astype(np.int32)

    def predict_proba(self, X, *, times=None):
        """Probabilities of the clusters.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters)
            Of a curve without a value, `weights_`.
        """
        posterior, dtype = self._log_posterior(X, times)
        return np.exp(posterior).astype(dtype)

    def score_samples(self, X, *, times=None):
        """Logarithm of the density of each curve's values, as a new curve.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            0 for a curve without a value.
        """
        Z, observed, times, _ = self._read(X, times)
        mixture = self._mixture()
        joint = mixture.conditioned(Z, observed, times) + mixture.log_weights
        density = np.log(self._scale) + np.log(self._unit)
        found = np.logaddexp.reduce(joint, axis=1) - observed.sum(axis=1) * density
        return np.where(observed.any(axis=1), found, 0.0)

    def score(self, X, y=None, *, times=None):
        """Mean of `score_samples`.

        Returns
        -------
        score : float
            Higher is better.
        """
        return float(self.score_samples(X, times=times).mean())

    def _forecast(self, X, new_times, times):
        Z, observed, times, dtype = self._read(X, times)
        wanted = times if new_times is None else checked_times(new_times, None, "new_times")
        mixture = self._mixture()
        log_likelihood, means, variances = mixture.conditioned(Z, observed, times, wanted)
        return np.exp(mixture.log_posterior(log_likelihood)), means, variances, dtype

    def forecast(self, X, new_times=None, *, times=None, return_std=False):
        """Expected values of curves at any times, given those that are observed.

        Parameters
        ----------
        new_times : array-like of shape (n_new,), default=None
            Times of the forecast. None means those of `X`, to fill its gaps.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_new)
            Mean over the clusters, by their probabilities for the curve.
        std : ndarray of shape (n_samples, n_new)
            Only if `return_std`: standard deviation of a new value there, noise included.
        """
        shares, means, variances, dtype = self._forecast(X, new_times, times)
        mean = np.einsum("nk,nkm->nm", shares, means)
        with np.errstate(over="ignore"):
            result = self._in_units(mean).astype(dtype)
            if not return_std:
                return result
            between = np.square(means - mean[:, np.newaxis])
            variance = np.einsum("nk,nkm->nm", shares, variances + between)
            std = np.sqrt(variance) * (self._scale * self._unit)
            return result, std.astype(dtype)

    def forecast_interval(self, X, new_times=None, *, times=None, coverage=0.95):
        """Intervals for values of curves at any times, given those that are observed.

        Parameters
        ----------
        coverage : float, default=0.95
            Probability that a value is in its interval, in (0, 1).

        Returns
        -------
        interval : ndarray of shape (n_samples, n_new, 2)
            Lower and upper end: quantiles of the mixture of the clusters' forecasts.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage={coverage} must be between 0 and 1.")
        shares, means, variances, dtype = self._forecast(X, new_times, times)
        deviations, rest = np.sqrt(variances), (1 - coverage) / 2
        ends = [quantile(shares, means, deviations, level) for level in (rest, 1 - rest)]
        with np.errstate(over="ignore"):
            return self._in_units(np.stack(ends, axis=-1)).astype(dtype)

    def sample(self, n_samples=1, *, new_times=None):
        """Draw new curves.

        Parameters
        ----------
        n_samples : int, default=1
            Number of curves.
        new_times : array-like of shape (n_new,), default=None
            Their times. None means `times_`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_new)
            Curves, with noise.
        labels : ndarray of shape (n_samples,)
            Their clusters.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples={n_samples} must be an integer of at least 1.")
        times = self.times_
        if new_times is not None:
            times = checked_times(new_times, None, "new_times")
        rng = check_random_state(self.random_state)
        mixture = self._mixture()
        means, covariances = mixture.at(times)
        own = self.curve_kernel_(times[:, np.newaxis]) + self._noise * np.eye(len(times))
        labels = rng.choice(self.n_clusters, size=n_samples, p=self.weights_)
        Z = rng.normal(size=(n_samples, len(times)))
        for j, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
            rows = labels == j
            Z[rows] = mean + Z[rows] @ cholesky(covariance + own, lower=True).T
        return self._in_units(Z).astype(self.mean_processes_.dtype), labels
