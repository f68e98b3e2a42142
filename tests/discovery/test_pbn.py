"""PBN: an embedding that known classes shape, and novel clusters in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.metrics import euclidean_distances, silhouette_score

from skdeepcluster import PBN
from skdeepcluster.constraints import IgnoredLabelsWarning
from skdeepcluster.metrics import clustering_accuracy

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def shared_factor():
    """Classes that differ in a few features, and others that vary more and mean nothing."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 60)
    angle = 2 * np.pi * y / 6
    meaning = 2.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    loud = 6.0 * rng.choice([-1, 1], size=(len(y), 2))
    X = np.column_stack([meaning, loud]) + 0.6 * rng.normal(size=(len(y), 4))
    return X, y, np.where(y % 2 == 0, y, -1)


@settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(0, 3))
def test_labeled_rows_keep_their_classes_and_others_get_none_of_them(seed, k, n_known):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 6, size=40)
    y[:6] = np.arange(6)
    partial = np.where(y < n_known, 10 + y, -1)
    model = PBN(k, max_epochs=1, random_state=seed).fit(X, partial)
    np.testing.assert_array_equal(model.classes_, 10 + np.arange(n_known))
    known = partial >= 0
    np.testing.assert_array_equal(model.labels_[known], y[known])
    assert (model.labels_[~known] >= n_known).all()
    assert model.labels_.max() < n_known + k == len(model.cluster_centers_)
    Z = model.transform(X)
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1, rtol=1e-5)
    # Of an embedding that has collapsed, all centers are equally near but for rounding.
    distances = euclidean_distances(Z, model.cluster_centers_)
    nearest = distances[np.arange(len(Z)), model.predict(X)]
    np.testing.assert_allclose(nearest, distances.min(axis=1), atol=1e-3)
    for j in range(n_known):
        np.testing.assert_allclose(model.cluster_centers_[j], Z[y == j].mean(axis=0), atol=1e-5)


def test_known_classes_show_what_discriminates_novel_ones(shared_factor):
    X, y, partial = shared_factor
    novel = partial < 0
    options = {"max_epochs": 100, "learning_rate": 3e-3, "batch_size": 64, "random_state": 0}
    models = [PBN(3, label_weight=w, **options).fit(X, partial) for w in (0.0, 0.95)]
    accuracy = [clustering_accuracy(y[novel], model.labels_[novel]) for model in models]
    assert accuracy[0] + 0.2 < accuracy[1]


def test_without_weight_the_classes_shape_nothing():
    X, y = make_blobs(120, n_features=4, centers=4, random_state=0)
    options = {"label_weight": 0.0, "max_epochs": 3, "random_state": 0, "batch_size": 32}
    first = PBN(2, **options).fit(X, np.where(y < 2, y, -1))
    other = PBN(2, **options).fit(X, np.where(y < 2, 1 - y, -1))
    np.testing.assert_array_equal(first.transform(X), other.transform(X))
    assert first.loss_ == other.loss_


def test_the_number_of_novel_clusters_is_that_of_the_largest_silhouette():
    X, y = make_blobs(200, centers=10 * np.eye(20)[:5], random_state=1)
    partial = np.where(y < 2, y, -1)
    model = PBN(None, max_epochs=60, batch_size=64, learning_rate=3e-3, random_state=0).fit(
        X, partial
    )
    novel = partial < 0
    assert model.n_clusters_ == max(model.silhouettes_, key=model.silhouettes_.get) == 3
    value = silhouette_score(model.transform(X)[novel], model.labels_[novel])
    assert model.silhouettes_[3] == pytest.approx(value, rel=1e-5)
    assert PBN(2, max_epochs=1).fit(X, partial).silhouettes_ == {}


def test_the_terms_are_those_of_the_objective():
    X, y = make_blobs(60, n_features=3, centers=3, random_state=0)
    partial = np.where(y < 2, y, -1)
    model = PBN(1, max_epochs=1, noise=0.0, learning_rate=1e-12, random_state=0).fit(X, partial)
    Z = model.transform(X)
    error = np.square(model.inverse_transform(Z) - X).sum(axis=1).mean() * model.scale_**2
    assert model.loss_ == pytest.approx(error, rel=1e-4) == -model.score(X)
    history = model.history_["train"]
    assert history["reconstruction"][-1] == pytest.approx(error, rel=1e-4)
    classifier = model.module_.classifier
    logits = Z @ classifier.weight.detach().numpy().T + classifier.bias.detach().numpy()
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    known = partial >= 0
    expected = -log_p[known, y[known]].mean()
    assert history["label"][-1] == pytest.approx(expected, rel=1e-4)


def test_few_or_no_unknown_rows():
    X, y = make_blobs(30, centers=3, random_state=0)
    with pytest.raises(ValueError, match="of unknown class"):
        PBN(5).fit(X, np.where(np.arange(30) < 26, y, -1))
    with pytest.warns(IgnoredLabelsWarning):
        model = PBN(3, max_epochs=1, random_state=0).fit(X, y)
    assert not len(model.classes_)
    assert PBN(None, max_epochs=1).fit(np.zeros((30, 2))).n_clusters_ == 1
