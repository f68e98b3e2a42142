"""The consensus of several clusterings."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from skdeepcluster.algorithms.consensus import consensus_labels

few = settings(max_examples=10)


@few
@given(seed=st.integers(0, 10**6))
def test_noisy_copies_give_back_the_partition(seed):
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 5
    copies = []
    for _ in range(10):
        names = rng.permutation(5)
        copies.append(np.where(rng.random(300) < 0.2, rng.integers(5, size=300), names[y]))
    copies = np.array(copies)
    found = consensus_labels(copies, 5)
    assert adjusted_rand_score(y, found) > 0.97
    assert max(adjusted_rand_score(y, copy) for copy in copies) < 0.8


@few
@given(seed=st.integers(0, 10**6), k=st.integers(2, 6), m=st.integers(1, 4))
def test_equal_clusterings_are_their_consensus_whatever_their_names(seed, k, m):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(k, size=50)])
    named = np.array([rng.permutation(3 * k)[:k][y] for _ in range(m)])
    assert adjusted_rand_score(y, consensus_labels(named, k)) == 1


def test_more_clusters_than_there_are():
    labels = np.zeros((2, 10), dtype=int)
    assert set(consensus_labels(labels, 3)) <= {0, 1, 2}
