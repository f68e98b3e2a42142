"""CLARA: k-medoids of samples."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import CLARA, KMedoids


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(3000, n_features=4, centers=8, random_state=0)[0].astype(np.float32)


def test_close_to_the_search_on_all_data(blobs):
    best = KMedoids(8, random_state=0).fit(blobs).inertia_
    model = CLARA(8, random_state=0).fit(blobs)
    assert best <= model.inertia_ < 1.03 * best
    assert_array_equal(model.predict(blobs), model.labels_)
    assert_array_equal(model.cluster_centers_, blobs[model.medoid_indices_])


def test_larger_and_more_samples_are_better(blobs):
    def mean_inertia(**params):
        fits = [CLARA(8, random_state=seed, **params).fit(blobs) for seed in range(5)]
        return np.mean([model.inertia_ for model in fits])

    small = mean_inertia(max_samples=50, n_init=1)
    assert mean_inertia(max_samples=50, n_init=8) < small
    assert mean_inertia(max_samples=0.3, n_init=1) < small


def test_a_sample_of_everything_is_a_search_on_everything(blobs):
    X = blobs[:200]
    model = CLARA(5, max_samples=1.0, n_init=4, init="build").fit(X)
    assert model.inertia_ <= KMedoids(5, init="build", random_state=0).fit(X).inertia_ * 1.02


def test_matrices_and_condensed_ones(blobs):
    condensed = pdist(blobs[:400])
    D = squareform(condensed)
    models = [
        CLARA(5, metric="precomputed", max_samples=60, random_state=0).fit(X)
        for X in (D, condensed)
    ]
    assert_array_equal(models[0].medoid_indices_, models[1].medoid_indices_)
    assert models[0].inertia_ == pytest.approx(D[models[0].medoid_indices_].min(axis=0).sum())


def test_weights(blobs):
    weights = np.random.default_rng(0).integers(0, 3, len(blobs)).astype(float)
    model = CLARA(8, random_state=0).fit(blobs, sample_weight=weights)
    assert weights[model.medoid_indices_].all()
    assert model.inertia_ == pytest.approx(-model.score(blobs, sample_weight=weights))


@pytest.mark.parametrize("k", [1, 19, 20])
def test_few_objects(blobs, k):
    model = CLARA(k, random_state=0).fit(blobs[:20])
    assert len(np.unique(model.labels_)) == k


@pytest.mark.parametrize("max_samples", [5, 8, 0.001])
def test_samples_too_small(blobs, max_samples):
    with pytest.raises(ValueError, match="more than n_clusters=8"):
        CLARA(8, max_samples=max_samples).fit(blobs)


def test_copies():
    X = np.repeat([[0.0], [1.0]], 50, axis=0)
    with pytest.warns(ConvergenceWarning, match="distinct"):
        model = CLARA(3, max_samples=20, random_state=0).fit(X)
    assert model.inertia_ == 0
