"""Coding rates and lengths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster.metrics import coding_length, coding_rate, rate_reduction

few = settings(max_examples=25)
shapes = {"seed": st.integers(0, 10**6), "n": st.integers(2, 30), "p": st.integers(1, 12)}


@few
@given(**shapes)
def test_rate_is_bounded_and_blind_to_order_scale_and_rotation(seed, n, p):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, p))
    rate = coding_rate(Z)
    assert np.log(1 + p / 0.1) / 2 - 1e-9 <= rate <= p / 2 * np.log(1 + 1 / 0.1) + 1e-9
    rotation, _ = np.linalg.qr(rng.normal(size=(p, p)))
    scaled = (Z * rng.uniform(0.1, 9, size=(n, 1)))[rng.permutation(n)]
    assert coding_rate(scaled @ rotation) == pytest.approx(rate)
    U = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    _, expected = np.linalg.slogdet(np.eye(p) + p / (n * 0.1) * U.T @ U)
    assert rate == pytest.approx(expected / 2)


def test_bounds_are_reached():
    assert coding_rate(np.ones((7, 3))) == pytest.approx(np.log(1 + 3 / 0.1) / 2)
    assert coding_rate(np.eye(5)) == pytest.approx(2.5 * np.log(1 + 1 / 0.1))
    assert coding_rate(np.eye(5), precision=1) < coding_rate(np.eye(5))


@few
@given(k=st.integers(1, 5), **shapes)
def test_reduction_is_not_negative_and_zero_for_one_cluster(seed, n, p, k):
    rng = np.random.default_rng(seed)
    Z, labels = rng.normal(size=(n, p)), rng.integers(k, size=n)
    parts = sum((labels == c).mean() * coding_rate(Z[labels == c]) for c in np.unique(labels))
    assert coding_rate(Z) - parts >= -1e-9
    assert rate_reduction(Z, labels) == pytest.approx(coding_rate(Z) - parts, abs=1e-9)
    assert rate_reduction(Z, np.zeros(n)) == pytest.approx(0, abs=1e-9)


def test_code_is_shortest_for_the_subspaces_that_rows_lie_in():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(5), 120)
    bases = np.linalg.qr(rng.normal(size=(5, 50, 3)))[0]
    Z = np.concatenate([rng.normal(size=(120, 3)) @ basis.T for basis in bases])
    Z += 0.02 * rng.normal(size=Z.shape)
    merged, split = np.minimum(y, 3), np.where(rng.random(600) < 0.5, y, y + 5)
    lengths = [coding_length(Z, labels) for labels in (merged, y, split)]
    assert lengths[1] == min(lengths)
    assert coding_length(Z, rng.permutation(y)) > lengths[0]
    names = np.array(list("abcde"))[y]
    assert coding_length(Z, names) == pytest.approx(lengths[1])
    assert rate_reduction(Z, y) > 10 * rate_reduction(Z, rng.permutation(y))


def test_one_cluster_takes_the_rate_of_all_rows():
    Z = np.random.default_rng(0).normal(size=(40, 6))
    assert coding_length(Z, np.zeros(40)) == pytest.approx((40 + 6) * coding_rate(Z))


def test_malformed_rows_and_labels():
    Z = np.eye(3)
    with pytest.raises(ValueError, match="Row 1 of Z is zero"):
        coding_rate([[1, 0], [0, 0]])
    for score in (rate_reduction, coding_length):
        with pytest.raises(ValueError, match="inconsistent"):
            score(Z, [0, 1])
        with pytest.raises(ValueError, match="precision"):
            score(Z, [0, 1, 1], precision=0)
