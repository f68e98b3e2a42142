"""loss_gate and correct_labels."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from skdeepcluster import correct_labels, loss_gate
from skdeepcluster.discovery.loss_gate import crossing


def two_groups(seed, n=600, share=0.25, distance=4.0):
    """Logarithms of losses of right and of wrong labels, and which are wrong."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < share
    u = np.where(wrong, rng.normal(distance, 0.6, n), rng.normal(0, 0.8, n)) - 2
    return u, wrong


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.05, 0.95), st.floats(-5, 5), st.floats(0.1, 6), st.floats(0.1, 2), st.floats(0.1, 2)
)
def test_densities_cross_where_a_grid_says(share, a, distance, s1, s2):
    weights, means = [share, 1 - share], [a, a + distance]
    found = crossing(weights, means, [s1**2, s2**2])
    grid = np.linspace(*means, 20_001)
    one, other = (
        np.log(w) + norm.logpdf(grid, m, s)
        for w, m, s in zip(weights, means, (s1, s2), strict=True)
    )
    if one[0] > other[0] and one[-1] < other[-1]:
        nearest = grid[np.argmin(np.abs(one - other))]
        assert abs(found - nearest) <= 2 * (grid[1] - grid[0])
    else:
        assert found is None
    # Mirrored densities cross at the mirrored point.
    mirrored = crossing(weights[::-1], [-means[1], -means[0]], [s2**2, s1**2])
    assert (mirrored is None) == (found is None)
    assert found is None or mirrored == pytest.approx(-found, abs=1e-9)


def test_there_is_no_crossing_where_one_is_larger_at_both_means():
    assert crossing([0.9, 0.1], [0, 0.3], [1, 0.09]) is None
    assert crossing([0.5, 0.5], [0, 0], [1, 2]) is None
    assert crossing([0.5, 0.5], [0, 2], [1, 1]) == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.floats(0.15, 0.45), st.floats(-3, 3))
def test_separated_groups_are_told_apart(seed, share, shift):
    u, wrong = two_groups(seed, share=share)
    gate = loss_gate(np.exp(u))
    rejected = ~gate.trusted
    assert wrong[rejected].mean() > 0.95 and rejected[wrong].mean() > 0.95
    np.testing.assert_array_equal(gate.trusted, np.exp(u) <= gate.threshold)
    assert gate.means[0] < np.log(gate.threshold) < gate.means[1]
    np.testing.assert_allclose(gate.weights.sum(), 1)
    # Losses in other units, and in another order.
    moved = loss_gate(np.exp(u + shift))
    np.testing.assert_allclose(np.log(moved.threshold), np.log(gate.threshold) + shift, atol=1e-6)
    order = np.random.default_rng(seed).permutation(len(u))
    again = loss_gate(np.exp(u)[order])
    assert again.threshold == gate.threshold
    np.testing.assert_array_equal(again.trusted, gate.trusted[order])
    # The same on a scale that is not logarithmic.
    np.testing.assert_allclose(loss_gate(u, log=False).threshold, np.log(gate.threshold), atol=1e-9)


def test_precision_and_recall_of_groups_far_apart():
    u, wrong = two_groups(0, n=10_000, share=0.2, distance=6.0)
    rejected = ~loss_gate(np.exp(u)).trusted
    assert wrong[rejected].mean() > 0.98 and rejected[wrong].mean() > 0.98


def test_the_components_are_those_that_scikit_learn_fits():
    from sklearn.mixture import GaussianMixture

    u, _ = two_groups(1)
    gate = loss_gate(np.exp(u))
    other = GaussianMixture(2, n_init=5, tol=1e-8, max_iter=1000, random_state=0).fit(u[:, None])
    order = np.argsort(other.means_[:, 0])
    np.testing.assert_allclose(gate.means, other.means_[order, 0], atol=0.02)
    np.testing.assert_allclose(gate.variances, other.covariances_[order, 0, 0], rtol=0.05)
    np.testing.assert_allclose(gate.weights, other.weights_[order], atol=0.01)


def test_many_losses_are_fitted_by_their_quantiles():
    u, wrong = two_groups(2, n=60_000)
    few, many = loss_gate(np.exp(u[:20_000])), loss_gate(np.exp(u))
    assert many.threshold == pytest.approx(few.threshold, rel=0.05)
    assert len(many.trusted) == 60_000


