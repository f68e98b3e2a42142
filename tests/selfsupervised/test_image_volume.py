"""ImageVolumeClustering: parts and bags, with and without bags of several rows."""

from types import SimpleNamespace

import numpy as np
import pytest
import sklearn
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GroupKFold, cross_validate

from skdeepcluster import ImageVolumeClustering, SwAV
from skdeepcluster.nn import BagEncoder
from skdeepcluster.selfsupervised._bags import bags_of, over_bags
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def bags_of_parts(n_bags=90, seed=0):
    """Bags of 6 to 12 parts of three types, in proportions that are the bag's class."""
    rng = np.random.default_rng(seed)
    types = 3 * rng.normal(size=(3, 10))
    kinds, sizes = np.arange(n_bags) % 3, rng.integers(6, 13, n_bags)
    parts = []
    for kind, size in zip(kinds, sizes, strict=True):
        counts = np.full(3, size // 8)
        counts[kind] = size - 2 * (size // 8)
        parts.append(rng.permutation(np.repeat(np.arange(3), counts)))
    parts = np.concatenate(parts)
    X = types[parts] + rng.normal(size=(len(parts), 10))
    return X.astype(np.float32), parts, np.repeat(np.arange(n_bags), sizes), kinds


@pytest.fixture(scope="module")
def data():
    return bags_of_parts()


@pytest.fixture(scope="module")
def model(data):
    X, _, groups, _ = data
    return brief(ImageVolumeClustering, 3, batch_size=16).fit(X, groups=groups)


# -- what it finds -------------------------------------------------------------------------------


def found(data, groups):
    X, parts, _, kinds = data
    params = {"hidden_layer_sizes": (64,), "max_epochs": 15, "batch_size": 30, "random_state": 0}
    model = ImageVolumeClustering(3, **params).fit(X, groups=groups)
    return (
        adjusted_rand_score(kinds, model.bag_labels_),
        adjusted_rand_score(parts, model.part_labels_),
    )


def test_bags_and_parts_are_found_and_bags_only_where_parts_belong_together(data):
    of_bags, of_parts = found(data, data[2])
    assert of_bags > 0.9 and of_parts > 0.9
    shuffled = np.random.default_rng(0).permutation(data[2])
    of_bags, of_parts = found(data, shuffled)
    assert of_bags < 0.1 and of_parts > 0.9


# -- the encoder of bags -------------------------------------------------------------------------


def encoder(n_layers=2, n_heads=3, ordered=False, width=8):
    return BagEncoder(width, n_layers, n_heads, ordered, torch_generator(0)).eval()


def random_parts(n, n_parts, width=8, seed=1):
    return F.normalize(torch.randn(n, n_parts, width, generator=torch_generator(seed)), dim=2)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 7), st.integers(0, 3), st.integers(0, 4))
def test_order_and_padding_do_not_matter_without_positions(seed, n_parts, n_layers, padding):
    bags, parts = encoder(n_layers), random_parts(3, n_parts, seed=seed)
    z = bags(parts)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(3))
    order = torch.randperm(n_parts, generator=torch_generator(seed))
    torch.testing.assert_close(bags(parts[:, order]), z, rtol=1e-4, atol=1e-5)
    padded = torch.cat([parts, random_parts(3, padding, seed=seed + 1)], dim=1)
    inside = (torch.arange(n_parts + padding) < n_parts).expand(3, -1)
    torch.testing.assert_close(bags(padded, inside), z, rtol=1e-4, atol=1e-5)


def test_order_matters_with_positions():
    bags, parts = encoder(ordered=True), random_parts(3, 5)
    assert (bags(parts) - bags(parts.flip(1))).abs().max() > 1e-3


