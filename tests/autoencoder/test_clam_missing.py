"""ClAM on rows with missing cells."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.impute import SimpleImputer
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from skdeepcluster import ClAM

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def holes(X, share, seed=0):
    return np.where(np.random.RandomState(seed).rand(*X.shape) < share, np.nan, X)


@pytest.fixture(scope="module")
def data():
    X, y = make_blobs(300, n_features=8, centers=4, center_box=(-4, 4), random_state=1)
    return X, y, holes(100 + 7 * X, 0.35)


@pytest.fixture(scope="module")
def model(data):
    return ClAM(4, max_epochs=15, random_state=0).fit(data[2])


def completed(model, row, n_steps):
    """A standardized row after the dynamics of its missing entries, entry by entry."""
    missing = np.isnan(row)
    v = np.where(missing, model.module_.fill.numpy(), row)
    memories = model.module_.centers.detach().numpy()
    for _ in range(n_steps):
        weights = softmax(-((memories - v) ** 2).sum(axis=1) / model.temperature_)
        v = np.where(missing, v + (weights @ memories - v) / n_steps, v)
    return v


def test_completion_against_a_loop(data, model):
    X = data[2]
    Z = model.transform(X)
    for row, z in zip((X - model.mean_) * model.scale_, Z, strict=True):
        assert_allclose(z, completed(model, row, 10), atol=1e-4)
    known = np.isfinite(X)
    assert_array_equal(model.impute(X)[known], X[known])
    assert_allclose(model.impute(X), model.inverse_transform(Z), rtol=1e-4)
    assert_array_equal(model.predict(X), model.labels_)
    assert model.score(X) == -model.loss_


def test_the_objective_asks_for_known_entries_alone(data, model):
    X = (data[2] - model.mean_) * model.scale_
    total = 0.0
    for row in X:
        errors = np.zeros(8)
        for k in range(5):
            masked = np.where(np.arange(8) % 5 == k, np.nan, row)
            back = completed(model, masked, 10)
            errors += np.where(np.arange(8) % 5 == k, (row - back) ** 2, 0.0)
        total += np.nanmean(errors) if np.isfinite(row).any() else 0.0
    assert model.loss_ == pytest.approx(total / len(X), rel=1e-3)


def test_better_than_means_in_the_place_of_cells(data, model):
    X, y, with_holes = data
    of_means = make_pipeline(SimpleImputer(), KMeans(4, n_init=10, random_state=0))
    k_means = adjusted_rand_score(y, of_means.fit_predict(with_holes))
    assert adjusted_rand_score(y, model.labels_) > k_means + 0.05
    missing = np.isnan(with_holes)
    truth = (100 + 7 * X)[missing]
    by_means = SimpleImputer().fit_transform(with_holes)[missing]
    error = np.square(model.impute(with_holes)[missing] - truth).mean()
    # A quarter is noise that nothing can predict.
    assert error < 0.65 * np.square(by_means - truth).mean()


@given(st.integers(0, 2**31 - 1), st.floats(0, 0.9))
@settings(max_examples=15)
def test_known_rows_do_not_depend_on_others(data, model, seed, share):
    X = 100 + 7 * data[0][:40]
    mixed = np.vstack([holes(X, share, seed), X])
    assert_array_equal(model.predict_proba(mixed)[40:], model.predict_proba(X))
    assert_array_equal(model.transform(mixed)[40:], model.transform(X))
    proba = model.predict_proba(mixed)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)


def test_masks_are_of_known_entries(data):
    seen = []

    class Watched(ClAM):
        def _errors(self, module, z, hidden, missing=None):
            if module.training:
                counts = (hidden, hidden & ~missing, ~missing)
                seen.append([mask.sum(dim=1) for mask in counts])
            return super()._errors(module, z, hidden, missing)

    Watched(4, max_epochs=2, shared_mask_interval=9, random_state=0).fit(data[2])
    for n_hidden, n_asked, n_known in seen:
        assert (n_hidden == 2).all()
        assert torch.equal(n_asked, n_known.clamp_max(2))


def test_statistics_are_those_of_known_cells(data):
    X = data[2]
    model = ClAM(4, max_epochs=0, random_state=0).fit(X)
    assert_allclose(model.mean_, np.nanmean(X, axis=0))
    assert model.scale_ == pytest.approx(1 / np.sqrt(np.nanvar(X, axis=0).mean()))
    weights = np.arange(len(X)) % 3
    weighted = ClAM(4, max_epochs=0, random_state=0).fit(X, sample_weight=weights)
    repeated = ClAM(4, max_epochs=0, random_state=0).fit(np.repeat(X, weights, axis=0))
    assert_allclose(weighted.mean_, repeated.mean_)
    assert weighted.scale_ == pytest.approx(repeated.scale_)


def test_images_and_rows_without_any_known_cell():
    X = holes(np.random.RandomState(0).randn(60, 3, 4), 0.2)
    X[7] = np.nan
    model = ClAM(3, max_epochs=2, random_state=0).fit(X)
    assert_array_equal(model.predict(X), model.labels_)
    assert np.isfinite(model.impute(X)).all() and model.impute(X).shape == (60, 12)


def test_what_is_refused(data):
    X = data[2].copy()
    with pytest.raises(ValueError, match="NaN"):
        ClAM(4, encoder="mlp", hidden_layer_sizes=(8,)).fit(X)
    X[:, 3] = np.nan
    with pytest.raises(ValueError, match="feature 3 of X has no known value"):
        ClAM(4).fit(X)
    X[:, 3] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        ClAM(4).fit(X)
    X[:, 3] = 1e300
    with pytest.raises(ValueError, match="too large"):
        ClAM(4).fit(X)
    model = ClAM(4, max_epochs=1, random_state=0).fit(data[2])
    with pytest.raises(ValueError, match="infinity"):
        model.predict(np.full((1, 8), np.inf))
