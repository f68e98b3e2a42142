"""WeightCoclustering: blocks that are found whatever their order, signs and scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.cluster import SpectralCoclustering
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import WeightCoclustering
from skdeepcluster.algorithms import coclusters
from skdeepcluster.algorithms.coclusters import bipartite_cut
from skdeepcluster.metrics import clusterability_score


def hidden(seed=0, k=4, shape=(64, 48), noise=0.0):
    """Blocks of weights of both signs, in random order."""
    rng = np.random.default_rng(seed)
    rows, columns = (rng.permutation(np.arange(n) % k) for n in shape)
    W = rng.normal(size=shape) * (rows[:, None] == columns)
    return W + noise * rng.normal(size=shape), rows, columns


def normalized_cut(A, rows, columns):
    cut = 0.0
    for k in np.unique(rows):
        own, other = (rows == k)[:, None], columns == k
        cut += A[own ^ other].sum() / (A * (1 * own + other)).sum()
    return cut


@given(st.integers(0, 10**6), st.integers(2, 6), st.sampled_from([0.5, 1.0, 2.0]))
@settings(max_examples=15, deadline=None)
def test_hidden_blocks_are_recovered(seed, k, power):
    W, rows, columns = hidden(seed, k)
    model = WeightCoclustering(k, power=power, random_state=seed % 1000).fit(W)
    assert model.clusterability_ == pytest.approx(1)
    both = np.r_[model.row_labels_, model.column_labels_]
    assert adjusted_rand_score(np.r_[rows, columns], both) == 1
    np.testing.assert_array_equal(model.labels_, model.row_labels_)
    for i in range(k):
        np.testing.assert_array_equal(model.get_indices(i)[1], np.flatnonzero(both[64:] == i))


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_order_signs_and_scale_do_not_matter(seed):
    W, _, _ = hidden(seed, 3, (30, 20), noise=0.2)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(30), rng.permutation(20)
    signs = rng.choice([-1, 1], size=W.shape)
    plain = WeightCoclustering(3, random_state=0).fit(W)
    other = WeightCoclustering(3, random_state=0).fit(1e200 * (signs * W)[rows][:, columns])
    assert adjusted_rand_score(plain.row_labels_[rows], other.row_labels_) == 1
    assert adjusted_rand_score(plain.column_labels_[columns], other.column_labels_) == 1
    turned = WeightCoclustering(3, random_state=0).fit(W.T)
    assert adjusted_rand_score(plain.row_labels_, turned.column_labels_) == 1


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_the_cut_is_no_larger_than_that_of_the_planted_blocks(seed):
    W, rows, columns = hidden(seed, 3, (40, 30), noise=0.3)
    found = bipartite_cut(csr_array(W**2), 3, seed=seed % 1000)
    assert normalized_cut(W**2, *found) <= normalized_cut(W**2, rows, columns) + 1e-9


def test_weak_blocks_are_found_where_few_vectors_do_not():
    """Seven tenths of the squares are within blocks; scikit-learn cuts the same table."""
    ours, theirs = [], []
    for seed in range(5):
        W, rows, columns = hidden(seed, 8, (64, 64), noise=0.25)
        model = WeightCoclustering(8, random_state=seed).fit(W)
        ours.append(model.clusterability_)
        assert model.clusterability_ == clusterability_score(
            W, model.row_labels_, model.column_labels_
        )
        assert ours[-1] > 0.98 * clusterability_score(W, rows, columns)
        other = SpectralCoclustering(8, random_state=seed).fit(W**2)
        theirs.append(clusterability_score(W, other.row_labels_, other.column_labels_))
    assert np.mean(ours) > np.mean(theirs) + 0.02


def test_units_without_weights_are_in_no_group():
    W, rows, columns = hidden()
    W[5], W[:, [0, 7]] = 0, 0
    model = WeightCoclustering(4, random_state=0).fit(W)
    assert set(np.flatnonzero(model.row_labels_ < 0)) == {5}
    assert set(np.flatnonzero(model.column_labels_ < 0)) == {0, 7}
    assert not model.rows_[:, 5].any() and not model.columns_[:, [0, 7]].any()
    assert model.clusterability_ == pytest.approx(1)


def test_many_rows_and_columns(monkeypatch):
    """Few singular vectors of a sparse table are those of all."""
    W, _, _ = hidden(0, 3, (60, 50), noise=0.1)
    dense = bipartite_cut(csr_array(W**2), 3)
    monkeypatch.setattr(coclusters, "DENSE_SIZE", 10)
    sparse = bipartite_cut(csr_array(W**2), 3)
    for one, other in zip(dense, sparse, strict=True):
        assert adjusted_rand_score(one, other) == 1


def test_more_groups_than_columns():
    W = np.random.default_rng(0).normal(size=(12, 2))
    model = WeightCoclustering(5, random_state=0).fit(W)
    assert model.rows_.shape == (5, 12) and model.columns_.sum() == 2


def test_bad_input():
    for W, message in (
        (np.zeros((4, 3)), "X has no weights"),
        (np.eye(3)[:, [0]], r"n_samples=2 other than 0 should be >= n_clusters=3"),
        (np.ones((2, 9)), "n_samples=2 should be >= n_clusters=3"),
        (np.full((4, 3), np.nan), "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            WeightCoclustering(3).fit(W)
