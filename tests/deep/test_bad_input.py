"""Malformed rows and parameters of deep clusterers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from skdeepcluster import DCN, DEC, DEPICT, HCHC, IDEC, JULE, TELL, AutoencoderClusterer, ClAM, VaDE
from tests.common import brief

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# -- bad input -----------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.sampled_from(
        [0, 1, -1, 1e300, 1e-300, -1e300, np.nan, np.inf, -np.inf, 2**53, 1e38, 1e39, 1e155]
    ),
    st.floats(-10, 10),
)


@st.composite
def malformed_rows(draw):
    n, d = draw(st.integers(0, 7)), draw(st.integers(0, 4))
    values = draw(st.lists(NUMBERS, min_size=n * d, max_size=n * d))
    X = np.array(values, dtype=np.float64).reshape(n, d)
    return draw(
        st.sampled_from(
            [
                X, X.ravel(), X[:, :, None], X[:, None, :, None], X[None, None, None], X.tolist(),
                X.astype(object), X.astype(str), X + 1j, [[1], [1, 2]], None, "rows", 3.0, [],
                np.ones_like(X), np.repeat(X[:1], n, axis=0), X.astype(np.longdouble), {},
                [[2**70, 1], [1, 2], [3, 4]], np.full((5, 2), 2**64 - 1, dtype=np.uint64),
                np.array([["a", "b"]] * 4, dtype=object), X.astype("M8[s]") if X.size == 0 else X,
                torch.from_numpy(X.copy()), torch.from_numpy(X.copy()).to_sparse(), [None, None],
            ]
        )
    )  # fmt: skip


@quiet
@given(
    malformed_rows(),
    st.integers(1, 4),
    st.sampled_from([DCN, DEC, DEPICT, HCHC, IDEC, JULE, TELL, VaDE, AutoencoderClusterer, ClAM]),
)
@settings(max_examples=150)
# Of scikit-learn's own check, where infinities of both signs meet.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_malformed_rows_give_an_error_or_an_answer(X, k, Estimator):
    params = {} if Estimator in (AutoencoderClusterer, JULE) else {"pretrain_epochs": 1}
    model = Estimator(k, hidden_layer_sizes=(3,), max_epochs=1, random_state=0, **params)
    try:
        model.fit(X)
    except (ValueError, TypeError) as error:
        assert str(error)
        return
    labels = model.labels_
    assert labels.shape == (len(X),) and set(labels) <= set(range(k))
    assert np.isfinite(model.loss_)
    assert np.isfinite(model.transform(X)).all()
    np.testing.assert_array_equal(model.predict(X), labels)
    flat = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    same = (flat[:, None] == flat[None]).all(axis=2)
    # Equal rows have equal labels.
    assert (labels[:, None] == labels)[same].all()


BAD_PARAMETERS = {
    "n_clusters": [0, -1, 2.5, "3", None, 10**30, np.nan, 101],
    "hidden_layer_sizes": ["ab", 3, [0], [-1], [2.5], [[1]]],
    "n_components": [0, -3, 2.5, "x"],
    "encoder": ["cnn", 7, [0], None, nn.ReLU()],
    "decoder": ["mlp", 3, nn.ReLU()],
    "image_shape": [6, "6", (6,), (2, 4), (1, 1, 1, 6), (-2, -3), (2.0, 3), (10**9, 10**9)],
    "layerwise_epochs": [-1, 1.5, None],
    "noise": [-0.1, 1, 1.5, np.nan, "x"],
    "alpha": [0, -1, np.nan, np.inf, "x", None],
    "label_weight": [-1, np.nan, "x", None],
    "pair_weight": [-1, np.nan, "x", None],
    "init": ["random", 3, np.zeros((2, 2)), np.full((3, 6), np.nan), [["a"] * 6] * 3, [[1], []]],
    "init_epochs": [-1, 2.5],
    "update_interval": [0, -5, 2.5],
    "tol": [-1e-3, np.nan, "x", None],
    "pretrain_epochs": [-1, 1.5, None],
    "pretrain_learning_rate": [0, -1, np.nan, np.inf, "x"],
    "max_epochs": [-1, 1.5, None],
    "batch_size": [0, -1, 1.5, None],
    "learning_rate": [0, -1, np.nan, np.inf, None, "x"],
    "optimizer": ["lbfgs", 3, None],
    "weight_decay": [-1.0, "much"],
    "n_init": [0, -1, 1.5, "auto"],
    "max_time": [0, -1, np.nan, np.inf, "x"],
    "device": ["tpu", "cuda:77", None, 3.5, "meta:x"],
    "precision": ["half", 16, None],
    "compile": ["yes", None],
    "checkpoint": [3, 2.5, []],
    "random_state": ["x", -1, 2.5],
    "verbose": ["x", -1, None],
    "reconstruction_weight": [-1, np.nan, "x"],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_malformed_parameters(name, X):
    for value in BAD_PARAMETERS[name]:
        with pytest.raises((ValueError, TypeError)) as caught:
            brief(IDEC, **{name: value}).fit(X)
        assert str(caught.value)


def test_every_parameter_is_tried_with_wrong_values():
    assert set(IDEC().get_params()) <= set(BAD_PARAMETERS)


@quiet
@pytest.mark.parametrize(
    "params",
    [
        {"batch_size": 10**30}, {"max_epochs": 0}, {"pretrain_epochs": 0}, {"n_components": 1},
        {"hidden_layer_sizes": ()}, {"alpha": 1e-6}, {"alpha": 1e6}, {"tol": 0}, {"noise": 0.999},
        {"update_interval": 10**30}, {"batch_size": 1}, {"learning_rate": 1e-300},
        {"n_clusters": 100},
    ],
)  # fmt: skip
def test_extreme_parameters_that_are_right(params, X):
    model = brief(DEC).set_params(**params).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert np.isfinite(model.loss_)


@quiet
@pytest.mark.parametrize("X", [np.full((50, 3), 0.1), np.zeros((50, 1)), np.full((50, 2), 1e140)])
def test_constant_rows(X):
    with pytest.warns(ConvergenceWarning, match="found 1 clusters, fewer than n_clusters=3"):
        model = brief(DEC).fit(X)
    assert len(set(model.labels_)) == 1
