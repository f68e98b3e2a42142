"""FairHierarchy: every cluster is fair, and little is lost."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.cluster.hierarchy import is_valid_linkage, linkage
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import HDBSCAN, FairHierarchy
from skdeepcluster.hierarchy._fair import dasgupta_cost


def leaves_of(parent, n):
    found = {node: set() for node in range(n, len(parent))}
    for leaf in range(n):
        node = parent[leaf]
        while node != -1:
            found[node].add(leaf)
            node = parent[node]
    return found


def smallest_common(parent, n):
    """Sizes of the smallest clusters of all pairs."""
    sizes = np.full((n, n), n)
    clusters = sorted(leaves_of(parent, n).values(), key=len, reverse=True)
    for cluster in clusters:
        inside = sorted(cluster)
        sizes[np.ix_(inside, inside)] = len(inside)
    return sizes


def parents(Z):
    n = len(Z) + 1
    parent = np.full(2 * n - 1, -1)
    parent[Z[:, :2].astype(int).ravel()] = np.repeat(np.arange(n, 2 * n - 1), 2)
    return parent


TREES = st.sampled_from(["single", "average", "complete"])


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), n=st.integers(5, 60), method=TREES)
def test_balancing_costs_no_pair_more_than_half(seed, n, method):
    X = np.random.default_rng(seed).normal(size=(n, 2))
    Z = linkage(X, method)
    model = FairHierarchy(2).fit(None, tree=Z)
    before, after = smallest_common(parents(Z), n), smallest_common(model.parent_, n)
    assert (after < 1.5 * before + 1e-9).all()
    assert model.balance_ <= 2 / 3 + 1e-9
    clusters = leaves_of(model.parent_, n)
    assert_array_equal(model.sizes_[n:], [len(clusters[v]) for v in range(n, len(model.parent_))])
    assert (model.parent_[:-1] > np.arange(len(model.parent_) - 1)).all()
    assert is_valid_linkage(model.linkage_)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    n=st.integers(8, 80),
    n_groups=st.integers(2, 3),
    delta=st.floats(0.1, 0.5),
    apart=st.booleans(),
)
def test_every_cluster_is_fair(seed, n, n_groups, delta, apart):
    rng = np.random.default_rng(seed)
    color = np.r_[np.arange(n_groups), rng.integers(n_groups, size=n - n_groups)]
    X = rng.normal(size=(n, 2)) + 9 * apart * color[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = FairHierarchy(2, delta=delta).fit(X, sensitive_features=color)
    share = np.bincount(color) / n
    for node, cluster in leaves_of(model.parent_, n).items():
        counts = np.bincount(color[sorted(cluster)], minlength=n_groups)
        assert_array_equal(counts, model.counts_[node])
        assert (counts >= share * (1 - delta) * len(cluster) - 1e-6).all()
        assert (counts <= share / (1 - delta) * len(cluster) + 1e-6).all()
    for label in range(model.n_clusters_):
        counts = np.bincount(color[model.labels_ == label], minlength=n_groups)
        if counts.sum() > 1:
            assert (counts >= share * (1 - delta) * counts.sum() - 1e-6).all()


def test_two_blobs_of_one_color_each_are_mixed():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 2)) + np.repeat([[0, 0], [20, 0]], 32, axis=0)
    color = np.repeat(["a", "b"], 32)
    model = FairHierarchy(2).fit(X, sensitive_features=color)
    for k in range(2):
        assert 0.4 <= np.mean(color[model.labels_ == k] == "a") <= 0.6
    # Without the demand, the blobs are the clusters.
    unfair = FairHierarchy(2).fit(X)
    assert len(np.unique(color[unfair.labels_ == 0])) == 1
    assert unfair.cost_ratio_ < model.cost_ratio_


@pytest.mark.parametrize("seed", [0, 1])
def test_random_colors_cost_little(seed):
    X, _ = make_blobs(1024, centers=2, random_state=seed)
    color = np.random.default_rng(seed).integers(2, size=1024)
    model = FairHierarchy(8).fit(X, sensitive_features=color)
    assert 1 <= model.cost_ratio_ < 3 and model.n_clusters_ == 8
    assert np.ptp(np.bincount(model.labels_)) < 300


def test_any_tree_will_do():
    X, _ = make_blobs(50, random_state=0)
    agglomeration = AgglomerativeClustering(linkage="average", compute_distances=True).fit(X)
    expected = FairHierarchy(4).fit(X)
    for tree in (linkage(X, "average"), agglomeration):
        model = FairHierarchy(4).fit(X, tree=tree)
        assert_array_equal(model.labels_, expected.labels_)
        assert model.cost_ratio_ == pytest.approx(expected.cost_ratio_)
    hdbscan = HDBSCAN(min_cluster_size=5).fit(X)
    single = FairHierarchy(4).fit(None, tree=hdbscan)
    assert np.isnan(single.cost_ratio_) and len(single.labels_) == 50
    again = FairHierarchy(4).fit(None, tree=expected)
    assert len(again.labels_) == 50


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), n=st.integers(3, 25))
def test_the_cost_is_that_of_all_pairs(seed, n):
    rng = np.random.default_rng(seed)
    Z = linkage(rng.normal(size=(n, 2)), "average")
    sizes = np.r_[np.ones(n), Z[:, 3]]
    i, j = np.triu_indices(n, 1)
    w = rng.uniform(size=len(i))
    expected = w @ smallest_common(parents(Z), n)[i, j]
    assert dasgupta_cost(parents(Z), sizes, (i, j), w) == pytest.approx(expected)


def test_deep_trees_and_bad_input():
    n = 3000
    chain = np.column_stack(
        [np.r_[0, np.arange(n, 2 * n - 2)], np.arange(1, n), np.arange(1.0, n), np.arange(2, n + 1)]
    )
    assert FairHierarchy(4).fit(None, tree=chain).balance_ <= 2 / 3 + 1e-9
    X, _ = make_blobs(30, random_state=0)
    with pytest.raises(ValueError, match="needs rows X or a dendrogram"):
        FairHierarchy().fit(None)
    with pytest.raises(ValueError, match="tree has 30 samples and X has 29"):
        FairHierarchy().fit(X[:29], tree=linkage(X))
    with pytest.raises(ValueError, match="sensitive_features has 3 entries"):
        FairHierarchy().fit(X, sensitive_features=[0, 1, 1])
    with pytest.raises(ValueError, match="should be >= n_clusters=31"):
        FairHierarchy(31).fit(X)
    color = np.arange(30)
    with pytest.warns(ConvergenceWarning, match="clusters that are fair"):
        model = FairHierarchy(3).fit(X, sensitive_features=color)
    assert model.n_clusters_ == 1
