"""KMeansSDP and ILASDP: bounds that hold, programs that are feasible, clusters that are found."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skdeepcluster import ILASDP, KMeansSDP
from skdeepcluster.algorithms.kmeans_sdp import (
    affine_projection,
    bound_of_duals,
    certified_bound,
    positive_part,
    solve_sdp,
)
from skdeepcluster.partition.ila_sdp import profiled


def least_loss(X, w, k):
    """Of all partitions."""
    best = np.inf
    for labels in itertools.product(range(k), repeat=len(X)):
        labels = np.array(labels)
        loss = 0.0
        for c in np.unique(labels):
            Z, v = X[labels == c], w[labels == c]
            loss += v @ np.square(Z - np.average(Z, axis=0, weights=v)).sum(axis=1)
        best = min(best, loss)
    return best


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), k=st.integers(2, 3), n=st.integers(4, 7))
def test_no_partition_is_below_the_bound(seed, k, n):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)) * rng.choice([0.2, 1, 3])
    X += 4 * rng.normal(size=(k, 2))[rng.integers(k, size=n)]
    w = rng.integers(1, 4, n).astype(float)
    least = least_loss(X, w, k)
    labels = np.concatenate([np.arange(k), rng.integers(k, size=n - k)])
    assert 0 <= certified_bound(X, w, k, labels) <= least * (1 + 1e-9) + 1e-12
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeansSDP(k, random_state=0).fit(X, sample_weight=w)
    assert model.lower_bound_ <= least * (1 + 1e-9) + 1e-12 <= (model.inertia_ + 1e-9) * 1.001
    centered = X - X.mean(axis=0)
    A = centered @ centered.T
    Z, duals, slack, _, _ = solve_sdp(A[np.newaxis], k, max_iter=50)
    bound = np.trace(A) - bound_of_duals(A, k, duals[0], slack[0])
    assert bound <= least_loss(X, np.ones(n), k) * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("solver", ["low_rank", "admm"])
def test_separate_blobs_are_certified(solver):
    X, y = make_blobs(80, centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=0)
    model = KMeansSDP(4, solver=solver, random_state=0).fit(X)
    assert model.gap_ < 1e-4 and adjusted_rand_score(y, model.labels_) == 1
    assert model.inertia_ == pytest.approx(KMeans(4, n_init=10, random_state=0).fit(X).inertia_)
    assert_array_equal(model.predict(X), model.labels_)
    assert model.score(X) == pytest.approx(-model.inertia_)


def test_multipliers_bound_overlapping_clusters_best():
    X, _ = make_blobs(60, centers=3, cluster_std=3.0, random_state=1)
    tight = KMeansSDP(3, solver="admm", max_iter=2000, random_state=0).fit(X)
    loose = KMeansSDP(3, random_state=0).fit(X)
    best = KMeans(3, n_init=20, random_state=0).fit(X).inertia_
    assert loose.lower_bound_ <= tight.lower_bound_ <= best * (1 + 1e-9)
    assert tight.gap_ < 0.1 < loose.gap_
    assert tight.inertia_ <= best * 1.02


def test_small_clusters_of_unbalanced_data_are_found():
    """Eight clusters of 2,000 and 100 rows, by means with weights."""
    rng = np.random.default_rng(0)
    sizes = [2000, 100, 100, 100, 100, 2000, 100, 2000]
    places = [[15, 35], [55, 30], [60, 42], [53, 50], [65, 25], [15, 50], [62, 35], [20, 43]]
    X = np.repeat(np.array(places, float), sizes, axis=0) + rng.normal(size=(6500, 2))
    y = np.repeat(range(8), sizes)
    model = KMeansSDP(8, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert model.lower_bound_ <= model.inertia_


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), m=st.integers(1, 3), n=st.integers(2, 8))
def test_projections_are_the_nearest_feasible_matrices(seed, m, n):
    rng = np.random.default_rng(seed)
    S, T = rng.normal(size=(2, m, n, n))
    S, T = S + S.transpose(0, 2, 1), T + T.transpose(0, 2, 1)
    trace = n / m / 2
    Z, other = affine_projection(S, trace), affine_projection(T, trace)
    assert_allclose(np.trace(Z, axis1=1, axis2=2), trace)
    assert_allclose(Z.sum(axis=(0, 2)), 1)
    assert_allclose(affine_projection(Z, trace), Z, atol=1e-9)
    # The step is orthogonal to all feasible directions.
    assert abs(((S - Z) * (other - Z)).sum()) < 1e-8 * (1 + np.abs(S).sum() ** 2)
    P = positive_part(S)
    assert np.linalg.eigvalsh(P).min() > -1e-9
    assert abs((P * (S - P)).sum()) < 1e-8 * (1 + np.square(S).sum())


def test_the_program_of_separate_clusters_is_that_of_the_partition():
    X, y = make_blobs(30, centers=[[0, 0], [20, 0], [0, 20]], random_state=0)
    X = X - X.mean(axis=0)
    Z, _, _, _, converged = solve_sdp((X @ X.T)[np.newaxis], 3, max_iter=3000, tol=1e-6)
    assert converged
    same = y[:, None] == y
    assert_allclose(Z[0], same / same.sum(axis=1), atol=1e-3)


def rotated(seed, n=90, d=4):
    """Three Gaussians of different shapes."""
    rng = np.random.default_rng(seed)
    parts = []
    for k in range(3):
        Q = np.linalg.qr(rng.normal(size=(d, d)))[0]
        parts.append(rng.normal(size=(n // 3, d)) * [3, 1, 0.3, 0.3] @ Q + 3 * np.eye(3, d)[k])
    return np.concatenate(parts), np.repeat([0, 1, 2], n // 3)


def test_shapes_are_adjusted_for():
    found = []
    for seed in range(4):
        X, y = rotated(seed)
        found.append(
            [
                adjusted_rand_score(y, KMeansSDP(3, random_state=0).fit_predict(X)),
                adjusted_rand_score(y, ILASDP(3, random_state=0).fit_predict(X)),
                adjusted_rand_score(y, ILASDP(3, max_outer=1, random_state=0).fit_predict(X)),
            ]
        )
    plain, adjusted, once = np.mean(found, axis=0)
    assert adjusted > plain + 0.1
    assert once == pytest.approx(plain)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_the_lifted_objective_is_the_likelihood_of_a_partition(seed):
    rng = np.random.default_rng(seed)
    Z, labels = rng.normal(size=(12, 2)), np.r_[0, 1, 0, 1, rng.integers(2, size=8)]
    model = ILASDP(2)
    mixture = model._mixture_of(Z, labels)
    value = 0.0
    for k in range(2):
        P = np.linalg.inv(mixture.covariances[k])
        G = Z @ P @ Z.T
        v = np.diag(G)
        A = G - (v[:, None] + v) / 2 - np.linalg.slogdet(mixture.covariances[k])[1]
        inside = (labels == k).astype(float)
        value += (A * np.outer(inside, inside)).sum() / inside.sum()
    assert profiled(Z, labels, mixture) == pytest.approx(value / 2)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_kinds_of_covariances(kind):
    X, y = make_blobs(90, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    model = ILASDP(3, covariance_type=kind, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert_array_equal(model.predict(X), model.labels_)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert_allclose(model.membership_.sum(axis=1), 1, atol=0.05)
    expected = GaussianMixture(3, random_state=0).fit(X).means_
    assert_allclose(sorted(model.cluster_centers_.tolist()), sorted(expected.tolist()), atol=1e-3)
    if kind == "spherical":
        for covariance in model.covariances_:
            assert_allclose(covariance, covariance[0, 0] * np.eye(2))


def test_bad_input():
    X, _ = make_blobs(20, random_state=0)
    for Estimator in (KMeansSDP, ILASDP):
        with pytest.raises(ValueError, match="n_samples=20 should be >= n_clusters=21"):
            Estimator(21).fit(X)
        with pytest.warns(ConvergenceWarning, match="distinct clusters"):
            Estimator(3, random_state=0).fit(np.repeat(X[:2], 5, axis=0))
