import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import load_iris
from sklearn.metrics import pairwise_distances, silhouette_samples, silhouette_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster.displays import SilhouetteDisplay
from skdeepcluster.displays._common import label_color

X, y = load_iris(return_X_y=True)


def area(corners):
    """Of a polygon; what lies left of the axis counts as negative if the rest is positive."""
    x, y = corners.T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


@given(st.integers(2, 6), st.integers(0, 2**31 - 1))
def test_shapes_are_the_sorted_silhouettes(n_clusters, seed):
    figure, ax = plt.subplots()
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(30) % n_clusters)
    points = rng.normal(size=(30, 2)) + labels[:, np.newaxis]
    display = SilhouetteDisplay.from_predictions(points, labels, ax=ax)
    expected = silhouette_samples(points, labels)
    np.testing.assert_array_equal(display.values, expected)
    assert len(display.shapes_) == n_clusters
    last = -np.inf
    for cluster, shape in enumerate(display.shapes_):
        corners = shape.get_paths()[0].vertices
        own = np.sort(expected[labels == cluster])[::-1]
        assert area(corners) == pytest.approx(abs(own.sum()))  # bars of height 1
        assert np.ptp(corners[:, 1]) == pytest.approx(len(own))
        assert corners[:, 1].min() > last  # below the cluster before, with a gap
        last = corners[:, 1].max()
        side = corners[corners[:, 0] != 0]
        downwards = side[np.lexsort((-side[:, 0], side[:, 1])), 0]
        np.testing.assert_array_equal(np.unique(downwards)[::-1], np.unique(own[own != 0])[::-1])
        assert (np.diff(downwards) <= 0).all()
    assert display.line_.get_xdata()[0] == pytest.approx(silhouette_score(points, labels))
    plt.close(figure)


def test_noise_is_no_cluster():
    dbscan = DBSCAN(eps=0.5).fit(X)
    kept = dbscan.labels_ != -1
    assert 0 < kept.sum() < len(X)
    display = SilhouetteDisplay.from_estimator(dbscan, X)
    np.testing.assert_array_equal(display.labels, dbscan.labels_[kept])
    assert display.values.mean() == pytest.approx(silhouette_score(X[kept], dbscan.labels_[kept]))


@pytest.mark.parametrize("metric", ["manhattan", "cosine"])
def test_metrics_and_matrices(metric):
    D = pairwise_distances(X, metric=metric)
    labels = np.where(np.arange(len(X)) % 7 == 0, -1, y)
    direct = SilhouetteDisplay.from_predictions(X, labels, metric=metric)
    given_matrix = SilhouetteDisplay.from_predictions(D, labels, metric="precomputed")
    np.testing.assert_allclose(direct.values, given_matrix.values)
    part = SilhouetteDisplay.from_predictions(D, labels, metric="precomputed", sample_size=40)
    assert len(part.values) == 40
    model = AgglomerativeClustering(3, metric="precomputed", linkage="average").fit(D)
    display = SilhouetteDisplay.from_estimator(model, D, metric="precomputed")
    assert display.values.mean() == pytest.approx(
        silhouette_score(D, model.labels_, metric="precomputed")
    )


def test_samples_are_drawn_by_the_seed():
    first, again, other = (
        SilhouetteDisplay.from_predictions(X, y, sample_size=50, random_state=seed)
        for seed in (0, 0, 1)
    )
    assert len(first.values) == 50
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)
    assert len(SilhouetteDisplay.from_predictions(X, y, sample_size=None).values) == len(X)


def test_rows_pass_through_the_pipeline():
    pipeline = make_pipeline(StandardScaler(), KMeans(3, random_state=0)).fit(X)
    display = SilhouetteDisplay.from_estimator(pipeline, X)
    expected = silhouette_samples(StandardScaler().fit_transform(X), pipeline.predict(X))
    np.testing.assert_allclose(display.values, expected)


def test_names_and_colors():
    display = SilhouetteDisplay.from_predictions(X, np.array([7, 2, 4])[y])
    assert [text.get_text() for text in display.text_] == ["2", "4", "7"]
    for shape, label in zip(display.shapes_, [2, 4, 7], strict=True):
        np.testing.assert_allclose(shape.get_facecolor()[0][:3], to_rgba(label_color(label))[:3])
    names = np.array(["a", "b", "c"])[y]
    assert [t.get_text() for t in SilhouetteDisplay.from_predictions(X, names).text_] == [*"abc"]


def test_styles():
    display = SilhouetteDisplay.from_predictions(X, y, shape_kw={"alpha": 0.3}, line_kw={"ls": ":"})
    assert display.shapes_[0].get_alpha() == 0.3
    assert display.line_.get_linestyle() == ":"
    assert SilhouetteDisplay.from_predictions(X, y, mean_line=False).line_ is None


@pytest.mark.parametrize(
    "labels, found",
    [(np.zeros(10, int), "1 in 10"), (np.arange(10), "10 in 10"), (-np.ones(10, int), "0 in 0")],
)
def test_too_few_or_too_many_clusters(labels, found):
    with pytest.raises(ValueError, match=f"2 to n_samples - 1 clusters.*{found}"):
        SilhouetteDisplay.from_predictions(X[:10], labels)


def test_lengths_differ():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SilhouetteDisplay.from_predictions(X, y[:-1])
