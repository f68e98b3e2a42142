"""Starts of methods that place centers: neighbors of the rows, warm-up, networks for tables."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DCN, DEC, DEPICT, GLDC, IDEC, TELL, NeighborClusterer, VaDE
from skdeepcluster.algorithms.kmeans import kmeans
from tests.common import brief, each_class, family

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
    assert np.mean(model.labels_ == model.initial_labels_) >= 0.995
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


# -- the papers' recipes -------------------------------------------------------------------------

CENTERED = [cls for cls in family("autoencoder") if hasattr(cls, "paper_params")]
EPOCHS = ("layerwise_epochs", "pretrain_epochs", "init_epochs", "max_epochs")


@each_class(CENTERED)
def test_recipes_change_defaults_and_fit(Estimator):
    recipe, defaults = Estimator.paper_params(), Estimator().get_params()
    assert len(CENTERED) == 9 and {"init", "max_epochs"} <= set(recipe)
    assert [name for name, value in recipe.items() if value == defaults[name]] == []
    recipe.clear()  # it is the caller's own
    recipe = Estimator.paper_params()
    X = make_blobs(90, n_features=6, centers=3, random_state=0)[0]
    brief_epochs = {name: 1 for name in EPOCHS if recipe.get(name, defaults[name])}
    model = clone(Estimator(3, random_state=0, **recipe | brief_epochs)).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.module_.centers.shape[1] == recipe.get("n_components", 6)
    assert "initialize" not in model.history_ or model.init == "linkage"


def test_pre_training_has_its_own_learning_rate(digits):
    X = digits[0][:100]
    params = {"hidden_layer_sizes": (16,), "layerwise_epochs": 2, "init": "k-means"}

    def losses(Method, **rates):
        model = brief(Method, n_clusters=5, **params | rates).fit(X)
        return {stage: list(terms.values())[0] for stage, terms in model.history_.items()}

    for Method in (DEC, DEPICT, TELL):
        slow = losses(Method, learning_rate=1e-4)
        quick = losses(Method, learning_rate=1e-2)
        both = losses(Method, learning_rate=1e-4, pretrain_learning_rate=1e-2)
        stages = ["layer 1", "layer 2", "pretrain"]
        assert [both[stage] for stage in stages] == [quick[stage] for stage in stages]
        assert all(both[stage] != slow[stage] for stage in stages)
        assert both["refine"] != quick["refine"]


def test_by_sgd_only_the_recipe_of_dec_pre_trains(digits):
    X = digits[0]
    epochs = {"layerwise_epochs": 4, "pretrain_epochs": 8, "max_epochs": 0, "batch_size": 50}
    recipe = DEC.paper_params() | {"encoder": (64, 32)} | epochs

    def left(**params):
        model = DEC(5, random_state=0, **recipe | params).fit(X)
        return model.history_["pretrain"]["reconstruction"][-1]

    assert left() < 0.5 < 0.8 < left(pretrain_learning_rate=None)
