import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgba
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster.displays import EmbeddingDisplay
from skdeepcluster.displays._common import NOISE_COLOR, label_color

X, y = load_iris(return_X_y=True)


class Embedder(ClusterMixin, BaseEstimator):
    """k-means on the first columns, with these as `transform` and centers among them."""

    def __init__(self, n_components=2):
        self.n_components = n_components

    def fit(self, X, y=None):
        kmeans = KMeans(3, random_state=0).fit(self.transform(X))
        self.labels_, self.cluster_centers_ = kmeans.labels_, kmeans.cluster_centers_
        return self

    def transform(self, X):
        return 2 * X[:, : self.n_components]


def drawn(collection):
    """Positions in a set order."""
    return np.array(sorted(map(tuple, np.asarray(collection.get_offsets()))))


def ordered(points):
    return np.array(sorted(map(tuple, points)))


def test_embedding_of_two_columns_is_drawn_as_it_is():
    estimator = Embedder().fit(X)
    display = EmbeddingDisplay.from_estimator(estimator, X)
    np.testing.assert_array_equal(display.coordinates, estimator.transform(X))
    np.testing.assert_array_equal(display.centers, estimator.cluster_centers_)
    np.testing.assert_allclose(drawn(display.scatter_), ordered(display.coordinates))
    np.testing.assert_allclose(display.centers_.get_offsets(), estimator.cluster_centers_)
    assert [text.get_text() for text in display.text_] == ["0", "1", "2"]
    assert display.noise_ is None and display.legend_ is None


def test_wider_embeddings_are_reduced_by_pca():
    estimator = Embedder(n_components=3).fit(X)
    display = EmbeddingDisplay.from_estimator(estimator, X)
    pca = PCA(2).fit(estimator.transform(X))
    np.testing.assert_allclose(
        np.abs(display.coordinates), np.abs(pca.transform(estimator.transform(X))), atol=1e-9
    )
    np.testing.assert_allclose(
        np.abs(display.centers), np.abs(pca.transform(estimator.cluster_centers_)), atol=1e-9
    )
    share = pca.explained_variance_ratio_[0]
    assert display.ax_.get_xlabel() == f"Principal component 1 ({share:.0%} of variance)"


def test_kmeans_is_drawn_in_the_space_of_its_centers():
    kmeans = KMeans(3, random_state=0).fit(X[:, :2])
    display = EmbeddingDisplay.from_estimator(kmeans, X[:, :2])
    np.testing.assert_array_equal(display.coordinates, X[:, :2])
    np.testing.assert_array_equal(display.centers, kmeans.cluster_centers_)
    pipeline = make_pipeline(StandardScaler(), KMeans(3, random_state=0)).fit(X[:, :2])
    display = EmbeddingDisplay.from_estimator(pipeline, X[:, :2])
    np.testing.assert_allclose(display.coordinates, StandardScaler().fit_transform(X[:, :2]))
    assert display.centers is not None


def test_one_column_is_spread():
    display = EmbeddingDisplay.from_estimator(Embedder(n_components=1).fit(X), X)
    np.testing.assert_array_equal(display.coordinates[:, 0], 2 * X[:, 0])
    assert len(np.unique(display.coordinates[:, 1])) == len(X)
    assert len(display.ax_.get_yticks()) == 0
    assert display.centers.shape == (3, 2)


def test_reducer_is_cloned_and_may_lack_transform():
    reducer = TSNE(perplexity=10, max_iter=250, init="random", random_state=0)
    display = EmbeddingDisplay.from_estimator(
        KMeans(3, random_state=0).fit(X[:60]), X[:60], reducer=reducer
    )
    assert not hasattr(reducer, "embedding_")
    assert display.coordinates.shape == (60, 2)
    assert display.centers is None and display.centers_ is None
    assert display.ax_.get_xlabel() == "TSNE 1"
    assert len(display.text_) == 3


