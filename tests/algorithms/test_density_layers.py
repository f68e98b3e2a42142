"""Numbers of clusters that persist over least sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HDBSCAN
from skdeepcluster.algorithms.density_layers import density_layers, least_sizes


@given(st.integers(0, 1000))
def test_least_sizes_grow(n):
    sizes = least_sizes(n)
    assert sizes == sorted(set(sizes))
    assert all(4 <= size < n / 3 for size in sizes)
    assert bool(sizes) == (n > 12)


@given(st.integers(13, 120), st.integers(0, 99))
def test_numbers_of_clusters_are_those_of_hdbscan(n, seed):
    places = np.random.default_rng(seed).normal(size=(n, 2))
    sizes = least_sizes(n)
    fits = [HDBSCAN(size, min_samples=5).fit(places) for size in sizes]
    numbers = [fit.n_clusters_ for fit in fits]
    layers = density_layers(places)
    assert set(layers) == set(numbers) - {0}
    for k, layer in layers.items():
        assert layer.persistence == pytest.approx(numbers.count(k) * np.log(1.25))
        assert set(layer.labels) == set(range(k))
        # What is no noise keeps its cluster, for some least size that gives this number.
        assert any(
            np.array_equal(layer.labels[fit.labels_ >= 0], fit.labels_[fit.labels_ >= 0])
            for fit in fits
            if fit.n_clusters_ == k
        )


def test_blobs_persist_and_noise_joins_the_nearest():
    X, y = make_blobs(600, centers=6, cluster_std=0.3, random_state=2)
    layers = density_layers(X)
    longest = max(layers, key=lambda k: layers[k].persistence)
    assert longest == 6
    assert adjusted_rand_score(y, layers[6].labels) == 1


@pytest.mark.parametrize("places", [np.zeros((50, 2)), np.zeros((5, 2)), np.arange(13.0)[:, None]])
def test_places_without_clusters(places):
    assert density_layers(places) == {}
