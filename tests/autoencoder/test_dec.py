"""DEC and IDEC."""

import copy
import pickle
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from skdeepcluster import DEC, IDEC, AutoencoderClusterer
from tests.autoencoder._dec import both
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -- what it finds -------------------------------------------------------------------------------


@both
def test_loss_against_numpy(Estimator, blobs):
    X = blobs[0]
    model = brief(Estimator, alpha=2.5).fit(X)
    squared = ((model.transform(X)[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    q = (1 + squared / 2.5) ** -1.75
    q /= q.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), q, atol=1e-5)
    p = q**2 / q.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)
    loss = (p * np.log(p / q)).sum(axis=1).mean()
    if Estimator is IDEC:
        back = model.inverse_transform(model.transform(X))
        loss += ((X - back) ** 2).mean() * model.scale_**2
    assert model.loss_ == pytest.approx(loss, rel=1e-4, abs=1e-6)


def test_objective_falls_while_the_target_stands(blobs):
    model = brief(
        DEC,
        tol=0, max_epochs=8, update_interval=10**6, learning_rate=1e-4, batch_size=260,
        init="k-means", optimizer="sgd",
    ).fit(blobs[0])  # fmt: skip
    assert (np.diff(model.history_["refine"]["kl"]) < 0).all()


def test_init_by_centers(blobs):
    X = blobs[0]
    centers = np.random.RandomState(0).randn(3, 10)
    model = brief(DEC, init=centers, pretrain_epochs=0, max_epochs=0).fit(X)
    np.testing.assert_allclose(model.cluster_centers_, centers, rtol=1e-6)
    for wrong in (centers[:2], centers[:, :3], centers[0]):
        with pytest.raises(ValueError, match=r"\(3, 10\)|2D array"):
            brief(DEC, init=wrong).fit(X)
    with pytest.raises(ValueError, match="init contains NaN"):
        brief(DEC, init=centers * np.nan).fit(X)


def test_idec_keeps_the_reconstruction(blobs):
    X = blobs[0]

    def error(model):
        return ((X - model.inverse_transform(model.transform(X))) ** 2).mean()

    params = {"pretrain_epochs": 20, "max_epochs": 20, "tol": 0}
    free = brief(DEC, **params).fit(X)
    bound = brief(IDEC, **params, reconstruction_weight=10).fit(X)
    assert error(bound) < error(free)
    zero = brief(IDEC, **params, reconstruction_weight=0).fit(X)
    assert adjusted_rand_score(zero.labels_, free.labels_) > 0.95


# -- company -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, shape",
    [
        ({}, (13,)),
        ({"hidden_layer_sizes": (37, 5), "n_components": 3}, (64,)),
        ({"encoder": "conv", "hidden_layer_sizes": (4, 6)}, (1, 9, 7)),
    ],
)
def test_inference_is_independent_of_company(params, shape):
    X = np.random.RandomState(0).randn(1100, *shape).astype(np.float32)
    model = brief(DEC, **params).fit(X[:200])
    order = np.random.RandomState(1).permutation(len(X))
    for method in (model.transform, model.predict_proba, model.predict):
        whole = method(X)
        np.testing.assert_array_equal(method(X[order]), whole[order])
        np.testing.assert_array_equal(method(X[300:833]), whole[300:833])
        for i in (0, 1, 511, 512, 1099):
            np.testing.assert_array_equal(method(X[i : i + 1])[0], whole[i])


# -- invariances ---------------------------------------------------------------------------------


def test_labels_do_not_depend_on_origin_and_unit(blobs):
    X = blobs[0]
    expected = brief(DEC).fit(X)
    for moved in (X + 2.0**20, X * 2.0**-40, X * 2.0**30 - 2.0**40, X + np.arange(12) * 1024):
        model = brief(DEC).fit(moved)
        np.testing.assert_array_equal(model.labels_, expected.labels_)
        np.testing.assert_allclose(model.cluster_centers_, expected.cluster_centers_, rtol=1e-4)


def test_a_constant_feature_far_away_changes_little(blobs):
    X = np.c_[blobs[0], np.full(len(blobs[0]), 1.7e18)]
    near = np.c_[blobs[0], np.zeros(len(blobs[0]))]
    np.testing.assert_array_equal(brief(DEC).fit_predict(X), brief(DEC).fit_predict(near))


# -- networks ------------------------------------------------------------------------------------


