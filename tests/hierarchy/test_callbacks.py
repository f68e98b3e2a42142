"""Callbacks of HierarchicalKMeans."""

import numpy as np
import pytest

from skdeepcluster import HierarchicalKMeans
from tests.common import Recorder
from tests.hierarchy._fits import DIGITS, assert_same_fit


def test_callbacks_see_the_loss_fall():
    recorder = Recorder("pass")
    model = HierarchicalKMeans(20, max_iter=300, random_state=0)
    model.set_callbacks(recorder).fit(DIGITS)
    # The last pass moves no center.
    passes = ["pass"] * (model.n_iter_ - 1)
    assert recorder.tasks == ["setup", "fit", "level", "k-means", *passes, "teardown"]
    assert np.all(np.diff(recorder.scores) >= -1e-6)
    assert recorder.scores[-1] == pytest.approx(-model.inertia_per_level_[0])


def test_callbacks_see_every_level():
    recorder = Recorder("pass")
    params = {"n_clusters": [60, 15], "n_resamples": 2, "random_state": 0}
    model = HierarchicalKMeans(**params).set_callbacks(recorder).fit(DIGITS)
    tasks = [task for task in recorder.tasks if task != "pass"]
    assert tasks == ["setup", "fit", *2 * ["level", *3 * ["k-means"]], "teardown"]
    assert_same_fit(model, HierarchicalKMeans(**params).fit(DIGITS))


def test_callbacks_can_end_a_fit():
    recorder = Recorder("pass", stop_after=3)
    model = HierarchicalKMeans([60, 15], random_state=0).set_callbacks(recorder).fit(DIGITS)
    assert model.n_iter_ == 3
    assert model.predict(DIGITS).max() < 60
