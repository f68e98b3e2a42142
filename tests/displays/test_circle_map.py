import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import HamiltonianCycleMap
from skdeepcluster.displays import CircleMapDisplay
from skdeepcluster.displays._common import NOISE_COLOR, label_color

X, y = load_iris(return_X_y=True)
MODEL = make_pipeline(StandardScaler(), GaussianMixture(4, random_state=0)).fit(X)


def test_contract():
    display = CircleMapDisplay.from_estimator(MODEL, X)
    assert plt.get_fignums() == [display.figure_.number]
    _, axes = plt.subplots(1, 2)
    raw = {name: value for name, value in vars(display).items() if not name.endswith("_")}
    copies = {name: np.array(value) for name, value in raw.items()}
    assert display.plot(axes[1]) is display
    assert display.ax_ is axes[1] and not axes[0].has_data()
    for name, value in raw.items():
        assert getattr(display, name) is value
        assert_array_equal(value, copies[name])
    display.figure_.canvas.draw()


def test_it_draws_the_map():
    proba = MODEL.predict_proba(X)
    display = CircleMapDisplay.from_estimator(MODEL, X)
    model = HamiltonianCycleMap().fit(proba)
    assert_allclose(display.points_.get_offsets(), model.transform(proba))
    assert_allclose(display.anchors_.get_offsets(), model.anchors_)
    assert_array_equal(display.labels, MODEL.predict(X))
    colors = display.points_.get_facecolors()[:, :3]
    assert_allclose(colors, [to_rgb(label_color(k)) for k in display.labels])


def test_names_and_samples_without_a_cluster():
    proba = [[0.8, 0.2], [0.0, 0.0], [0.1, 0.9]]
    display = CircleMapDisplay.from_predictions(proba, cluster_names=["cat", "dog"])
    assert [text.get_text() for text in display.text_] == ["cat", "dog"]
    assert_array_equal(display.labels, [0, -1, 1])
    assert_array_equal(display.coordinates[1], 0)
    assert_allclose(display.points_.get_facecolors()[1, :3], to_rgb(NOISE_COLOR))


def test_in_the_circle_of_other_samples():
    proba = MODEL.predict_proba(X)
    model = HamiltonianCycleMap().fit(proba)
    display = CircleMapDisplay.from_predictions(proba[:9], angles=model.angles_)
    assert_allclose(display.points_.get_offsets(), model.transform(proba[:9]))
    assert_allclose(display.anchors_.get_offsets(), model.anchors_)
    # An estimator that has a circle is drawn in it.
    MODEL.angles_ = list(model.angles_[::-1])
    try:
        display = CircleMapDisplay.from_estimator(MODEL, X)
    finally:
        del MODEL.angles_
    assert_allclose(display.anchors_.get_offsets(), model.anchors_[::-1])
    assert_allclose(display.coordinates, proba @ model.anchors_[::-1])


def test_bad_input():
    with pytest.raises(TypeError, match="KMeans has no predict_proba"):
        CircleMapDisplay.from_estimator(KMeans(2, n_init=1).fit(X), X)
    with pytest.raises(NotFittedError):
        CircleMapDisplay.from_estimator(GaussianMixture(), X)
    with pytest.raises(ValueError, match="2 columns, but cluster_names has 1"):
        CircleMapDisplay.from_predictions([[0.5, 0.5]], cluster_names=["a"])
    with pytest.raises(ValueError, match="2 columns, but angles has 3"):
        CircleMapDisplay.from_predictions([[0.5, 0.5]], angles=[0, 1, 2])
    with pytest.raises(ValueError, match="[Nn]egative"):
        CircleMapDisplay.from_predictions([[0.5, -0.5]])
