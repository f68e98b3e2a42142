"""What is special about each pseudo-label method."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.random_projection import GaussianRandomProjection

from skdeepcluster import (
    MLCD,
    ODC,
    ClusterFit,
    DeepCluster,
    DeepClusterV2,
    DeeperCluster,
    GSimCLR,
    JigClu,
    SeLa,
    SwAV,
)
from skdeepcluster.selfsupervised.deepcluster import balanced_rows, whitened
from skdeepcluster.selfsupervised.gsimclr import one_of_each
from skdeepcluster.selfsupervised.mlcd import _log_one_plus

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BRIEF = {"hidden_layer_sizes": (16,), "max_epochs": 4, "batch_size": 64, "random_state": 0}


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(256, n_features=8, centers=4, random_state=0)


@pytest.fixture(scope="module")
def X(blobs):
    return blobs[0].astype(np.float32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# -- SwAV ----------------------------------------------------------------------------------------


def fit_like(queue=0, k=6, p=4, n=12):
    """What `SwAV._code` needs of a fit."""
    C = F.normalize(torch.randn(k, p, generator=generator(1)), dim=1)
    fit = SimpleNamespace(
        module=SimpleNamespace(prototypes=C),
        processes=SimpleNamespace(share=lambda index: index),
        whole_batch=lambda batch, part: (None, part),
        state=SimpleNamespace(queue=torch.zeros(2, queue, p), n_queued=0),
    )
    z = F.normalize(torch.randn(n, p, generator=generator(2)), dim=1)
    return fit, z, z @ C.T


def test_codes_are_those_of_the_authors_sweeps():
    fit, z, scores = fit_like()
    code = SwAV(reg=0.05, inner_iter=3)._code(fit, None, 0, z, scores)
    Q = torch.exp(scores.double() / 0.05).T
    Q /= Q.sum()
    for _ in range(3):
        Q /= Q.sum(dim=1, keepdim=True) * len(Q)
        Q /= Q.sum(dim=0, keepdim=True) * Q.shape[1]
    torch.testing.assert_close(code, (Q * Q.shape[1]).T.float(), rtol=1e-4, atol=1e-6)


def test_many_sweeps_use_prototypes_equally():
    fit, z, scores = fit_like()
    code = SwAV(inner_iter=500)._code(fit, None, 0, z, scores)
    torch.testing.assert_close(code.sum(dim=1), torch.ones(12))
    torch.testing.assert_close(code.sum(dim=0), torch.full((6,), 2.0), rtol=1e-3, atol=1e-3)


def test_a_queue_counts_when_it_is_full():
    fit, z, scores = fit_like(queue=24)
    swav = SwAV(n_views=1)
    first = swav._code(fit, None, 0, z, scores)
    torch.testing.assert_close(first, swav._code(fit_like()[0], None, 0, z, scores))
    torch.testing.assert_close(fit.state.queue[0, :12], z)
    swav._code(fit, None, 0, z, scores)
    other = F.normalize(z + 1, dim=1)
    with_queue = swav._code(fit, None, 0, other, other @ fit.module.prototypes.T)
    alone = swav._code(fit_like()[0], None, 0, other, other @ fit.module.prototypes.T)
    assert with_queue.shape == (12, 6)
    assert not torch.allclose(with_queue, alone)


def test_prototypes_have_length_one_and_begin_frozen(X):
    model = SwAV(4, **BRIEF).fit(X)
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=1), 1, rtol=1e-5)
    frozen = SwAV(4, freeze_epochs=4, **BRIEF).fit(X)
    still = SwAV(4, freeze_epochs=9, **{**BRIEF, "max_epochs": 2}).fit(X)
    np.testing.assert_array_equal(frozen.prototypes_, still.prototypes_)
    assert not np.array_equal(frozen.prototypes_, model.prototypes_)


@pytest.mark.parametrize("params", [{"n_local_views": 2}, {"n_views": 1}, {"queue_length": 100}])
def test_numbers_of_views(params, X):
    assert np.isfinite(SwAV(4, **BRIEF, **params).fit(X).loss_)


# -- SeLa ----------------------------------------------------------------------------------------


def test_labels_are_used_about_equally(X):
    model = SeLa(4, n_heads=2, n_prototypes=8, reg=0.02, **BRIEF).fit(X)
    assert model.pseudo_labels_.shape == (2, 256)
    for labels in model.pseudo_labels_:
        counts = np.bincount(labels, minlength=8)
        assert counts.sum() == 256 and counts.max() < 2 * 32


def test_known_transport():
    """The row that is least attached is pushed to the label that none wants."""
    scores = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.9, 0.0]])
    found = SeLa(reg=0.05)._transport(-scores, np.zeros(2))
    assert found.labels.tolist() == [0, 0, 0, 1]


def test_first_labels_are_balanced_and_relabelling_is_frequent_at_first(X):
    model = SeLa(4, n_heads=1, n_prototypes=8, **{**BRIEF, "max_epochs": 10}).fit(X)
    transport = model.history_["train"]["transport"]
    assert len(transport) == 10 and transport[-1] < transport[0]


# -- DeepCluster ---------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 1000))
def test_rows_are_drawn_evenly_over_labels(sizes, seed):
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    rows = balanced_rows(labels, generator(seed))
    assert len(rows) == len(labels)
    counts = torch.bincount(labels[rows], minlength=len(sizes))
    assert counts.max() - counts.min() <= 1
    for label, size in enumerate(sizes):
        drawn = rows[labels[rows] == label]
        assert len(drawn.unique()) == min(size, len(drawn))


@settings(max_examples=20, deadline=None)
@given(st.integers(12, 40), st.integers(1, 6), st.integers(0, 1000))
def test_whitened_features(n, d, seed):
    rng = np.random.default_rng(seed)
    # No direction varies so little that its variance counts as none.
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
    features = rng.normal(size=(n, d)) * rng.uniform(0.5, 1, size=d) @ axes + 5
    white = whitened(features, 256)
    np.testing.assert_allclose(np.linalg.norm(white, axis=1), 1, rtol=1e-6)
    components = PCA(whiten=True).fit_transform(features)
    components /= np.linalg.norm(components, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(white), np.abs(components), atol=1e-5)


def test_whitening_with_fewer_dimensions_than_features():
    features = np.ones((10, 4), dtype=np.float32)
    features[:, 0] = np.arange(10)
    assert np.isfinite(whitened(features, 256)).all()
    assert np.isfinite(whitened(np.ones((5, 3)), 256)).all()


def test_a_new_head_has_new_weights_and_no_memory(X):
    heads = []

    class Watched(DeepCluster):
        def _renew_heads(self, fit):
            super()._renew_heads(fit)
            heads.append(fit.module.head.weight.detach().clone())
            for optimizer in fit.optimizers:
                assert fit.module.head.weight not in optimizer.state

    Watched(4, update_interval=1, **BRIEF).fit(X)
    assert len(heads) == 4
    assert not torch.equal(heads[0], heads[1])


def test_a_round_is_not_cut_short(X):
    model = DeepCluster(4, update_interval=3, **{**BRIEF, "max_epochs": 8}).fit(X)
    similarity = model.history_["train"]["similarity"]
    # The second round began after epoch 3; a third would have had two epochs.
    assert similarity[:2] == [0.0, 0.0] and len(set(similarity[2:])) == 1


def test_prototypes_are_centers_and_labels_the_nearest(X):
    model = DeepClusterV2(4, n_heads=2, n_prototypes=12, **BRIEF).fit(X)
    assert model.prototypes_.shape == (2, 12, 64)
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=2), 1, rtol=1e-5)
    assert model.pseudo_labels_.shape == (2, 256)
    assert not np.array_equal(*model.pseudo_labels_)


# -- DeeperCluster -------------------------------------------------------------------------------


def test_fine_groups_lie_within_coarse_ones(X):
    model = DeeperCluster(4, n_super=3, n_prototypes=12, **BRIEF).fit(X)
    n_sub = 4
    np.testing.assert_array_equal(model.sub_labels_ // n_sub, model.super_labels_)
    assert len(np.unique(model.super_labels_)) == 3


def test_one_coarse_group_without_rotations_is_deepcluster(X):
    model = DeeperCluster(4, n_super=1, n_prototypes=8, **BRIEF).fit(X)
    assert max(model.history_["train"]["super"]) == 0
    assert not model.super_labels_.any()


def test_rotations_need_square_images(X):
    with pytest.raises(ValueError, match="square images"):
        DeeperCluster(4, rotations=True, **BRIEF).fit(X)
    images = X[:, :6].reshape(-1, 2, 3)
    model = DeeperCluster(4, **BRIEF).fit(images)
    assert model.module_.super_head.out_features == 4
    turned = DeeperCluster(4, **BRIEF).fit(X[:, :4].reshape(-1, 2, 2))
    assert turned.module_.super_head.out_features == 16


# -- ODC -----------------------------------------------------------------------------------------


def odc_fit(memory, labels, k):
    memory = F.normalize(torch.as_tensor(memory).float(), dim=1)
    prototypes = torch.stack([memory[labels == c].mean(dim=0) for c in range(k)])
    return SimpleNamespace(
        module=SimpleNamespace(prototypes=prototypes),
        samples=memory,
        state=SimpleNamespace(memory=memory, labels=labels.clone(), n_splits=0),
        generator=generator(),
        plan=SimpleNamespace(n_prototypes=k),
        seed=lambda: 0,
    )


def test_small_groups_join_others_and_the_largest_is_halved():
    Z, y = make_blobs([60, 30, 30], n_features=6, cluster_std=0.5, random_state=0)
    small = np.flatnonzero(y == 1)[:3]
    given = y.copy()
    given[small] = 3
    fit = odc_fit(Z, torch.as_tensor(given), 4)
    odc = ODC(min_cluster_size=5)
    odc._dissolve_small(fit)
    labels = fit.state.labels.numpy()
    assert np.bincount(labels, minlength=4).min() >= 5
    assert fit.state.n_splits == 1
    assert (labels[small] == 1).all()
    # The half of the largest that was split off has the dissolved group's number.
    assert (y[labels == 3] == 0).all() and (labels[y == 2] == 2).all()
    centers = torch.stack([fit.state.memory[labels == c].mean(dim=0) for c in (0, 3)])
    torch.testing.assert_close(fit.module.prototypes[[0, 3]], centers, rtol=1e-4, atol=1e-5)


def test_memory_and_labels_after_training(X):
    states = []

    class Watched(ODC):
        def _move_memory(self, fit, batch):
            before = fit.state.labels.clone()
            super()._move_memory(fit, batch)
            states.append((fit.state.memory.clone(), before, fit.state.labels.clone()))

    model = Watched(4, n_prototypes=8, update_interval=1, **BRIEF).fit(X)
    for memory, _, labels in states:
        lengths = memory.norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=1e-4, atol=1e-4)
        assert torch.bincount(labels, minlength=8).sum() == 256
    assert np.bincount(model.pseudo_labels_, minlength=8).min() >= 2


@pytest.mark.parametrize("momentum", [0.0, 1.0])
def test_extreme_momenta(momentum, X):
    assert np.isfinite(ODC(4, memory_momentum=momentum, **BRIEF).fit(X).loss_)


# -- ClusterFit and MLCD -------------------------------------------------------------------------


def test_teachers_of_all_kinds(X):
    pca = PCA(3, random_state=0)
    before = pca.get_params()
    models = [
        ClusterFit(4, teacher=pca, **BRIEF).fit(X),
        ClusterFit(4, teacher=PCA(3, random_state=0).fit(X), **BRIEF).fit(X),
        ClusterFit(4, teacher=PCA(3, random_state=0).fit_transform(X), **BRIEF).fit(X),
    ]
    assert not hasattr(pca, "components_") and pca.get_params() == before
    for model in models[1:]:
        np.testing.assert_array_equal(model.pseudo_labels_, models[0].pseudo_labels_)
        np.testing.assert_array_equal(model.labels_, models[0].labels_)
    layer = torch.nn.Linear(8, 3)
    weight = layer.weight.detach().clone()
    ClusterFit(4, teacher=layer, **BRIEF).fit(X)
    assert torch.equal(layer.weight, weight)
    ClusterFit(4, teacher=lambda x: x[:, :2], **BRIEF).fit(X)


@pytest.mark.parametrize(
    "teacher, message",
    [
        (np.zeros((3, 2)), "3 rows, but X has 256"),
        (lambda x: x.log(), "NaN|infinity"),
        (np.full((256, 2), np.nan), "NaN"),
    ],
)
def test_teachers_that_do_not_fit(teacher, message, X):
    with pytest.raises(ValueError, match=message):
        ClusterFit(4, teacher=teacher, **BRIEF).fit(X)


@pytest.mark.parametrize(
    "params",
    [
        {"clusterer": KMeans(8, n_init=1, init="random")},
        {"clusterer": make_pipeline(GaussianRandomProjection(3), KMeans(8, n_init=1))},
        {"teacher": GaussianRandomProjection(3)},
        {"teacher": make_pipeline(PCA(4), GaussianRandomProjection(3))},
        {"teacher": lambda x: x @ torch.randn(8, 3)},
    ],
    ids=["clusterer", "pipeline", "teacher", "teachers", "function"],
)
def test_a_seed_decides_teacher_and_clusterer_too(params, X):
    def fit(seed):
        return ClusterFit(4, **{**BRIEF, **params, "random_state": seed}).fit(X)

    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    first = fit(0)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    np.random.seed(1)  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(1)
        second = fit(0)
    np.testing.assert_array_equal(second.pseudo_labels_, first.pseudo_labels_)
    np.testing.assert_array_equal(second.transform(X), first.transform(X))
    assert not np.array_equal(fit(1).pseudo_labels_, first.pseudo_labels_)


def test_pseudo_labels_are_nearest_centers(X):
    model = ClusterFit(4, n_prototypes=10, normalize=False, **BRIEF).fit(X)
    rows = (X - model.mean_) * model.scale_
    distances = ((rows[:, None] - model.teacher_centers_) ** 2).sum(axis=2)
    np.testing.assert_array_equal(model.pseudo_labels_, distances.argmin(axis=1))


def test_noise_is_not_trained_on(blobs):
    X, y = blobs
    clusterer = DBSCAN(eps=0.25, min_samples=5)
    model = ClusterFit(4, clusterer=clusterer, **{**BRIEF, "max_epochs": 30}).fit(X)
    assert (model.pseudo_labels_ == -1).any() and model.accuracy_ > 0.9
    assert (model.labels_ >= 0).all()
    assert adjusted_rand_score(y, model.labels_) > 0.9
    with pytest.raises(ValueError, match="finds no clusters"):
        ClusterFit(4, clusterer=DBSCAN(eps=1e-9), **BRIEF).fit(X)


def test_any_clusterer(blobs):
    X, y = blobs
    model = ClusterFit(4, clusterer=KMeans(4, n_init=3), **{**BRIEF, "max_epochs": 20}).fit(X)
    assert model.n_prototypes_ == 4
    assert adjusted_rand_score(y, model.labels_) > 0.95


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(0, 500))
def test_both_terms_of_mlcd_are_one_logarithm(k, seed):
    scores = torch.randn(5, k, generator=generator(seed), dtype=torch.float64)
    positive = torch.rand(5, k, generator=generator(seed + 1)) < 0.5
    negative = ~positive
    loss = _log_one_plus(-scores, positive) + _log_one_plus(scores, negative)
    sp = torch.where(positive, (-scores).exp(), 0).sum(dim=1)
    sn = torch.where(negative, scores.exp(), 0).sum(dim=1)
    expected = torch.log(1 + sn * sp + sn + sp).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    assert loss >= torch.log(1 + sn * sp).mean()


def test_large_scores_are_stable():
    scores = torch.tensor([[640.0, -640.0]])
    assert _log_one_plus(scores, torch.tensor([[True, True]])).item() == pytest.approx(640)


def test_positives_begin_with_the_nearest_center(X):
    model = MLCD(4, n_prototypes=40, n_positives=3, **BRIEF).fit(X)
    assert model.pseudo_labels_.shape == (256, 3)
    assert all(len(set(row)) == 3 for row in model.pseudo_labels_)
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=1), 1, rtol=1e-5)
    rows = (X - model.mean_) * model.scale_
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    centers = model.teacher_centers_
    cosine = rows @ (centers / np.linalg.norm(centers, axis=1, keepdims=True)).T
    order = np.argsort(-cosine, axis=1)[:, :3]
    assert (order == model.pseudo_labels_).mean() > 0.99


# -- G-SimCLR ------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=60), st.integers(1, 10), st.booleans(),
    st.integers(0, 1000),
)  # fmt: skip
def test_no_batch_has_two_rows_of_a_label(labels, batch_size, once, seed):
    labels = torch.tensor(labels)
    batches = one_of_each(labels, batch_size, generator(seed), once=once)
    assert batches
    size = min(batch_size, len(labels.unique()))
    for batch in batches:
        assert len(labels[batch].unique()) == len(batch) <= size
    if once:
        rows = torch.cat(batches)
        assert len(rows.unique()) == len(rows)
    again = one_of_each(labels, batch_size, generator(seed), once=once)
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


@pytest.mark.parametrize("coverage", ["uniform", "once"])
def test_guided_batches(coverage, X):
    model = GSimCLR(4, coverage=coverage, guide_epochs=2, **{**BRIEF, "batch_size": 16}).fit(X)
    assert model.n_prototypes_ == 16
    assert len(np.unique(model.pseudo_labels_)) == 16
    assert set(model.history_) == {"guide", "train"}


# -- JigClu --------------------------------------------------------------------------------------


def test_blocks_share_out_the_columns(X):
    model = JigClu(4, **BRIEF).fit(X)
    columns = np.concatenate(model.column_blocks_)
    assert sorted(columns) == list(range(8))
    few = JigClu(4, **BRIEF).fit(X[:, :2])
    assert all(len(block) == 1 for block in few.column_blocks_)


def test_corners_of_images():
    model = JigClu(2, overlap=0.0, hidden_layer_sizes=(4, 4), max_epochs=1, random_state=0)
    images = np.random.default_rng(0).normal(size=(20, 8, 8)).astype(np.float32)
    cells = model.fit(images).module_.cells
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    corners = cells.corners(x)
    whole = torch.cat([torch.cat(corners[:2], dim=3), torch.cat(corners[2:], dim=3)], dim=2)
    assert torch.equal(whole, x)
    torch.testing.assert_close(cells.halved(corners[0], x.shape[1:]), corners[0])


def test_parts_find_their_way_back():
    order = torch.randperm(4 * 6, generator=generator())
    parts = torch.stack([torch.arange(6.0) + 10 * place for place in range(4)])
    shuffled = parts.flatten()[order]
    torch.testing.assert_close(shuffled, (order % 6 + 10 * (order // 6)).float())


def test_linked_blocks_are_learned():
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=400)
    code = np.eye(4)[y]
    X = np.tile(code, 8) + 0.3 * rng.normal(size=(400, 32))
    model = JigClu(4, hidden_layer_sizes=(64,), max_epochs=30, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.95


def test_modules_give_maps():
    images = np.zeros((10, 6, 6), dtype=np.float32)
    with pytest.raises(ValueError, match="maps of shape"):
        JigClu(2, encoder=torch.nn.Flatten(), **BRIEF).fit(images)
    with pytest.raises(ValueError, match="rows are flat"):
        JigClu(2, encoder=torch.nn.Flatten(), **BRIEF).fit(np.zeros((10, 6)))