def given_modules():
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 4))
    decoder = nn.Sequential(nn.Linear(4, 12))
    torch.set_rng_state(torch_state)
    return encoder, decoder


def test_given_modules_are_copied(blobs):
    encoder, decoder = given_modules()
    before = copy.deepcopy(encoder.state_dict())
    model = DEC(3, encoder=encoder, decoder=decoder, pretrain_epochs=2, max_epochs=2,
                random_state=0).fit(blobs[0])  # fmt: skip
    assert model.transform(blobs[0]).shape == (260, 4) and model.n_components_ == 4
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert encoder.training
    again = clone(model).fit(blobs[0])
    np.testing.assert_array_equal(again.transform(blobs[0]), model.transform(blobs[0]))


def test_given_modules_with_batch_normalization(blobs):
    encoder = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
    X = blobs[0][:129]  # the last row alone has no variance
    model = DEC(3, encoder=encoder, decoder=nn.Linear(4, 12), pretrain_epochs=2, max_epochs=2,
                batch_size=64, random_state=0).fit(X)  # fmt: skip
    for i in (0, 50, 128):
        np.testing.assert_array_equal(model.transform(X[[i]]), model.transform(X)[[i]])


@pytest.mark.parametrize(
    "encoder, decoder, message",
    [
        (nn.Linear(12, 4), None, "give a decoder"),
        ("mlp", nn.Linear(4, 12), "without an encoder"),
        (nn.Linear(11, 4), nn.Linear(4, 12), "do not fit rows"),
        (nn.Linear(12, 4), nn.Linear(5, 12), "do not fit rows"),
        (nn.Linear(12, 4), nn.Linear(4, 11), "reconstructions must have the shape"),
        (nn.Unflatten(1, (3, 4)), nn.Flatten(), "codes must be"),
    ],
)
def test_given_modules_that_do_not_fit(encoder, decoder, message, blobs):
    with pytest.raises(ValueError, match=message):
        DEC(3, encoder=encoder, decoder=decoder, pretrain_epochs=1).fit(blobs[0])


def test_widths_as_encoder_are_hidden_layers(blobs):
    expected = brief(DEC, hidden_layer_sizes=(9, 5)).fit(blobs[0])
    for encoder in ([9, 5], (9, 5), np.array([9, 5])):
        model = brief(DEC, encoder=encoder).fit(blobs[0])
        np.testing.assert_array_equal(model.labels_, expected.labels_)
    for wrong in ([0], [-3], [2.5], [[3, 4]]):
        with pytest.raises(ValueError, match="positive integers"):
            brief(DEC, hidden_layer_sizes=wrong).fit(blobs[0])


def test_layers_that_learned_alone_fit_together():
    # Each had a noisy input of the same mean as what it gets from the layer below.
    rows = load_digits(n_class=5, return_X_y=True)[0][:500]
    model = DEC(
        5, hidden_layer_sizes=(64, 64, 64), layerwise_epochs=60, pretrain_epochs=1, init="k-means",
        pretrain_learning_rate=1e-3, max_epochs=0, batch_size=50, random_state=0,
    ).fit(rows)  # fmt: skip
    assert model.history_["pretrain"]["reconstruction"][0] < 0.4


def test_layers_are_pretrained_one_by_one(blobs):
    X = blobs[0]
    model = brief(DEC, layerwise_epochs=100, hidden_layer_sizes=(16, 8)).fit(X)
    assert list(model.history_)[:4] == ["layer 1", "layer 2", "layer 3", "pretrain"]
    for layer in ("layer 1", "layer 2", "layer 3"):
        losses = model.history_[layer]["reconstruction"]
        assert len(losses) == 100 and losses[-1] < losses[0]
    cold = brief(DEC, hidden_layer_sizes=(16, 8)).fit(X)
    first = [m.history_["pretrain"]["reconstruction"][0] for m in (model, cold)]
    assert first[0] < 0.9 * first[1]
    with pytest.raises(ValueError, match="layerwise_epochs=1 needs a dense encoder"):
        brief(DEC, layerwise_epochs=1, encoder="conv").fit(X.reshape(-1, 3, 4))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.RMSprop])
def test_optimizers(optimizer, blobs):
    model = brief(DEC, optimizer=optimizer, pretrain_epochs=10).fit(blobs[0])
    losses = model.history_["pretrain"]["reconstruction"]
    assert losses[-1] < losses[0]


