"""What all methods with an autoencoder have in common."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdeepcluster import DCN, DEC, DEPICT, GLDC, HCHC, TELL, AutoencoderClusterer, ClAM, VaDE
from tests.common import brief, each_class, family, known

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FAMILY = family("autoencoder")
every_method = each_class(FAMILY)


def starts(Estimator):
    """The ways to place the first clusters, but for those that draw them anywhere."""
    constraints = Estimator._parameter_constraints.get("init")
    if constraints is None:
        return [{}]
    return [{"init": init} for init in sorted(constraints[0].options - {"random"})]


def name(value):
    return value.__name__ if isinstance(value, type) else "-".join(map(str, value.values()))


# -- what it finds -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "Estimator, params",
    [
        *((Estimator, start) for Estimator in FAMILY for start in starts(Estimator)),
        *((DEPICT, {"target": "sqrt"} | start) for start in starts(DEPICT)),
    ],
    ids=name,
)
def test_separated_groups(Estimator, params):
    X, y = make_blobs(1200, centers=4, n_features=20, center_box=(-8, 8), random_state=0)
    X = StandardScaler().fit_transform(X)
    # The autoencoder alone has no other epochs.
    epochs = known(Estimator, {"pretrain_epochs": 15}) or {"max_epochs": 15}
    model = Estimator(4, hidden_layer_sizes=(64,), random_state=0, **epochs, **params).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    if "tol" in model.get_params():
        assert model.n_epochs_ < 20
    if hasattr(model, "weights_"):
        np.testing.assert_allclose(model.weights_, 0.25, atol=0.05)


# DEPICT and VaDE have tests of their own; AutoencoderClusterer is k-means after all, ClAM uses no
# network by default, and the labels of HCHC are those of GLDC.
OTHERS = {DEPICT, VaDE, AutoencoderClusterer, ClAM, HCHC}


@pytest.mark.parametrize(
    "Estimator", [Estimator for Estimator in FAMILY if Estimator not in OTHERS]
)
def test_digits_better_than_k_means(Estimator):
    X, y = load_digits(return_X_y=True)
    seed = 1 if Estimator is TELL else 0
    model = Estimator(10, hidden_layer_sizes=(256,), pretrain_epochs=25, random_state=seed)
    assert normalized_mutual_info_score(y, model.fit_predict(X)) > 0.76


@every_method
@pytest.mark.parametrize("n", [64, 65, 260])
def test_labels_are_predictions(Estimator, n, X):
    X = X[:n]
    model = brief(Estimator).fit(X)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    if hasattr(model, "predict_proba"):
        proba = model.predict_proba(X)
        np.testing.assert_array_equal(model.labels_, proba.argmax(axis=1))
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    # Clusters of DEPICT are linear, and those of VaDE are ellipsoids.
    if Estimator not in (DEPICT, VaDE):
        squared = ((model.transform(X)[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
        np.testing.assert_array_equal(model.labels_, squared.argmin(axis=1))
    assert model.score(X) == -model.loss_
    *_, last = model.history_.values()
    assert {model.n_epochs_} == {len(values) for values in last.values()}


@every_method
def test_one_cluster(Estimator, X):
    model = brief(Estimator, 1).fit(X)
    assert (model.labels_ == 0).all()
    if hasattr(model, "predict_proba"):
        assert (model.predict_proba(X) == 1).all()


@every_method
def test_fewer_distinct_rows_than_clusters(Estimator):
    X = np.repeat(np.eye(3), 20, axis=0)
    with pytest.warns(ConvergenceWarning, match="fewer than n_clusters=5"):
        model = brief(Estimator, 5).fit(X)
    assert len(set(model.labels_)) <= 3
    assert (model.labels_.reshape(3, 20) == model.labels_[::20, None]).all()
    assert np.isfinite(model.loss_) and np.isfinite(model.cluster_centers_).all()
    if hasattr(model, "covariances_"):
        assert (model.covariances_ > 0).all()


# -- epochs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, epochs",
    [
        ({"batch_size": 50}, 60),  # few steps in all
        ({"batch_size": 2}, 20),  # 1,000 steps
        ({"batch_size": 1}, 10),  # the least number of epochs
        ({"batch_size": 1, "pretrain_epochs": 11}, 11),
        ({"batch_size": 4, "init": "k-means"}, 60),  # of the embedding
    ],
)
def test_reconstruction_of_many_rows_ends_early(params, epochs, X):
    model = DEC(2, hidden_layer_sizes=(4,), n_components=2, max_epochs=0, init_epochs=0, **params)
    assert len(model.fit(X[:101]).history_["pretrain"]["reconstruction"]) == epochs


# -- networks ------------------------------------------------------------------------------------


@every_method
def test_images(Estimator):
    X = np.random.RandomState(0).randn(150, 8, 6)
    X[:75, 2:5] += 3
    epochs = known(Estimator, {"pretrain_epochs": 10}) or {"max_epochs": 10}
    model = Estimator(
        2, encoder="conv", hidden_layer_sizes=(4, 6), batch_size=32, random_state=0,
        **{"max_epochs": 5} | epochs,
    ).fit(X)  # fmt: skip
    assert adjusted_rand_score(np.repeat([0, 1], 75), model.labels_) == 1
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.inverse_transform(model.cluster_centers_).shape == (2, 48)
    if hasattr(model, "decoded_centers_"):
        assert model.decoded_centers_.shape == (2, 48)


@every_method
@pytest.mark.parametrize(
    "encoder, decoder",
    [
        (nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)), nn.Linear(4, 12)),
        (nn.Sequential(nn.Sequential(nn.Linear(12, 4)), nn.Tanh()), nn.Linear(4, 12)),
        (nn.Linear(12, 4), nn.Linear(4, 12)),
        (nn.Linear(12, 4), nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 12))),
        (nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)),
         nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 12))),
    ],
)  # fmt: skip
def test_given_modules(Estimator, encoder, decoder, X):
    params = {"encoder": encoder, "decoder": decoder, "hidden_layer_sizes": None}
    model = brief(Estimator, **params).fit(X)
    assert model.cluster_centers_.shape == (3, 4)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


# -- parameters and restarts ---------------------------------------------------------------------


@every_method
def test_n_init_keeps_the_lowest_objective(Estimator, X):
    losses = []

    class Watched(Estimator):
        def _read_out(self, fit):
            found = super()._read_out(fit)
            losses.append(found.loss)
            return found

    model = brief(Watched, n_init=4).fit(X)
    # Each fit is read out once, the best as well.
    assert len(losses) == 4 and len(set(losses)) == 4
    assert model.loss_ == min(losses)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


@each_class([Estimator for Estimator in FAMILY if known(Estimator, {"tol": 0})])
def test_tol_ends_the_training(Estimator, X):
    assert brief(Estimator, tol=1.5).fit(X).n_epochs_ == 0
    assert brief(Estimator, tol=0.5, max_epochs=50).fit(X).n_epochs_ <= 2
    assert brief(Estimator, tol=0, max_epochs=7).fit(X).n_epochs_ == 7


@every_method
def test_no_time_at_all(Estimator, X):
    with pytest.warns(ConvergenceWarning, match="max_time"):
        model = brief(Estimator, max_time=1e-9).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


MALFORMED = {
    DCN: [
        {"clustering_weight": -1}, {"count_init": -1}, {"count_init": 0.5}, {"update_interval": 0},
        {"tol": -1}, {"init": "random"}, {"init": np.zeros((2, 10))},
    ],
    DEPICT: [
        {"target": "cubic"}, {"hidden_weight": -1}, {"tol": -1}, {"noise": 1}, {"init": "random"},
    ],
    GLDC: [
        {"pair_weight": -1}, {"pair_decay": 1.5}, {"pair_floor": -0.1}, {"n_neighbors": 0},
        {"similarity_decay": -1}, {"consistency_weight": -1}, {"noise_std": -1}, {"kl_weight": -1},
        {"init": "random"},
    ],
    TELL: [{"clustering_weight": -1}, {"center_step": 0}, {"init": "mixture"}],
    VaDE: [{"likelihood": "poisson"}, {"reconstruction_weight": 0}, {"init": "random"}],
}  # fmt: skip


@pytest.mark.parametrize(
    "Estimator, params",
    [(Estimator, params) for Estimator, bad in MALFORMED.items() for params in bad],
)
def test_malformed_parameters(Estimator, params, X):
    with pytest.raises(ValueError, match=next(iter(params))):
        brief(Estimator, **params).fit(X)
