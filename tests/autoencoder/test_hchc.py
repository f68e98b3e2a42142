"""HCHC."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from sklearn.callback import ScoringMonitor
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import GLDC, HCHC, HamiltonianCycleMap
from skdeepcluster.displays import CircleMapDisplay
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def X():
    return make_blobs(260, n_features=6, centers=3, center_box=(-9, 9), random_state=0)[0]


@pytest.mark.parametrize("dtype, atol", [(np.float32, 1e-6), (np.float64, 1e-12)])
def test_it_is_gldc_and_the_map_of_its_memberships(dtype, atol, X):
    X = X.astype(dtype)
    model = brief(HCHC, 5).fit(X)
    gldc = brief(GLDC, 5).fit(X)
    np.testing.assert_array_equal(model.labels_, gldc.labels_)
    np.testing.assert_array_equal(model.transform(X), gldc.transform(X))
    assert model.loss_ == gldc.loss_ and model.score(X) == gldc.score(X)
    circle = HamiltonianCycleMap()
    points = circle.fit_transform(gldc.predict_proba(X))
    np.testing.assert_array_equal(model.order_, circle.order_)
    for name in ("angles_", "anchors_", "cluster_distances_"):
        assert getattr(model, name).dtype == dtype
        np.testing.assert_allclose(getattr(model, name), getattr(circle, name), atol=10 * atol)
    assert model.cycle_length_ == pytest.approx(circle.cycle_length_)
    assert model.exact_ is circle.exact_ is True
    assert model.embedding_.dtype == dtype
    np.testing.assert_allclose(model.embedding_, points, atol=10 * atol)
    np.testing.assert_allclose(model.to_circle(X), model.embedding_, atol=atol)


@given(st.integers(1, 14), st.integers(0, 10**6))
@settings(max_examples=15)
def test_properties_of_the_circle(n_clusters, seed):
    X = np.random.RandomState(seed).randn(40, 4)
    model = brief(HCHC, n_clusters, random_state=seed, pretrain_epochs=1, max_epochs=1).fit(X)
    np.testing.assert_array_equal(np.sort(model.order_), np.arange(n_clusters))
    np.testing.assert_allclose(np.linalg.norm(model.anchors_, axis=1), 1)
    assert (np.linalg.norm(model.to_circle(10 * X), axis=1) <= 1 + 1e-6).all()
    assert model.exact_ == (n_clusters <= 12)
    # Arcs in proportion to the distances, all the way round.
    steps = model.cluster_distances_[model.order_, np.roll(model.order_, -1)]
    assert model.cycle_length_ == pytest.approx(steps.sum(), abs=1e-12)
    around = model.angles_[model.order_]
    arcs = np.diff(np.append(around, around[0] + 2 * np.pi))
    if model.cycle_length_ > 0:
        expected = 2 * np.pi * steps / model.cycle_length_
        np.testing.assert_allclose(arcs, expected, atol=1e-9)


def test_neighbors_on_the_circle_are_neighbors_in_space():
    angles = 2 * np.pi * np.arange(6) / 6
    centers = 4 * np.column_stack([np.cos(angles), np.sin(angles)])
    X, truth = make_blobs([150] * 6, centers=centers, cluster_std=0.5, random_state=0)
    X = X @ np.linalg.qr(np.random.RandomState(0).randn(10, 10))[0][:2]
    model = HCHC(6, hidden_layer_sizes=(64,), pretrain_epochs=30, random_state=0).fit(X)
    assert adjusted_rand_score(truth, model.labels_) > 0.95
    places = [np.bincount(truth[model.labels_ == j]).argmax() for j in model.order_]
    steps = np.diff([*places, places[0]]) % 6
    assert set(steps) in ({1}, {5})


def test_new_rows_are_drawn_in_the_circle_of_the_fit(X):
    model = brief(HCHC, 5).fit(X)
    display = CircleMapDisplay.from_estimator(model, X[:20])
    np.testing.assert_array_equal(display.angles, model.angles_)
    np.testing.assert_allclose(display.coordinates, model.to_circle(X[:20]), atol=1e-12)
    np.testing.assert_allclose(display.anchors_.get_offsets(), model.anchors_, atol=1e-12)
    plt.close(display.figure_)


def test_pickle_keeps_the_circle(X):
    model = brief(HCHC).fit(X)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.to_circle(X), model.to_circle(X))
    np.testing.assert_array_equal(copy.embedding_, model.embedding_)


def test_rows_on_disk(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    model = brief(HCHC).fit(np.load(tmp_path / "X.npy", mmap_mode="r"))
    np.testing.assert_array_equal(model.embedding_, brief(HCHC).fit(X).embedding_)


def test_callbacks_and_time(X):
    """While there is no circle yet, everything else is there."""
    model = brief(HCHC).set_callbacks(ScoringMonitor(scoring=None)).fit(X)
    np.testing.assert_array_equal(model.embedding_, brief(HCHC).fit(X).embedding_)
    model = brief(HCHC, max_time=1e-9)
    with pytest.warns(ConvergenceWarning, match="max_time"):
        model.fit(X)
    np.testing.assert_allclose(model.to_circle(X), model.embedding_, atol=1e-12)


def test_an_interrupted_fit_goes_on(X, tmp_path, monkeypatch):
    from skdeepcluster.training import Checkpoint

    monkeypatch.setattr("skdeepcluster.training._checkpoint.COST_RATIO", 0)
    save, n_saves = Checkpoint.save, []

    def interrupted(self, state):
        save(self, state)
        n_saves.append(1)
        if len(n_saves) == 4:
            raise InterruptedError

    monkeypatch.setattr(Checkpoint, "save", interrupted)
    model = brief(HCHC, checkpoint=tmp_path / "state")
    with pytest.raises(InterruptedError):
        model.fit(X)
    np.testing.assert_array_equal(model.fit(X).embedding_, brief(HCHC).fit(X).embedding_)


def test_rows_that_repeat():
    with pytest.warns(ConvergenceWarning, match="found 1 clusters"):
        model = brief(HCHC).fit(np.ones((50, 3)))
    assert (model.embedding_ == model.embedding_[0]).all()


def test_not_fitted(X):
    with pytest.raises(NotFittedError):
        brief(HCHC).to_circle(X)
