"""The layer of TELL alone, ``encoder=None``."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.preprocessing import normalize

from skdeepcluster import TELL

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = load_digits(n_class=4).data[:300]
H = normalize(X)


def layer(n_clusters=4, **params):
    params = {"encoder": None, "init": "k-means", "max_epochs": 5, "random_state": 0} | params
    return TELL(n_clusters, **params)


def step(centers, rows, length, weights):
    """One step of each center, by the rows that are nearest to it."""
    labels, moved = (rows @ centers.T).argmax(axis=1), centers.copy()
    for j in range(len(centers)):
        total = (weights[labels == j, None] * rows[labels == j]).sum(axis=0)
        if total.any():
            moved[j] += length * total / np.linalg.norm(total)
    return normalize(moved)


@given(st.integers(0, 2**31 - 1), st.floats(0.01, 1), st.integers(1, 4), st.booleans())
@settings(max_examples=5)
def test_epochs_of_one_batch_against_a_loop(seed, length, n_epochs, weighted):
    random = np.random.RandomState(seed)
    rows, centers = random.randn(40, 5), normalize(random.randn(3, 5))
    weights = random.randint(1, 4, 40) if weighted else np.ones(40)
    model = layer(3, init=centers, center_step=length, max_epochs=n_epochs, batch_size=40)
    model.fit(rows, sample_weight=weights)
    expected, unit = centers, normalize(rows)
    for _ in range(n_epochs):
        if len(set((unit @ expected.T).argmax(axis=1))) < 3:
            return  # one that no row is near to is placed anew
        expected = step(expected, unit, length, weights)
    assert_allclose(model.cluster_centers_, expected, atol=1e-4)
    cosine = unit @ model.cluster_centers_.T
    loss = 0.5 * np.average(2 - 2 * cosine.max(axis=1), weights=weights)
    assert model.loss_ == pytest.approx(loss, rel=1e-4)
    assert_allclose(model.predict_proba(rows), softmax(2 * cosine / 0.1, axis=1), atol=1e-4)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=4)
def test_only_directions_count(seed):
    lengths = 2.0 ** np.random.RandomState(seed).randint(-60, 60, len(X))
    model, other = layer().fit(X), layer().fit(lengths[:, None] * X)
    assert_array_equal(model.labels_, other.labels_)
    assert_array_equal(model.cluster_centers_, other.cluster_centers_)
    assert_array_equal(model.predict(3.7 * X), model.labels_)


@pytest.mark.parametrize("init", ["random", "k-means", "neighbors", "spectral", "linkage"])
def test_spherical_k_means(init):
    start, model = (layer(init=init, max_epochs=n, center_step=0.03).fit(X) for n in (0, 30))
    centers = normalize(KMeans(4, n_init=10, random_state=0).fit(H).cluster_centers_)
    best = 0.5 * (2 - 2 * (H @ centers.T).max(axis=1)).mean()
    # Others may end in another optimum.
    assert model.loss_ < (1.05 if init in ("k-means", "neighbors") else 1.4) * best
    assert init == "k-means" or model.loss_ < start.loss_
    assert_allclose(model.transform(X), H, atol=1e-6)
    assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, rtol=1e-6)
    assert_allclose(model.decoded_centers_, model.cluster_centers_, rtol=1e-6)
    assert list(model.history_) == ["refine"] and model.n_epochs_ == 30


def test_streams_follow_the_rows():
    model = layer(2, init="random").fit(H[:100])
    shifted = normalize(H[100:] + 0.3)
    before = -model.score(shifted)
    for rows in np.array_split(shifted, 2):
        model.partial_fit(rows)
    assert -model.score(shifted) < 0.95 * before


def test_images_and_what_is_refused():
    images = layer().fit(X.reshape(-1, 8, 8))
    assert_array_equal(images.labels_, layer().fit(X).labels_)
    assert images.decoded_centers_.shape == (4, 64)
    with pytest.raises(ValueError, match="row 7 of X is zero"):
        layer().fit(np.where(np.arange(300)[:, None] == 7, 0, X))
