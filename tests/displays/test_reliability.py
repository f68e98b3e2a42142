import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture

from skdeepcluster.displays import ReliabilityDisplay
from skdeepcluster.metrics import expected_calibration_error

X, y = load_iris(return_X_y=True)


def test_bins_and_error_are_those_of_the_metrics():
    model = GaussianMixture(3, covariance_type="diag", random_state=0).fit(X)
    display = ReliabilityDisplay.from_estimator(model, X, y, n_bins=5)
    proba = model.predict_proba(X)
    assert display.error == expected_calibration_error(y, proba, n_bins=5)
    gaps = np.abs(display.confidence - display.accuracy)
    assert gaps @ display.counts / 150 == pytest.approx(display.error)
    np.testing.assert_array_equal(display.line_.get_xydata()[:, 1], display.accuracy)
    areas = display.markers_.get_sizes()
    assert areas.argmax() == display.counts.argmax()
    assert "GaussianMixture" in display.line_.get_label()


def test_several_on_the_same_axes_have_one_diagonal_and_colors_of_their_own():
    proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    first = ReliabilityDisplay.from_predictions([0, 0, 1], proba, name="one")
    second = ReliabilityDisplay.from_predictions([0, 1, 1], proba, ax=first.ax_)
    assert first.diagonal_ is not None and second.diagonal_ is None
    assert first.line_.get_color() != second.line_.get_color()
    assert len(first.ax_.lines) == 3
    plt.close(first.figure_)
    red = first.plot(line_kw={"color": "red"})
    assert red.line_.get_color() == "red"


def test_estimators_without_probabilities():
    with pytest.raises(TypeError, match="KMeans has no predict_proba"):
        ReliabilityDisplay.from_estimator(KMeans(3, n_init=1).fit(X), X, y)
