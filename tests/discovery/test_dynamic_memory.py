"""DynamicClusterMemory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.preprocessing import normalize

from skdeepcluster import DynamicClusterMemory


def with_centers(centers, **params):
    """A model that has these centers, and has seen nothing else."""
    model = DynamicClusterMemory(len(centers), random_state=0, **params)
    return model.partial_fit(np.asarray(centers, dtype=np.float64))


def clusters_of(shares, n=200, seed=0):
    """Rows near the axes, of a number of clusters in these shares."""
    rng = np.random.default_rng(seed)
    y = rng.choice(len(shares), n, p=shares)
    return np.eye(len(shares))[y] + rng.normal(0, 0.1, (n, len(shares))), y


@settings(max_examples=15)
@given(st.integers(0, 500), st.sampled_from([0.05, 0.3]))
def test_a_batch_is_assigned_by_normalizations_of_columns_and_rows(seed, reg):
    rng = np.random.default_rng(seed)
    centers = normalize(rng.normal(size=(4, 3)))
    model = with_centers(centers, reg=reg)
    order = euclidean_distances(model.cluster_centers_, centers).argmin(axis=1)
    X = normalize(rng.normal(size=(40, 3)))
    Q = np.exp(-euclidean_distances(X, centers[order]) / reg)
    for _ in range(10):
        Q /= 4 * Q.sum(axis=0)
        Q /= 40 * Q.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(model._assign(X), Q.argmax(axis=1))


@settings(max_examples=10)
@given(st.integers(0, 500), st.sampled_from(["cosine", "euclidean"]))
def test_separated_clusters_of_equal_size_have_the_nearest_centers(seed, metric):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(8), 16))
    X = np.eye(8)[y] + rng.normal(0, 0.1, (128, 8))
    model = with_centers(np.eye(8), metric=metric)
    labels = model._assign(normalize(X) if metric == "cosine" else X)
    np.testing.assert_array_equal(labels, model.predict(X))
    assert set(np.bincount(labels)) == {16}


@settings(max_examples=15)
@given(
    st.lists(st.integers(1, 30), max_size=6),
    st.integers(3, 40),
    st.integers(2, 12),
    st.sampled_from(["cosine", "euclidean"]),
    st.sampled_from([0.0, 0.5]),
)
def test_the_memory_has_the_newest_rows_and_their_means(sizes, room, batch_size, metric, momentum):
    rng = np.random.default_rng(room)
    model = DynamicClusterMemory(
        3, metric=metric, memory_size=room, batch_size=batch_size, momentum=momentum, n_init=1,
        random_state=0,
    )  # fmt: skip
    seen = np.empty((0, 4))
    for size in [5, *sizes]:
        X = rng.normal(size=(size, 4))
        seen = np.concatenate([seen, X])
        model.partial_fit(X)
    newest = normalize(seen) if metric == "cosine" else seen
    np.testing.assert_allclose(model.memory_, newest[-room:])
    np.testing.assert_array_equal(
        model.sizes_, np.bincount(model.memory_labels_, minlength=3), strict=True
    )
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    if momentum:
        return
    for j in np.flatnonzero(model.sizes_):
        mean = model.memory_[model.memory_labels_ == j].mean(axis=0)
        if metric == "cosine":
            mean /= np.linalg.norm(mean)
        np.testing.assert_allclose(model.cluster_centers_[j], mean)


def test_a_step_moves_centers_by_what_momentum_leaves():
    X, _ = clusters_of([1 / 3] * 3)
    params = {"metric": "euclidean", "memory_size": 60, "random_state": 0}
    models = [DynamicClusterMemory(3, momentum=m, **params).partial_fit(X[:60]) for m in (0, 0.75)]
    before = models[0].cluster_centers_
    moves = [model.partial_fit(X[60:100]).cluster_centers_ - before for model in models]
    assert np.abs(moves[0]).min() > 0
    np.testing.assert_allclose(moves[1], moves[0] / 4)


def test_a_row_is_in_the_memory_once_where_there_is_room_for_all():
    X, _ = clusters_of([1 / 3] * 3, 100)
    model = DynamicClusterMemory(3, memory_size=200, batch_size=30, random_state=0).fit(X)
    assert len(model.memory_) == 100
    assert len(np.unique(model.memory_, axis=0)) == 100
    assert len(model.partial_fit(X[:50]).memory_) == 150


def test_a_stream_is_clustered_and_clusters_that_jump_are_found_again():
    X, y = make_blobs(3000, n_features=16, centers=10, random_state=0)
    model = DynamicClusterMemory(10, memory_size=1000, max_epochs=2, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert model.sizes_.min() > 0.8 * 100
    X, y = make_blobs(1024, n_features=16, centers=10, random_state=1)
    assert adjusted_rand_score(y, model.predict(X)) < 0.9
    assert adjusted_rand_score(y, model.partial_fit(X).labels_) == 1


@pytest.mark.parametrize("batch_size", [50, 200])
def test_clusters_are_followed_that_old_rows_would_hold_back(batch_size):
    rng = np.random.default_rng(0)
    memory = DynamicClusterMemory(4, memory_size=200, random_state=0)
    kmeans = MiniBatchKMeans(4, n_init=3, random_state=0)
    found, lost, y = [], [], np.arange(200) % 4
    for turn in np.linspace(0, 2 * np.pi, 40):
        angle = y * np.pi / 2 + turn
        X = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.1, (200, 2))
        lost.append(adjusted_rand_score(y, kmeans.partial_fit(X).predict(X)))
        if turn == 0:
            memory.partial_fit(X)
            numbers = memory.labels_[:4]
        else:
            for start in range(0, 200, batch_size):
                memory.partial_fit(X[start : start + batch_size])
        found.append(np.mean(memory.predict(X) == numbers[y]))
    # Not only the clusters, also their numbers.
    assert min(found) > 0.99
    assert min(lost) < 0.5


def test_single_rows_are_assigned_as_well():
    X, y = clusters_of([0.25] * 4, 160)
    model = DynamicClusterMemory(4, memory_size=100, random_state=0).partial_fit(X[:100])
    numbers = np.array([model.labels_[y[:100] == c][0] for c in range(4)])
    for row in X[100:]:
        model.partial_fit(row[np.newaxis])
    assert np.mean(model.memory_labels_ == numbers[y[60:]]) > 0.9


def test_clusters_keep_their_numbers_when_kmeans_runs_again():
    X, y = clusters_of([1 / 6] * 6, 300)
    model = DynamicClusterMemory(6, memory_size=100, random_state=0).partial_fit(X[:80])
    numbers = [model.labels_[y[:80] == c][0] for c in range(6)]
    for interval in (None, 1):  # when the memory is full, and with each batch
        model.set_params(recluster_interval=interval, n_init=1)
        for start in range(80, 300, 44):
            model.partial_fit(X[start : start + 44])
            np.testing.assert_array_equal(model.labels_, np.take(numbers, y[start : start + 44]))


def test_kmeans_runs_again_when_one_cluster_is_left():
    X, y = clusters_of([1 / 3] * 3)
    model = DynamicClusterMemory(3, memory_size=200, batch_size=200, random_state=0).fit(X)
    model._assign = lambda X: np.zeros(len(X), dtype=np.int32)
    assert adjusted_rand_score(y, model.partial_fit(X).memory_labels_) == 1
    # Of rows that are all the same there are no three clusters; the centers stay.
    centers = model.cluster_centers_
    model.partial_fit(np.tile(X[:1], (200, 1)))
    assert model.sizes_.tolist() == [200, 0, 0]
    np.testing.assert_array_equal(model.cluster_centers_[1:], centers[1:])


@pytest.mark.parametrize(("balance", "taken"), [("uniform", True), ("kl", False)])
def test_no_cluster_stays_empty_whose_rows_come_no_more(balance, taken):
    X, y = clusters_of([0.25] * 4, 800)
    model = DynamicClusterMemory(4, balance=balance, memory_size=200, random_state=0)
    model.partial_fit(X[:200])
    left = model.labels_[y[:200] == 3][0]
    model.partial_fit(X[200:][y[200:] < 3])
    assert (model.sizes_[left] > 20) == taken
    assert np.delete(model.sizes_, left).min() > 20


def test_balance_decides_on_clusters_of_unequal_size():
    X, y = clusters_of([0.8, 0.1, 0.1], 600)
    params = {"batch_size": 100, "memory_size": 300, "random_state": 0}
    uniform = DynamicClusterMemory(3, **params).fit(X)
    free = DynamicClusterMemory(3, balance="kl", **params).fit(X)
    assert np.ptp(uniform.sizes_) < 60
    assert adjusted_rand_score(y, uniform.labels_) < 0.8
    assert adjusted_rand_score(y, free.labels_) == 1
    strict = DynamicClusterMemory(3, balance="kl", reg_cluster=100.0, **params).fit(X)
    assert np.ptp(strict.sizes_) < 60


@settings(max_examples=15)
@given(st.integers(0, 200), st.integers(1, 60), st.sampled_from(["cosine", "euclidean"]))
def test_neighbors_are_those_of_a_search_over_the_cluster(seed, n_neighbors, metric):
    rng = np.random.default_rng(seed)
    model = DynamicClusterMemory(4, metric=metric, memory_size=60, n_init=1, random_state=0)
    model.partial_fit(rng.normal(size=(80, 3)))
    Q = rng.normal(size=(9, 3))
    distances, indices = model.kneighbors(Q, n_neighbors)
    np.testing.assert_array_equal(indices, model.kneighbors(Q, n_neighbors, return_distance=False))
    rows = normalize(Q) if metric == "cosine" else Q
    for row, label, near, length in zip(rows, model.predict(Q), indices, distances, strict=True):
        own = np.flatnonzero(model.memory_labels_ == label)
        own = own if len(own) >= n_neighbors else np.arange(60)
        squares = np.square(model.memory_[own] - row).sum(axis=1)
        order = np.argsort(squares)[:n_neighbors]
        np.testing.assert_array_equal(near, own[order])
        np.testing.assert_allclose(length, np.sqrt(squares[order]), atol=1e-7)


def test_rows_without_direction_are_kept_and_stay_zero():
    X, y = clusters_of([1 / 3] * 3)
    X[::10] = 0
    model = DynamicClusterMemory(3, random_state=0).fit(X)
    assert np.count_nonzero(~model.memory_.any(axis=1)) == 20
    rows = X.any(axis=1)
    assert adjusted_rand_score(y[rows], model.labels_[rows]) == 1
    assert np.isfinite(model.kneighbors(X)[0]).all()


def test_what_cannot_be():
    with pytest.raises(ValueError, match="memory_size=2 should be >= n_clusters=3"):
        DynamicClusterMemory(3, memory_size=2).fit(np.eye(5))
    with pytest.raises(ValueError, match="n_samples=2 should be >= n_clusters=3"):
        DynamicClusterMemory(3).partial_fit(np.eye(5)[:2])
    model = DynamicClusterMemory(3, metric="euclidean").fit(np.eye(5, dtype=np.float32))
    with pytest.raises(ValueError, match="n_neighbors=6 should be from 1 to 5"):
        model.kneighbors(np.eye(5), 6)
    with pytest.raises(ValueError, match=r"values up to 1e\+30, of which the memory of float32"):
        model.partial_fit(np.full((3, 5), 1e30, dtype=np.float32))
    assert len(model.memory_) == 5


def test_digits_are_clustered_in_a_stream():
    X, y = load_digits(return_X_y=True)
    params = {"memory_size": 800, "batch_size": 128, "max_epochs": 2}
    labels = DynamicClusterMemory(10, random_state=0, **params).fit_predict(X)
    assert normalized_mutual_info_score(y, labels) > 0.7
    sizes = np.bincount(labels)
    assert sizes.max() < 2.3 * sizes.min()
