import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from skdeepcluster import KMedoids
from skdeepcluster.displays import ClusterImageDisplay
from skdeepcluster.displays._images import montage

X, y = load_digits(return_X_y=True)
X, y = X[:300], y[:300]
KMEANS = KMeans(10, n_init=1, random_state=0).fit(X)


def test_exemplars_are_nearest_to_the_mean_of_their_cluster():
    display = ClusterImageDisplay.from_estimator(KMEANS, X, images=(8, 8), n_images=5)
    assert display.images.shape == (10, 5, 8, 8)
    np.testing.assert_array_equal(display.sizes, np.bincount(KMEANS.labels_))
    for k, rows in enumerate(display.rows):
        own = np.flatnonzero(KMEANS.labels_ == k)
        distances = np.linalg.norm(X - X[own].mean(axis=0), axis=1)
        np.testing.assert_array_equal(rows, own[np.argsort(distances[own])][:5])
        np.testing.assert_array_equal(display.images[k], X[rows].reshape(-1, 8, 8))
    assert display.limits == (0, 16)


def test_medoids_come_first():
    kmedoids = KMedoids(6, metric="manhattan", random_state=0).fit(X)
    display = ClusterImageDisplay.from_estimator(kmedoids, X, images=(8, 8), n_images=2)
    np.testing.assert_array_equal(display.rows[:, 0], kmedoids.medoid_indices_)


def test_means():
    display = ClusterImageDisplay.from_estimator(KMEANS, X, images=(8, 8), kind="means")
    for k, images in enumerate(display.images):
        mean = X[KMEANS.labels_ == k].mean(axis=0)
        np.testing.assert_allclose(images, mean.reshape(1, 8, 8))
    assert display.rows is None


def test_uncertain_images_by_probabilities():
    model = make_pipeline(PCA(5, random_state=0), GaussianMixture(5, random_state=0)).fit(X)
    display = ClusterImageDisplay.from_estimator(
        model, X, images=(8, 8), kind="uncertain", n_images=3
    )
    top = np.sort(model.predict_proba(X), axis=1)
    lead, labels = top[:, -1] - top[:, -2], model.predict(X)
    for k, rows in enumerate(display.rows):
        assert set(labels[rows]) == {k}
        assert lead[rows].max() <= np.delete(lead, rows)[np.delete(labels, rows) == k].min()


def test_uncertain_images_without_probabilities_are_between_clusters():
    blobs = np.r_[np.zeros(9), 4, np.full(9, 10.0), 7][:, np.newaxis]
    labels = np.repeat([3, 5], 10)
    display = ClusterImageDisplay.from_predictions(
        blobs, labels, images=blobs.reshape(-1, 1, 1), kind="uncertain", n_images=1
    )
    np.testing.assert_array_equal(display.rows, [[9], [19]])


def test_noise_is_not_drawn_and_small_clusters_leave_room():
    labels = np.r_[-1, -1, np.repeat([0, 1], [297, 1])]
    display = ClusterImageDisplay.from_predictions(X.reshape(-1, 8, 8), labels, n_images=4)
    np.testing.assert_array_equal(display.clusters, [0, 1])
    np.testing.assert_array_equal(display.rows[1], [299, -1, -1, -1])
    assert np.isnan(display.images[1, 1:]).all() and not np.isnan(display.images[0]).any()
    assert [text.get_text() for text in display.text_] == ["0 (297)", "1 (1)"]
    names = display.plot(show_sizes=False).text_
    assert [text.get_text() for text in names] == ["0", "1"]
    with pytest.raises(ValueError, match="All samples are noise"):
        ClusterImageDisplay.from_predictions(X, np.full(300, -1), images=(8, 8))


@pytest.mark.parametrize("channels_first", [True, False])
@pytest.mark.parametrize("kind", ["exemplars", "means", "uncertain"])
def test_images_in_color_beside_features(channels_first, kind):
    images = np.random.default_rng(0).integers(0, 256, (300, 5, 6, 3)).astype(np.uint8)
    given_images = np.moveaxis(images, -1, 1) if channels_first else images
    display = ClusterImageDisplay.from_estimator(
        KMEANS, X, images=given_images, kind=kind, n_images=2
    )
    assert display.limits == (0, 255)
    if kind != "means":
        np.testing.assert_array_equal(display.images[3], images[display.rows[3]])
    drawn = display.image_.get_array()
    assert drawn.shape[-1] == 4 and 0 <= drawn.min() and drawn.max() <= 1
    display.figure_.canvas.draw()


