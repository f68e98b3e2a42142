"""What holds for every display."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba_array
from numpydoc.docscrape import FunctionDoc
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from skdeepcluster import HDBSCAN, displays
from skdeepcluster._discovery import all_displays
from skdeepcluster.displays import (
    ClusterImageDisplay,
    ClusterSizeDisplay,
    EmbeddingDisplay,
    LossCurveDisplay,
    MatchedConfusionDisplay,
    PrototypeDisplay,
    SilhouetteDisplay,
)
from skdeepcluster.displays._common import NOISE_COLOR, label_color, label_colors

X, y = load_iris(return_X_y=True)
KMEANS = KMeans(3, random_state=0).fit(X)
KMEANS.history_ = {
    "pretrain": {"reconstruction": [0.9, 0.5, 0.4]},
    "refine": {"reconstruction": [0.4, 0.5], "kl": [0.2, 0.1]},
}
# Four features, as images of two by two pixels.
KMEANS.image_shape = (2, 2)
DISPLAYS = [
    ClusterImageDisplay,
    EmbeddingDisplay,
    ClusterSizeDisplay,
    LossCurveDisplay,
    MatchedConfusionDisplay,
    PrototypeDisplay,
    SilhouetteDisplay,
]


# Their estimators have trees or memberships; they are tested in their own files.
OTHERS = [
    "CircleMapDisplay",
    "CommunityHierarchyDisplay",
    "CondensedTreeDisplay",
    "DendrogramDisplay",
    "GraphDisplay",
    "NClustersDisplay",
    "ReliabilityDisplay",
]


def test_all_displays_are_here():
    assert displays.__all__ == sorted([*OTHERS, *(display.__name__ for display in DISPLAYS)])


@pytest.mark.parametrize("name, Display", all_displays())
def test_constructors_show_the_keywords_of_plot(name, Display):
    _, *keywords = inspect.signature(Display.plot).parameters
    described = {p.name: p for p in FunctionDoc(Display.plot)["Parameters"]}
    for constructor in (m for m in dir(Display) if m.startswith("from_")):
        method = getattr(Display, constructor)
        parameters = inspect.signature(method).parameters
        assert set(keywords) <= set(parameters)
        doc = {p.name: p for p in FunctionDoc(method)["Parameters"]}
        assert list(doc) == list(parameters)
        for keyword in keywords:
            default = inspect.signature(Display.plot).parameters[keyword].default
            if parameters[keyword].default == default:
                assert doc[keyword] == described[keyword]


@pytest.mark.parametrize("Display", DISPLAYS)
def test_unknown_keyword(Display):
    with pytest.raises(TypeError, match="unexpected keyword argument 'shade'"):
        Display.from_estimator(KMEANS, X, y, shade="red")
    assert plt.get_fignums() == []


@pytest.mark.parametrize("Display", DISPLAYS)
def test_new_figure(Display):
    display = Display.from_estimator(KMEANS, X, y)
    assert isinstance(display, Display)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.figure_ is display.ax_.figure
    display.figure_.canvas.draw()


@pytest.mark.parametrize("Display", DISPLAYS)
def test_given_axes(Display):
    figure, axes = plt.subplots(2, 2)
    display = Display.from_estimator(KMEANS, X, y, ax=axes[1, 0])
    assert display.ax_ is axes[1, 0]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not any(ax.has_data() for ax in (axes[0, 0], axes[0, 1], axes[1, 1]))
    figure.canvas.draw()


@pytest.mark.parametrize("Display", DISPLAYS)
def test_plot_returns_itself_and_changes_no_number(Display):
    display = Display.from_estimator(KMEANS, X, y)
    raw = {name: value for name, value in vars(display).items() if not name.endswith("_")}
    copies = {name: np.array(value, dtype=object) for name, value in raw.items()}
    first = display.figure_
    plt.close(first)
    assert display.plot() is display
    assert display.figure_ is not first
    for name, value in raw.items():
        assert getattr(display, name) is value
        np.testing.assert_array_equal(np.array(value, dtype=object), copies[name])


@pytest.mark.parametrize("Display", DISPLAYS)
def test_unfitted(Display):
    with pytest.raises(NotFittedError):
        Display.from_estimator(KMeans(), X, y)
    assert plt.get_fignums() == []


def test_without_matplotlib():
    program = """
