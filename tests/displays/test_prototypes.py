import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import DEC, TELL, KMedoids, LandmarkSpectral
from skdeepcluster.displays import PrototypeDisplay

iris = load_iris(as_frame=True)
X = iris.data.to_numpy()
QUICK = {"hidden_layer_sizes": (8,), "pretrain_epochs": 1, "max_epochs": 1, "random_state": 0}


def means(rows, labels):
    return np.array([rows[labels == k].mean(axis=0) for k in np.unique(labels)])


def test_centers_and_medoids_are_drawn_as_they_are():
    kmeans = KMeans(3, random_state=0).fit(X)
    display = PrototypeDisplay.from_estimator(kmeans)
    np.testing.assert_array_equal(display.prototypes, kmeans.cluster_centers_)
    assert display.kind == "bars"
    kmedoids = KMedoids(3, random_state=0).fit(X)
    np.testing.assert_array_equal(
        PrototypeDisplay.from_estimator(kmedoids).prototypes, X[kmedoids.medoid_indices_]
    )
    mixture = GaussianMixture(3, random_state=0).fit(X)
    np.testing.assert_array_equal(
        PrototypeDisplay.from_estimator(mixture).prototypes, mixture.means_
    )


def test_centers_of_an_embedding_are_decoded():
    dec = DEC(3, init="k-means", n_components=4, **QUICK).fit(X)
    expected = dec.inverse_transform(dec.cluster_centers_)
    np.testing.assert_array_equal(PrototypeDisplay.from_estimator(dec).prototypes, expected)
    tell = TELL(3, **QUICK).fit(X)
    np.testing.assert_array_equal(
        PrototypeDisplay.from_estimator(tell).prototypes, tell.decoded_centers_
    )


def test_means_where_centers_lie_elsewhere():
    # As many clusters as features: only values show that the centers are not among the rows.
    spectral = LandmarkSpectral(4, random_state=0).fit(X)
    assert spectral.cluster_centers_.shape == (4, 4)
    display = PrototypeDisplay.from_estimator(spectral, X)
    np.testing.assert_allclose(display.prototypes, means(X, spectral.predict(X)))
    with pytest.raises(ValueError, match="LandmarkSpectral has no prototypes.*Pass X"):
        PrototypeDisplay.from_estimator(spectral)
    dbscan = DBSCAN(eps=0.5).fit(X)
    assert -1 in dbscan.labels_
    display = PrototypeDisplay.from_estimator(dbscan, X)
    np.testing.assert_allclose(display.prototypes, means(X, dbscan.labels_)[1:])
    np.testing.assert_array_equal(display.clusters, [0, 1])


@pytest.mark.parametrize("freeze", [False, True])
def test_prototypes_go_back_through_a_pipeline(freeze):
    model = make_pipeline(StandardScaler(), KMeans(3, random_state=0)).fit(iris.data)
    centers = model[0].inverse_transform(model[-1].cluster_centers_)
    display = PrototypeDisplay.from_estimator(FrozenEstimator(model) if freeze else model)
    np.testing.assert_allclose(display.prototypes, centers)
    assert display.feature_names == list(iris.data.columns)
    nested = make_pipeline(PCA(2), model).fit(X)
    display = PrototypeDisplay.from_estimator(nested)
    inner = nested[-1][0].inverse_transform(nested[-1][-1].cluster_centers_)
    np.testing.assert_allclose(display.prototypes, nested[0].inverse_transform(inner))


def test_values_in_standard_deviations():
    kmeans = KMeans(3, random_state=0).fit(iris.data)
    display = PrototypeDisplay.from_estimator(kmeans, iris.data, standardize=True)
    np.testing.assert_allclose(
        display.prototypes, (kmeans.cluster_centers_ - X.mean(axis=0)) / X.std(axis=0)
    )
    assert display.ax_.get_xlabel() == "standard deviations from the mean"
    with pytest.raises(ValueError, match="standardize=True needs X"):
        PrototypeDisplay.from_estimator(kmeans, standardize=True)
    constant = np.c_[X, np.ones(len(X))]
    flat = PrototypeDisplay.from_predictions(constant, iris.target, standardize=True)
    np.testing.assert_array_equal(flat.prototypes[:, -1], 0)


def test_bars():
    display = PrototypeDisplay.from_predictions(iris.data, iris.target_names[iris.target])
    np.testing.assert_allclose(display.prototypes, means(X, iris.target))
    for bars, row in zip(display.bars_, display.prototypes, strict=True):
        np.testing.assert_allclose([bar.get_width() for bar in bars], row)
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert ticks == list(iris.data.columns)
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["setosa", "versicolor", "virginica"]
    # No bar hides another.
    edges = sorted(
        (bar.get_y(), bar.get_y() + bar.get_height()) for b in display.bars_ for bar in b
    )
    assert all(a[1] <= b[0] + 1e-9 for a, b in zip(edges[:-1], edges[1:], strict=True))


def test_lines():
    waves = np.sin(np.linspace(0, 6, 40) + np.repeat([0, 1, 2], 5)[:, np.newaxis])
    display = PrototypeDisplay.from_predictions(waves, np.repeat([0, 1, 4], 5))
    assert display.kind == "lines"
    for line, row in zip(display.lines_, waves[::5], strict=True):
        np.testing.assert_allclose(line.get_ydata(), row)
    assert [line.get_label() for line in display.lines_] == ["0", "1", "4"]


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (8, 8, 1)])
def test_images(shape):
    digits, labels = load_digits(return_X_y=True)
    display = PrototypeDisplay.from_predictions(digits, labels, image_shape=shape)
    assert display.kind == "images"
    canvas = display.image_.get_array()
    np.testing.assert_allclose(canvas[:8, :8], digits[labels == 0].mean(axis=0).reshape(8, 8))
    assert [text.get_text() for text in display.text_] == [str(k) for k in range(10)]
    as_images = PrototypeDisplay.from_predictions(digits.reshape(-1, *shape), labels)
    np.testing.assert_array_equal(as_images.prototypes, display.prototypes)
    assert as_images.kind == "images"


@pytest.mark.parametrize("convert", [pd.DataFrame, csr_array, lambda X: X.astype(np.float32)])
def test_containers(convert):
    display = PrototypeDisplay.from_predictions(convert(X), iris.target)
    np.testing.assert_allclose(display.prototypes, means(X, iris.target), rtol=1e-6)


def test_styles():
    display = PrototypeDisplay.from_predictions(X, iris.target, kind="lines", line_kw={"lw": 5})
    assert display.lines_[0].get_linewidth() == 5
    display = PrototypeDisplay.from_predictions(X, iris.target, bar_kw={"color": "red"})
    assert display.bars_[2][0].get_facecolor()[:3] == (1, 0, 0)


def test_bad_input():
    with pytest.raises(ValueError, match="kind='bar' is none of 'auto', 'images'"):
        PrototypeDisplay.from_predictions(X, iris.target, kind="bar")
    with pytest.raises(ValueError, match=r"image_shape=\(3, 2\) does not fit.*4 features"):
        PrototypeDisplay.from_predictions(X, iris.target, image_shape=(3, 2))
    with pytest.raises(ValueError, match="image_shape=None does not fit"):
        PrototypeDisplay.from_predictions(X, iris.target, kind="images")
    with pytest.raises(ValueError, match="There are 2 feature_names.*4 features"):
        PrototypeDisplay.from_predictions(X, iris.target, feature_names=["a", "b"])
    with pytest.raises(ValueError, match="All samples are noise"):
        PrototypeDisplay.from_predictions(X, np.full(150, -1))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PrototypeDisplay.from_predictions(X, iris.target[1:])
