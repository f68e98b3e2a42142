"""Callbacks of HierarchicalKMeans."""

import numpy as np
import pytest

from skdeepcluster import HierarchicalKMeans
from tests.hierarchy._fits import DIGITS, assert_same_fit


class Recorder:
    """Follows the tasks of a fit, and can ask for its end."""

    def __init__(self, stop_after=None):
        self.tasks = []
        self.scores = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.tasks.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X))
        return len(self.scores) == self.stop_after


def test_callbacks_see_the_loss_fall():
    recorder = Recorder()
    model = HierarchicalKMeans(20, max_iter=300, random_state=0)
    model.set_callbacks(recorder).fit(DIGITS)
    # The last pass moves no center.
    passes = ["pass"] * (model.n_iter_ - 1)
    assert recorder.tasks == ["fit", "level", "k-means", *passes]
    assert np.all(np.diff(recorder.scores) >= -1e-6)
    assert recorder.scores[-1] == pytest.approx(-model.inertia_per_level_[0])


def test_callbacks_see_every_level():
    recorder = Recorder()
    params = {"n_clusters": [60, 15], "n_resamples": 2, "random_state": 0}
    model = HierarchicalKMeans(**params).set_callbacks(recorder).fit(DIGITS)
    tasks = [task for task in recorder.tasks if task != "pass"]
    assert tasks == ["fit", *2 * ["level", *3 * ["k-means"]]]
    assert_same_fit(model, HierarchicalKMeans(**params).fit(DIGITS))


def test_callbacks_can_end_a_fit():
    recorder = Recorder(stop_after=3)
    model = HierarchicalKMeans([60, 15], random_state=0).set_callbacks(recorder).fit(DIGITS)
    assert model.n_iter_ == 3
    assert model.predict(DIGITS).max() < 60