import sys
sys.modules["matplotlib"] = None
from skdeepcluster.displays import *
for display in (
    EmbeddingDisplay(coordinates=[[0, 0]], labels=[0]),
    ClusterImageDisplay(images=[[[[0.5]]]], clusters=[0], sizes=[1]),
    ClusterSizeDisplay(clusters=[0], sizes=[1]),
    LossCurveDisplay(history={"fit": {"loss": [1.0]}}),
    MatchedConfusionDisplay(confusion_matrix=[[1]], class_names=["0"], cluster_names=["0"]),
    PrototypeDisplay(prototypes=[[0.5]], clusters=[0]),
    SilhouetteDisplay(values=[0.5], labels=[0]),
):
    try:
        display.plot()
    except ImportError as error:
        message = f"{type(display).__name__}.plot requires matplotlib. You can install"
        assert message in str(error), error
    else:
        raise AssertionError(f"{display} drew without matplotlib")
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_import_is_light():
    program = (
        "import sys; from skdeepcluster.displays import *;"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_color_belongs_to_the_label():
    assert label_colors([2, 7, 40]) == [label_color(2), label_color(7), label_color(40)]
    assert label_colors([-1, 3]) == [NOISE_COLOR, label_color(3)]
    assert label_colors(["b", "c"]) == label_colors([0, 1])
    rgb = to_rgba_array([label_color(label) for label in range(60)])
    gaps = np.linalg.norm(rgb[:, None] - rgb[None], axis=2) + 9 * np.eye(len(rgb))
    assert gaps.min() > 0.05


@pytest.mark.parametrize(
    "Display", [EmbeddingDisplay, ClusterSizeDisplay, MatchedConfusionDisplay, SilhouetteDisplay]
)
def test_transductive_estimators_draw_the_rows_of_fit(Display):
    dbscan = DBSCAN(eps=0.4).fit(X)
    Display.from_estimator(dbscan, X, y)
    with pytest.raises(ValueError, match="DBSCAN has no predict: its 150 labels_.*100 rows"):
        Display.from_estimator(dbscan, X[:100], y[:100])


def test_estimators_without_labels():
    with pytest.raises(TypeError, match="PCA has no predict and no labels_"):
        EmbeddingDisplay.from_estimator(PCA().fit(X), X)


@pytest.mark.parametrize("n, d", [(1, 1), (1, 2), (1, 3), (2, 3), (5, 1), (5, 2), (5, 3)])
@pytest.mark.parametrize("label", [-1, 0])
def test_a_single_row_a_single_cluster_and_nothing_but_noise(n, d, label):
    rows, labels = np.random.RandomState(0).rand(n, d), np.full(n, label)
    embedding = EmbeddingDisplay.from_predictions(
        rows, labels, probabilities=np.zeros((n, label + 1)), legend=True
    )
    assert len(embedding.scatter_.get_offsets()) == (n if label == 0 else 0)
    assert (embedding.noise_ is None) == (label == 0)
    assert [text.get_text() for text in embedding.legend_.get_texts()] == [
        "0" if label == 0 else "noise"
    ]
    sizes = ClusterSizeDisplay.from_predictions(labels, sort=True)
    assert [bar.get_height() for bar in sizes.bars_] == [n]
    confusion = MatchedConfusionDisplay.from_predictions(np.zeros(n), labels, normalize="true")
    assert confusion.confusion_matrix[:, -1] == [1]
    for display in (embedding, sizes, confusion):
        display.figure_.canvas.draw()
    with pytest.raises(ValueError, match="Silhouettes need 2 to n_samples - 1 clusters"):
        SilhouetteDisplay.from_predictions(rows, labels)


def test_estimator_that_finds_nothing_but_noise():
    noise = HDBSCAN(min_cluster_size=100).fit(X)
    assert set(noise.labels_) == {-1}
    display = EmbeddingDisplay.from_estimator(noise, X, show_confidence=True)
    assert len(display.noise_.get_offsets()) == len(X)
    display.figure_.canvas.draw()


def test_a_new_row_among_the_centers():
    display = EmbeddingDisplay.from_estimator(KMEANS, X[:1])
    np.testing.assert_array_equal(display.coordinates, X[:1, :2])
    np.testing.assert_array_equal(display.centers, KMEANS.cluster_centers_[:, :2])
    display.figure_.canvas.draw()
