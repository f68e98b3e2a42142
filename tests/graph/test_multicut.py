"""MulticutClustering: the objective, the joins, and what is found."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import MulticutClustering
from skdeepcluster.algorithms.multicut import (
    exact_contraction,
    lazy_contraction,
    local_search,
    objective,
)


def draw(seed, n=30, d=4):
    return np.random.default_rng(seed).normal(size=(n, d))


def cut(F, labels, a):
    """By the definition."""
    costs = F @ F.T - a
    return float(np.triu(costs * (labels[:, None] != labels), 1).sum())


def greedy(F, a):
    """Joins of the pair of the largest cost, over a matrix of all costs."""
    C = F @ F.T - a
    np.fill_diagonal(C, -np.inf)
    labels = np.arange(len(F))
    while True:
        i, j = np.unravel_index(C.argmax(), C.shape)
        if not C[i, j] > 0:
            return labels
        C[i] += C[j]
        C[:, i] = C[i]
        C[i, i] = -np.inf
        C[j] = C[:, j] = -np.inf
        labels[labels == j] = i


seeds, strengths = st.integers(0, 10**6), st.floats(-1, 2)


@given(seeds, strengths)
@settings(max_examples=40, deadline=None)
def test_the_objective_is_the_cost_of_pairs_that_are_cut(seed, a):
    F = draw(seed)
    labels = np.random.default_rng(seed).integers(0, 5, 30)
    assert objective(F, labels, a) == pytest.approx(cut(F, labels, a), abs=1e-8)
    model = MulticutClustering(strength=a, normalize=False).fit(F)
    assert model.objective_ == pytest.approx(cut(F, model.labels_, a), abs=1e-8)
    np.testing.assert_allclose(
        model.cluster_sums_, [F[model.labels_ == k].sum(axis=0) for k in range(model.n_clusters_)]
    )


@given(seeds, strengths)
@settings(max_examples=40, deadline=None)
def test_exact_joins_are_those_over_a_matrix_of_costs(seed, a):
    F = draw(seed)
    found = exact_contraction(F, a)
    assert adjusted_rand_score(greedy(F, a), found) == 1


@given(seeds, strengths)
@settings(max_examples=8, deadline=None)
def test_no_clusters_attract_each_other_and_no_move_gains(seed, a):
    F = draw(seed)
    for labels in (exact_contraction(F, a), lazy_contraction(F, a, 3)[0]):
        sums = np.array([F[labels == k].sum(axis=0) for k in range(labels.max() + 1)])
        sizes = np.bincount(labels)
        costs = sums @ sums.T - a * np.outer(sizes, sizes)
        np.fill_diagonal(costs, -np.inf)
        assert costs.max() <= 1e-9
        before = cut(F, labels, a)
        moved, n_iter = local_search(F, labels.copy(), a, 1000)
        best = cut(F, moved, a)
        assert best <= before + 1e-9 and n_iter < 1000
        for row, label in itertools.product(range(30), range(31)):
            other = moved.copy()
            other[row] = label
            assert cut(F, other, a) >= best - 1e-6


def test_nearly_the_best_of_all_partitions():
    rows = [[0]]
    for _ in range(6):
        rows = [row + [label] for row in rows for label in range(max(row) + 2)]
    every = np.array(rows)
    shares = []
    for seed in range(20):
        F = draw(seed, 7, 3)
        costs = np.triu(F @ F.T - 0.2, 1)
        same = every[:, :, None] == every[:, None]
        gains = (same * costs).sum(axis=(1, 2))
        model = MulticutClustering(strength=0.2, normalize=False).fit(F)
        gain = (costs * (model.labels_[:, None] == model.labels_)).sum()
        shares.append(gain / gains.max())
    assert np.mean(shares) > 0.97 and min(shares) > 0.8


def test_moves_lower_the_objective():
    X = PCA(30, random_state=0).fit_transform(load_digits().data)
    without = MulticutClustering(strength=0.3, max_iter=0, random_state=0).fit(X)
    moved = MulticutClustering(strength=0.3, random_state=0).fit(X)
    assert without.n_iter_ == 0 and moved.n_iter_ < 100
    assert moved.objective_ < without.objective_ - 1000
    # What joins in the exact order reach.
    assert without.objective_ < -512_000
    np.testing.assert_array_equal(moved.predict(X), moved.labels_)
    with_neighbors = local_search(
        moved._rows(X), without.labels_.copy(), 0.3, 100, np.random.default_rng(0).integers(
            0, len(X), (len(X), 20), dtype=np.int32
        )
    )[0]  # fmt: skip
    assert objective(moved._rows(X), with_neighbors, 0.3) < without.objective_ - 1000


def test_extreme_strengths():
    F = np.abs(draw(0))
    assert MulticutClustering(strength=-1.0).fit(F).n_clusters_ == 1
    assert MulticutClustering(strength=1.5).fit(F).n_clusters_ == 30
    assert (MulticutClustering(strength=1.5).fit(F).predict(F) == -1).all()


@pytest.mark.parametrize("solver", ["exact", "lazy"])
def test_prototypes_are_found(solver):
    y = np.arange(500) % 10
    X = np.eye(12)[y] + np.random.default_rng(0).normal(scale=0.05, size=(500, 12))
    model = MulticutClustering(strength=0.5, solver=solver).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    np.testing.assert_array_equal(model.predict(np.eye(12)[:10]), model.labels_[:10])
    assert model.predict(np.eye(12)[[11]])[0] == -1


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_rotations_orders_and_scales_do_not_matter(seed):
    F = draw(seed)
    expected = MulticutClustering(strength=0.2).fit(F).labels_
    Q = ortho_group.rvs(4, random_state=seed)
    order = np.random.default_rng(seed).permutation(30)
    for X in (F @ Q, F * 8):
        assert adjusted_rand_score(expected, MulticutClustering(strength=0.2).fit(X).labels_) == 1
    # Moves are in the order of the rows, joins are not.
    joined, other = (exact_contraction(X, 0.2) for X in (F, F[order]))
    assert adjusted_rand_score(joined[order], other) == 1
    plain = MulticutClustering(strength=0.2, normalize=False).fit(F)
    scaled = MulticutClustering(strength=0.2 * 64, normalize=False).fit(F * 8)
    np.testing.assert_array_equal(plain.labels_, scaled.labels_)
    assert scaled.objective_ == pytest.approx(64 * plain.objective_)


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_threads_do_not_matter(n_jobs):
    X = draw(0, 6000, 8)
    one, more = (
        MulticutClustering(strength=0.5, random_state=0, n_jobs=n).fit(X) for n in (1, n_jobs)
    )
    np.testing.assert_array_equal(one.labels_, more.labels_)


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_large_and_small_numbers(factor):
    X = draw(0)
    expected = MulticutClustering(random_state=0).fit(X).labels_
    model = MulticutClustering(random_state=0).fit(X * factor)
    assert adjusted_rand_score(expected, model.labels_) > 0.8
    with pytest.raises(ValueError, match="overflow or vanish"):
        MulticutClustering(normalize=False).fit(X * factor)


def test_few_rows():
    model = MulticutClustering().fit([[1.0, 2.0]])
    assert model.labels_.tolist() == [0] and model.objective_ == 0
    two = MulticutClustering(strength=0.0).fit([[1.0, 0.0], [1.0, 0.1], [0.0, 0.0]])
    assert two.labels_[0] == two.labels_[1]
