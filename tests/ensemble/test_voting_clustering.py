"""VotingClustering: votes under the names of one clustering."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import DBSCAN, AgglomerativeClustering, Birch, KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier

from skdeepcluster import VotingClustering
from skdeepcluster.metrics import purity


class Given(ClusterMixin, BaseEstimator):
    """A clusterer with labels that are given."""

    def __init__(self, labels=None):
        self.labels = labels

    def fit(self, X, y=None):
        self.labels_ = np.asarray(self.labels)
        return self


def votes(*labels, **params):
    X = np.arange(2.0 * len(labels[0])).reshape(-1, 2)
    voters = [(f"v{i}", Given(one)) for i, one in enumerate(labels)]
    return VotingClustering(estimators=voters, **params).fit(X)


PARTITION = st.lists(st.integers(-1, 3), min_size=12, max_size=12).filter(lambda z: max(z) > -1)


@given(z=PARTITION, seed=st.integers(0, 99))
def test_names_of_clusters_do_not_matter(z, seed):
    names = np.random.default_rng(seed).permutation(4) + 5
    renamed = [-1 if c == -1 else names[c] for c in z]
    model = votes(z, renamed, z)
    assert_array_equal(model.labels_ == -1, np.array(z) == -1)
    assert model.coverage_ == np.mean(np.array(z) != -1)
    kept = np.array(z) >= 0
    assert adjusted_rand_score(np.array(z)[kept], model.labels_[kept]) == 1
    assert_array_equal(model.agreement_, kept)


@given(a=PARTITION, b=PARTITION, c=PARTITION, align=st.sampled_from(["hungarian", "majority"]))
def test_a_label_is_what_all_agree_on(a, b, c, align):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model, fewer = votes(a, b, c, align=align), votes(a, b, align=align)
        one = votes(a, b, c, align=align, min_votes=1)
    aligned = model.aligned_labels_
    kept = model.labels_ >= 0
    assert (aligned[kept] == model.labels_[kept, None]).all()
    assert not ((aligned[~kept] == aligned[~kept, :1]).all(axis=1) & (aligned[~kept, 0] >= 0)).any()
    assert model.coverage_ <= fewer.coverage_
    assert_array_equal(one.labels_ >= 0, np.array(a) >= 0)
    if align == "hungarian":
        for column, labels in zip(aligned.T, (a, b, c), strict=True):
            pairs = {(x, y) for x, y in zip(column, labels, strict=True) if x >= 0}
            assert len({x for x, _ in pairs}) == len(pairs) == len({y for _, y in pairs})


def test_alignment_one_to_one_and_by_majority():
    reference = [0, 0, 0, 0, 1, 1]
    other = [5, 5, 6, 6, 6, 7]
    assert_array_equal(votes(reference, other).labels_, [0, 0, -1, -1, 1, -1])
    majority = votes(reference, other, align="majority")
    assert_array_equal(majority.aligned_labels_[:, 1], [0, 0, 0, 0, 0, 1])
    assert_array_equal(majority.labels_, [0, 0, 0, 0, -1, 1])
    # Two clusters of the voter that stand for one keep the second opinion of both.
    assert_allclose(majority.agreement_, [1, 1, 1, 1, 0.5, 1])


def test_a_random_voter_leaves_about_one_in_k():
    rng = np.random.default_rng(0)
    k, n = 8, 4000
    truth, noise = rng.integers(k, size=n), rng.integers(k, size=n)
    model = votes(truth, truth, noise)
    assert 1 / k <= model.coverage_ < 1.3 / k


def test_separate_blobs_are_covered():
    X, y = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    model = VotingClustering(3, random_state=0).fit(X)
    assert model.coverage_ >= 0.99
    assert adjusted_rand_score(y, model.labels_) == 1
    assert_array_equal(model.predict(X), model.labels_)
    assert_allclose(model.transform(X).sum(axis=1), 1)
    assert_allclose(model.transform(X).max(axis=1), model.agreement_)
    far = model.predict([[100.0, 100.0]])
    assert far.shape == (1,)


def test_predictions_are_labels_where_all_voters_predict():
    X, _ = make_blobs(300, centers=4, cluster_std=3.0, random_state=0)
    voters = [("a", KMeans(4, n_init=3)), ("b", GaussianMixture(4)), ("c", KMeans(4, n_init=1))]
    model = VotingClustering(estimators=voters, random_state=0).fit(X)
    assert 0 < model.coverage_ < 1
    assert_array_equal(model.predict(X), model.labels_)


def test_digits_keep_few_mistakes():
    X, y = load_digits(return_X_y=True)
    Z = PCA(20, random_state=0).fit_transform(X)
    voters = [
        ("kmeans", KMeans(10, n_init=10)),
        ("ward", AgglomerativeClustering(10)),
        ("birch", Birch(threshold=0.1, n_clusters=10)),
    ]
    model = VotingClustering(estimators=voters, random_state=0).fit(Z)
    kept = model.labels_ >= 0
    assert 0.7 < model.coverage_ < 0.85
    assert (
        purity(y[kept], model.labels_[kept]) > 0.92 > 0.85 > purity(y, model.estimators_[0].labels_)
    )
    # Not a trio: Birch with a small threshold is Ward linkage.
    second, third = model.estimators_[1].labels_, model.estimators_[2].labels_
    assert adjusted_rand_score(second, third) == 1
    completed = clone(model).set_params(complete=KNeighborsClassifier(3)).fit(Z)
    assert (completed.labels_ >= 0).all()
    assert_array_equal(completed.labels_[kept], model.labels_[kept])
    assert purity(y, completed.labels_) > purity(y, completed.estimators_[0].labels_)


def test_parameters_of_voters_by_name():
    voters = [("a", KMeans(3)), ("b", KMeans(3))]
    model = VotingClustering(estimators=voters)
    assert model.get_params()["a__n_clusters"] == 3
    model.set_params(a__n_clusters=5, b=Birch())
    assert model.estimators[0][1].n_clusters == 5 and isinstance(model.estimators[1][1], Birch)
    assert "a" not in VotingClustering().get_params()


def test_noise_never_agrees():
    assert_array_equal(votes([0, 0, -1, 1], [0, 0, -1, 1]).labels_, [0, 0, -1, 1])
    X, _ = make_blobs(100, centers=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="No row has votes enough"):
        model = VotingClustering(
            estimators=[("a", KMeans(2, n_init=1)), ("b", DBSCAN(eps=1e-9))], random_state=0
        ).fit(X)
    assert_array_equal(model.labels_, -1)
    assert_array_equal(model.predict(X), -1)


def test_bad_input():
    X, _ = make_blobs(30, random_state=0)

    def fit(*voters, **params):
        return VotingClustering(estimators=list(voters), **params).fit(X)

    with pytest.raises(ValueError, match="at least two"):
        fit(("a", KMeans(2)))
    with pytest.raises(ValueError, match="pairs of a name"):
        fit(KMeans(2), KMeans(2))
    with pytest.raises(ValueError, match="unique"):
        fit(("a", KMeans(2)), ("a", KMeans(2)))
    with pytest.raises(TypeError, match="has no fit"):
        fit(("a", KMeans(2)), ("b", 3))
    with pytest.raises(TypeError, match="neither labels_ nor predict"):
        fit(("a", KMeans(2)), ("b", PCA()))
    pair = ("a", KMeans(2)), ("b", KMeans(2))
    with pytest.raises(ValueError, match="reference=2"):
        fit(*pair, reference=2)
    with pytest.raises(ValueError, match="min_votes=3"):
        fit(*pair, min_votes=3)
    with pytest.raises(ValueError, match="n_components=3"):
        fit(*pair, n_components=3)
