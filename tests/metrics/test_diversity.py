"""Diversity of clusterings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster.metrics import clustering_diversity


@given(seed=st.integers(0, 1000), m=st.integers(2, 5))
def test_it_is_one_minus_the_mean_and_knows_no_names(seed, m):
    labels = np.random.default_rng(seed).integers(3, size=(m, 30))
    pairs = [normalized_mutual_info_score(labels[a], labels[b]) for a in range(m) for b in range(a)]
    found = clustering_diversity(labels)
    assert found == pytest.approx(1 - np.mean(pairs))
    renamed = np.array([2, 0, 1])[labels]
    assert clustering_diversity(np.vstack([labels[:-1], renamed[-1:]])) == pytest.approx(found)


def test_equal_ones_have_none():
    assert clustering_diversity([["a", "b", "b"]] * 3) == 0


@pytest.mark.parametrize("labels", [[0, 1], [[0, 1]], [[], []]])
def test_malformed_labels(labels):
    with pytest.raises(ValueError, match="labels has shape"):
        clustering_diversity(labels)