@given(
    st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.integers(1, 3)
)
def test_a_montage_holds_every_image_in_its_place(n_rows, n_columns, height, width, gap):
    shape = (n_rows, n_columns, height, width)
    images = np.arange(np.prod(shape), dtype=float).reshape(shape)
    canvas = montage(images, gap)
    assert np.isnan(canvas).sum() == canvas.size - images.size
    for i in range(n_rows):
        for j in range(n_columns):
            top, left = i * (height + gap), j * (width + gap)
            place = canvas[top : top + height, left : left + width]
            np.testing.assert_array_equal(place, images[i, j])


def test_names_stand_beside_their_images():
    display = ClusterImageDisplay.from_estimator(KMEANS, X, images=(8, 8), n_images=5)
    places = np.array([text.get_position() for text in display.text_])
    assert (np.diff(places[:, 1]) == 9).all() and (places[:, 0] < 0).all()
    means = ClusterImageDisplay.from_estimator(KMEANS, X, images=(8, 8), kind="means")
    places = [text.get_position() for text in means.text_]
    assert len(set(places)) == 10
    extent = means.image_.get_extent()
    assert all(extent[0] < x < extent[1] for x, _ in places)


def test_a_new_figure_takes_the_shape_of_the_images_and_a_given_one_stays():
    wide = ClusterImageDisplay.from_estimator(
        KMeans(2, n_init=1).fit(X), X, images=(8, 8), n_images=12
    )
    width, height = wide.figure_.get_size_inches()
    assert width > 2 * height
    figure, ax = plt.subplots(figsize=(3, 5))
    ClusterImageDisplay.from_estimator(KMEANS, X, images=(8, 8), ax=ax)
    assert tuple(figure.get_size_inches()) == (3, 5)


def test_styles():
    display = ClusterImageDisplay.from_estimator(
        KMEANS, X, images=(8, 8), cmap="viridis", im_kw={"vmax": 8}, text_kw={"color": "red"}
    )
    assert display.image_.get_cmap().name == "viridis"
    assert display.image_.get_clim() == (0, 8)
    assert {text.get_color() for text in display.text_} == {"red"}


def test_bad_input():
    with pytest.raises(ValueError, match=r"X holds no images.*images=\(28, 28\)"):
        ClusterImageDisplay.from_estimator(KMEANS, X)
    with pytest.raises(ValueError, match=r"images=\(7, 8\) does not fit X of shape \(300, 64\)"):
        ClusterImageDisplay.from_estimator(KMEANS, X, images=(7, 8))
    with pytest.raises(ValueError, match="There are 299 images, but X has 300 rows"):
        ClusterImageDisplay.from_estimator(KMEANS, X, images=X[1:].reshape(-1, 8, 8))
    with pytest.raises(ValueError, match="kind='mean' is none of 'exemplars', 'means'"):
        ClusterImageDisplay.from_estimator(KMEANS, X, images=(8, 8), kind="mean")
    with pytest.raises(ValueError, match="n_images=0 must be at least 1"):
        ClusterImageDisplay.from_estimator(KMEANS, X, images=(8, 8), n_images=0)
    uneven = [np.zeros((4, 4))] * 299 + [np.zeros((5, 4))]
    for kind in ("exemplars", "means"):
        with pytest.raises(ValueError, match="different shapes"):
            ClusterImageDisplay.from_predictions(
                X, np.zeros(300, int), images=uneven, kind=kind, n_images=300
            )
    with pytest.raises(ValueError, match="DBSCAN has no predict: its 300 labels_"):
        ClusterImageDisplay.from_estimator(DBSCAN(eps=20).fit(X), X[:9], images=(8, 8))
    assert plt.get_fignums() == []
