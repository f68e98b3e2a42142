"""Weighted samples are as many equal ones."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import pairwise_distances

from skdeepcluster import HDBSCAN
from tests.density._samples import parameters, samples, two_blobs


@st.composite
def weighted(draw):
    X = draw(samples(min_size=4, max_size=60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    most = draw(st.sampled_from([2, 4, 20]))
    weight = rng.integers(1, most, len(X), endpoint=True)
    min_samples = draw(st.integers(1, min(8, len(X))))
    return X, weight, min_samples


def all_stored(D):
    n = len(D)
    return sp.csr_array((D.ravel(), np.tile(np.arange(n), n), np.arange(0, D.size + 1, n)))


def forms(X, weight, kind):
    """The samples and the repeated ones in one form."""
    if kind in ("precomputed", "graph"):
        D = pairwise_distances(X, metric="manhattan") + 0.0
        repeated = np.repeat(np.repeat(D, weight, axis=0), weight, axis=1)
        if kind == "graph":
            # All distances are stored, those of zero as well.
            return all_stored(D), all_stored(repeated)
        return D, repeated
    return X, np.repeat(X, weight, axis=0)


@settings(max_examples=150)
@given(weighted(), parameters, st.sampled_from(["auto", "brute", "precomputed", "graph"]))
def test_weights_are_repeated_rows(data, params, kind):
    X, weight, min_samples = data
    A, B = forms(X, weight, kind)
    more = {"algorithm": "brute"} if kind == "brute" else {}
    if kind in ("precomputed", "graph"):
        more = {"metric": "precomputed"}
    model = HDBSCAN(min_samples=min_samples, **params, **more).fit(A, sample_weight=weight)
    other = HDBSCAN(min_samples=min_samples, **params, **more).fit(B)
    for name in ("labels_", "probabilities_", "outlier_scores_", "core_distances_"):
        assert_array_equal(
            np.repeat(getattr(model, name), weight), getattr(other, name), err_msg=name
        )
    assert_array_equal(model.cluster_persistence_, other.cluster_persistence_)
    tree, repeated = model.condensed_tree_, other.condensed_tree_
    for name in ("parent", "birth", "death", "size", "stability", "selected"):
        assert_array_equal(getattr(tree, name), getattr(repeated, name), err_msg=name)
    assert_array_equal(np.repeat(model.predict_proba(), weight, axis=0), other.predict_proba())
    assert_array_equal(model.dbscan_clustering(1.0), _first(other.dbscan_clustering(1.0), weight))
    if kind in ("auto", "brute"):
        assert_array_equal(model.predict(X + 0.2531), other.predict(X + 0.2531))


def _first(values, weight):
    return values[np.cumsum(weight) - weight]


@given(weighted(), st.integers(2, 10))
def test_scale_of_weights_does_not_matter(data, size):
    X, weight, min_samples = data
    plain = HDBSCAN(size, min_samples=min_samples).fit(X, sample_weight=weight)
    scaled = HDBSCAN(4 * size, min_samples=4 * min_samples).fit(X, sample_weight=4 * weight)
    assert_array_equal(plain.core_distances_, scaled.core_distances_)
    assert_array_equal(
        plain.minimum_spanning_tree_.distance, scaled.minimum_spanning_tree_.distance
    )


def test_light_rows_need_more_neighbors():
    X = two_blobs()
    plain = HDBSCAN(10, min_samples=6).fit(X)
    light = HDBSCAN(10, min_samples=6).fit(X, sample_weight=np.full(len(X), 0.5))
    assert_array_equal(light.core_distances_, HDBSCAN(10, min_samples=12).fit(X).core_distances_)
    assert (light.core_distances_ > plain.core_distances_).all()


@pytest.mark.parametrize("metric", ["euclidean", "precomputed", "canberra"])
def test_rows_without_weight_have_no_influence(metric):
    X = two_blobs(60)
    weight = np.ones(len(X))
    weight[::5] = 0
    rest = weight > 0
    A = pairwise_distances(X, metric="manhattan") if metric == "precomputed" else X
    B = A[rest][:, rest] if metric == "precomputed" else A[rest]
    model = HDBSCAN(8, metric=metric, store_centers=None).fit(A, sample_weight=weight)
    other = HDBSCAN(8, metric=metric).fit(B)
    assert_array_equal(model.labels_[rest], other.labels_)
    assert_array_equal(model.cluster_persistence_, other.cluster_persistence_)
    new = A[~rest][:, rest] if metric == "precomputed" else A[~rest]
    assert_array_equal(model.labels_[~rest], other.predict(new))
    assert (model.labels_[~rest] >= 0).any()
    assert_array_equal(model.predict(A), model.labels_)
    assert_array_equal(model.predict_proba(A), model.predict_proba())
    assert_array_equal(model.score_samples(A), -model.outlier_scores_)


def test_weights_of_one_are_none():
    X = two_blobs()
    model, plain = HDBSCAN().fit(X, sample_weight=np.ones(len(X))), HDBSCAN().fit(X)
    assert_array_equal(model.labels_, plain.labels_)
    assert model.condensed_tree_.size.dtype == plain.condensed_tree_.size.dtype


def test_centers_are_weighted():
    X = two_blobs(40)
    weight = np.random.default_rng(0).integers(1, 5, len(X))
    model = HDBSCAN(10, store_centers="both").fit(X, sample_weight=weight)
    other = HDBSCAN(10, store_centers="both").fit(np.repeat(X, weight, axis=0))
    assert_allclose(model.centroids_, other.centroids_)
    assert_array_equal(model.medoids_, other.medoids_)


def test_bad_weights():
    X = two_blobs(20)
    with pytest.raises(ValueError, match="of positive weight"):
        HDBSCAN().fit(X, sample_weight=np.eye(len(X))[0])
    with pytest.raises(ValueError, match="sum of sample_weight=4"):
        HDBSCAN(min_samples=5).fit(X, sample_weight=np.full(len(X), 0.1))
    with pytest.raises(ValueError, match="[Nn]egative"):
        HDBSCAN().fit(X, sample_weight=-np.ones(len(X)))


def test_fits_that_were_stored_before_there_were_weights():
    X = two_blobs()
    model, old = HDBSCAN().fit(X), HDBSCAN()
    state = dict(model.__getstate__())
    for name in ("_weight", "_weightless", "_n_counted", "cluster_selection_epsilon_max"):
        del state[name]
    old.__setstate__(state)
    assert_array_equal(old.predict_proba(X), model.predict_proba())
    assert_array_equal(old.reselect().labels, model.labels_)


def test_pickle_keeps_weights():
    X = two_blobs(50)
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    model = HDBSCAN(10).fit(X, sample_weight=weight)
    again = pickle.loads(pickle.dumps(model))
    for size in (4, 10, 40):
        found, expected = (m.reselect(min_cluster_size=size) for m in (again, model))
        assert_array_equal(found.labels, expected.labels)
        assert_array_equal(found.condensed_tree.stability, expected.condensed_tree.stability)
    assert_array_equal(again.predict(X), model.labels_)
