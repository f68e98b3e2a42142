"""CLARANS: k-medoids by random swaps."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import CLARANS, KMedoids


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(1500, n_features=4, centers=8, random_state=0)[0]


def test_between_the_start_and_the_full_search(blobs):
    best = KMedoids(8, n_init=5, random_state=0).fit(blobs).inertia_
    model = CLARANS(8, random_state=0).fit(blobs)
    assert best <= model.inertia_ < 1.1 * best
    assert model.n_swaps_ == model.n_iter_ - 1
    assert_array_equal(model.predict(blobs), model.labels_)


def test_more_neighbors_are_better(blobs):
    def mean_inertia(max_neighbors):
        fits = [
            CLARANS(8, max_neighbors=max_neighbors, n_init=1, random_state=seed).fit(blobs)
            for seed in range(6)
        ]
        return np.mean([model.inertia_ for model in fits])

    assert mean_inertia(1.0) < mean_inertia(0.1) < mean_inertia(1)


def test_all_neighbors_end_in_a_local_optimum(blobs):
    X = blobs[:60]
    model = CLARANS(4, max_neighbors=1.0, n_init=1, random_state=0).fit(X)
    again = KMedoids(4, init=model.medoid_indices_).fit(X)
    assert again.n_swaps_ == 0


def test_matrices_and_condensed_ones(blobs):
    condensed = pdist(blobs[:300])
    models = [
        CLARANS(5, metric="precomputed", random_state=0).fit(X)
        for X in (squareform(condensed), condensed)
    ]
    assert_array_equal(models[0].medoid_indices_, models[1].medoid_indices_)


@pytest.mark.parametrize("k", [1, 19, 20])
def test_few_objects(blobs, k):
    model = CLARANS(k, random_state=0).fit(blobs[:20])
    assert len(np.unique(model.labels_)) == k


def test_too_few_swaps_warn(blobs):
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        CLARANS(8, max_iter=2, random_state=0).fit(blobs)
