"""DynMSC: the number of clusters with outliers, and from samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DynMSC, FasterMSC
from skdeepcluster.medoids._distances import Euclidean, Matrix
from skdeepcluster.medoids._search import Search, eager

PAPER = {"min_cluster_size": 1, "distance_quantile": 1.0, "max_samples": 1.0}


def blobs(n, seed=0):
    centers = [[0, 0], [9, 0], [0, 9], [9, 9], [18, 4]]
    return make_blobs(n, centers=centers, random_state=seed)


def outliers(X, kind):
    """Far from everything: one, a few together, or one in a hundred, each on its own."""
    rng = np.random.default_rng(0)
    if kind == "one":
        return np.array([[1000.0, 1000.0]])
    if kind == "few":
        return [400, -300] + rng.normal(size=(6, 2))
    return rng.uniform(-200, 200, (len(X) // 100, 2))


@pytest.mark.parametrize("kind", ["one", "few", "scattered"])
@pytest.mark.parametrize("max_samples", [1.0, 300])
@pytest.mark.parametrize("metric", ["euclidean", "precomputed"])
def test_outliers_do_not_decide(kind, max_samples, metric):
    X, y = blobs(800)
    Z = np.vstack([X, outliers(X, kind)])
    Z = squareform(pdist(Z)) if metric == "precomputed" else Z
    model = DynMSC(12, max_samples=max_samples, metric=metric, random_state=0).fit(Z)
    assert model.n_clusters_ == 5
    assert adjusted_rand_score(y, model.labels_[: len(y)]) > 0.98
    paper = DynMSC(12, metric=metric, random_state=0, **PAPER).fit(Z)
    assert np.bincount(paper.labels_).min() < 8
    assert adjusted_rand_score(y, paper.labels_[: len(y)]) < 0.9


def test_an_outlier_does_not_hide_small_clusters():
    X, y = blobs(1000)
    rng = np.random.default_rng(0)
    small = rng.normal(size=(25, 2)) + [27, 14]
    model = DynMSC(12, random_state=0).fit(np.vstack([X, small, [[1e4, 0]]]))
    assert model.n_clusters_ == 6
    assert len(np.unique(model.labels_[1000:1025])) == 1
    assert 25 <= np.bincount(model.labels_).min() <= 26


@pytest.mark.parametrize("n_far", [3, 5, 8])
def test_the_least_size_is_a_number_of_objects(n_far):
    X, _ = blobs(200)
    far = np.array([50.0, 50]) + np.random.default_rng(0).normal(size=(n_far, 2))
    model = DynMSC(10, min_cluster_size=5, distance_quantile=1.0, random_state=0)
    sizes = np.bincount(model.fit(np.vstack([X, far])).labels_)
    assert sizes.min() == n_far if n_far >= 5 else sizes.min() > n_far


def test_the_least_size_counts_weights():
    X, _ = blobs(200)
    Z, weights = np.vstack([X, [[1000, 1000]]]), np.ones(201)
    model = DynMSC(10, min_cluster_size=20, random_state=0)
    assert np.bincount(model.fit(Z).labels_).min() >= 20
    weights[-1] = 20
    assert np.bincount(model.fit(Z, sample_weight=weights).labels_).min() == 1
    weights[-1] = 19
    assert np.bincount(model.fit(Z, sample_weight=weights).labels_).min() > 1


def test_clusters_that_must_be_small_are_as_few_as_possible():
    X = np.array([[0.0], [1.0], [50.0], [51.0], [900.0]])
    model = DynMSC(3, min_cluster_size=2, distance_quantile=1.0, random_state=0).fit(X)
    assert model.n_clusters_ == 2
    assert_array_equal(np.sort(np.bincount(model.labels_)), [2, 3])
    only = DynMSC(3, min_clusters=3, min_cluster_size=0.3, random_state=0).fit(X)
    assert only.n_clusters_ == 3


@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(2, 6),
    smallest=st.integers(0, 8),
    quantile=st.floats(0.2, 1),
    stored=st.booleans(),
)
def test_swaps_end_where_none_helps_that_leaves_clusters_large(seed, k, smallest, quantile, stored):
    rng = np.random.default_rng(seed)
    X = rng.standard_t(2, size=(30, 2))
    weights = rng.integers(0, 3, 30).astype(float)
    start = rng.permutation(np.flatnonzero(weights))[:k]
    D = squareform(pdist(X))
    cap = np.quantile(D, quantile) if quantile < 1 else np.inf
    cap = cap if cap > 0 else np.inf
    source = Matrix(D, 1) if stored else Euclidean(X, False, 1)
    search = Search(source, weights, 3, cap, smallest).start(start)

    def described(medoids):
        """The loss and the number of small clusters, by the definition."""
        first, second = np.minimum(np.sort(D[medoids], axis=0)[:2], cap)
        nearest = D[medoids].argmin(axis=0)
        sizes = np.bincount(nearest, weights, minlength=len(medoids))
        return np.dot(weights, first / second), np.count_nonzero(sizes < smallest)

    losses, small = [search.loss()], [search.n_small()]
    for _ in eager(search, rng.permutation(search.objects), 1e-12):
        losses.append(search.loss())
        small.append(search.n_small())
        assert (search.loss(), search.n_small()) == pytest.approx(described(search.medoids))
    assert_array_equal(losses, np.sort(losses)[::-1])
    assert_array_equal(small, np.sort(small)[::-1])
    for candidate in np.setdiff1d(search.objects, search.medoids):
        swaps = np.tile(search.medoids, (k, 1))
        np.fill_diagonal(swaps, candidate)
        for medoids in swaps:
            loss, n_small = described(medoids)
            assert loss > losses[-1] - 1e-9 or n_small > small[-1]


@given(seed=st.integers(0, 2**32 - 1), smallest=st.integers(0, 8))
def test_a_small_cluster_is_dropped_first(seed, smallest):
    rng = np.random.default_rng(seed)
    D = squareform(pdist(rng.normal(size=(30, 2))))
    search = Search(Matrix(D, 1), np.ones(30), 3, smallest=smallest).start(rng.permutation(30)[:5])
    sizes = np.bincount(search.slots[0], minlength=5)
    before = search.medoids.copy()
    losses = []
    for slot in range(5):
        first, second = np.sort(D[np.delete(before, slot)], axis=0)[:2]
        losses.append(np.sum(first / second))
    losses = np.where(sizes < smallest, losses, np.inf) if (sizes < smallest).any() else losses
    (gone,) = np.setdiff1d(before, search.drop().medoids)
    assert gone == before[np.argmin(losses)]


def test_samples_lead_to_what_the_whole_data_lead_to():
    X, y = blobs(1500)
    whole = DynMSC(12, random_state=0, **PAPER).fit(X)
    model = DynMSC(12, random_state=0, **PAPER | {"max_samples": 200}).fit(X)
    assert model.n_clusters_ == whole.n_clusters_ == 5
    assert model.medoid_silhouette_ > 0.999 * whole.medoid_silhouette_
    assert model.medoid_silhouette_ == model.medoid_silhouettes_.max()
    assert model.score(X) == pytest.approx(model.medoid_silhouette_)
    assert (model.medoid_silhouettes_ > 0.9 * whole.medoid_silhouettes_).all()
    again = FasterMSC(5, init=model.medoid_indices_, random_state=0).fit(X)
    assert again.n_swaps_ == 0


@pytest.mark.parametrize("max_samples", [1.0, 100])
def test_a_search_that_does_not_end_warns(max_samples):
    X = np.random.default_rng(0).normal(size=(400, 2))
    model = DynMSC(12, max_samples=max_samples, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        model.fit(X)


def test_medoids_that_are_given_are_in_the_sample():
    X, _ = blobs(500)
    init = np.arange(0, 500, 50)
    model = DynMSC(10, init=init, max_samples=100, random_state=0).fit(X)
    assert model.n_clusters_ == 5
    kept = DynMSC(10, init=init, max_samples=11, min_clusters=10, tol=10.0, random_state=0).fit(X)
    assert_array_equal(np.sort(kept.medoid_indices_), init)


def test_distances_are_cut_in_the_unit_of_the_rows():
    X, _ = blobs(300)
    D = pdist(X)
    for scale in (1e-6, 1.0, 1e6):
        model = DynMSC(8, random_state=0).fit(scale * X)
        assert model.largest_distance_ == pytest.approx(scale * np.quantile(D, 0.9), rel=1e-3)
        assert model.score(scale * X) == pytest.approx(model.medoid_silhouette_)
        assert model.n_clusters_ == 5
    assert DynMSC(8, distance_quantile=1.0, random_state=0).fit(X).largest_distance_ == np.inf
    assert FasterMSC(5, random_state=0).fit(X).largest_distance_ == np.inf


def test_the_quantile_of_distances_counts_weights():
    X = np.array([[0.0], [1.0], [10.0], [11.0], [30.0]])
    weights = np.array([3, 1, 2, 1, 1])
    weighted = FasterMSC(2, distance_quantile=0.7, random_state=0).fit(X, sample_weight=weights)
    pairs = np.multiply.outer(weights, weights)[np.triu_indices(5, 1)]
    expected = np.quantile(pdist(X), 0.7, weights=pairs, method="inverted_cdf")
    assert weighted.largest_distance_ == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_copies_set_no_limit():
    X = np.vstack([np.zeros((97, 2)), [[1.0, 0], [0, 1], [5, 5]]])
    model = DynMSC(4, random_state=0).fit(X)
    assert model.largest_distance_ == np.inf
    assert 0 <= model.medoid_silhouette_ <= 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"min_cluster_size": 101}, "min_cluster_size=101 is too large for min_clusters=2"),
        ({"min_cluster_size": 0.6}, "min_cluster_size=0.6 is too large for min_clusters=2"),
        ({"max_samples": 12}, "samples of 12 objects; they must have more than max_clusters=12"),
        ({"min_cluster_size": 0}, "'min_cluster_size' parameter"),
        ({"min_cluster_size": 1.0}, "'min_cluster_size' parameter"),
        ({"distance_quantile": 0.0}, "'distance_quantile' parameter"),
    ],
)
def test_bad_limits(params, message):
    with pytest.raises(ValueError, match=message):
        DynMSC(12, **params).fit(blobs(200)[0])
    if "max_samples" not in params:
        params = {"n_clusters": 2} | params
        with pytest.raises(ValueError, match=message.replace("min_clusters", "n_clusters")):
            FasterMSC(**params).fit(blobs(200)[0])
