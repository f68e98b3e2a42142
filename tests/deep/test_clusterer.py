"""What every deep clusterer does, shown on DEC."""

import copy
import inspect
import pickle
import re
import time
import warnings
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.cluster import AgglomerativeClustering
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from torch import nn

from skdeepcluster import DEC, IDEC, AutoencoderClusterer, ClAM
from skdeepcluster._discovery import all_estimators
from skdeepcluster.deep import DeepClusterer
from skdeepcluster.training import NonFiniteLossError
from tests.common import BRIEF, brief, known

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

dec = partial(brief, DEC)


def with_dropout(seed=0, **params):
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    decoder = nn.Linear(3, 6)
    torch.set_rng_state(state)
    return brief(DEC, encoder=encoder, decoder=decoder, hidden_layer_sizes=None, **params)


# -- the same labels, whatever ran before --------------------------------------------------------


@quiet
@pytest.mark.parametrize("make", [dec, with_dropout])
def test_nothing_that_ran_before_matters(make, X):
    expected = make().fit(X)
    torch.manual_seed(5)
    torch.rand(3)
    np.random.seed(7)  # noqa: NPY002
    brief(DEC, random_state=3).fit(X)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    found = make().fit(X)
    np.testing.assert_array_equal(found.transform(X), expected.transform(X))
    assert found.history_ == expected.history_
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    other = make(random_state=1).fit(X)
    assert not np.array_equal(other.transform(X), expected.transform(X))


@quiet
@pytest.mark.parametrize("make", [dec, with_dropout])
def test_state_of_torch_that_the_caller_set(make, X):
    expected, found = make().fit(X), make()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            found.fit(X)
            assert not torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float64
        np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(found.transform(X), expected.transform(X))
    assert found.history_ == expected.history_
    with torch.inference_mode():
        np.testing.assert_array_equal(expected.transform(X), found.transform(X))


