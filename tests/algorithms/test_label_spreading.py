"""Known labels on graphs of neighbors."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import block_diag, csr_array
from sklearn.datasets import make_blobs

from skdeepcluster.algorithms.label_spreading import (
    N_STEPS,
    WEIGHT,
    spread_labels,
    spread_where_better,
)


def normalized(seed, n):
    W = np.random.default_rng(seed).random((n, n))
    W = np.where(W > 0.7, W, 0)
    W = W + W.T
    scale = 1 / np.sqrt(np.maximum(W.sum(axis=1), 1e-12))
    return scale[:, None] * W * scale


@given(seed=st.integers(0, 10**6), k=st.integers(2, 4))
def test_labels_are_those_of_the_sum_over_walks(seed, k):
    S = normalized(seed, 14)
    fixed = np.full(14, -1)
    fixed[:k] = np.arange(k)
    fixed[k] = 0
    Y = np.eye(k)[fixed] * (fixed >= 0)[:, None] / np.bincount(fixed[fixed >= 0])
    scores = sum(WEIGHT**t * np.linalg.matrix_power(S, t) @ Y for t in range(N_STEPS + 1))
    scores /= scores.sum(axis=0)
    found = spread_labels(csr_array(S), fixed, k)
    reached = scores.any(axis=1)
    gap = np.diff(np.sort(scores, axis=1)[:, -2:], axis=1).ravel()
    clear = reached & (gap > 1e-9) & (fixed < 0)
    np.testing.assert_array_equal(found[clear], scores.argmax(axis=1)[clear])
    np.testing.assert_array_equal(found[fixed >= 0], fixed[fixed >= 0])
    assert (found[~reached] == -1).all()


def test_rows_that_no_walk_reaches_have_no_label():
    S = block_diag([normalized(0, 6), normalized(1, 5)], format="csr")
    fixed = np.full(11, -1)
    fixed[[0, 1]] = 0, 1
    assert (spread_labels(S, fixed, 2)[6:] == -1).all()


def known_of(y, n, seed=0):
    rng = np.random.default_rng(seed)
    fixed = np.full(len(y), -1)
    for c in np.unique(y):
        fixed[rng.choice(np.flatnonzero(y == c), n, replace=False)] = c
    return fixed


def test_labels_spread_where_others_contradict_what_is_known():
    centers = [[0, 0], [6, 0], [0, 20], [6, 20]]
    X, blob = make_blobs(200, centers=centers, cluster_std=0.8, random_state=0)
    near, known = blob // 2, blob % 2  # what distances say, and the classes
    options = {"seed": 0, "n_threads": 1}
    fixed = known_of(blob, 4)
    fixed[fixed >= 0] %= 2
    np.testing.assert_array_equal(spread_where_better(X, near, fixed, 2, **options), known)
    # Labels that agree with what is known stay, and a single label of a class says too little.
    agreeing = np.where(np.arange(200) == np.flatnonzero(fixed < 0)[0], 1 - known, known)
    kept = spread_where_better(X, agreeing, fixed, 2, **options)
    np.testing.assert_array_equal(kept, agreeing)
    single = known_of(known, 1)
    np.testing.assert_array_equal(spread_where_better(X, near, single, 2, **options), near)
