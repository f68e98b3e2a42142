"""MagmaClust: clusters of curves by a mixture of multi-task Gaussian processes."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from scipy.linalg import LinAlgError
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, RandomStateMixin, param
from skdeepcluster.mixture._curves import starts, table_of_curves
from skdeepcluster.mixture._inference import Inference
from skdeepcluster.mixture._new_curves import NewCurvesMixin, checked_times
from skdeepcluster.validation import (
    FLOATS,
    as_array,
    caller_level,
    check_n_samples,
    check_rows,
    largest_value,
    scaled_to_range,
)

# Variance of the noise at the start, in units of the variance of all values.
FIRST_NOISE = 0.05
LARGEST_JITTER = 1e-4


class MagmaClust(NewCurvesMixin, NumberOfClustersMixin, RandomStateMixin, Clusterer):
    r"""Clusters of curves, each with a mean curve, that forecast the rest of a curve (MAGMAclust).

    A curve is the mean curve of its cluster, a deviation of its own, both smooth, and noise [1]_:

    .. math:: y_i(t) = \mu_k(t) + f_i(t) + \varepsilon_i, \quad
        \mu_k \sim GP(m_k, c), \quad f_i \sim GP(0, \xi), \quad
        \varepsilon_i \sim N(0, \sigma^2), \quad P(k) = \pi_k.

    With :math:`\Psi_i = \xi(t_i, t_i) + \sigma^2 I`, responsibilities :math:`\tau_{ik}` and
    Gaussian posteriors :math:`q(\mu_k) = N(\hat m_k, \hat C_k)` it maximizes the evidence lower
    bound

    .. math:: \sum_{ik} \tau_{ik} \Big[ \log N(y_i; \hat m_k(t_i), \Psi_i) - \tfrac{1}{2}
        \operatorname{tr} \Psi_i^{-1} \hat C_k(t_i, t_i) + \log \frac{\pi_k}{\tau_{ik}} \Big]
        - \sum_k \mathrm{KL}(q(\mu_k) \,\|\, p(\mu_k))

    over all of these and the hyper-parameters of both kernels; it never falls.

    Use it for short, noisy or incomplete series, such as growth, sport or sensor runs, where both
    clusters and forecasts with intervals are wanted. Times may be irregular and differ between
    curves. It is not for more than a few thousand distinct times, whose cube is the cost, nor for
    curves that are alike but shifted in time.

    Parameters
    ----------
    n_clusters : int, default=3
        Number of clusters.

    times : array-like of shape (n_features,), default=None
        The times of the columns, all different. None means 0, 1, and so on.

    mean_kernel : kernel, default=None
        Covariance of the mean curves, one of :mod:`sklearn.gaussian_process.kernels`, for values
        with a variance of 1 and the times as they are. None is a constant times `RBF`, with bounds
        from the times.

    curve_kernel : kernel, default=None
        Covariance of a curve's own deviation, likewise. Noise is added to it and need not be in it.

    shared_mean_kernel : bool, default=True
        Whether the mean curves of all clusters have the same hyper-parameters.

    prior_mean : {"constant"}, float or callable, default="constant"
        Prior mean of the mean curves, to which they return far from all data: a constant for each
        cluster, which is fitted, a given number, or a function of an array of times.

    init : {"curves", "summary"} or array-like of shape (n_samples, n_clusters), default="curves"
        Responsibilities at the start: from k-means on curves interpolated to a grid, or on their
        minimum, mean and maximum as in the paper, or as given.

    n_init : int, default=3
        Number of starts, of which that with the highest bound is kept: the best of ten runs of
        k-means, one on the summaries, then single runs of k-means. Partitions that have been
        started from are left out.

    max_iter : int, default=25
        Largest number of iterations.

    tol : float, default=1e-3
        An iteration that gains less of the bound than this, per observed value, is the last.

    time_tol : float, default=0.0
        In `fit_long`, times within this distance of the first of them count as their mean, and so
        do the values of a curve at these times.

    jitter : float, default=1e-8
        Added to the variances of the mean curves, in units of their mean, up to which two times are
        told apart. Ten times as much is tried where a covariance is singular, at most 1e-4.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Most probable cluster of each curve; `predict` gives the same for these curves.

    responsibilities_ : ndarray of shape (n_samples, n_clusters)
        Probabilities of the clusters for each curve.

    weights_ : ndarray of shape (n_clusters,)
        Shares of the clusters.

    times_ : ndarray of shape (n_features_in_,)
        Times of the columns; after `fit_long`, all distinct ones.

    mean_processes_ : ndarray of shape (n_clusters, n_features_in_)
        Mean curve of each cluster at `times_`.

    mean_covariances_ : ndarray of shape (n_clusters, n_features_in_, n_features_in_)
        Covariance of its uncertainty.

    mean_kernels_ : list of n_clusters kernels
        Fitted covariances of the mean curves, for values with a variance of 1.

    curve_kernel_ : kernel
        Fitted covariance of the deviations, likewise.

    noise_variance_ : float
        Variance of the noise, in units of the values.

    lower_bound_ : float
        Evidence lower bound.

    lower_bounds_ : list of float
        That of each iteration, the first one at the start.

    vbic_ : float
        Lower bound less a penalty for hyper-parameters; higher is better. The number of clusters
        may be that with the highest one.

    n_iter_ : int
        Number of iterations.

    curves_ : ndarray of shape (n_samples,)
        Only after `fit_long`: the names of the curves, in the order of `labels_`.

    See Also
    --------
    NClustersSearch : The number of clusters of any clusterer.
    sklearn.gaussian_process.GaussianProcessRegressor : A single curve.

    Notes
    -----
    An iteration costs one factorization for each set of curves with the same times and one for each
    cluster, at all distinct times: equal times are cheap, and none is stored for each curve.

    *Differences from the paper.* All curves share their hyper-parameters; those of each curve alone
    overfit short curves, and are left out. The constant prior mean is the generalized least squares
    estimate, which maximizes the bound, and not the plain mean of the mean curve. Starts are on
    curves, and the best of several by the bound. Probabilities of training curves are computed as
    for new ones, from the marginal likelihood :math:`N(y; \hat m_k, \Psi + \hat C_k)`. Times have
    one dimension.

    References
    ----------
    .. [1] A. Leroy, P. Latouche, B. Guedj, S. Gey (2023). Cluster-specific predictions with
           multi-task Gaussian processes. *Journal of Machine Learning Research*, 24.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import MagmaClust
    >>> rng = np.random.default_rng(0)
    >>> times = np.linspace(0, 10, 20)
    >>> phases = np.repeat([0, 2, 4], 5)[:, np.newaxis]
    >>> X = np.sin(times + phases) + 0.1 * rng.normal(size=(15, 20))
    >>> X[rng.random(X.shape) < 0.3] = np.nan
    >>> model = MagmaClust(3, times=times, random_state=0).fit(X)
    >>> np.unique(model.labels_, return_counts=True)[1]
    array([5, 5, 5])
    >>> half = np.where(times < 5, np.sin(times + 2), np.nan)
    >>> mean, std = model.forecast([half], [8.0], return_std=True)
    >>> bool(abs(mean - np.sin(10)) < 2 * std)
    True
    """

    n_clusters: int = param(3, Interval(Integral, 1, None, closed="left"), positional=True)
    times: np.ndarray | None = param(None, "array-like", None)
    mean_kernel: Kernel | None = param(None, Kernel, None)
    curve_kernel: Kernel | None = param(None, Kernel, None)
    shared_mean_kernel: bool = param(True, "boolean")
    prior_mean: str | float | Callable = param(
        "constant", StrOptions({"constant"}), Interval(Real, None, None, closed="neither"), callable
    )
    init: str | np.ndarray = param("curves", StrOptions({"curves", "summary"}), "array-like")
    n_init: int = param(3, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(25, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-3, Interval(Real, 0, None, closed="left"))
    time_tol: float = param(0.0, Interval(Real, 0, None, closed="left"))
    jitter: float = param(1e-8, Interval(Real, 0, LARGEST_JITTER, closed="right"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster curves that are rows of a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A curve in each row, its value at each of `times`; NaN where it is not observed.
        """
        X = self._validate(X, reset=True)
        times = np.arange(X.shape[1]) if self.times is None else self.times
        return self._fit(X, checked_times(times, X.shape[1]))

    @fit_context(prefer_skip_nested_validation=True)
    def fit_long(self, curves, times, values):
        """Cluster curves of which each observation is an entry: the form for irregular times.

        Parameters
        ----------
        curves : array-like of shape (n_observations,)
            Name or number of the curve.
        times : array-like of shape (n_observations,)
            Its time. The parameter `times` is not used.
        values : array-like of shape (n_observations,)
            Its value. NaN is left out.

        Returns
        -------
        self : object
            Fitted; `curves_` has the names of the curves.
        """
        curves, times = column_or_1d(as_array(curves)), column_or_1d(as_array(times))
        values = column_or_1d(as_array(values))
        check_consistent_length(curves, times, values)
        checked = {"ensure_2d": False, "dtype": np.float64}
        times = check_array(times, input_name="times", **checked)
        values = check_array(values, input_name="values", ensure_all_finite="allow-nan", **checked)
        names = np.unique(curves)
        kept = ~np.isnan(values)
        X, times, self.curves_ = table_of_curves(
            curves[kept], times[kept], values[kept], self.time_tol
        )
        if len(self.curves_) < len(names):
            lost = np.setdiff1d(names, self.curves_).tolist()[0]
            raise ValueError(f"Curve {lost!r} has no value. Remove it.")
        return self._fit(self._validate(X, reset=True), times)

    def _fit(self, X, times):
        n, k = len(X), self.n_clusters
        check_n_samples(n, k)
        observed = ~np.isnan(X)
        if not observed.any(axis=1).all():
            row = int(np.argmin(observed.any(axis=1)))
            raise ValueError(f"Curve {row} has no value: a row of X is all NaN. Remove it.")
        self.times_ = times
        Z = self._standardized(X, observed)
        rng = check_random_state(self.random_state)
        best = None
        converged = False
        for shares in self._starts(Z, observed, rng):
            found, ended, jitter = self._run(Z, observed, shares)
            if best is None or found.bounds[-1] > best.bounds[-1]:
                best, converged, kept = found, ended, jitter
        if not converged:
            warnings.warn(
                f"The bound still grew after max_iter={self.max_iter} iterations. Increase "
                "max_iter or tol.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        self._describe(X, Z, observed, best, kept)
        return self

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self.mean_processes_.dtype
        return check_rows(
            self, X, reset=reset, dtype=dtype, accept_sparse=False, ensure_all_finite="allow-nan"
        )

    def _standardized(self, X, observed):
        """Values around 0 with a variance of 1, and 0 where not observed."""
        X, self._unit = scaled_to_range(X)
        X = X.astype(np.float64)
        values = X[observed]
        self._shift = float(values.mean())
        self._scale = float(values.std()) or 1.0
        Z = np.where(observed, (X - self._shift) / self._scale, 0.0)
        self._largest = max(largest_value(Z), 1.0)
        return Z

    def _starts(self, Z, observed, rng):
        n, k = len(Z), self.n_clusters
        if isinstance(self.init, str):
            summary = self.init == "summary"
            return starts(Z, observed, self.times_, k, self.n_init, summary, rng)
        shares = check_array(self.init, dtype=np.float64, input_name="init")
        sums = shares.sum(axis=1, keepdims=True)
        if shares.shape != (n, k) or shares.min() < 0 or not sums.all():
            raise ValueError(
                f"init must be {n} rows of {k} probabilities, one for each cluster; its shape is "
                f"{shares.shape}."
            )
        return [shares / sums]

    def _kernels(self):
        """Kernels to start from."""
        times = np.sort(self.times_)
        extent = float(np.ptp(times)) or 1.0
        gap = float(np.diff(times).min()) if len(times) > 1 else extent
        default = ConstantKernel(1.0, (1e-4, 1e4)) * RBF(extent / 5, (gap / 10, 10 * extent))
        mean = default if self.mean_kernel is None else self.mean_kernel
        curve = self.curve_kernel
        if curve is None:
            curve = ConstantKernel(0.3, (1e-5, 1e4)) * RBF(extent / 5, (gap / 10, 10 * extent))
        return mean, curve

    def _prior(self):
        """The prior mean of standardized values as a function of times, or None."""
        prior = self.prior_mean
        if isinstance(prior, str):
            return None
        given = prior if callable(prior) else lambda times: np.full(len(times), float(prior))

        def standardized(times):
            values = np.asarray(given(times), dtype=np.float64)
            if values.shape != times.shape or not np.isfinite(values).all():
                raise ValueError("prior_mean must give a finite value for each time.")
            return (values / self._unit - self._shift) / self._scale

        return standardized

    def _run(self, Z, observed, shares):
        mean, curve = self._kernels()
        prior = self._prior()
        jitter = self.jitter
        while True:
            try:
                state = Inference(
                    Z, observed, self.times_, shares, mean_kernels=[mean] * self.n_clusters,
                    shared=self.shared_mean_kernel, curve_kernel=curve, noise=FIRST_NOISE,
                    prior=None if prior is None else prior(self.times_), jitter=jitter,
                )  # fmt: skip
                return state, state.run(self.max_iter, self.tol * observed.sum()), jitter
            except LinAlgError as error:
                jitter *= 10
                if jitter > LARGEST_JITTER:
                    raise ValueError(
                        f"A covariance is singular with any jitter up to {LARGEST_JITTER}: {error}."
                        " Use another mean_kernel or curve_kernel."
                    ) from error

    def _describe(self, X, Z, observed, state, jitter):
        """Set the fitted attributes."""
        self._prior_constants = state.priors[:, 0].copy() if state.constant else None
        self._processes, self._noise, self._jitter = state.processes, state.noise, jitter
        self.weights_ = state.weights
        self.mean_kernels_, self.curve_kernel_ = state.mean_kernels, state.curve_kernel
        self.n_iter_ = len(state.bounds) - 1
        unit = self._scale * self._unit
        density = observed.sum() * (np.log(self._scale) + np.log(self._unit))
        self.lower_bounds_ = [bound - float(density) for bound in state.bounds]
        self.lower_bound_ = self.lower_bounds_[-1]
        self.vbic_ = self.lower_bound_ - state.n_parameters() * np.log(len(X)) / 2
        with np.errstate(over="ignore"):
            means = np.array([process.mean for process in state.processes])
            self.mean_processes_ = self._in_units(means).astype(X.dtype)
            covariances = np.array([process.covariance for process in state.processes])
            self.mean_covariances_ = covariances * unit**2
            self.noise_variance_ = float(state.noise * np.square(unit))
        mixture = self._mixture()
        posterior = mixture.log_posterior(mixture.conditioned(Z, observed, self.times_))
        self.responsibilities_ = np.exp(posterior).astype(X.dtype)
        self.labels_ = posterior.argmax(axis=1).astype(np.int32)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
