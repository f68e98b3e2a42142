"""The benchmark that measures every method resumes where it was stopped."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
# Versions as a run reports them.
VERSIONS = {"skdeepcluster": "0.1", "numpy": "2.4"}


@pytest.fixture(scope="module")
def reproduce():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("reproduce")
    for name in ("_common", "_sets", "reproduce"):
        del sys.modules[name]


def test_a_file_cut_off_anywhere_has_whole_runs_only(reproduce, tmp_path):
    path = tmp_path / "results.csv"
    for seed in range(3):
        job = {"name": "DEC", "data": "digits", "seed": seed}
        found = {"seconds": 1.0, "accuracy": 0.9, "peak MB": 300.0}
        reproduce.store(path, "DEC, paper", job, found, VERSIONS)
    text = path.read_text()
    keys = [("DEC, paper", "digits", str(seed), "skdeepcluster 0.1") for seed in range(3)]
    assert reproduce.stored(path) == set(keys) and path.read_text() == text
    first_end = text.index("peak MB,300\n") + len("peak MB,300\n")
    for cut in (first_end, first_end + 5, text.index("0.9", first_end) + 4, len(text) - 1):
        path.write_text(text[:cut])
        done = reproduce.stored(path)
        assert done == set(keys[: 1 if cut < len(text) - 1 else 2])
        assert path.read_text().count("accuracy") == len(done)


def test_a_cut_off_run_is_measured_again(reproduce, tmp_path):
    path = tmp_path / "results.csv"
    job = {"name": "k-means", "data": "wine", "seed": 0}
    reproduce.store(path, "k-means", job, {reproduce.GIVEN_UP: 10.0}, VERSIONS)
    path.write_text(path.read_text()[:-3])
    assert reproduce.stored(path) == set()
    reproduce.store(path, "k-means", job, {"accuracy": 0.9, "peak MB": 300.0}, VERSIONS)
    assert len(reproduce.stored(path)) == 1 and reproduce.GIVEN_UP not in path.read_text()


def test_start_warm_up_and_end_are_scores_of_one_fit(reproduce):
    X, y = reproduce.read("wine")
    params = {"hidden_layer_sizes": (16,), "pretrain_epochs": 5, "max_epochs": 2, "tol": 0}
    cls = reproduce.estimators()["DEC"]
    found = reproduce.fit_estimator(cls, X, y, 0, params)
    warm = cls(3, random_state=0, **params | {"max_epochs": 0}).fit(X)
    end = cls(3, random_state=0, **params).fit(X)
    labels = (("start", end.initial_labels_), ("warm-up", warm.labels_), ("", end.labels_))
    for stage, of_stage in labels:
        for name, value in reproduce.named(stage, y, of_stage).items():
            assert found[name] == value
