"""MagmaClust: a bound that never falls, against slow references, and forecasts of curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal, norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Kernel
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import MagmaClust
from skdeepcluster.mixture._blocks import Blocks, Objective, patterns_of, with_jitter
from skdeepcluster.mixture._curves import CurveMixture, quantile, table_of_curves
from skdeepcluster.mixture._inference import Inference

MEAN, CURVE = ConstantKernel(1.0) * RBF(2.0), ConstantKernel(0.3) * RBF(3.0)
seeds = st.integers(0, 2**31 - 1)


def phases(seed=0, n=24, noise=0.1):
    """Curves of three phases at 41 times, each with a level of its own."""
    rng = np.random.default_rng(seed)
    times, y = np.linspace(0, 10, 41), rng.permutation(np.arange(n) % 3)
    X = 2 * np.sin(times + 2 * y[:, np.newaxis]) + rng.normal(0, 0.3, (n, 1))
    return times, X + rng.normal(0, noise, X.shape), y


def with_gaps(X, n_kept, seed=0):
    X, rng = X.copy(), np.random.default_rng(seed)
    for row in X:
        row[rng.permutation(len(row))[n_kept:]] = np.nan
    return X


def random_curves(seed, n=7, n_times=6, k=2):
    """Values, what is observed, times and responsibilities: nothing in them fits the model."""
    rng = np.random.default_rng(seed)
    observed = rng.random((n, n_times)) < 0.6
    observed[np.arange(n), rng.integers(n_times, size=n)] = True
    times = np.sort(rng.uniform(0, 10, n_times))
    return np.where(observed, rng.normal(size=(n, n_times)), 0.0), observed, times, (
        rng.dirichlet(np.ones(k), size=n)
    )  # fmt: skip


def inference(Z, observed, times, shares, *, shared=True, prior=None, jitter=1e-8):
    return Inference(
        Z, observed, times, shares, mean_kernels=[MEAN] * shares.shape[1], shared=shared,
        curve_kernel=CURVE, noise=0.1, prior=prior, jitter=jitter,
    )  # fmt: skip


# -- the equations -------------------------------------------------------------------------------


@settings(max_examples=12)
@given(seeds, st.booleans(), st.booleans())
def test_the_bound_never_falls(seed, shared, constant):
    Z, observed, times, shares = random_curves(seed, k=3)
    prior = None if constant else np.zeros(len(times))
    state = inference(Z, observed, times, shares, shared=shared, prior=prior)
    before = state.bound()
    for _ in range(4):
        state.maximize()
        for step in (state.update_means, state.update_shares, state.update_means):
            step()
            after = state.bound()
            assert after >= before - 1e-7 * (1 + abs(before))
            before = after


@settings(max_examples=10)
@given(seeds)
def test_bound_and_means_are_those_of_the_slow_formulas(seed):
    Z, observed, times, shares = random_curves(seed)
    state = inference(Z, observed, times, shares)
    processes = state.processes
    state.update_shares()
    K = with_jitter(MEAN(times[:, np.newaxis]), 1e-8)
    Psi = CURVE(times[:, np.newaxis]) + 0.1 * np.eye(len(times))
    bound, scores = 0.0, np.empty_like(shares)
    for j, process in enumerate(processes):
        precision, pull = np.linalg.inv(K), np.linalg.solve(K, process.prior)
        for z, seen, share in zip(Z, observed, shares[:, j], strict=True):
            at = np.ix_(seen, seen)
            precision[at] += share * np.linalg.inv(Psi[at])
            pull[seen] += share * np.linalg.solve(Psi[at], z[seen])
        covariance = np.linalg.inv(precision)
        mean = covariance @ pull
        assert_allclose(process.mean, mean, atol=1e-5)
        assert_allclose(process.covariance, covariance, atol=1e-5)
        assert np.linalg.eigvalsh(process.covariance).min() > 0
        bound += multivariate_normal.logpdf(mean, process.prior, K)
        bound -= np.trace(np.linalg.solve(K, covariance)) / 2
        bound += multivariate_normal(mean, covariance, allow_singular=True).entropy()
        for i, (z, seen) in enumerate(zip(Z, observed, strict=True)):
            at = np.ix_(seen, seen)
            scores[i, j] = multivariate_normal.logpdf(z[seen], mean[seen], Psi[at])
            scores[i, j] -= np.trace(np.linalg.solve(Psi[at], covariance[at])) / 2
    assert_allclose(state.expected, scores, atol=1e-4)
    joint = np.exp(scores) * state.weights
    expected = joint / joint.sum(axis=1, keepdims=True)
    assert_allclose(state.shares, expected, atol=1e-4)
    assert_allclose(state.shares.sum(axis=1), 1)
    bound += np.sum(expected * (scores + np.log(state.weights) - np.log(expected)))
    assert_allclose(state.bound(), bound, rtol=1e-5, atol=1e-3)


@settings(max_examples=10)
@given(seeds, st.booleans())
def test_gradients_are_those_of_finite_differences(seed, noisy):
    Z, observed, times, _ = random_curves(seed)
    patterns = patterns_of(observed)
    blocks = Blocks([pattern.columns for pattern in patterns], len(times))
    counts = np.array([len(pattern.rows) for pattern in patterns])
    rests = [Z[np.ix_(pattern.rows, pattern.columns)] for pattern in patterns]
    moments = blocks.moments([rest.T @ rest for rest in rests])
    noise, jitter = (0.2, 0.0) if noisy else (None, 1e-2)
    objective = Objective(CURVE, times, blocks, counts, moments, noise=noise, jitter=jitter)
    theta, bounds = objective.parameters()
    assert len(theta) == len(bounds) == 2 + noisy
    value, gradient = objective(theta)
    kernel, noise = objective.split(theta)
    matrix = with_jitter(kernel(times[:, np.newaxis]), jitter) + (noise or 0) * np.eye(len(times))
    slow = -sum(
        multivariate_normal.logpdf(rest, np.zeros(rest.shape[1]), matrix[np.ix_(at, at)]).sum()
        for (at, _), rest in zip(patterns, rests, strict=True)
    )
    assert_allclose(value, slow, rtol=1e-8)
    numeric = approx_fprime(theta, lambda theta: objective(theta)[0], 1e-6)
    assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-3 * (1 + abs(value)) * 1e-2)
    kernel, noise = objective.minimized(5)
    better = Objective(kernel, times, blocks, counts, moments, noise=noise, jitter=jitter)
    assert better(better.parameters()[0])[0] <= value


def test_the_constant_of_a_cluster_maximizes_the_bound():
    Z, observed, times, shares = random_curves(3)
    state = inference(Z + 1.0, observed, times, shares)
    process = state.processes[0]
    state.maximize()
    K = process.root @ process.root.T

    def density(constant):
        return multivariate_normal.logpdf(process.mean, np.full(len(times), constant), K)

    best = state.priors[0, 0]
    assert density(best) > max(density(best - 1e-2), density(best + 1e-2))


@settings(max_examples=15)
@given(seeds, st.integers(1, 30), st.integers(1, 30))
def test_padded_blocks_are_those_of_the_matrix(seed, n_times, n_blocks):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n_times, n_times))
    matrix = A @ A.T
    columns = [
        np.sort(rng.permutation(n_times)[: rng.integers(1, n_times + 1)]) for _ in range(n_blocks)
    ]
    blocks = Blocks(columns, n_times)
    factors = blocks.factors(matrix, 0.5)
    total = np.zeros_like(matrix)
    for at, (inverse, log_determinant) in zip(columns, blocks.unpadded(factors), strict=True):
        block = matrix[np.ix_(at, at)] + 0.5 * np.eye(len(at))
        assert_allclose(inverse, np.linalg.inv(block), atol=1e-8)
        assert_allclose(log_determinant, np.linalg.slogdet(block)[1], atol=1e-8)
        total[np.ix_(at, at)] += inverse
    assert_allclose(blocks.scattered([factor.inverse for factor in factors]), total, atol=1e-8)


@given(seeds)
@settings(max_examples=15)
def test_patterns_divide_the_curves_by_what_is_observed(seed):
    observed = np.random.default_rng(seed).random((20, 11)) < 0.9
    patterns = patterns_of(observed)
    assert_array_equal(np.sort(np.concatenate([rows for _, rows in patterns])), np.arange(20))
    for columns, rows in patterns:
        for row in rows:
            assert_array_equal(np.flatnonzero(observed[row]), columns)
    assert len(patterns) == len(np.unique(observed, axis=0))


@settings(max_examples=10)
@given(seeds)
def test_mean_curves_at_new_times_are_those_of_a_fit_that_knows_the_times(seed):
    Z, observed, times, shares = random_curves(seed)
    state = inference(Z, observed, times, shares, prior=np.zeros(len(times)))
    model = CurveMixture(
        times, np.log(state.weights), state.processes, state.mean_kernels, CURVE, 0.1, 1e-8,
        lambda times: np.zeros(len(times)),
    )  # fmt: skip
    more = np.concatenate([times, [times.mean() + 0.1, 11.0, -2.0]])
    nothing = np.zeros((len(Z), 3))
    wider = inference(
        np.hstack([Z, nothing]), np.hstack([observed, nothing > 0]), more, shares,
        prior=np.zeros(len(more)),
    )  # fmt: skip
    means, covariances = model.at(more)
    for mean, covariance, process in zip(means, covariances, wider.processes, strict=True):
        assert_allclose(mean, process.mean, atol=1e-5)
        assert_allclose(covariance, process.covariance, atol=1e-5)


@settings(max_examples=20)
@given(seeds, st.floats(0.01, 0.99))
def test_quantiles_of_mixtures(seed, level):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(3), size=4)
    means, deviations = rng.normal(0, 5, (4, 3, 2)), rng.uniform(0.1, 2, (4, 3, 2))
    found = quantile(shares, means, deviations, level)
    below = norm.cdf((found[:, np.newaxis] - means) / deviations)
    assert_allclose(np.einsum("nk,nkm->nm", shares, below), level, atol=1e-9)
    one = quantile(np.ones((4, 1)), means[:, :1], deviations[:, :1], level)
    assert_allclose(one, norm.ppf(level, means[:, 0], deviations[:, 0]), rtol=1e-7, atol=1e-9)


# -- against a single Gaussian process -----------------------------------------------------------


def test_without_mean_curves_a_forecast_is_that_of_a_gaussian_process():
    times, X, _ = phases(n=9)
    nothing = ConstantKernel(1e-9, "fixed") * RBF(1.0, "fixed")
    model = MagmaClust(1, times=times, mean_kernel=nothing, prior_mean=0.0, random_state=0)
    model.fit(with_gaps(X, 20))
    variance = model._scale**2
    kernel = ConstantKernel(variance) * model.curve_kernel_
    peer = GaussianProcessRegressor(kernel, alpha=model.noise_variance_, optimizer=None)
    new_times = np.array([2.03, 11.5])
    mean, std = model.forecast(X[:1, ::2], new_times, times=times[::2], return_std=True)
    peer.fit(times[::2, np.newaxis], X[0, ::2])
    expected, deviation = peer.predict(new_times[:, np.newaxis], return_std=True)
    assert_allclose(mean[0], expected, atol=1e-5)
    assert_allclose(std[0], np.sqrt(deviation**2 + model.noise_variance_), atol=1e-5)


def test_the_mean_of_curves_on_one_grid_is_that_of_a_process_on_the_average():
    times, X, _ = phases(n=6)
    X -= X.mean()
    X /= X.std()
    state = inference(X, np.ones_like(X, bool), times, np.ones((6, 1)), prior=np.zeros(41))
    column = times[:, np.newaxis]
    K, noise = MEAN(column), (CURVE(column) + 0.1 * np.eye(41)) / 6
    expected = K @ np.linalg.solve(K + noise, X.mean(axis=0))
    assert_allclose(state.processes[0].mean, expected, atol=1e-6)


def test_densities_are_those_of_gaussians_in_the_units_of_the_values():
    times, X, _ = phases(n=12)
    X = with_gaps(100 * X + 7, 15)
    model = MagmaClust(2, times=times, n_init=1, random_state=0).fit(X)
    seen = ~np.isnan(X[3])
    column = times[seen, np.newaxis]
    own = model._scale**2 * model.curve_kernel_(column)
    own += model.noise_variance_ * np.eye(len(column))
    at = np.ix_(seen, seen)
    densities = [
        weight * multivariate_normal.pdf(X[3, seen], mean[seen], own + covariance[at])
        for weight, mean, covariance in zip(
            model.weights_, model.mean_processes_, model.mean_covariances_, strict=True
        )
    ]
    assert_allclose(model.score_samples(X)[3], np.log(sum(densities)), rtol=1e-6)
    assert_allclose(model.predict_proba(X)[3], densities / sum(densities), atol=1e-6)
    assert_allclose(model.score(X), model.score_samples(X).mean())


# -- curves --------------------------------------------------------------------------------------


def test_three_phases_are_found_and_unseen_halves_forecast():
    times, X, y = phases(n=40)
    X = with_gaps(X, 15)
    model = MagmaClust(3, times=times, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert_array_equal(model.predict(X), model.labels_)
    assert np.diff(model.lower_bounds_).min() > 0
    assert 0.005 < model.noise_variance_ < 0.02
    _, new, new_y = phases(1, n=100)
    seen = np.full_like(new, np.nan)
    seen[:, :20:2] = new[:, :20:2]
    matched = [np.bincount(y[model.labels_ == j]).argmax() for j in range(3)]
    assert (np.array(matched)[model.predict(seen)] == new_y).mean() > 0.95
    rest, hidden = times[21:], new[:, 21:]
    mean, std = model.forecast(seen, rest, return_std=True)
    assert np.square(mean - hidden).mean() < 0.03
    low, high = np.moveaxis(model.forecast_interval(seen, rest), -1, 0)
    assert 0.90 < ((low <= hidden) & (hidden <= high)).mean() < 0.99
    assert (low < mean).all() and (mean < high).all()
    half = model.forecast_interval(seen, rest, coverage=0.5)
    assert 0.4 < ((half[..., 0] <= hidden) & (hidden <= half[..., 1])).mean() < 0.6
    assert_allclose(std.mean(), 0.1, atol=0.05)
    # The mean curves carry forecasts that a process on the curve alone cannot make.
    single = MagmaClust(1, times=times, random_state=0).fit(X)
    assert np.square(single.forecast(seen, rest) - hidden).mean() > 0.5


@pytest.fixture(scope="module")
def fitted():
    times, X, y = phases(n=18)
    X = with_gaps(X, 12)
    return times, X, MagmaClust(3, times=times, n_init=1, random_state=0).fit(X)


def test_the_order_of_curves_and_times_does_not_matter(fitted):
    times, X, model = fitted
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(X)), rng.permutation(len(times))
    shares = model.responsibilities_
    one = MagmaClust(3, times=times, init=shares).fit(X)
    other = MagmaClust(3, times=times[columns], init=shares[rows]).fit(X[rows][:, columns])
    assert_allclose(other.lower_bound_, one.lower_bound_, rtol=1e-6)
    assert_array_equal(other.labels_, one.labels_[rows])
    assert_allclose(other.mean_processes_, one.mean_processes_[:, columns], atol=1e-3)


def test_units_of_values_do_not_matter(fitted):
    times, X, model = fitted
    other = MagmaClust(3, times=times, n_init=1, random_state=0).fit(8 * X + 100)
    assert_array_equal(other.labels_, model.labels_)
    assert_allclose(other.mean_processes_, 8 * model.mean_processes_ + 100, rtol=1e-4)
    assert_allclose(other.noise_variance_, 64 * model.noise_variance_, rtol=1e-2)
    lost = (~np.isnan(X)).sum() * np.log(8)
    assert_allclose(other.lower_bound_, model.lower_bound_ - lost, atol=0.1)


def test_a_curve_without_a_value_gets_what_is_known_of_all(fitted):
    times, X, model = fitted
    nothing = np.full((1, len(times)), np.nan)
    assert_allclose(model.predict_proba(nothing)[0], model.weights_)
    expected = model.weights_ @ model.mean_processes_
    assert_allclose(model.forecast(nothing)[0], expected, atol=1e-6)
    assert model.score_samples(nothing)[0] == 0


def test_samples_have_the_moments_of_the_model(fitted):
    times, X, model = fitted
    drawn, labels = model.sample(4000)
    again, _ = model.sample(4000)
    assert_array_equal(drawn, again)
    assert_allclose(np.bincount(labels) / 4000, model.weights_, atol=0.03)
    column = times[:, np.newaxis]
    own = model._scale**2 * np.diag(model.curve_kernel_(column)) + model.noise_variance_
    for j in range(3):
        rows = drawn[labels == j]
        std = np.sqrt(np.diag(model.mean_covariances_[j]) + own)
        assert_allclose(rows.mean(axis=0), model.mean_processes_[j], atol=0.08)
        assert_allclose(rows.std(axis=0), std, rtol=0.15)
    few, _ = model.sample(2, new_times=[3.3, 4.4, 50.0])
    assert few.shape == (2, 3)
    with pytest.raises(ValueError, match="n_samples=0"):
        model.sample(0)


def test_single_observations_are_the_table_that_they_fill(fitted):
    times, X, model = fitted
    rows, columns = np.nonzero(~np.isnan(X))
    order = np.random.default_rng(0).permutation(len(rows))
    rows, columns = rows[order], columns[order]
    names = np.array([f"runner {row:02d}" for row in rows])
    long = MagmaClust(3, n_init=1, random_state=0)
    long.fit_long(names, times[columns], X[rows, columns])
    seen = (~np.isnan(X)).any(axis=0)
    assert_allclose(long.times_, times[seen])
    assert_array_equal(long.labels_, model.labels_)
    assert long.curves_[3] == "runner 03"
    assert_array_equal(long.predict(X, times=times), model.labels_)


def test_near_times_are_merged():
    curves = [0, 0, 0, 1, 1]
    X, times, names = table_of_curves(curves, [0.0, 1.0, 2.0, 0.1, 1.05], np.arange(5.0), 0.2)
    assert_allclose(times, [0.05, 1.025, 2.0])
    assert_allclose(X, [[0, 1, 2], [3, 4, np.nan]])
    assert_array_equal(names, [0, 1])
    X, times, _ = table_of_curves([0, 0, 1], [1.0, 1.2, 2.0], np.array([3.0, 5.0, 7.0]), 0.5)
    assert_allclose(X, [[4, np.nan], [np.nan, 7]])
    model = MagmaClust(1, time_tol=0.5, n_init=1).fit_long([0, 0, 1], [1, 1.2, 2], [3, 5, 7])
    assert_allclose(model.times_, [1.1, 2])


def test_the_bound_with_its_penalty_finds_the_number_of_phases():
    times, X, _ = phases(n=18)
    X = with_gaps(X, 12)
    found = [MagmaClust(k, times=times, n_init=1, random_state=0).fit(X).vbic_ for k in range(1, 5)]
    assert np.argmax(found) + 1 == 3


def test_of_several_starts_the_one_with_the_highest_bound_is_kept():
    times, X, _ = phases(n=12, noise=1.0)
    bounds = [
        MagmaClust(4, times=times, n_init=n, tol=0.01, random_state=0).fit(X).lower_bound_
        for n in (1, 3)
    ]
    assert bounds[1] >= bounds[0]


def test_prior_means_are_where_mean_curves_return_to(fitted):
    times, X, _ = fitted
    kernel = ConstantKernel(1.0) * RBF(1.0, "fixed")
    common = {"times": times, "n_init": 1, "random_state": 0, "mean_kernel": kernel}
    far = np.array([500.0])
    nothing = np.full((1, len(times)), np.nan)
    number = MagmaClust(3, prior_mean=12.0, **common).fit(X)
    assert_allclose(number.forecast(nothing, far), 12)
    line = MagmaClust(3, prior_mean=lambda times: 0.1 * times, **common).fit(X)
    assert_allclose(line.forecast(nothing, far), 50)
    constant = MagmaClust(3, **common).fit(X)
    assert abs(constant.forecast(nothing, far)[0, 0]) < 1


def test_clusters_may_have_kernels_of_their_own():
    rng = np.random.default_rng(0)
    times, y = np.linspace(0, 10, 30), np.arange(12) % 2
    X = np.where(y[:, np.newaxis], 2 * np.sin(3 * times), 0.5 * times - 2.5)
    X = X + rng.normal(0, 0.1, X.shape)
    one = MagmaClust(2, times=times, random_state=0).fit(X)
    two = MagmaClust(2, times=times, shared_mean_kernel=False, random_state=0).fit(X)
    assert adjusted_rand_score(y, two.labels_) == 1
    assert one.mean_kernels_[0] == one.mean_kernels_[1]
    lengths = {
        int(y[two.labels_ == j][0]): kernel.k2.length_scale
        for j, kernel in enumerate(two.mean_kernels_)
    }
    assert lengths[0] > 2 * lengths[1]
    assert two.lower_bound_ > one.lower_bound_


def test_a_kernel_that_is_singular_gets_more_jitter():
    times, X, _ = phases(n=9)
    line = DotProduct(1.0)
    model = MagmaClust(2, times=times, mean_kernel=line, jitter=1e-18, n_init=1, random_state=0)
    model.fit(X)
    assert np.isfinite(model.lower_bound_)
    assert model._jitter > 1e-18

    class Broken(ConstantKernel):
        def __call__(self, X, Y=None, eval_gradient=False):
            return -super().__call__(X, Y, eval_gradient)

    with pytest.raises(ValueError, match="singular"):
        MagmaClust(2, mean_kernel=Broken(1.0, "fixed"), random_state=0).fit(X)
    assert isinstance(model.mean_kernels_[0], Kernel)


def test_a_fit_that_ends_too_early_warns():
    times, X, _ = phases(n=9)
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        MagmaClust(2, times=times, n_init=1, max_iter=1, tol=0, random_state=0).fit(X)


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"times": [0, 1]}, "3 columns"),
        ({"times": [0, 1, 1]}, "different"),
        ({"times": [0, 1, np.inf]}, "times"),
        ({"n_clusters": 9}, "n_samples=4"),
        ({"init": np.ones((4, 3))}, "init must be 4 rows of 2"),
        ({"init": -np.ones((4, 2))}, "init"),
        ({"prior_mean": lambda times: times[:1]}, "prior_mean"),
        ({"mean_kernel": "se"}, "mean_kernel"),
        ({"jitter": 0.1}, "jitter"),
    ],
)
def test_bad_parameters_are_named(params, match):
    X = np.random.default_rng(0).normal(size=(4, 3))
    with pytest.raises(ValueError, match=match):
        MagmaClust(**{"n_clusters": 2} | params).fit(X)


def test_bad_curves_are_named():
    X = np.random.default_rng(0).normal(size=(6, 3))
    X[2] = np.nan
    with pytest.raises(ValueError, match="Curve 2 has no value"):
        MagmaClust(2).fit(X)
    X[2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        MagmaClust(2).fit(X)
    with pytest.raises(ValueError, match="Curve 'b' has no value"):
        MagmaClust(1).fit_long(["a", "b"], [0, 1], [0.5, np.nan])
    with pytest.raises(ValueError, match="several values at time 1"):
        MagmaClust(1).fit_long([0, 0, 1], [1, 1, 2], [0.5, 1, 2])
    with pytest.raises(ValueError, match="inconsistent"):
        MagmaClust(1).fit_long([0, 0], [1, 1, 2], [0.5, 1, 2])


def test_bad_requests_of_a_fitted_model_are_named(fitted):
    times, X, model = fitted
    with pytest.raises(ValueError, match="coverage=1.5"):
        model.forecast_interval(X, coverage=1.5)
    with pytest.raises(ValueError, match="new_times"):
        model.forecast(X, [[1.0]])
    with pytest.raises(ValueError, match="a time for each of 41 columns"):
        model.predict(X, times=[1.0, 2.0])
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :5])
