import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster.displays import ClusterSizeDisplay
from skdeepcluster.displays._common import NOISE_COLOR, label_color

X, y = load_iris(return_X_y=True)


def ticks(display):
    return [text.get_text() for text in display.ax_.get_xticklabels()]


def heights(display):
    return [bar.get_height() for bar in display.bars_]


@given(st.lists(st.integers(-1, 30), min_size=1, max_size=60), st.booleans())
def test_bars_are_the_sizes(labels, sort):
    figure, ax = plt.subplots()
    display = ClusterSizeDisplay.from_predictions(labels, sort=sort, ax=ax)
    labels = np.array(labels)
    assert sum(heights(display)) == len(labels)
    clusters, sizes = np.unique(labels[labels != -1], return_counts=True)
    expected = sorted(sizes, reverse=True) if sort else list(sizes)
    assert heights(display) == expected + [np.sum(labels == -1)] * (-1 in labels)
    if len(clusters):
        assert display.line_.get_ydata()[0] == pytest.approx(sizes.mean())
    plt.close(figure)


def test_noise_is_last_and_gray():
    display = ClusterSizeDisplay.from_predictions([-1, -1, -1, 4, 0, 0], sort=True)
    assert ticks(display) == ["0", "4", "noise"]
    assert heights(display) == [2, 1, 3]
    assert [bar.get_facecolor() for bar in display.bars_] == [
        to_rgba(label_color(0)),
        to_rgba(label_color(4)),
        to_rgba(NOISE_COLOR),
    ]
    assert [text.get_text() for text in display.text_] == ["2", "1", "3"]


def test_only_noise():
    display = ClusterSizeDisplay.from_predictions([-1, -1])
    assert heights(display) == [2]
    assert display.line_ is None


def test_empty_clusters_of_an_estimator_are_shown():
    kmeans = KMeans(5, random_state=0).fit(X)
    few = X[kmeans.labels_ == 2]
    display = ClusterSizeDisplay.from_estimator(kmeans, few)
    assert heights(display) == [0, 0, len(few), 0, 0]
    assert display.line_.get_ydata()[0] == len(few) / 5
    display = ClusterSizeDisplay.from_estimator(kmeans)
    np.testing.assert_array_equal(display.sizes, np.bincount(kmeans.labels_))


def test_labels_of_the_fit():
    hdbscan = HDBSCAN(copy=True).fit(X)
    display = ClusterSizeDisplay.from_estimator(hdbscan)
    np.testing.assert_array_equal(display.clusters, np.unique(hdbscan.labels_))
    pipeline = make_pipeline(StandardScaler(), KMeans(3, random_state=0)).fit(X)
    fitted = ClusterSizeDisplay.from_estimator(pipeline)
    np.testing.assert_array_equal(
        fitted.sizes, ClusterSizeDisplay.from_estimator(pipeline, X).sizes
    )


def test_class_names():
    assert ticks(ClusterSizeDisplay.from_predictions(["b", "a", "b"])) == ["a", "b"]


def test_styles():
    display = ClusterSizeDisplay.from_predictions(
        y, bar_kw={"color": "red"}, line_kw={"ls": ":"}, expected_line=True
    )
    assert display.bars_[0].get_facecolor() == to_rgba("red")
    assert display.line_.get_linestyle() == ":"
    assert ClusterSizeDisplay.from_predictions(y, expected_line=False).line_ is None