def test_noise_is_for_training_only(blobs):
    model = brief(DEC, noise=0.5).fit(blobs[0])
    np.testing.assert_array_equal(model.transform(blobs[0]), model.transform(blobs[0]))
    clean = brief(DEC).fit(blobs[0])
    worse = model.history_["pretrain"]["reconstruction"]
    assert worse[0] > clean.history_["pretrain"]["reconstruction"][0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_precision_leaves_predictions_in_float32(precision, blobs):
    model = brief(DEC, precision=precision, pretrain_epochs=10).fit(blobs[0])
    assert all(p.dtype == torch.float32 for p in model.module_.parameters())
    np.testing.assert_array_equal(model.predict(blobs[0]), model.labels_)
    assert adjusted_rand_score(blobs[1], model.labels_) > 0.9


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="torch.compile needs a compiler")
@pytest.mark.filterwarnings("ignore")
@both
def test_compiled_steps_learn_the_same(Estimator, blobs):
    plain, compiled = (brief(Estimator, compile=flag).fit(blobs[0]) for flag in (False, True))
    np.testing.assert_allclose(
        compiled.history_["pretrain"]["reconstruction"],
        plain.history_["pretrain"]["reconstruction"], rtol=1e-3,
    )  # fmt: skip
    assert adjusted_rand_score(plain.labels_, compiled.labels_) > 0.95


# -- as an estimator -----------------------------------------------------------------------------


@both
def test_copies(Estimator, blobs):
    model = brief(Estimator).fit(blobs[0])
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        np.testing.assert_array_equal(other.predict_proba(blobs[0]), model.predict_proba(blobs[0]))
        assert other.get_params() == model.get_params()
    fresh = clone(model)
    assert not hasattr(fresh, "labels_") and fresh.get_params() == model.get_params()


def test_constructor_takes_n_clusters_by_place_and_the_rest_by_name():
    assert DEC(5).n_clusters == 5
    with pytest.raises(TypeError):
        DEC(5, 3)
    with pytest.raises(TypeError):
        DEC(n_cluster=5)
    assert repr(DEC(5, alpha=2)) == "DEC(alpha=2, n_clusters=5)"
    assert "reconstruction_weight" in IDEC().get_params()


def test_feature_names_and_pandas_output(blobs):
    import pandas as pd

    X = pd.DataFrame(blobs[0], columns=[f"f{i}" for i in range(12)])
    model = brief(DEC, n_components=2).set_output(transform="pandas").fit(X)
    assert list(model.feature_names_in_) == list(X.columns)
    assert list(model.get_feature_names_out()) == ["dec0", "dec1"]
    Z = model.transform(X)
    assert list(Z.columns) == ["dec0", "dec1"] and (Z.index == X.index).all()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"f0": "g"}))
    polars = clone(model).set_output(transform="polars").fit(X).transform(X)
    np.testing.assert_array_equal(polars.to_numpy(), Z.to_numpy())


def test_inside_a_pipeline(blobs):
    last = AutoencoderClusterer(3, hidden_layer_sizes=(8,), max_epochs=2, random_state=0)
    pipeline = make_pipeline(FunctionTransformer(np.cbrt), brief(DEC), clone(last))
    labels = pipeline.fit_predict(blobs[0])
    Z = brief(DEC).fit(np.cbrt(blobs[0])).transform(np.cbrt(blobs[0]))
    np.testing.assert_array_equal(pipeline[:-1].transform(blobs[0]), Z)
    np.testing.assert_array_equal(labels, last.fit_predict(Z))


def test_verbose_prints_a_line_for_each_stage(blobs, capsys):
    brief(DEC, verbose=1).fit(blobs[0])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["pretrain:", "initialize:", "refine:"]
    assert all(line.startswith("[DEC]") for line in lines)
    brief(DEC).fit(blobs[0])
    assert capsys.readouterr().out == ""


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 99), st.data())
@settings(max_examples=15)
def test_tiny_data(n, d, seed, data):
    k = data.draw(st.integers(1, n))
    X = np.random.RandomState(seed).randn(n, d)
    model = brief(DEC, k, pretrain_epochs=1, max_epochs=1).fit(X)
    assert model.labels_.shape == (n,) and set(model.labels_) <= set(range(k))
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    with pytest.raises(ValueError, match=f"n_samples={n} should be >= n_clusters={n + 1}"):
        brief(DEC, n + 1).fit(X)
