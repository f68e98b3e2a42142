"""The jobs of the gallery, from a user's data to clusters, run as they are."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.metrics import adjusted_rand_score

EXAMPLES = Path(__file__).parents[2] / "doc" / "examples" / "overview"

pytest.importorskip("bokeh", reason="the examples write a report: skdeepcluster[report]")


@pytest.fixture(autouse=True)
def no_windows(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")


def run(name):
    return runpy.run_path(str(EXAMPLES / f"plot_{name}.py"))


def test_customers():
    found = run("customers")
    assert found["search"].n_clusters_ == 4
    assert adjusted_rand_score(found["kind"], found["model"][-1].labels_) > 0.9
    assert found["path"].stat().st_size < 3e6 and (found["page"].stability > 0.9).all()


def test_image_folder():
    found = run("image_folder")
    assert adjusted_rand_score(found["digits"].target[:300], found["labels"]) > 0.6
    np.testing.assert_array_equal(found["dec"].predict(found["folder"]), found["labels"])


def test_series_windows():
    found = run("series_windows")
    shifted, plain = (
        adjusted_rand_score(found["modes"], found[m].labels_) for m in ("model", "plain")
    )
    assert shifted > 0.95 > 0.5 > plain


def test_stream():
    assert min(run("stream")["scores"]) > 0.5


def test_short_texts():
    found = run("short_texts")
    assert adjusted_rand_score(found["topic"], found["labels"]) > 0.9


def test_custom_metric():
    agreement = run("custom_metric")["agreement"]
    assert agreement["own"] > 0.9 > 0.8 > agreement["plain"]


def test_long_fit():
    found = run("long_fit")
    assert "max_time=0.1" in str(found["said"][0].message)
    np.testing.assert_array_equal(found["resumed"].labels_, found["at_once"].labels_)
    assert found["epochs"](found["loaded"]) == {"pretrain": 40, "refine": 20}


@pytest.mark.slow
def test_many_points():
    agreement = run("many_points")["agreement"]
    assert agreement["HDBSCAN"] > 0.99
