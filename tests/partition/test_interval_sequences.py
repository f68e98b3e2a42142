"""IntervalClustering of sequences, with least sizes, and with the number of intervals chosen."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import IntervalClustering


def partitions(n, k, min_size):
    """All partitions of n items into k intervals, as pairs of their ends."""
    for cuts in combinations(range(1, n), k - 1):
        ends = list(zip((0, *cuts), (*cuts, n), strict=True))
        if min(end - begin for begin, end in ends) >= min_size:
            yield ends


def squared(X, w):
    def loss(begin, end):
        part, weights = X[begin:end], w[begin:end]
        center = np.average(part, axis=0, weights=weights)
        return np.dot(weights, np.square(part - center).sum(axis=1))

    return loss


def least(loss, n, k, min_size):
    return min(sum(loss(*ends) for ends in found) for found in partitions(n, k, min_size))


# -- sequences -----------------------------------------------------------------------------------


@given(data=st.data())
def test_no_partition_of_a_sequence_is_better(data):
    n, d = data.draw(st.integers(2, 9)), data.draw(st.integers(1, 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    X, w = rng.integers(0, 5, (n, d)).astype(float), rng.integers(1, 4, n)
    min_size = data.draw(st.integers(1, 3))
    k = data.draw(st.integers(1, max(1, n // min_size)))
    if k * min_size > n:
        return
    model = IntervalClustering(k, order="given", min_size=min_size).fit(X, sample_weight=w)
    assert model.inertia_ == pytest.approx(least(squared(X, w), n, k, min_size), abs=1e-9)
    assert_array_equal(np.unique(model.labels_), np.arange(k))
    assert (np.diff(model.labels_) >= 0).all()
    assert np.bincount(model.labels_).min() >= min_size
    assert_array_equal(np.flatnonzero(np.diff(model.labels_)) + 1, model.boundaries_)
    for j, center in enumerate(model.cluster_centers_):
        rows = model.labels_ == j
        assert_allclose(center, np.average(X[rows], axis=0, weights=w[rows]), atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 4))
def test_no_partition_is_better_by_a_cost_of_the_user(seed, k):
    n = 8
    affinity = np.random.default_rng(seed).normal(size=(n, n))

    def cost(begins, end):
        middles = begins + (end - begins) // 2
        rows = zip(begins, middles, strict=True)
        return [-affinity[middle, begin:end].sum() for begin, middle in rows]

    model = IntervalClustering(k, criterion=cost, order="given").fit(np.zeros((n, 2)))

    def loss(begin, end):
        return cost(np.array([begin]), end)[0]

    assert model.inertia_ == pytest.approx(least(loss, n, k, 1))
    assert not hasattr(model, "cluster_centers_")


def test_runs_are_found_and_the_order_counts():
    x = np.repeat([5.0, 3.0, 1.0, 3.0], 4)
    model = IntervalClustering(4, order="given").fit(x)
    assert_array_equal(model.boundaries_, [4, 8, 12])
    assert model.inertia_ == 0
    by_value = IntervalClustering(3).fit(x)
    assert by_value.inertia_ == 0 and len(set(by_value.labels_[[4, 12]])) == 1


def test_rows_without_weight_do_not_count():
    x, w = np.array([0.0, 0, 9, 5, 5]), [1, 1, 0, 1, 1]
    model = IntervalClustering(2, order="given", min_size=2).fit(x, sample_weight=w)
    assert_array_equal(model.boundaries_, [3])
    assert model.inertia_ == 0


def test_sequences_have_no_place_for_new_rows():
    model = IntervalClustering(2, order="given").fit(np.arange(6.0))
    assert not hasattr(model, "predict") and not hasattr(model, "score")
    with pytest.raises(AttributeError, match="no place for new rows"):
        model.transform(np.arange(6.0))


# -- least sizes ---------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error"])
@given(data=st.data())
def test_no_partition_with_these_sizes_is_better(criterion, data):
    n, min_size = data.draw(st.integers(2, 9)), data.draw(st.integers(1, 3))
    k = data.draw(st.integers(1, max(1, n // min_size)))
    if k * min_size > n:
        return
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = np.sort(rng.permutation(30)[:n]).astype(float)
    w = rng.integers(1, 4, n)

    def absolute(begin, end):
        part = x[begin:end]
        return min(np.dot(w[begin:end], np.abs(part - center)) for center in part)

    loss = absolute if criterion == "absolute_error" else squared(x[:, None], w)
    model = IntervalClustering(k, criterion=criterion, min_size=min_size)
    model.fit(x, sample_weight=w)
    assert model.inertias_[-1] == pytest.approx(least(loss, n, k, min_size), abs=1e-9)
    assert np.bincount(model.labels_).min() >= min_size
    assert_array_equal(model.predict(x), model.labels_)


def test_an_outlier_has_no_interval_of_its_own():
    x = np.array([0.0, 1, 2, 10, 11, 12, 27])
    assert_array_equal(IntervalClustering(2).fit(x).labels_, [0] * 6 + [1])
    assert_array_equal(IntervalClustering(2, min_size=2).fit(x).labels_, [0] * 3 + [1] * 4)


def test_equal_values_leave_room_for_fewer_intervals():
    with pytest.warns(ConvergenceWarning, match="room for 2 intervals of min_size=2"):
        model = IntervalClustering(3, min_size=2).fit([1, 1, 1, 1, 2, 3])
    assert model.n_clusters_ == 2
    assert_array_equal(model.labels_, [0, 0, 0, 0, 1, 1])


# -- the number of intervals ---------------------------------------------------------------------


@pytest.mark.parametrize("levels", [[0], [0, 3], [0, 3, -2, 0, 5]])
def test_as_many_segments_as_levels(levels):
    rng = np.random.default_rng(0)
    X = np.repeat(levels, 60)[:, None] + rng.normal(size=(60 * len(levels), 2))
    model = IntervalClustering(None, order="given", max_clusters=8).fit(X)
    assert model.n_clusters_ == len(levels)
    assert len(model.inertias_) == 8
    assert np.abs(model.boundaries_ - 60 * np.arange(1, len(levels))).max(initial=0) <= 2


# -- bad input -----------------------------------------------------------------------------------


def other_shape(begins, end):
    return np.zeros(len(begins) + 1)


def not_a_number(begins, end):
    return np.full(len(begins), np.nan)


@pytest.mark.parametrize(
    "params, weight, match",
    [
        ({"criterion": not_a_number}, None, 'needs order="given"'),
        ({"criterion": not_a_number, "order": "given"}, None, "number for each.*NaN"),
        ({"criterion": other_shape, "order": "given"}, None, "number for each"),
        ({"criterion": other_shape, "order": "given"}, [1, 1, 1], "no use for sample_weight"),
        (
            {"criterion": other_shape, "order": "given", "n_clusters": None},
            None,
            "needs squared errors",
        ),
        ({"criterion": "absolute_error", "order": "given"}, None, "no criterion="),
        ({"n_clusters": None}, None, 'needs order="given"'),
        ({"min_size": 2}, None, "n_samples=3 should be >= n_clusters=2.*min_size=2"),
        ({"min_size": 0}, None, "'min_size' parameter"),
        ({"n_clusters": 1, "min_size": 3}, [1, 0, 1], "min_size=3 is above the 2 rows"),
        (
            {"n_clusters": 1, "min_size": 3, "order": "given"},
            [1, 0, 1],
            "min_size=3 is above the 2 rows",
        ),
    ],
)
def test_bad_input(params, weight, match):
    with pytest.raises(ValueError, match=match):
        IntervalClustering(**{"n_clusters": 2} | params).fit([1, 2, 3], sample_weight=weight)
