"""PairwiseConstraints: what it takes, what follows from pairs, and what contradicts them."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepcluster.constraints import (
    ConstraintKFold,
    PairwiseConstraints,
    constraint_satisfaction,
)

N = 8


def of_labels(y, pairs):
    distinct = sorted({tuple(sorted(p)) for p in pairs if p[0] != p[1]})
    pairs = np.array(distinct, dtype=int).reshape(-1, 2)
    same = np.asarray(y)[pairs[:, 0]] == np.asarray(y)[pairs[:, 1]]
    return PairwiseConstraints(pairs[same], pairs[~same], ids=np.arange(len(y)))


labels_and_pairs = st.tuples(
    st.lists(st.integers(0, 3), min_size=N, max_size=N),
    st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=15),
)


@given(labels_and_pairs)
def test_closure_is_what_follows_and_nothing_is_added_by_another(drawn):
    y, pairs = drawn
    known = of_labels(y, pairs)
    closed = known.closure()
    assert closed.closure() == closed
    # True answers stay true.
    assert closed.satisfaction(y)["all"] == 1 or closed.n_must_link + closed.n_cannot_link == 0
    # By a slow search: paths of must-links, with at most one cannot-link among them.
    together = np.eye(N, dtype=bool)
    together[tuple(known.must_link.T)] = True
    together |= together.T
    for _ in range(N):
        together = together @ together
    apart = np.zeros((N, N), dtype=bool)
    apart[tuple(known.cannot_link.T)] = True
    apart = together @ (apart | apart.T) @ together
    upper = np.triu(np.ones((N, N), dtype=bool), 1)
    np.testing.assert_array_equal(np.argwhere(together & upper), closed.must_link)
    np.testing.assert_array_equal(np.argwhere(apart & upper), closed.cannot_link)


@given(labels_and_pairs, st.permutations(range(N)))
def test_other_ids_are_other_names_only(drawn, order):
    y, pairs = drawn
    known = of_labels(y, pairs)
    names = np.array([f"row {i}" for i in range(N)])
    named = PairwiseConstraints(names[known.must_link], names[known.cannot_link], ids=names)
    rows = named.rows(N, names[list(order)])
    shuffled = np.asarray(y)[list(order)]
    assert not any(violated.any() for violated in rows.violated(shuffled))
    assert rows.n_pairs == known.n_must_link + known.n_cannot_link


def test_pairs_are_unordered_and_repeated_ones_weigh_more():
    known = PairwiseConstraints([[1, 0], [0, 1], [2, 1]], must_link_weight=[1.0, 2.0, 5.0])
    np.testing.assert_array_equal(known.must_link, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(known.must_link_weight, [3.0, 5.0])
    assert known == PairwiseConstraints([[0, 1], [1, 2]], must_link_weight=[3, 5])
    assert known != PairwiseConstraints([[0, 1], [1, 2]])


def test_no_length_so_that_nothing_cuts_it():
    known = PairwiseConstraints([[0, 1]])
    for name in ("__len__", "shape", "__array__", "__iter__"):
        assert not hasattr(known, name)
    with pytest.raises(AttributeError, match="not to be changed"):
        known.must_link = []
    with pytest.raises(ValueError, match="read-only"):
        known.must_link[0, 0] = 5
    assert pickle.loads(pickle.dumps(known)) == known == copy.deepcopy(known)


@pytest.mark.parametrize(
    "must, error, what",
    [
        ([[0.0, 1.0]], ValueError, "must_link has dtype float64"),
        (np.ones((2, 2), dtype=bool), ValueError, "dtype bool.*numpy.argwhere"),
        ([[0, 1, 2]], ValueError, r"must_link has shape \(1, 3\)"),
        ([0, 1], ValueError, r"must_link has shape \(2,\)"),
        ([[-1, 2]], ValueError, "negative position -1"),
        ([["a", "b"]], ValueError, "listed in ids="),
    ],
)
def test_what_is_no_pairs(must, error, what):
    with pytest.raises(error, match=what):
        PairwiseConstraints(must)


def test_rows_with_themselves():
    with pytest.warns(UserWarning, match="1 pairs of a row with itself"):
        assert PairwiseConstraints([[3, 3], [0, 1]]).n_must_link == 1
    with pytest.raises(ValueError, match="separates row 3 from itself, at pair 1"):
        PairwiseConstraints(None, [[0, 1], [3, 3]])


def test_weights_that_fit_no_pairs():
    with pytest.raises(ValueError, match="cannot_link_weight must be finite and not negative"):
        PairwiseConstraints(None, [[0, 1]], cannot_link_weight=[-1])
    with pytest.raises(ValueError, match=r"must_link_weight has shape \(2,\)"):
        PairwiseConstraints([[0, 1]], must_link_weight=[1, 1])


def test_ids_that_are_none():
    with pytest.raises(ValueError, match="must_link has the id 'c'"):
        PairwiseConstraints([["a", "c"]], ids=["a", "b"])
    with pytest.raises(ValueError, match="an id twice"):
        PairwiseConstraints([["a", "b"]], ids=["a", "b", "a"])


def test_a_contradiction_names_the_pair():
    with pytest.raises(ValueError, match=r"cannot-link \(0, 3\) contradicts the must-links"):
        PairwiseConstraints([[0, 1], [1, 3]], [[0, 3], [0, 2]]).check_consistent()
    with pytest.warns(UserWarning, match=r"both must-links and cannot-links, such as \(0, 1\)"):
        known = PairwiseConstraints([[0, 1]], [[1, 0]])
    with pytest.raises(ValueError, match=r"cannot-link \(0, 1\) contradicts"):
        known.closure()


def test_more_separated_rows_than_clusters_are_named():
    known = PairwiseConstraints([[2, 3]], [[0, 1], [1, 2], [0, 3], [4, 5]])
    known.check_consistent(n_clusters=3)
    with pytest.raises(ValueError, match="rows .* are separated from each other.*n_clusters=2"):
        known.check_consistent(n_clusters=2)


def test_labels_that_contradict_pairs_are_named():
    rows = PairwiseConstraints([[0, 1]], [[2, 3]]).rows(5)
    rows.check_consistent(np.array([0, 0, 1, 0, -1]))
    with pytest.raises(ValueError, match="Rows 0 and 1 have different labels"):
        rows.check_consistent(np.array([0, 1, -1, -1, -1]))
    with pytest.raises(ValueError, match=r"cannot-link \(2, 3\) contradicts the labels"):
        rows.check_consistent(np.array([-1, -1, 1, 1, -1]))


def test_rows_of_another_number():
    known = PairwiseConstraints([[0, 9]])
    with pytest.raises(ValueError, match="position 9; X has 5 rows.*sample_ids="):
        known.rows(5)
    known = PairwiseConstraints([[0, 9]], ids=np.arange(10))
    with pytest.raises(ValueError, match="written for 10 rows, X has 5.*sample_ids="):
        known.rows(5)
    assert known.rows(5, np.arange(5)).n_pairs == 0
    np.testing.assert_array_equal(known.rows(3, [9, 4, 0]).must, [[0, 2]])
    with pytest.raises(ValueError, match=r"sample_ids has shape \(3,\)"):
        known.rows(5, [0, 1, 2])
    with pytest.raises(ValueError, match="sample_ids has an id twice"):
        known.rows(2, [1, 1])


def test_restricting_keeps_given_pairs_and_not_those_that_follow():
    known = PairwiseConstraints([[0, 1], [1, 2]], [[2, 3]], ids=np.arange(4))
    without = known.restrict([0, 2, 3])
    assert (without.n_must_link, without.n_cannot_link) == (0, 1)
    assert known.closure().restrict([0, 2, 3]).n_must_link == 1


def test_pairs_of_groups_and_labels():
    known = PairwiseConstraints.from_groups([0, -1, 1, 0, 0, 1])
    np.testing.assert_array_equal(known.components(), [0, 1, 2, 0, 0, 2])
    y = np.array([0, 0, 1, -1, 1, 2])
    drawn = PairwiseConstraints.from_labels(y, 100)
    assert (drawn.n_must_link, drawn.n_cannot_link) == (2, 8)
    assert drawn.satisfaction(np.where(y < 0, 7, y))["all"] == 1
    large = np.arange(1000) % 4
    flipped = PairwiseConstraints.from_labels(large, 500, flip=0.1, random_state=0)
    assert flipped.satisfaction(large)["all"] == pytest.approx(0.9)
    assert flipped == PairwiseConstraints.from_labels(large, 500, flip=0.1, random_state=0)
    with pytest.raises(ValueError, match="fewer than two known labels"):
        PairwiseConstraints.from_labels([-1, 0])


def test_merging_adds_weights_and_keeps_conflicts():
    one = PairwiseConstraints([[0, 1]], ids=np.arange(3))
    both = one.merge(one).merge(PairwiseConstraints(None, [[0, 2]], ids=np.arange(3)))
    assert both.must_link_weight.tolist() == [2]
    assert both.n_cannot_link == 1
    with pytest.raises(ValueError, match="different ids"):
        one.merge(PairwiseConstraints([[0, 1]]))


def test_signs_of_the_adjacency():
    known = PairwiseConstraints([[0, 1]], [[1, 2]], must_link_weight=3.0)
    expected = [[0, 3, 0], [3, 0, -1], [0, -1, 0]]
    np.testing.assert_array_equal(known.to_adjacency().toarray(), expected)


def test_random_labels_satisfy_what_chance_says():
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=3000)
    known = PairwiseConstraints.from_labels(y, 20_000, random_state=0)
    shares = constraint_satisfaction(rng.integers(4, size=3000), known)
    assert shares["must_link"] == pytest.approx(1 / 4, abs=0.03)
    assert shares["cannot_link"] == pytest.approx(3 / 4, abs=0.03)
    assert shares["balanced"] == pytest.approx(1 / 2, abs=0.03)


def test_noise_shares_no_cluster():
    known = PairwiseConstraints([[0, 1]], [[0, 1], [0, 2]][1:])
    shares = constraint_satisfaction([-1, -1, -1], known)
    assert (shares["must_link"], shares["cannot_link"]) == (0, 1)
    assert np.isnan(PairwiseConstraints().satisfaction([0, 1])["balanced"])


@given(labels_and_pairs, st.integers(2, 4))
def test_folds_hide_each_pair_once_and_together_what_is_connected(drawn, n_splits):
    y, pairs = drawn
    known = of_labels(y, pairs)
    n_pairs = known.n_must_link + known.n_cannot_link
    splitter = ConstraintKFold(n_splits, random_state=0)
    if n_pairs < n_splits:
        with pytest.raises(ValueError, match="use fewer folds"):
            list(splitter.split(known))
        return
    hidden = []
    for given_, left_out in splitter.split(known):
        both = given_.merge(left_out)
        assert both == known
        hidden.append(left_out.n_must_link + left_out.n_cannot_link)
    assert sum(hidden) == n_pairs
    assert max(hidden) < n_pairs


def test_what_follows_from_a_fold_is_hidden_with_it():
    chains = np.array([[3 * i + j, 3 * i + j + 1] for i in range(10) for j in range(2)])
    for given_, hidden in ConstraintKFold(5, random_state=0).split(PairwiseConstraints(chains)):
        assert not np.intersect1d(given_.must_link, hidden.must_link).size
        assert hidden.n_must_link == 4
