"""Starts of methods that place centers: neighbors of the rows, warm-up, networks for tables."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DCN, DEC, DEPICT, GLDC, IDEC, TELL, NeighborClusterer, VaDE
from skdeepcluster.algorithms.kmeans import kmeans
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
METHODS = [DCN, DEC, DEPICT, GLDC, IDEC, TELL, VaDE]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(n_class=5, return_X_y=True)
    return X[:500], y[:500]


@pytest.mark.parametrize("Method", METHODS)
def test_after_the_warm_up_rows_have_the_labels_of_their_neighbors(Method, digits):
    X = digits[0]
    start = NeighborClusterer(5, random_state=0).fit_predict(X)
    model = Method(
        5, pretrain_epochs=2, init_epochs=200, max_epochs=0, hidden_layer_sizes=(64,),
        batch_size=50, random_state=0,
    ).fit(X)  # fmt: skip
    # Another seed searches the neighbors, of rows in other units.
    assert adjusted_rand_score(start, model.initial_labels_) > 0.9
    assert np.mean(model.labels_ == model.initial_labels_) > 0.97
    (first, *_) = model.history_["initialize"].values()
    assert len(first) < 200  # it ends when they are learned


def test_without_a_warm_up_they_have_not(digits):
    X = digits[0]
    params = {"pretrain_epochs": 0, "max_epochs": 0, "hidden_layer_sizes": (64,)}
    model = DEC(5, init_epochs=0, random_state=0, **params).fit(X)
    assert np.mean(model.labels_ == model.initial_labels_) < 0.9
    assert "initialize" not in model.history_


def test_one_hot_columns_do_not_decide():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    numbers = 3 * rng.normal(size=(3, 5))[y] + rng.normal(size=(600, 5))
    numbers /= numbers.std(axis=0)
    X = np.column_stack([numbers, np.eye(2)[rng.integers(0, 2, 600)]])
    of_k_means = adjusted_rand_score(y, kmeans(X, 3)[1])
    assert of_k_means > 0.9
    for Method in (DEC, IDEC):
        model = Method(3, random_state=0).fit(X)
        assert adjusted_rand_score(y, model.labels_) > of_k_means - 0.05


@pytest.mark.parametrize(
    ("n_features", "widths"),
    [(7, [70, 70, 280]), (49, [490, 490, 1960]), (50, [500, 500, 2000]), (64, [500, 500, 2000])],
)
def test_default_widths_follow_the_number_of_features(n_features, widths):
    X = np.random.default_rng(0).normal(size=(20, n_features))
    model = brief(DEC, hidden_layer_sizes=None, pretrain_epochs=0, init_epochs=0, max_epochs=0)
    encoder = model.fit(X).module_.encoder
    assert [p.shape[0] for p in encoder.parameters() if p.ndim == 2][:-1] == widths
