"""SACA and RGCA: clusters from answers whether rows are the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import RGCA, SACA
from skdeepcluster.constrained.rgca import best_threshold, neighbor_graph, rounded, similarities
from skdeepcluster.constraints import PairwiseConstraints
from skdeepcluster.metrics import clustering_accuracy

pytestmark = pytest.mark.filterwarnings("ignore:.*both must-links and cannot-links")


def error(y, labels):
    return 1 - clustering_accuracy(y, labels)


def answers(seed, n=30, n_pairs=40, flip=0.0):
    y = np.random.default_rng(seed).integers(4, size=n)
    known = PairwiseConstraints.from_labels(y, n_pairs, flip=flip, random_state=seed)
    return np.zeros((n, 1)), y, known


@settings(max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3]))
def test_groups_are_those_that_must_links_connect(seed, flip):
    X, _, known = answers(seed, flip=flip)
    model = SACA(on_conflict="ignore").fit(X, constraints=known)
    i, j = known.must_link.T
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(30, 30))
    n_found, labels = connected_components(graph, directed=False)
    assert model.n_clusters_ == n_found
    assert adjusted_rand_score(labels, model.labels_) == 1
    assert (np.diff(np.bincount(model.labels_)) <= 0).all()
    assert model.n_violations_ == model.n_conflicts_
    assert flip > 0 or model.n_conflicts_ == 0


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_more_answers_never_divide_a_cluster_and_order_does_not_matter(seed):
    X, _, known = answers(seed)
    fewer = known.take(slice(0, len(known.must_link) // 2), slice(None))
    labels, before = (SACA().fit(X, constraints=c).labels_ for c in (known, fewer))
    assert len(np.unique(np.stack([before, labels]), axis=1).T) == len(np.unique(before))
    order = np.random.default_rng(seed).permutation(30)
    moved = SACA().fit(X, constraints=known, sample_ids=order).labels_
    assert adjusted_rand_score(labels[order], moved) == 1


def test_a_chain_through_each_cluster_finds_all():
    y = np.array([0, 1, 0, 2, 1, 0])
    model = SACA().fit(y[:, np.newaxis], constraints=PairwiseConstraints.from_groups(y))
    assert error(y, model.labels_) == 0


def test_small_groups_join_where_an_answer_would_be_expected():
    y = np.repeat([0, 1], [40, 30])
    known = PairwiseConstraints.from_labels(y, 500, random_state=0)
    X = np.zeros((70, 1))
    # Row 0 has no must-link any more.
    known = known.take((known.must_link != 0).all(axis=1), slice(None))
    plain = SACA().fit(X, constraints=known)
    merged = SACA(merge="evidence").fit(X, constraints=known)
    assert plain.n_clusters_ == 3
    assert merged.n_clusters_ == 2
    assert error(y, merged.labels_) == 0
    few = SACA(merge="evidence", min_evidence=1e6).fit(X, constraints=known)
    np.testing.assert_array_equal(few.labels_, plain.labels_)


def test_conflicts_are_reported():
    known = PairwiseConstraints([[0, 1], [1, 2]], [[0, 2]])
    X = np.zeros((4, 1))
    with pytest.warns(UserWarning, match=r"1 cannot-links, such as \(0, 2\)"):
        assert SACA().fit(X, constraints=known).n_conflicts_ == 1
    with pytest.raises(ValueError, match="contradicts the must-links"):
        SACA(on_conflict="raise").fit(X, constraints=known)
    with pytest.raises(TypeError, match="constraints is a list"):
        RGCA().fit(X, constraints=[[0, 1]])
    with pytest.raises(ValueError, match="position 4"):
        RGCA().fit(X, constraints=PairwiseConstraints([[0, 4]]))


@given(st.lists(st.integers(1, 8), min_size=1, max_size=5), st.integers(0, 1000))
def test_blocks_are_rounded_to_themselves_and_one_wrong_pair_changes_nothing(sizes, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(seed)
    y = y[rng.permutation(len(y))]
    P = y[:, np.newaxis] == y
    assert error(y, rounded(P)) == 0
    i, j = rng.integers(len(y), size=2)
    if i != j and min(sizes) >= 4:
        P[i, j] = P[j, i] = not P[i, j]
        assert error(y, rounded(P)) == 0


def test_rounding_recovers_clusters_from_noisy_predictions():
    y = np.repeat(np.arange(5), [60, 50, 40, 30, 20])
    rng = np.random.default_rng(0)
    wrong = np.triu(rng.random((200, 200)) < 0.1, 1)
    P = (y[:, np.newaxis] == y) ^ (wrong | wrong.T)
    assert error(y, rounded(P, 1)) < 0.01 < error(y, rounded(P, 0))


@given(st.integers(0, 1000), st.integers(2, 12))
def test_the_threshold_has_the_fewest_errors(seed, n):
    rng = np.random.default_rng(seed)
    values, weight = rng.integers(5, size=n) / 5, rng.integers(1, 4, size=n)
    same = np.arange(n) % 2 == 0
    least, threshold = best_threshold(values, same, weight)
    if len(np.unique(values)) == 1:
        return

    def share(t):
        return weight[(values >= t) != same].sum() / weight.sum()

    assert least == pytest.approx(share(threshold))
    between = np.unique(values)
    assert all(share(t) >= least - 1e-9 for t in (between[1:] + between[:-1]) / 2)


def test_similarities_are_those_of_the_regularized_laplacian():
    rng = np.random.default_rng(0)
    graph = neighbor_graph(rng.normal(size=(20, 2)), 4)
    np.testing.assert_array_equal(graph, graph.T)
    pairs, same = np.array([[0, 1], [2, 3]]), np.array([True, False])
    W = graph.copy()
    W[[0, 1], [1, 0]], W[[2, 3], [3, 2]] = 1, 0
    D = np.diag(W.sum(axis=1))
    K = np.linalg.inv(D - W + 0.05 * D)
    expected = K / np.sqrt(np.outer(np.diag(K), np.diag(K)))
    np.testing.assert_allclose(similarities(graph, pairs, same, [0.05])[0], expected, atol=1e-9)
    of = np.array([[0, 5], [7, 8], [3, 2]])
    found = similarities(graph, pairs, same, [0.05, 0.1], of)
    np.testing.assert_allclose(found[0], expected[of[:, 0], of[:, 1]], atol=1e-9)


def test_rows_and_few_answers_find_what_answers_alone_do_not():
    X, y = make_moons(300, noise=0.08, random_state=0)
    known = PairwiseConstraints.from_labels(y, 50, random_state=0)
    model = RGCA(random_state=0).fit(X, constraints=known)
    assert error(y, model.labels_) < 0.1
    assert error(y, SACA().fit(X, constraints=known).labels_) > 0.95
    wrong = PairwiseConstraints.from_labels(y, 200, flip=0.1, random_state=0)
    model = RGCA(random_state=0).fit(X, constraints=wrong)
    assert 0.05 < model.pair_error_ < 0.3
    assert error(y, model.labels_) < 0.2


def test_a_threshold_from_answers_in_the_graph_is_far_too_high():
    X, y = make_moons(300, noise=0.08, random_state=0)
    known = PairwiseConstraints.from_labels(y, 200, random_state=0)
    model = RGCA(random_state=0).fit(X, constraints=known)
    pairs = np.concatenate([known.must_link, known.cannot_link])
    same = np.arange(len(pairs)) < len(known.must_link)
    graph = neighbor_graph(X, 10)
    r = similarities(graph, pairs, same, [model.regularization_])[0]
    values = r[pairs[:, 0], pairs[:, 1]]
    _, leaked = best_threshold(values, same, np.ones(len(pairs)))
    assert leaked > model.threshold_
    before, after = (error(y, rounded(r >= t)) for t in (leaked, model.threshold_))
    assert before > after


def test_answers_of_one_kind_leave_the_graph():
    X, y = make_moons(100, noise=0.02, random_state=0)
    model = RGCA(random_state=0).fit(X, constraints=PairwiseConstraints([[0, 1]]))
    assert np.isnan(model.pair_error_)
    assert RGCA().fit(X[:1]).n_clusters_ == 1
