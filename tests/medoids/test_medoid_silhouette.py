"""FasterMSC and DynMSC."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV

from skdeepcluster import DynMSC, FasterMSC


def silhouette(D, medoids):
    first, second = np.sort(D[medoids], axis=0)[:2]
    ratio = np.divide(first, second, out=np.zeros(len(D)), where=second > 0)
    return 1 - ratio.mean()


@pytest.fixture(scope="module")
def blobs():
    centers = [[0, 0], [9, 0], [0, 9], [9, 9]]
    return make_blobs(300, centers=centers, random_state=1)[0]


def test_small_example():
    D = np.zeros((5, 5))
    D[np.tril_indices(5, -1)] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]
    model = FasterMSC(3, metric="precomputed", init=[0, 1, 2]).fit(D + D.T)
    assert model.medoid_silhouette_ == pytest.approx(0.9047619)


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(2, 8))
def test_what_is_reported_is_what_the_medoids_have(seed, k):
    X = np.random.default_rng(seed).normal(size=(40, 2))
    D = squareform(pdist(X))
    start = np.random.default_rng(seed).permutation(40)[:k]
    model = FasterMSC(k, init=start, random_state=0).fit(X)
    assert model.medoid_silhouette_ == pytest.approx(silhouette(D, model.medoid_indices_))
    assert model.medoid_silhouette_ >= silhouette(D, start) - 1e-9
    assert model.score(X) == pytest.approx(model.medoid_silhouette_)
    assert model.inertia_ == pytest.approx(D[model.medoid_indices_].min(axis=0).sum())
    for slot in range(k):
        for other in np.setdiff1d(np.arange(40), model.medoid_indices_):
            medoids = model.medoid_indices_.copy()
            medoids[slot] = other
            assert silhouette(D, medoids) <= model.medoid_silhouette_ + 1e-9


def test_the_number_of_clusters_is_found(blobs):
    for store_distances in (True, False):
        model = DynMSC(12, store_distances=store_distances, random_state=0).fit(blobs)
        assert model.n_clusters_ == len(model.cluster_centers_) == 4
        assert model.medoid_silhouettes_.shape == (11,)
        assert model.medoid_silhouettes_.argmax() == 2
        assert model.medoid_silhouette_ == model.medoid_silhouettes_.max()
        assert model.score(blobs) == pytest.approx(model.medoid_silhouette_)
        assert model.get_feature_names_out().shape == (4,)


def test_the_least_important_medoid_is_dropped(blobs):
    """One too many in one of four clear clusters: without swaps it is that which goes."""
    medoids = FasterMSC(4, random_state=0).fit(blobs).medoid_indices_
    extra = np.flatnonzero(blobs[:, 0] > 10.5)[:1]
    path = DynMSC(5, min_clusters=4, init=np.append(medoids, extra), max_iter=1, tol=0.5)
    assert path.fit(blobs).medoid_silhouettes_[0] == pytest.approx(
        silhouette(squareform(pdist(blobs)), medoids), rel=1e-3
    )


def test_grid_search_finds_the_same(blobs):
    search = GridSearchCV(FasterMSC(random_state=0), {"n_clusters": [2, 3, 4, 5, 6]}, cv=3)
    assert search.fit(blobs).best_params_ == {"n_clusters": 4}


def test_precomputed(blobs):
    D = squareform(pdist(blobs))
    model = FasterMSC(4, metric="precomputed", random_state=0).fit(D)
    assert_array_equal(model.predict(D), model.labels_)
    assert model.score(D) == pytest.approx(model.medoid_silhouette_)


def test_one_cluster_has_no_silhouette(blobs):
    model = FasterMSC(1).fit(blobs)
    assert model.medoid_silhouette_ == model.score(blobs) == 0
    assert_array_equal(model.labels_, 0)


def test_copies_count_as_perfect():
    X = np.repeat([[0.0], [1.0], [5.0]], 4, axis=0)
    assert FasterMSC(3, init=[0, 4, 8]).fit(X).medoid_silhouette_ == 1


def test_bad_numbers_of_clusters(blobs):
    with pytest.raises(ValueError, match="max_clusters=3 should be >= min_clusters=5"):
        DynMSC(3, min_clusters=5).fit(blobs)
    with pytest.raises(ValueError, match="n_samples=4 should be >= min_clusters=5"):
        DynMSC(min_clusters=5).fit(blobs[:4])
    # The largest number is a bound, not a demand.
    assert DynMSC(20, random_state=0).fit(blobs[:10]).medoid_silhouettes_.shape == (9,)
