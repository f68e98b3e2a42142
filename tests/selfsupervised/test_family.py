"""What all methods of the family have in common but JULE, which merges clusters as it trains."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from torch import nn

from skdeepcluster import MLCD, ODC, ClusterFit, DeepClusterV2, SimCLR, SwAV
from skdeepcluster.metrics import clustering_accuracy
from skdeepcluster.selfsupervised._base import SelfSupervised
from skdeepcluster.views import ImageViews, TabularViews
from tests.common import brief, each_class, family

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
every_method = each_class([E for E in family("selfsupervised") if issubclass(E, SelfSupervised)])


@pytest.fixture(scope="module")
def unequal():
    """Four groups, one of them seven times as large as the others."""
    X, y = make_blobs([700, 100, 100, 100], n_features=10, random_state=0, shuffle=True)
    return X.astype(np.float32), y


@pytest.fixture(scope="module")
def images():
    digits = load_digits()
    return digits.images[:300], digits.target[:300]


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@every_method
def test_groups_of_unequal_size_and_no_collapse(Estimator, unequal):
    X, y = unequal
    assert adjusted_rand_score(y, Estimator(4, random_state=0).fit_predict(X)) > 0.95


def test_k_means_on_the_embedding_splits_the_large_group(unequal):
    X, y = unequal
    model = SimCLR(4, max_epochs=30, final_clustering="k-means", random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) < 0.7


@pytest.mark.parametrize("Estimator", [SwAV, DeepClusterV2, MLCD])
def test_digits_better_than_k_means(Estimator):
    X, y = load_digits(return_X_y=True)
    model = Estimator(10, max_epochs=25, random_state=0).fit(X)
    bound = clustering_accuracy(y, KMeans(10, n_init=10, random_state=0).fit_predict(X))
    assert clustering_accuracy(y, model.labels_) > bound + 0.02


@every_method
@pytest.mark.parametrize("n", [65, 250])
def test_labels_are_predictions(Estimator, n, unequal):
    X = unequal[0][:n]
    model = brief(Estimator, 4).fit(X)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    np.testing.assert_array_equal(model.labels_, model.predict_proba(X).argmax(axis=1))
    assert model.score(X) == -model.loss_
    Z = model.transform(X)
    assert Z.shape == (n, model.n_components_)
    lengths = np.linalg.norm(Z, axis=1)
    np.testing.assert_allclose(lengths[lengths > 0], 1, rtol=1e-5)
    assert 0 < model.embedding_rank_ <= model.n_components_


@every_method
def test_images(Estimator, images):
    X, _ = images
    model = brief(Estimator, 10, hidden_layer_sizes=(8, 16)).fit(X)
    assert model.image_shape_ == (1, 8, 8)
    assert any(isinstance(part, nn.Conv2d) for part in model.module_.modules())
    flat = brief(Estimator, 10, hidden_layer_sizes=(8, 16), image_shape=(8, 8))
    np.testing.assert_array_equal(flat.fit_predict(X.reshape(300, -1)), model.labels_)
    # One mean for all pixels of a channel: what is moved is as bright elsewhere.
    assert len(np.unique(model.mean_)) == 1
    np.testing.assert_allclose(model.mean_[0], X.mean())
    assert model.scale_ == pytest.approx(1 / X.std())


@every_method
def test_memory_mapped_rows(Estimator, unequal, tmp_path):
    np.save(tmp_path / "X.npy", unequal[0])
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    in_memory = brief(Estimator, 4).fit(unequal[0])
    np.testing.assert_array_equal(brief(Estimator, 4).fit_predict(mapped), in_memory.labels_)


@every_method
def test_goes_on_where_it_was_stopped(Estimator, unequal, tmp_path, monkeypatch):
    from skdeepcluster.training import Checkpoint

    X = unequal[0][:200]
    whole = brief(Estimator, 4).fit(X)
    model = brief(Estimator, 4, checkpoint=tmp_path / "fit.pt")
    save = Checkpoint.save

    def save_and_stop(checkpoint, state):
        save(checkpoint, state)
        if state["stage_run"]["epoch"] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "due", lambda checkpoint: True)
    monkeypatch.setattr(Checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    monkeypatch.setattr(Checkpoint, "save", save)
    model.fit(X)
    np.testing.assert_array_equal(model.labels_, whole.labels_)
    assert model.loss_ == whole.loss_
    assert model.history_ == whole.history_


@every_method
def test_time_limit_leaves_a_usable_model(Estimator, unequal):
    X = unequal[0][:200]
    with pytest.warns(ConvergenceWarning, match="max_time"):
        model = brief(Estimator, 4, max_time=1e-4).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


@every_method
def test_restarts_keep_the_best_objective(Estimator, unequal):
    X = unequal[0][:150]
    first = brief(Estimator, 4, max_epochs=1).fit(X)
    best = brief(Estimator, 4, n_init=3, max_epochs=1).fit(X)
    assert best.loss_ <= first.loss_
    np.testing.assert_array_equal(best.predict(X), best.labels_)


@every_method
@pytest.mark.parametrize("n, k", [(1, 1), (3, 3), (7, 2)])
def test_few_rows(Estimator, n, k):
    X = np.random.default_rng(0).normal(size=(n, 3))
    model = brief(Estimator, k).fit(X)
    assert len(np.unique(model.labels_)) <= k
    np.testing.assert_array_equal(model.predict(X), model.labels_)


@every_method
@pytest.mark.parametrize("d", [1, 5])
def test_few_features_and_equal_rows(Estimator, d):
    X = np.repeat(np.random.default_rng(0).normal(size=(30, d)), 4, axis=0)
    X[:, 0] = 1.0
    model = brief(Estimator, 3).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert (model.labels_.reshape(30, 4) == model.labels_[::4, None]).all()


@every_method
@pytest.mark.parametrize("rule", ["average", "k-means"])
def test_other_final_clusterings(Estimator, rule, unequal):
    X = unequal[0][:200]
    model = brief(Estimator, 4, final_clustering=rule).fit(X)
    assert len(np.unique(model.labels_)) == 4


# -- views ---------------------------------------------------------------------------------------


def test_own_views_draw_from_a_seeded_generator(unequal):
    X = unequal[0][:150]

    def views(x):
        return x + 0.1 * torch.randn_like(x)

    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = brief(SwAV, 4, views=views).fit(X)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    second = brief(SwAV, 4, views=views).fit(X)
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    assert first.score(X) == first.score(X)


def test_modules_as_views(unequal):
    def dropped(x):
        return nn.functional.dropout(x, 0.2)

    X = unequal[0][:150]
    model, same = (brief(SimCLR, 4, views=views).fit(X) for views in (nn.Dropout(0.2), dropped))
    assert model.history_ == same.history_
    assert model.history_ != brief(SimCLR, 4, views=nn.Dropout(0.4)).fit(X).history_


@pytest.mark.parametrize("views", [lambda x: x[:, :3], lambda x: x.numpy(), lambda x: None])
def test_views_of_another_shape(views, unequal):
    with pytest.raises(ValueError, match="views must return a tensor of the shape"):
        brief(SimCLR, 4, views=views).fit(unequal[0][:100])


def test_image_views_of_flat_rows(unequal):
    with pytest.raises(ValueError, match="image_shape"):
        brief(SimCLR, 4, views=ImageViews()).fit(unequal[0][:100])


def test_views_without_noise_are_the_rows(unequal):
    X = unequal[0][:150]
    model = brief(ClusterFit, 4, views=TabularViews(noise_std=0, swap=0)).fit(X)
    proba = model.predict_proba(X)
    expected = -np.log(proba[np.arange(150), model.labels_]).mean()
    assert model.loss_ == pytest.approx(expected, rel=1e-4)


# -- warnings ------------------------------------------------------------------------------------


def test_collapse_is_named(unequal):
    X = unequal[0][:200]

    class Constant(nn.Module):
        def forward(self, x):
            return x.new_ones(len(x), 4) + 1e-6 * x[:, :4]

    model = brief(SimCLR, 4, encoder=Constant(), max_epochs=0)
    with pytest.warns(ConvergenceWarning, match="nearly one place"):
        model.fit(X)


def test_line_is_named(unequal):
    class Line(nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 0].sign() + 0 * x[:, 0], torch.zeros_like(x[:, 0])], dim=1)

    X = unequal[0] - unequal[0].mean(axis=0)
    with pytest.warns(ConvergenceWarning, match="one dimension"):
        brief(SimCLR, 4, encoder=Line(), max_epochs=0).fit(X)


# -- modules and pickles -------------------------------------------------------------------------


def test_own_encoder_is_copied(unequal):
    encoder = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 5))
    before = copy.deepcopy(encoder.state_dict())
    model = brief(SwAV, 4, encoder=encoder).fit(unequal[0][:150])
    assert model.transform(unequal[0][:5]).shape == (5, 5)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name])


@every_method
def test_pickles(Estimator, unequal):
    X = unequal[0][:150]
    model = brief(Estimator, 4).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.labels_)


@pytest.mark.parametrize("Estimator", [SwAV, ODC])
def test_partial_fit_keeps_the_clusters_numbers(Estimator, unequal):
    X, y = unequal
    model = Estimator(4, max_epochs=20, random_state=0).fit(X[:500])
    before = model.labels_.copy()
    for rows in (X[500:750], X[750:], X[:7]):
        model.partial_fit(rows)
        np.testing.assert_array_equal(model.predict(rows), model.labels_)
    assert (model.predict(X[:500]) == before).mean() > 0.95
    assert adjusted_rand_score(y, model.predict(X)) > 0.95


@pytest.mark.parametrize("Estimator", [SwAV, ODC])
def test_partial_fit_has_nothing_to_do_with_the_checkpoint_of_the_fit(Estimator, unequal, tmp_path):
    X = unequal[0][:200]
    model, plain = (
        brief(Estimator, 4, checkpoint=tmp_path / "state").fit(X),
        brief(Estimator, 4).fit(X),
    )
    before = (tmp_path / "state").read_bytes()
    for rows in (X, unequal[0][200:300]):
        np.testing.assert_array_equal(
            model.partial_fit(rows).transform(rows), plain.partial_fit(rows).transform(rows)
        )
    assert (tmp_path / "state").read_bytes() == before


@pytest.mark.parametrize("Estimator", [SwAV, ODC])
def test_partial_fit_begins_with_fit(Estimator, unequal):
    X = unequal[0][:200]
    first = brief(Estimator, 4).partial_fit(X)
    np.testing.assert_array_equal(first.labels_, brief(Estimator, 4).fit(X).labels_)
