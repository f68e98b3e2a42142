"""Which pair is asked next."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from skdeepcluster.constraints import PairwiseConstraints, query_pairs

PROBA = [[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [0.0, 1.0]]


def test_the_uncertain_row_is_asked_first():
    known = PairwiseConstraints([[0, 1], [3, 4]], [[0, 4]])
    assert query_pairs(PROBA, known)[0, 0] == 2
    assert len(query_pairs(PROBA, known, n_queries=5)) == 1  # the others are settled


def test_a_neighborhood_that_was_refused_is_not_asked_again():
    known = PairwiseConstraints([[0, 1], [3, 4]], [[0, 4], [2, 0]])
    found = query_pairs(PROBA, known)
    assert found[0, 0] == 2
    assert found[0, 1] in (3, 4)


def test_without_answers_a_far_row_is_compared_with_a_typical_one():
    i, j = query_pairs([[1.0, 0.0], [0.8, 0.2], [0.0, 1.0]])[0]
    assert (i, j) == (2, 0)


def test_all_settled_is_nothing_to_ask():
    known = PairwiseConstraints([[0, 1]], [[0, 2]])
    assert query_pairs([[1, 0], [1, 0], [0, 1]], known).shape == (0, 2)


def test_contradictions_and_bad_probabilities():
    with pytest.raises(ValueError, match="contradicts"):
        query_pairs(np.ones((3, 2)), PairwiseConstraints([[0, 1], [1, 2]], [[0, 2]]))
    with pytest.raises(ValueError, match="proba must have shape"):
        query_pairs([[np.nan, 1.0]])


def test_answers_place_rows_faster_than_pairs_at_random():
    X, y = make_blobs(60, centers=4, cluster_std=2.0, random_state=1)
    centers = np.array([X[y == c].mean(axis=0) for c in range(4)])
    distances = np.square(X[:, np.newaxis] - centers).sum(axis=2)
    proba = np.exp(-distances / 8)
    proba /= proba.sum(axis=1, keepdims=True)
    known = PairwiseConstraints()
    for _ in range(40):
        (pair,) = query_pairs(proba, known)
        same = y[pair[0]] == y[pair[1]]
        known = known.merge(PairwiseConstraints([pair] if same else [], [] if same else [pair]))
    drawn = PairwiseConstraints.from_labels(y, 40, random_state=0)

    def n_inferred(pairs):
        closed = pairs.closure()
        return closed.n_must_link + closed.n_cannot_link

    assert n_inferred(known) > 2 * n_inferred(drawn)
