import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import pairwise_distances

from skdeepcluster import KMedoids
from skdeepcluster.overview._stability import jaccard_of_clusters, stability_of_clusters

LABELS = st.lists(st.integers(-1, 3), min_size=12, max_size=12)


@given(LABELS, LABELS)
def test_jaccard_is_that_of_sets(member, labels):
    member, labels = np.array(member), np.array(labels)
    found = jaccard_of_clusters(member, 4, labels)
    others = [set(np.flatnonzero(labels == j)) for j in set(labels.tolist()) - {-1}]
    for k in range(4):
        own = set(np.flatnonzero(member == k))
        if not own:
            assert np.isnan(found[k])
        else:
            best = max((len(own & other) / len(own | other) for other in others), default=0)
            assert found[k] == pytest.approx(best)


@given(st.integers(0, 2**31 - 1))
def test_names_of_clusters_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    member = rng.integers(4, size=30)
    np.testing.assert_array_equal(
        jaccard_of_clusters(member, 4, rng.permutation(4)[member])[np.unique(member)], 1.0
    )


def test_blobs_are_stable_and_cuts_through_one_are_not():
    X, y = make_blobs(300, centers=[[0, 0], [30, 0]], random_state=0)
    rng = np.random.default_rng(0)
    apart = stability_of_clusters(KMeans(2, n_init=3), X, y, 2, 5, rng)
    assert (apart == 1).all()
    cut = KMeans(8, n_init=1, random_state=0).fit_predict(X)
    assert stability_of_clusters(KMeans(8, n_init=1), X, cut, 8, 5, rng).mean() < 0.8


def test_refits_of_pairs_take_pairs():
    X, y = make_blobs(60, centers=[[0, 0], [30, 0]], random_state=0)
    D = pairwise_distances(X)
    medoids = KMedoids(2, metric="precomputed")
    found = stability_of_clusters(medoids, D, y, 2, 3, np.random.default_rng(0))
    assert found.tolist() == [1, 1]
