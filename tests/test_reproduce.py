"""The benchmark that measures every method resumes where it was stopped."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
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


# -- what is measured ----------------------------------------------------------------------------

TINY = {"hidden_layer_sizes": (4,), "n_components": 4, "batch_size": 64, "n_heads": 2}
SEMANTIC = [
    "CDC", "ContrastiveClustering", "DivClust", "IIC", "P2OT", "SCAN", "SP2OT", "TEMI", "TURTLE",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", [*SEMANTIC, "SIGMA", "ImageVolumeClustering"])
@pytest.mark.parametrize("setting", ["default", "images"])
def test_rows_and_images_are_measured_from_the_start(reproduce, name, setting):
    if reproduce.params_of(name, setting) is None:
        assert name in ("TEMI", "TURTLE")  # of features, which have no views
        return
    X, y = (array[:150] for array in reproduce.read("longtail-digits"))
    X = reproduce.square(X) if setting == "images" else X
    cls = reproduce.estimators()[name]
    offered = cls().get_params()
    params = TINY | dict.fromkeys(reproduce.EPOCHS, 1)
    params = {name: value for name, value in params.items() if name in offered}
    found = reproduce.fit_estimator(cls, X, y, 0, params)
    measured = {"accuracy", "NMI", "ARI", "mean recall"}
    assert found.keys() >= measured | {f"start {measure}" for measure in measured}
    assert all(0 <= found[measure] <= 1 for measure in ("accuracy", "mean recall"))


def test_the_mean_recall_counts_every_class_alike(reproduce):
    y = [0] * 90 + [1] * 10
    y, labels = np.array(y), np.array([1] * 90 + [0] * 5 + [1] * 5)
    assert reproduce.mean_recall(y, labels) == 0.75
    assert reproduce.named("", y, labels)["accuracy"] == 0.95
    assert reproduce.mean_recall(y, np.zeros(100)) == 0.5


def test_images_are_given_to_methods_with_views_of_sets_of_images(reproduce):
    options = SimpleNamespace(
        seeds=[0],
        data=["longtail-digits", "features_cifar10_test"],
        estimators=["SCAN", "TEMI", "k-means"],
        settings=["default", "images"],
        memory=8000,
    )
    found = [(label, job["data"]) for label, job in reproduce.jobs(options, reproduce.estimators())]
    plain = [(name, data) for data in options.data for name in options.estimators]
    assert sorted(found) == sorted([*plain, ("SCAN, images", "longtail-digits")])


def test_digits_with_a_long_tail(reproduce):
    X, y = reproduce.read("longtail-digits")
    assert np.bincount(y).tolist() == [170, 131, 101, 78, 61, 47, 36, 28, 21, 17]
    assert reproduce.square(X).shape == (690, 8, 8)