@pytest.mark.parametrize(
    "losses",
    [np.full(50, 0.3), np.zeros(50), [0.1], [0.1, 2.0, 3.0], 1e-9 * np.arange(5)],
    ids=["equal", "zero", "one", "few", "tiny"],
)
def test_without_two_modes_all_rows_are_trusted(losses):
    with pytest.warns(UserWarning, match="no two separated modes"):
        gate = loss_gate(losses)
    assert gate.threshold == np.inf and gate.trusted.all()
    assert gate.trusted.shape == (len(losses),)


def test_one_mode_is_no_gate():
    u = np.random.default_rng(0).normal(size=500)
    with pytest.warns(UserWarning, match="no two separated modes"):
        gate = loss_gate(np.exp(u))
    assert gate.trusted.all() and gate.separation < 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss_gate(np.exp(two_groups(0)[0]))


@pytest.mark.parametrize("most", [0.0, 0.1, 0.5])
def test_no_more_are_rejected_than_allowed(most):
    u, wrong = two_groups(3, share=0.4)
    gate = loss_gate(np.exp(u), max_rejected=most)
    assert (~gate.trusted).mean() <= most
    assert (~gate.trusted).mean() > most - 0.11
    # Those with the largest losses.
    if most:
        assert u[~gate.trusted].min() > u[gate.trusted].max()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"losses": [[1.0, 2.0]]}, "one-dimensional"),
        ({"losses": [1.0, -2.0]}, "no logarithm. Use log=False"),
        ({"losses": [1.0, np.nan]}, "losses contains NaN"),
        ({"losses": [1.0], "max_rejected": 2}, "'max_rejected' parameter"),
        ({"losses": [1.0], "min_separation": -1}, "'min_separation' parameter"),
    ],
)
def test_bad_losses(options, message):
    with pytest.raises(ValueError, match=message):
        loss_gate(**options)


# -- correction ----------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    st.integers(2, 6), st.floats(0, 1), st.floats(0.05, 2), st.integers(0, 99),
    st.sampled_from("fd"),
)  # fmt: skip
def test_targets_row_by_row(k, confidence, temperature, seed, dtype):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-1, 1, (30, k)).astype(dtype)
    labels, trusted = rng.integers(-1, k, 30), rng.random(30) < 0.5
    given_scores = scores.copy()
    found = correct_labels(scores, labels, trusted, confidence=confidence, temperature=temperature)
    np.testing.assert_array_equal(scores, given_scores)
    assert found.targets.dtype == scores.dtype and found.labels.dtype == np.int32
    for i in range(30):
        powers = [np.exp(float(s) / temperature) for s in scores[i]]
        q = np.array(powers) / sum(powers)
        np.testing.assert_allclose(found.confidence[i], q.max(), rtol=1e-3)
        if trusted[i] and labels[i] >= 0:
            wanted, label = np.eye(k)[labels[i]], labels[i]
        elif found.confidence[i] > confidence:
            wanted, label = q, q.argmax()
        else:
            wanted, label = np.zeros(k), -1
        np.testing.assert_allclose(found.targets[i], wanted, rtol=1e-3, atol=1e-5)
        assert found.labels[i] == label


def test_large_scores_do_not_overflow():
    found = correct_labels([[1e4, 0.0]], [-1], [False], temperature=1e-3)
    np.testing.assert_array_equal(found.targets, [[1, 0]])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"labels": [0, 2, 1]}, "from 0 to 1, or -1"),
        ({"labels": [0, -2, 1]}, "from 0 to 1, or -1"),
        ({"labels": ["a", "b", "a"]}, "from 0 to 1, or -1"),
        ({"labels": [0, 1]}, "inconsistent numbers of samples"),
        ({"trusted": [1, 0, 1]}, "truth value for each row"),
        ({"scores": np.full((3, 2), np.nan)}, "scores contains NaN"),
        ({"temperature": 0}, "'temperature' parameter"),
    ],
)
def test_bad_labels(change, message):
    given = {"scores": np.zeros((3, 2)), "labels": [0, 1, 0], "trusted": [True, False, True]}
    with pytest.raises(ValueError, match=message):
        correct_labels(**(given | change))