def fit_labels(make, X, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make(random_state=seed).fit(X).transform(X)


@quiet
@pytest.mark.parametrize("make", [dec, with_dropout])
def test_fits_in_threads(make, X):
    models = [make(random_state=seed) for seed in range(4)]
    expected = [clone(model).fit(X).transform(X) for model in models]
    state = torch.get_rng_state()
    found = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(lambda model: model.fit(X).transform(X))(model) for model in models
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


@quiet
def test_fits_in_processes(X):
    expected = [fit_labels(dec, X, seed) for seed in range(2)]
    found = joblib.Parallel(n_jobs=2, backend="loky")(
        joblib.delayed(brief(DEC, random_state=seed).fit)(X) for seed in range(2)
    )
    for model, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(model.transform(X), other)


@quiet
def test_random_state_instance_moves_on(X):
    random_state = np.random.RandomState(0)
    first, second = (brief(DEC, random_state=random_state).fit(X).transform(X) for _ in range(2))
    assert not np.array_equal(first, second)
    again = brief(DEC, random_state=np.random.RandomState(0)).fit(X).transform(X)
    np.testing.assert_array_equal(first, again)


@quiet
def test_fitting_again_forgets(X):
    model = brief(DEC).fit(X[:50, :4])
    model.fit(X)
    np.testing.assert_array_equal(model.transform(X), brief(DEC).fit(X).transform(X))
    assert model.n_features_in_ == 6


@quiet
@pytest.mark.parametrize("Estimator", [DEC, IDEC])
def test_input_is_not_changed(Estimator, X):
    before = X.copy()
    X.flags.writeable = False
    try:
        brief(Estimator).fit(X).predict(X)
    finally:
        X.flags.writeable = True
    np.testing.assert_array_equal(X, before)


def test_not_fitted(X):
    for method in ("predict", "predict_proba", "transform", "score", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(brief(DEC), method)(X)


DEEP = [Estimator() for _, Estimator in all_estimators() if issubclass(Estimator, DeepClusterer)]
DEEP.append(AutoencoderClusterer(clusterer=GaussianMixture(2)))


@pytest.mark.parametrize("estimator", DEEP, ids=lambda estimator: type(estimator).__name__)
def test_everything_that_needs_a_fit_says_so(estimator, X):
    free = r"_|fit|partial_fit|set_|get_params|get_metadata_routing|paper_params"
    names = [
        name
        for name in dir(estimator)
        if not re.match(free, name) and callable(getattr(type(estimator), name))
    ]
    names = [name for name in names if hasattr(estimator, name)]
    assert {"transform", "predict", "score"} <= set(names)
    for name in names:
        method = getattr(estimator, name)
        needed = [p for p in inspect.signature(method).parameters.values() if p.default is p.empty]
        with pytest.raises(NotFittedError):
            method(*[X] * len(needed))


@pytest.fixture
def every_warning_of_torch():
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@quiet
@pytest.mark.parametrize("estimator", DEEP, ids=lambda estimator: type(estimator).__name__)
def test_arrays_that_cannot_be_written(estimator, every_warning_of_torch, X, tmp_path):
    X = X.astype(np.float32)
    X.flags.writeable = False
    model = clone(estimator)
    params = {**BRIEF, "n_clusters": 3, "n_components": 3}
    model.set_params(**known(type(model), params))
    if "array-like" in model._parameter_constraints.get("init", ()):
        model.set_params(init=np.broadcast_to(X[0, :1], (3, 6 if isinstance(model, ClAM) else 3)))
    if "teacher" in model.get_params():
        model.set_params(teacher=X)
    joblib.dump(model.fit(X), tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert not mapped.labels_.flags.writeable
    for name in ("predict", "transform", "predict_proba", "score"):
        if hasattr(model, name):
            np.testing.assert_array_equal(getattr(mapped, name)(X), getattr(model, name)(X))
    if hasattr(model, "inverse_transform"):
        Z = model.transform(X)
        Z.flags.writeable = False
        np.testing.assert_array_equal(mapped.inverse_transform(Z), model.inverse_transform(Z))
    for name in ("recluster", "sample"):
        if callable(getattr(model, name, None)):
            getattr(mapped, name)()
    if hasattr(model, "partial_fit"):
        mapped.partial_fit(X)


def test_clusterer_of_another_kind_after_the_fit(X):
    params = {"hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}
    model = AutoencoderClusterer(clusterer=GaussianMixture(2), **params)
    assert hasattr(model, "predict_proba")
    model.fit(X)
    np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), model.labels_)
    assert not hasattr(model.recluster(AgglomerativeClustering(2)), "predict_proba")


# -- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", ["pretrain_epochs", "max_epochs"])
@pytest.mark.parametrize("Estimator", [DEC, IDEC])
def test_max_time(Estimator, epochs, X):
    model = brief(Estimator, tol=0, max_time=0.3, **{epochs: 10**9})
    began = time.monotonic()
    with pytest.warns(ConvergenceWarning, match="stopped by max_time=0.3"):
        model.fit(X)
    assert time.monotonic() - began < 30
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert np.isfinite(model.loss_) and model.score(X) == -model.loss_
    assert model.n_epochs_ == len(model.history_.get("refine", {}).get("kl", []))


@quiet
def test_no_time_at_all(X):
    for n_init in (1, 3):
        model = brief(DEC, max_time=1e-9, n_init=n_init)
        with pytest.warns(ConvergenceWarning, match="max_time"):
            model.fit(X)
        np.testing.assert_array_equal(model.predict(X), model.labels_)
    model = AutoencoderClusterer(3, hidden_layer_sizes=(8,), max_time=1e-9, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_time"):
        model.fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


# -- losses that are not finite ------------------------------------------------------------------


@pytest.mark.parametrize("make", [dec, lambda **params: AutoencoderClusterer(
    3, hidden_layer_sizes=(8,), max_epochs=2, random_state=0, **params
)])  # fmt: skip
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("learning_rate", [1e10, 1e30, 1e38])
def test_loss_that_is_not_finite(make, optimizer, learning_rate, X):
    model = make(optimizer=optimizer, learning_rate=learning_rate)
    with pytest.raises(NonFiniteLossError, match="not finite.*stage.*ower the learning rate"):
        model.fit(X)
    assert all(p.isfinite().all() for p in model.module_.parameters())
    assert not model.module_.training
    assert "pretrain" in model.history_


# -- callbacks -----------------------------------------------------------------------------------


@quiet
def test_progress_bar_and_scores_inside_a_search(X, capsys):
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring=None)
    search = GridSearchCV(
        brief(DEC).set_callbacks(monitor), {"n_clusters": [2, 3]}, cv=2, error_score="raise"
    ).set_callbacks(ProgressBar())
    search.fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == (100,)
    plain = GridSearchCV(brief(DEC), {"n_clusters": [2, 3]}, cv=2).fit(X)
    np.testing.assert_array_equal(
        plain.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"]
    )


@quiet
@pytest.mark.parametrize("n_init", [1, 2])
def test_scores_of_each_epoch(n_init, X):
    monitor = ScoringMonitor(scoring=None)
    model = brief(DEC, n_init=n_init).set_callbacks(monitor).fit(X)
    alone = brief(DEC, n_init=n_init).fit(X)
    np.testing.assert_array_equal(model.transform(X), alone.transform(X))
    assert model.loss_ == alone.loss_


@quiet
def test_pickle_of_a_fitted_model_with_given_modules(X):
    model = with_dropout().fit(X)
    other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X), model.predict(X))
