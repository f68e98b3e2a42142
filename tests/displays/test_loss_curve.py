import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster.displays import LossCurveDisplay

HISTORY = {
    "pretrain": {"reconstruction": [0.9, 0.5, 0.4]},
    "refine": {"reconstruction": [0.4, 0.5], "kl": np.array([0.2, 0.1]), "unused": []},
    "skipped": {"kl": []},
}


def test_one_line_per_stage_and_term():
    display = LossCurveDisplay.from_history(HISTORY)
    assert list(display.lines_) == [
        ("pretrain", "reconstruction"),
        ("refine", "reconstruction"),
        ("refine", "kl"),
    ]
    for (stage, term), line in display.lines_.items():
        np.testing.assert_array_equal(line.get_ydata(), HISTORY[stage][term])
    assert list(display.lines_["pretrain", "reconstruction"].get_xdata()) == [1, 2, 3]
    assert list(display.lines_["refine", "kl"].get_xdata()) == [4, 5]
    (boundary,) = display.boundaries_
    assert list(boundary.get_xdata()) == [3.5, 3.5]
    assert [text.get_text() for text in display.legend_.get_texts()] == [
        "pretrain: reconstruction",
        "refine: reconstruction",
        "refine: kl",
    ]
    assert display.ax_.get_yscale() == "linear"


def test_single_stage_and_single_epoch():
    display = LossCurveDisplay.from_history({"fit": {"loss": [0.3]}}, line_kw={"c": "black"})
    (line,) = display.lines_.values()
    assert line.get_marker() == "o"
    assert line.get_color() == "black"
    assert display.boundaries_ == []
    assert display.legend_.get_texts()[0].get_text() == "loss"


@pytest.mark.parametrize(
    "losses, scale",
    [
        ([1.0, 0.1], "log"),
        ([1.0, np.nan, 0.1], "log"),
        ([1.0, 0.0, -0.5], "symlog"),
        ([0.0, -1.0], "linear"),
    ],
)
def test_log(losses, scale):
    display = LossCurveDisplay.from_history({"fit": {"loss": losses}}, log=True)
    assert display.ax_.get_yscale() == scale
    display.figure_.canvas.draw()


def test_pipeline():
    pipeline = make_pipeline(StandardScaler(), KMeans(2)).fit([[0.0], [1.0], [2.0]])
    pipeline[-1].history_ = HISTORY
    assert LossCurveDisplay.from_estimator(pipeline).history is HISTORY


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="history holds no loss value"):
        LossCurveDisplay.from_history({"pretrain": {"reconstruction": []}})
    with pytest.raises(TypeError, match="KMeans has no history_.*from_history"):
        LossCurveDisplay.from_estimator(KMeans(2).fit([[0.0], [1.0]]))