def test_noise_is_gray_and_no_cluster():
    blobs, _ = make_blobs(100, centers=3, cluster_std=0.4, random_state=0)
    blobs = np.vstack([blobs, [[30, 30], [-30, 20]]])
    hdbscan = HDBSCAN(copy=True).fit(blobs)
    display = EmbeddingDisplay.from_estimator(hdbscan, blobs)
    noise = hdbscan.labels_ == -1
    assert noise.sum() >= 2
    np.testing.assert_allclose(drawn(display.noise_), ordered(blobs[noise]))
    np.testing.assert_allclose(drawn(display.scatter_), ordered(blobs[~noise]))
    assert to_hex(display.noise_.get_edgecolor()[0]) == NOISE_COLOR
    assert [text.get_text() for text in display.legend_.get_texts()] == ["noise"]
    assert len(display.text_) == len(np.unique(hdbscan.labels_[~noise]))


def test_colors_follow_the_label():
    display = EmbeddingDisplay.from_predictions([[0.0, 0], [1, 1], [2, 2]], [5, 0, 12])
    colors = {
        tuple(point): tuple(color[:3])
        for point, color in zip(
            display.scatter_.get_offsets().tolist(), display.scatter_.get_facecolor(), strict=True
        )
    }
    for place, label in enumerate([5, 0, 12]):
        assert colors[place, place] == to_rgba(label_color(label))[:3]


def test_class_names_and_legend():
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    display = EmbeddingDisplay.from_predictions(X, names, legend=True)
    expected = ["setosa", "versicolor", "virginica"]
    assert [text.get_text() for text in display.text_] == expected
    assert [text.get_text() for text in display.legend_.get_texts()] == expected
    assert EmbeddingDisplay.from_predictions(X, names, annotate=False).text_ == []


def test_unsure_samples_are_paler():
    mixture = GaussianMixture(3, random_state=0).fit(X)
    display = EmbeddingDisplay.from_estimator(mixture, X, show_confidence=True)
    proba = mixture.predict_proba(X)
    np.testing.assert_array_equal(display.probabilities, proba.max(axis=1))
    assert len(display.scatter_.get_alpha()) == len(X)
    same = EmbeddingDisplay.from_predictions(X, mixture.predict(X), probabilities=proba)
    np.testing.assert_array_equal(same.scatter_.get_alpha(), display.scatter_.get_alpha())
    sure = display.scatter_.get_alpha().max()
    assert display.scatter_.get_alpha().min() < sure == pytest.approx(0.8, abs=0.01)


def test_many_samples_are_rasterized():
    points = np.random.default_rng(0).normal(size=(20_001, 2))
    display = EmbeddingDisplay.from_predictions(points, points[:, 0] > 0)
    assert display.scatter_.get_rasterized()
    assert display.scatter_.get_sizes() == [2]


@pytest.mark.parametrize("convert", [pd.DataFrame, csr_array, lambda X: X.astype(np.float32)])
def test_containers(convert):
    kmeans = KMeans(3, random_state=0).fit(convert(X))
    display = EmbeddingDisplay.from_estimator(kmeans, convert(X))
    assert display.coordinates.shape == (150, 2)
    assert display.centers.shape == (3, 2)


def test_styles():
    display = EmbeddingDisplay.from_predictions(
        X,
        np.r_[-1, y[1:]],
        scatter_kw={"c": "red", "s": 3},
        noise_kw={"marker": "+", "lw": 2},
        text_kw={"fontsize": 20, "weight": "normal"},
    )
    np.testing.assert_array_equal(np.unique(display.scatter_.get_facecolor()[:, :3]), [0, 1])
    assert display.scatter_.get_sizes() == [3]
    assert display.text_[0].get_fontsize() == 20


def test_bad_input():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        EmbeddingDisplay.from_predictions(X, y[:-1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        EmbeddingDisplay.from_predictions(X, y, probabilities=[1.0])
    with pytest.raises(ValueError, match="X contains NaN"):
        EmbeddingDisplay.from_predictions([[0, np.nan]], [0])
