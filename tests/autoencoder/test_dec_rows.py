"""Rows and images of every kind for DEC and IDEC."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from skdeepcluster import DEC, IDEC
from tests.autoencoder._dec import Images
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_all_kinds_of_rows(blobs, tmp_path):
    import pandas as pd
    import polars as pl

    X = blobs[0]
    mapped = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    mapped[:] = X
    tensor = torch.from_numpy(X)
    kinds = {
        "float16": X.astype(np.float16),
        "float32": X.astype(np.float32),
        "int8": X.astype(np.int8),
        "int64": X.astype(np.int64),
        "object": X.astype(object),
        "list": X.tolist(),
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
        "memmap": mapped,
        "csr": sp.csr_matrix(X),
        "coo": sp.coo_array(X),
        "tensor": tensor,
        "tensor with gradient": tensor.clone().requires_grad_(),
        "bfloat16": tensor.bfloat16(),
        "pandas": pd.DataFrame(X).rename(columns=str),
        "polars": pl.DataFrame(X),
        "TensorDataset": torch.utils.data.TensorDataset(tensor.float()),
        "Dataset": Images(X),
        "Subset": torch.utils.data.Subset(torch.utils.data.TensorDataset(tensor), range(len(X))),
    }
    expected = brief(DEC).fit(X)
    for name, rows in kinds.items():
        model = brief(DEC).fit(rows)
        np.testing.assert_array_equal(model.labels_, expected.labels_, name)
        np.testing.assert_array_equal(model.predict(rows), expected.labels_, name)
        Z = model.transform(rows)
        np.testing.assert_array_equal(Z, expected.transform(X).astype(Z.dtype), name)
        float32 = name in ("float32", "memmap", "bfloat16", "TensorDataset")
        assert Z.dtype == (np.float32 if float32 else np.float64), name
        assert model.score(rows) == -model.loss_, name
    flags = X > 0
    np.testing.assert_array_equal(
        brief(DEC).fit_predict(flags), brief(DEC).fit_predict(flags.astype(float))
    )


@pytest.mark.parametrize("encoder", ["mlp", "conv"])
def test_all_kinds_of_images(encoder, tmp_path):
    X = np.random.RandomState(0).randint(0, 4, (120, 6, 7)).astype(np.float32)
    mapped = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    mapped[:] = X
    params = {"encoder": encoder, "hidden_layer_sizes": (5,)}
    flat = X.reshape(120, -1)
    kinds = [
        (X, {}),
        (X[:, None], {}),
        (mapped, {}),
        (torch.from_numpy(X), {}),
        (torch.from_numpy(X)[:, None].to(torch.uint8), {}),
        (flat, {"image_shape": (6, 7)}),
        (flat, {"image_shape": [1, 6, 7]}),
        (flat.tolist(), {"image_shape": (np.int64(6), np.int64(7))}),
        (sp.csr_array(flat), {"image_shape": (6, 7)}),
        (X, {"image_shape": (6, 7)}),
        (Images(X), {}),
        (Images(X[:, None]), {}),
        (Images(flat), {"image_shape": (6, 7)}),
    ]
    expected = brief(DEC, **params).fit(X)
    assert expected.image_shape_ == (1, 6, 7) and expected.n_features_in_ == 42
    for rows, more in kinds:
        model = brief(DEC, **params, **more).fit(rows)
        np.testing.assert_array_equal(model.labels_, expected.labels_)
        for new in (X, flat, X[:, None]):
            np.testing.assert_array_equal(model.predict(new), expected.labels_)


@pytest.mark.parametrize("side", [1, 2, 3, 8, 11])
def test_convolutions_on_images_of_any_size(side):
    X = np.random.RandomState(0).randn(70, 3, side, side + 1)
    model = brief(DEC, encoder="conv", hidden_layer_sizes=(4, 4, 4)).fit(X)
    assert model.inverse_transform(model.transform(X)).shape == (70, 3 * side * (side + 1))


def test_images_of_another_shape():
    X = np.random.RandomState(0).randn(60, 6, 8)
    model = brief(DEC).fit(X)
    with pytest.raises(ValueError, match=r"\(1, 8, 6\).*expecting images of shape \(1, 6, 8\)"):
        model.predict(X.reshape(60, 8, 6))
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :, :5])
    with pytest.raises(ValueError, match=r"image_shape=\(8, 6\), but X has images of shape"):
        brief(DEC, image_shape=(8, 6)).fit(X)
    with pytest.raises(ValueError, match="image_shape=.*60 pixels.*48 features"):
        brief(DEC, image_shape=(6, 10)).fit(X.reshape(60, -1))


@pytest.mark.parametrize("bad", [(48,), (1, 1, 6, 8), (0, 48), (-6, -8), (6.0, 8), ("6", "8"), ()])
def test_image_shapes_that_are_none(bad):
    X = np.random.RandomState(0).randn(60, 48)
    with pytest.raises(ValueError, match="image_shape"):
        brief(DEC, image_shape=bad).fit(X)


def test_inverse_transform_is_in_the_units_of_the_data(blobs):
    X = 1000 + 5 * blobs[0]
    model = brief(IDEC, pretrain_epochs=40).fit(X)
    error = np.abs(model.inverse_transform(model.transform(X)) - X).mean()
    assert error < 0.5 * np.abs(X - X.mean(axis=0)).mean()
    with pytest.raises(ValueError, match="9 columns.*10"):
        model.inverse_transform(np.zeros((2, 9)))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "score"])
def test_other_number_of_features(method, blobs):
    model = brief(DEC).fit(blobs[0])
    for rows in (blobs[0][:, :5], np.zeros((3, 13)), Images(np.zeros((4, 5)))):
        with pytest.raises(ValueError, match="features, but DEC is expecting 12 features"):
            getattr(model, method)(rows)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "score"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_new_rows_that_are_not_finite(method, value, blobs, tmp_path):
    model = brief(DEC).fit(blobs[0])
    X = blobs[0][:5].copy()
    X[3, 2] = value
    mapped = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=X.shape)
    mapped[:] = X
    for rows in (X, mapped, sp.csr_array(X), Images(X)):
        with pytest.raises(ValueError, match="NaN|infinity|too large"):
            getattr(model, method)(rows)