def test_attention_is_that_of_torch():
    bags, parts = encoder(n_layers=1, n_heads=2), random_parts(4, 5)
    layer = bags.layers[0]
    reference = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(layer.look.weight)
        reference.in_proj_bias.copy_(layer.look.bias)
        reference.out_proj.weight.copy_(layer.join.weight)
        reference.out_proj.bias.copy_(layer.join.bias)
    inside = torch.arange(5) < torch.tensor([5, 3, 1, 4])[:, None]
    h = layer.norm(parts)
    expected = parts + reference(h, h, h, key_padding_mask=~inside)[0]
    expected = expected + layer.dense(layer.dense_norm(expected))
    torch.testing.assert_close(layer(parts, inside), expected, rtol=1e-4, atol=1e-5)


def test_without_layers_a_bag_is_the_mean_of_its_parts():
    parts = random_parts(3, 4)
    torch.testing.assert_close(encoder(0)(parts), F.normalize(parts.mean(dim=1), dim=1))


def test_hidden_parts_are_not_seen_and_parts_get_no_gradient():
    bags, parts = encoder(), random_parts(2, 4).requires_grad_()
    inside = torch.ones(2, 4, dtype=torch.bool)
    hidden = torch.tensor([[True, False, False, False]] * 2)
    errors = bags.restoration_errors(parts, inside, hidden)
    errors[hidden].sum().backward()
    assert parts.grad is None
    changed = parts.detach().clone()
    changed[:, 0] = random_parts(2, 1, seed=5)[:, 0]
    torch.testing.assert_close(
        bags.context(changed, inside, hidden), bags.context(parts, inside, hidden)
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_bags_of_any_sizes_are_embedded_as_one_by_one(groups):
    bags = bags_of(groups, len(groups))
    Y = random_parts(1, len(groups))[0]
    module = SimpleNamespace(bags=encoder(1))
    Z = over_bags(module, Y, bags, lambda z: z)
    for bag in np.unique(bags):
        alone = module.bags(Y[torch.as_tensor(bags == bag)][None])
        for z in Z[torch.as_tensor(bags == bag)]:
            torch.testing.assert_close(z[None], alone.detach(), rtol=1e-4, atol=1e-5)


# -- the estimator -------------------------------------------------------------------------------


def test_rows_alone_are_trained_as_by_swav(X):
    params = {"n_prototypes": 12, "max_epochs": 3}
    alone = brief(ImageVolumeClustering, 4, **params).fit(X)
    swav = brief(SwAV, 4, **params).fit(X)
    np.testing.assert_allclose(
        alone.history_["train"]["bag"], swav.history_["train"]["swapped"], rtol=1e-6
    )
    np.testing.assert_array_equal(alone.labels_, swav.labels_)
    np.testing.assert_array_equal(alone.bag_labels_, alone.labels_)
    same = brief(ImageVolumeClustering, 4, **params).fit(X, groups=np.arange(len(X))[::-1])
    assert same.history_ == alone.history_


def test_labels_are_those_of_the_bags(model, data):
    X, _, groups, _ = data
    assert model.labels_.shape == model.part_labels_.shape == groups.shape
    np.testing.assert_array_equal(model.labels_, model.bag_labels_[groups])
    np.testing.assert_array_equal(model.predict(X, groups=groups), model.labels_)
    proba = model.predict_proba(X, groups=groups)
    np.testing.assert_array_equal(proba.argmax(axis=1), model.labels_)
    np.testing.assert_array_equal(model.predict_parts(X), model.part_labels_)
    assert model.score(X, groups=groups) == -model.loss_
    Z = model.transform(X, groups=groups)
    assert all(len(np.unique(Z[groups == bag], axis=0)) == 1 for bag in range(5))
    np.testing.assert_allclose(np.linalg.norm(model.transform_parts(X), axis=1), 1, rtol=1e-5)


def test_bags_are_predicted_one_by_one_and_in_any_order(model, data):
    X, _, groups, _ = data
    Z = model.transform(X, groups=groups)
    rows = groups == 7
    np.testing.assert_array_equal(model.transform(X[rows], groups=groups[rows]), Z[rows])
    names = np.array([f"bag {number:03d}" for number in groups])
    np.testing.assert_array_equal(model.transform(X, groups=names), Z)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(
        model.transform(X[order], groups=groups[order]), Z[order], rtol=1e-3, atol=1e-4
    )


def test_all_parts_are_trained_and_prototypes_have_length_one(data):
    X, _, groups, _ = data
    start, end = (
        brief(ImageVolumeClustering, 3, batch_size=16, max_epochs=n).fit(X, groups=groups)
        for n in (0, 3)
    )
    before = start.module_.state_dict()
    for name, parameter in end.module_.named_parameters():
        assert not torch.equal(parameter, before[name]), name
    for name in ("prototypes", "part_prototypes"):
        lengths = getattr(end.module_, name).norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones_like(lengths))
    terms = end.history_["train"]
    assert all(terms[name][-1] < terms[name][0] for name in ("part", "bag", "mask"))


