"""Clusters of a hierarchy by partial labels and pairs, against all sets of disjoint clusters."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN
from skdeepcluster.constraints import IgnoredLabelsWarning, PairwiseConstraints
from tests.density._samples import samples


def links(y, constraints):
    """Must-links and cannot-links with their weights: those of pairs and of partial labels."""
    rows = np.flatnonzero(y >= 0)
    must = [(a, b, 1) for a, b in combinations(rows, 2) if y[a] == y[b]]
    cannot = [(a, b, 1) for a, b in combinations(rows, 2) if y[a] != y[b]]
    must += list(zip(*constraints.must_link.T, constraints.must_link_weight, strict=True))
    cannot += list(zip(*constraints.cannot_link.T, constraints.cannot_link_weight, strict=True))
    return must, cannot


def satisfaction(labels, must, cannot):
    """By ends: a must-link needs both in one cluster; a cannot-link not."""
    kept = sum(w for a, b, w in must if labels[a] == labels[b] >= 0)
    return kept + sum(w for a, b, w in cannot if labels[a] != labels[b] or labels[a] < 0)


def every_selection(tree):
    """Sets of clusters, one on the way to each leaf, the root left out."""
    children = [[] for _ in tree.parent]
    for node in range(1, len(tree.parent)):
        children[tree.parent[node]].append(node)

    def below(node):
        found = [[]] if not children[node] else [[]]
        for child in children[node]:
            found = [a + b for a in found for b in at(child)]
        return found

    def at(node):
        return [[node]] + (below(node) if children[node] else [])

    return below(0)


def labels_of(tree, chosen):
    flat = np.full(len(tree.parent), -1)
    for node in range(len(tree.parent)):
        flat[node] = node if node in chosen else (flat[tree.parent[node]] if node else -1)
    return flat[tree.point_cluster]


@settings(max_examples=40, deadline=None)
@given(samples(min_size=15, max_size=60), st.integers(0, 2**32), st.integers(0, 12))
def test_most_links_are_satisfied(X, seed, n_known):
    rng = np.random.default_rng(seed)
    y = np.full(len(X), -1)
    y[rng.choice(len(X), n_known, replace=False)] = rng.integers(0, 3, n_known)
    pairs = np.sort(rng.choice(len(X), (6, 2)), axis=1)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    known = PairwiseConstraints(
        pairs[::2], pairs[1::2][(pairs[1::2, None] != pairs[::2]).any(2).all(1)]
    )
    model = HDBSCAN(3, min_samples=2).fit(X, y, constraints=known)
    plain = HDBSCAN(3, min_samples=2).fit(X)
    tree = model.condensed_tree_
    assert_array_equal(tree.parent, plain.condensed_tree_.parent)
    must, cannot = links(y, known)
    selections = every_selection(tree)
    if len(selections) > 300:
        return
    found = [
        (satisfaction(labels_of(tree, chosen), must, cannot), tree.stability[chosen].sum())
        for chosen in selections
    ]
    most = max(value for value, _ in found)
    stable = max(value for gain, value in found if gain == most)
    assert satisfaction(model.labels_, must, cannot) == most
    assert tree.stability[tree.selected].sum() == pytest.approx(stable)
    assert_array_equal(model.predict(X), model.labels_)


def nested():
    centers = np.array([[0, 0], [0, 8], [40, 0], [40, 8]])
    return make_blobs(400, centers=centers, random_state=0)


def test_labels_choose_the_level():
    X, y = nested()
    assert HDBSCAN(10).fit(X).n_clusters_ == 4
    fine = np.full(400, -1)
    for k in range(4):
        fine[np.flatnonzero(y == k)[:3]] = k + 5
    coarse = np.where(fine >= 0, (fine - 5) // 2, -1)
    model = HDBSCAN(10).fit(X, coarse)
    assert model.n_clusters_ == 2
    assert_array_equal(model.classes_, [0, 1])
    model_of_4 = HDBSCAN(10).fit(X, fine)
    assert model_of_4.n_clusters_ == 4
    assert_array_equal(model_of_4.classes_, [5, 6, 7, 8])
    # What is known of one half leaves the other to stability.
    assert HDBSCAN(10).fit(X, np.where(coarse == 1, -1, coarse)).n_clusters_ == 3
    # A given number goes by stability alone; other sizes go by the labels.
    assert len(model.reselect(n_clusters=4).cluster_persistence) == 4
    assert len(model.reselect(min_cluster_size=20).cluster_persistence) == 2


def test_pairs_choose_the_level():
    X, y = nested()
    a, b, c = (int(np.flatnonzero(y == k)[0]) for k in (0, 1, 2))
    model = HDBSCAN(10).fit(X, constraints=PairwiseConstraints([[a, b]]))
    assert model.labels_[a] == model.labels_[b] >= 0 and model.n_clusters_ == 3
    assert model.n_violations_ == 0 and model.constraint_satisfaction_["must_link"] == 1
    # A heavier cannot-link outweighs it.
    other = int(np.flatnonzero(y == 1)[1])
    both = PairwiseConstraints([[a, b]], [[a, other]], cannot_link_weight=3)
    model = HDBSCAN(10).fit(X, constraints=both)
    assert model.n_clusters_ == 4 and model.n_violations_ == 1
    joined = PairwiseConstraints([[a, c]])
    assert HDBSCAN(10, allow_single_cluster=True).fit(X, constraints=joined).n_clusters_ == 1


def test_without_knowledge_nothing_changes():
    X, y = nested()
    plain = HDBSCAN(10).fit(X)
    with pytest.warns(IgnoredLabelsWarning):
        full = HDBSCAN(10).fit(X, y)
    empty = HDBSCAN(10).fit(X, np.full(400, -1), constraints=PairwiseConstraints())
    for model in (full, empty):
        assert_array_equal(model.labels_, plain.labels_)
        assert np.isnan(model.constraint_satisfaction_["all"])


@pytest.mark.parametrize(
    "params",
    [{"cluster_selection_method": "leaf"}, {"cluster_selection_epsilon": 1.0}],
)
def test_selections_that_do_not_learn(params):
    X, y = nested()
    with pytest.raises(ValueError, match="cluster_selection_method='eom' and"):
        HDBSCAN(**params).fit(X, np.where(np.arange(400) < 20, y, -1))


def test_bad_input():
    X, _ = nested()
    with pytest.raises(ValueError, match="one label for each of the 400 rows"):
        HDBSCAN().fit(X, [-1, 0])
    with pytest.raises(TypeError, match="PairwiseConstraints"):
        HDBSCAN().fit(X, constraints=[[0, 1]])
