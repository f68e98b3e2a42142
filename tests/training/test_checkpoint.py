"""Interrupted fits: killed, out of disk, continued, refused."""

import os
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdeepcluster.training import Checkpoint
from tests.training._resumed import (
    COMMON,
    a_file_after_every_epoch,  # noqa: F401
    assert_same_fit,
    build,
    data,
    same_weights_of_given_modules,  # noqa: F401
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


class Interruption(Exception):
    pass


@pytest.mark.parametrize("name", COMMON["ESTIMATORS"])
def test_a_fit_interrupted_after_any_file_goes_on(name, tmp_path, monkeypatch):
    """Stops after the 1st, 2nd, 4th, ... file, each time within one and the same fit."""
    expected = build(name, None).fit(data())
    path = tmp_path / "state"
    save, allowed = Checkpoint.save, [1]

    def interrupted(self, state):
        save(self, state)
        allowed[0] -= 1
        if not allowed[0]:
            raise Interruption

    monkeypatch.setattr(Checkpoint, "save", interrupted)
    stops = 0
    for budget in (1, 2, 4, 8, 3, 10**9):
        allowed[0] = budget
        model = build(name, path)
        try:
            model.fit(data())
            break
        except Interruption:
            stops += 1
    assert stops >= 3
    assert_same_fit(model, expected)


@pytest.mark.parametrize("name", ["dec", "idec", "autoencoder"])
def test_a_finished_fit_is_not_trained_again(name, tmp_path, monkeypatch):
    first = build(name, tmp_path / "state").fit(data())
    monkeypatch.setattr("skdeepcluster.training._mover.Mover.move", None)
    assert_same_fit(build(name, tmp_path / "state").fit(data()), first)


# -- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_has_a_file_for_each_fit(n_jobs, tmp_path, monkeypatch):
    grid = {"max_epochs": [1, 3], "random_state": [0, 1]}
    plain = GridSearchCV(build("dec", None), grid, cv=2).fit(data())
    search = GridSearchCV(build("dec", f"{tmp_path}/fits/"), grid, cv=2, n_jobs=n_jobs)
    found = search.fit(data())
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    assert_same_fit(found.best_estimator_, plain.best_estimator_)
    files = os.listdir(tmp_path / "fits")
    assert len(files) == 2 * 4 + 1 and all(name.endswith(".pt") for name in files)
    monkeypatch.setattr("skdeepcluster.training._mover.Mover.move", None)
    assert_same_fit(
        clone(search).set_params(n_jobs=1).fit(data()).best_estimator_, plain.best_estimator_
    )


def test_the_same_fit_twice_at_once(tmp_path):
    expected = build("dec", None).fit(data())
    found = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(build("dec", tmp_path).fit)(data()) for _ in range(4)
    )
    for model in found:
        assert_same_fit(model, expected)
    assert len(os.listdir(tmp_path)) == 1


def test_a_file_names_the_folder_as_the_remedy(tmp_path):
    search = GridSearchCV(
        build("dec", tmp_path / "state"), {"max_epochs": [1, 2]}, cv=2, error_score="raise"
    )
    with pytest.raises(ValueError, match="belongs to a fit with other data.*give a folder"):
        search.fit(data())


def test_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    build("dec", "~/state").fit(data())
    build("dec", "~/fits/").fit(data())
    assert sorted(os.listdir(tmp_path)) == ["fits", "state"]
    with pytest.raises(ValueError, match="lies in a folder that does not exist"):
        build("dec", "~/missing/state").fit(data())


# -- time ----------------------------------------------------------------------------------------


def test_a_fit_that_ran_out_of_time_goes_on(tmp_path, monkeypatch):
    """With the same data and parameters but for the time that it may take."""
    path = tmp_path / "state"
    expected = build("dec", None).fit(data())
    calls = []

    def deadline(self):
        calls.append(1)
        self.fit.out_of_time |= len(calls) > 70
        return self.fit.out_of_time

    with monkeypatch.context() as patch:
        patch.setattr("skdeepcluster.training._stage_run.StageRun._time_is_up", deadline)
        early = build("dec", path).set_params(max_time=1e6).fit(data())
    assert len(early.history_["pretrain"]["reconstruction"]) < 13
    assert_same_fit(build("dec", path).fit(data()), expected)


def test_files_are_written_only_as_often_as_they_cost_little(tmp_path, monkeypatch):
    monkeypatch.setattr("skdeepcluster.training._checkpoint.COST_RATIO", 20)
    checkpoint = Checkpoint(tmp_path / "state", "mark")
    checkpoint.save({"stage": 0})
    assert checkpoint.cost > 0
    checkpoint.cost = 1e6
    assert not checkpoint.due()
    checkpoint.cost = 0
    assert checkpoint.due()
    silent = Checkpoint(tmp_path / "other", "mark", writes=False)
    silent.save({"stage": 0})
    assert os.listdir(tmp_path) == ["state"]


def test_no_checkpoint_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        build("dec", None).fit(data())
    assert os.listdir(tmp_path) == []