def test_parameters_act(data):
    X, _, groups, _ = (array[:160] for array in data)
    usual = brief(ImageVolumeClustering, 3, batch_size=8, max_epochs=1)
    shown = usual.fit(X, groups=groups).history_["train"]
    for changed in (
        {"n_part_prototypes": 5},
        {"ordered": True},
        {"n_attention_layers": 2},
        {"n_attention_heads": 2},
        {"mask_ratio": 0.5},
        {"part_weight": 0.0},
        {"bag_weight": 0.0},
        {"mask_weight": 0.0},
        {"temperature": 0.3},
        {"reg": 0.5},
        {"inner_iter": 1},
        {"freeze_epochs": 0},
    ):
        other = brief(ImageVolumeClustering, 3, batch_size=8, max_epochs=1).set_params(**changed)
        assert other.fit(X, groups=groups).history_["train"] != shown, changed
    other = brief(ImageVolumeClustering, 3, n_attention_layers=0, max_epochs=1, n_part_clusters=5)
    other.fit(X, groups=groups)
    assert set(other.history_["train"]) == {"part", "bag"}
    assert len(np.unique(other.part_labels_)) == 5


@pytest.mark.parametrize("ratio, n_hidden", [(0.1, [1, 1, 1, 0]), (0.5, [4, 2, 1, 0])])
def test_as_many_parts_of_each_bag_are_hidden(ratio, n_hidden):
    inside = torch.arange(9) < torch.tensor([9, 5, 2, 1])[:, None]
    draws = torch.rand(4, 9, generator=torch_generator(0))
    fit = SimpleNamespace(uniform=lambda batch, *shape: draws)
    hidden = ImageVolumeClustering(2, mask_ratio=ratio)._hide(fit, None, inside)
    assert hidden.sum(dim=1).tolist() == n_hidden
    assert bool((hidden <= inside).all())


def test_images_in_volumes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6, 6)).astype(np.float32)
    groups = np.repeat(np.arange(20), 3)
    model = brief(ImageVolumeClustering, 2, hidden_layer_sizes=(4,), ordered=True)
    model.fit(X, groups=groups)
    assert model.image_shape_ == (1, 6, 6)
    np.testing.assert_array_equal(model.predict(X, groups=groups), model.labels_)


def test_groups_are_metadata(data):
    X, _, groups, _ = data
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = brief(ImageVolumeClustering, 3, batch_size=16, max_epochs=1)
        estimator.set_fit_request(groups=True).set_score_request(groups=True)
        found = cross_validate(
            estimator, X, cv=GroupKFold(2), params={"groups": groups}, error_score="raise"
        )
    assert np.isfinite(found["test_score"]).all()


@pytest.mark.parametrize(
    "groups, message",
    [
        (np.arange(5), "groups has 5 entries for 10 rows"),
        (np.zeros(10, int), "groups has 1 bags"),
        (np.zeros((10, 2)), "one-dimensional"),
        (np.full(10, np.nan), "NaN"),
        (np.linspace(0, 1, 10), "fractional"),
    ],
)
def test_groups_that_are_none(groups, message):
    with pytest.raises(ValueError, match=message):
        brief(ImageVolumeClustering, 2).fit(np.eye(10), groups=groups)


def test_more_clusters_of_parts_than_parts():
    with pytest.raises(ValueError, match="n_samples=10"):
        brief(ImageVolumeClustering, 2, n_part_clusters=11).fit(np.eye(10))
