"""BalancedKMeans and SubclassClustering."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

from skdeepcluster import BalancedKMeans, SubclassClustering


@given(st.integers(1, 40), st.integers(0, 8), st.sampled_from(["exact", "greedy"]))
def test_sizes_differ_by_one_at_most(n, more, assignment):
    k = max(1, n - more) if more < 4 else max(1, n // more)
    X = np.random.default_rng(n).normal(size=(n, 2))
    model = BalancedKMeans(k, assignment=assignment, n_init=1, random_state=0).fit(X)
    assert np.ptp(np.bincount(model.labels_, minlength=k)) <= 1
    np.testing.assert_array_equal(model.sizes_, np.bincount(model.labels_, minlength=k))


@given(st.integers(0, 500))
def test_each_assignment_is_the_cheapest_of_these_sizes(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12, 2))
    model = BalancedKMeans(4, n_init=1, tol=0, random_state=0).fit(X)
    costs = np.square(X[:, np.newaxis] - model.cluster_centers_).sum(axis=2)
    copies = np.repeat(costs, 3, axis=1)
    least = copies[linear_sum_assignment(copies)].sum()
    assert model.inertia_ == pytest.approx(least)
    greedy = model.set_params(assignment="greedy")._assign(costs, (np.full(4, 3),) * 2, None)
    assert costs[np.arange(12), greedy].sum() >= least - 1e-9


def test_blobs_of_equal_size_are_found_and_others_are_divided():
    X, y = make_blobs([50] * 4, centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=0)
    assert adjusted_rand_score(y, BalancedKMeans(4, random_state=0).fit_predict(X)) == 1
    X, y = make_blobs([90, 10], centers=[[0, 0], [20, 0]], random_state=0)
    assert adjusted_rand_score(y, BalancedKMeans(2, random_state=0).fit_predict(X)) < 0.5


def test_balance_costs_little_on_digits():
    X = load_digits().data
    rows = normalize(X)
    free = KMeans(18, n_init=3, random_state=0).fit(rows)
    cosines = {}
    for assignment in ("exact", "greedy"):
        model = BalancedKMeans(18, metric="cosine", assignment=assignment, random_state=0).fit(X)
        assert set(model.sizes_) == {99, 100}
        cosines[assignment] = np.mean(np.sum(rows * model.cluster_centers_[model.labels_], axis=1))
        np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1)
        assert model.inertia_ > free.inertia_
    assert cosines["exact"] >= cosines["greedy"] > 0.916
    with pytest.raises(ValueError, match="rows of zeros"):
        BalancedKMeans(2, metric="cosine").fit(np.vstack([X, np.zeros(64)]))


def test_more_clusters_than_rows():
    with pytest.raises(ValueError, match="n_samples=3 should be >= n_clusters=8"):
        BalancedKMeans().fit(np.zeros((3, 2)))


classes = st.lists(st.integers(1, 25), min_size=1, max_size=4)


@given(classes, st.integers(1, 12))
def test_subclasses_are_of_one_class_and_as_many_as_the_formula_says(counts, least):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).normal(size=(len(y), 2))
    model = SubclassClustering(min_subclass_size=least, random_state=0).fit(X, y)
    size = max(min(counts), least) if len(counts) > 1 else least
    np.testing.assert_array_equal(model.n_subclasses_, [max(1, n // size) for n in counts])
    np.testing.assert_array_equal(model.subclass_to_class_[model.labels_], y)
    assert len(model.cluster_centers_) == len(np.unique(model.labels_))
    for c in range(len(counts)):
        assert np.ptp(np.bincount(model.labels_[y == c])[np.unique(model.labels_[y == c])]) <= 1


def test_structure_within_a_class_is_found():
    X, modes = make_blobs(
        [30, 30, 30, 30], centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=0
    )
    y = np.array(["a", "b", "b", "b"])[modes]
    model = SubclassClustering(random_state=0).fit(X, y)
    assert adjusted_rand_score(modes, model.labels_) == 1
    assert model.subclass_to_class_.tolist() == ["a", "b", "b", "b"]
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    other = SubclassClustering(clusterer=KMeans(n_init=2), random_state=0).fit(X, y)
    assert adjusted_rand_score(modes, other.labels_) == 1


def test_classes_of_other_rows():
    with pytest.raises(ValueError, match="y has 2 labels, X 3 rows"):
        SubclassClustering().fit(np.zeros((3, 1)), [0, 1])
