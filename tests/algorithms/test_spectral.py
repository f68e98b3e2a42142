"""Spectral clustering of landmarks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score

from skdeepcluster.algorithms.spectral import (
    LANCZOS_SIZE,
    cut_of_pairs,
    landmark_spectral,
    leading_eigenvectors,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [60, 499, 501, 2500])
def test_separated_blobs(n, dtype):
    Z, y = make_blobs(n, n_features=5, centers=4, center_box=(-50, 50), random_state=1)
    labels = landmark_spectral(Z.astype(dtype), 4)
    assert labels.shape == (n,) and labels.dtype == np.int32
    assert adjusted_rand_score(y, labels) == 1


# Five neighbors among 400 landmarks leave gaps within the moons.
@pytest.mark.parametrize(("shape", "n"), [("rings", 400), ("rings", 3000), ("moons", 3000)])
def test_shapes_that_k_means_cannot_follow(shape, n):
    if shape == "rings":
        Z, y = make_circles(n, factor=0.4, noise=0.02, random_state=0)
    else:
        Z, y = make_moons(n, noise=0.03, random_state=0)
    assert adjusted_rand_score(y, landmark_spectral(Z, 2)) > 0.99
    assert adjusted_rand_score(y, KMeans(2, n_init=5, random_state=0).fit_predict(Z)) < 0.6


def test_unequal_sizes():
    Z, y = make_blobs([30, 300, 900], n_features=3, center_box=(-40, 40), random_state=2)
    assert adjusted_rand_score(y, landmark_spectral(Z, 3)) == 1


def test_an_outlier_is_not_a_cluster():
    Z, y = make_blobs(400, centers=[[0, 0], [12, 0]], cluster_std=1.0, random_state=0)
    Z = np.vstack([Z, [[6.0, 500.0]]])
    assert adjusted_rand_score(y, landmark_spectral(Z, 2)[:-1]) > 0.99


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("seed", [1, 2])
def test_views_tell_which_of_two_cuts(axis, seed):
    # A square is halved as well one way as the other; views stay within halves of one kind.
    random = np.random.RandomState(seed)
    Z = random.rand(2400, 2)
    half = Z[:, axis] > 0.5
    view = np.arange(len(Z))
    for side in (False, True):
        view[half == side] = random.permutation(view[half == side])
    assert adjusted_rand_score(half, landmark_spectral(Z, 2, views=Z[view][None])) > 0.8


@given(st.integers(1, 6), st.integers(1, 50), st.integers(0, 1000))
def test_cut_of_pairs_is_that_of_their_graph(k, n, seed):
    random = np.random.RandomState(seed)
    labels, others = random.randint(0, k, (2, n))
    graph = np.zeros((2 * n, 2 * n))
    graph[np.arange(n), n + np.arange(n)] = graph[n + np.arange(n), np.arange(n)] = 1
    ends = np.concatenate([labels, others])
    cut = 0.0
    for cluster in range(k):
        inside = ends == cluster
        volume = graph[inside].sum()
        cut += graph[np.ix_(inside, ~inside)].sum() / volume if volume else 1.0
    assert cut_of_pairs(labels, others, k) == pytest.approx(cut)
    assert cut_of_pairs(labels, labels, k) == k - len(set(labels))


@given(st.integers(1, 40), st.integers(0, 1000), st.data())
@settings(max_examples=40)
def test_labels_for_any_small_input(n, seed, data):
    rows = data.draw(st.sampled_from(["random", "constant", "duplicates", "integers"]))
    random = np.random.RandomState(seed)
    Z = {
        "random": random.randn(n, 3),
        "constant": np.full((n, 3), 7.0),
        "duplicates": np.repeat(random.randn(max(1, n // 4), 3), 5, axis=0)[:n],
        "integers": random.randint(0, 3, (n, 3)).astype(float),
    }[rows]
    k = data.draw(st.integers(1, len(Z)))
    labels = landmark_spectral(Z, k)
    assert len(labels) == len(Z) and labels.min() >= 0 and labels.max() < k
    np.testing.assert_array_equal(landmark_spectral(Z, k), labels)


def test_every_row_its_own_cluster():
    Z = np.random.RandomState(0).randn(12, 2)
    assert len(set(landmark_spectral(Z, 12))) == 12


def test_more_clusters_than_the_usual_landmarks():
    Z, y = make_blobs(4500, n_features=6, centers=150, center_box=(-100, 100), random_state=0)
    # Seeds, and processors, give from 0.88 to 0.93.
    assert adjusted_rand_score(y, landmark_spectral(Z, 150)) > 0.85


def test_duplicate_rows_share_a_label():
    Z = np.random.RandomState(0).randn(900, 2)
    Z = np.vstack([Z, Z])
    labels = landmark_spectral(Z, 5)
    np.testing.assert_array_equal(labels[:900], labels[900:])


@pytest.mark.parametrize("n_vectors", [1, 3, 10])
def test_eigenvectors_are_those_of_the_dense_matrix(n_vectors):
    rng = np.random.default_rng(0)
    W = random_array((400, 400), density=0.02, random_state=0, format="csr")
    W = csr_array(W + W.T)
    scale = rng.uniform(0.5, 1, 400)
    # Enough rows for Lanczos' method, and too few.
    for m in (400, LANCZOS_SIZE * n_vectors - 1):
        A = W[:m, :m]
        values, vectors = leading_eigenvectors(A, n_vectors, 0.01, scale[:m])
        dense = A.toarray() + 0.01 * np.outer(scale[:m], scale[:m])
        np.testing.assert_allclose(np.sort(values), np.linalg.eigvalsh(dense)[-n_vectors:])
        np.testing.assert_allclose(dense @ vectors, vectors * values, atol=1e-6)
