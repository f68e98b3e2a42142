"""Side information of a fit, by methods made up for it: partial labels, pairs, graphs, teachers."""

from numbers import Real

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from sklearn.datasets import make_blobs
from sklearn.neighbors import kneighbors_graph

from skdeepcluster import DCN, DEC
from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.deep import DeepEstimator, EmbeddingMixin, EncoderMixin
from skdeepcluster.nn import follow, follower
from skdeepcluster.training import (
    Side,
    Stage,
    Step,
    all_rows,
    edges_of,
    graph_tensor,
    map_rows,
    pairs_of,
    pairs_tensor,
    ramp,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BRIEF = {"hidden_layer_sizes": (16,), "n_components": 2, "random_state": 0}


class GuidedDEC(DEC):
    """DEC with groups of rows (-1: none) and a stage of pairs that share a cluster, or do not.

    Parameters
    ----------
    group_weight : float, default=1
        Weight of the groups.
    """

    group_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))

    def fit(self, X, y=None, *, pairs=None, together=None):
        """Train the network on rows, their groups and pairs."""
        return DeepEstimator.fit(self, X, y, pairs=pairs, together=together)

    def _side(self, samples, X, y, *, pairs=None, together=None, **side):
        known = super()._side(samples, X, None, **side)
        groups = np.full(len(samples), -1) if y is None else np.asarray(y)
        known.rows["group"] = torch.as_tensor(groups, dtype=torch.int64)
        known.arrays["links"] = pairs_tensor(pairs, len(samples))
        known.arrays["together"] = torch.tensor(() if pairs is None else together).float()
        return known

    def _stages(self):
        *first, refine = super()._stages()
        batches = pairs_of("links", "together")
        pairs = Stage("pairs", self._pair_loss, self.max_epochs, batches=batches)
        return [*first, pairs, refine]

    def _pair_loss(self, fit, batch):
        q = self._log_proba(fit.module, batch.x.flatten(0, 1)).exp().unflatten(0, (-1, 2))
        same = (q[:, 0] * q[:, 1]).sum(dim=1).clamp(1e-6, 1 - 1e-6)
        return F.binary_cross_entropy(same, batch.side.together)

    def _weights(self):
        return super()._weights() | {"group": self.group_weight}

    def _terms(self, fit, batch, target):
        log_q = self._log_proba(fit.module, batch.x)
        known = batch.side.group >= 0
        error = 0 * log_q.sum()
        if known.any():
            error = F.nll_loss(log_q[known], batch.side.group[known])
        return super()._terms(fit, batch, target) | {"group": error}


class NeighborEmbedding(EmbeddingMixin, EncoderMixin, DeepEstimator):
    """An embedding in which the ends of a graph's edges are near: no clusterer.

    Parameters
    ----------
    whole : bool, default=False
        Whether a step sees all rows at once.
    """

    whole: bool = param(False, "boolean")

    def _build(self, shape, plan, generator):
        return self._encoder_alone(shape, generator)

    def _side(self, samples, X, y, *, adjacency=None, **side):
        known = super()._side(samples, X, y, **side)
        known.arrays["graph"] = graph_tensor(adjacency, len(samples))
        return known

    def _stages(self):
        if self.whole:
            return [Stage("train", self._smoothness, self.max_epochs, batches=all_rows)]
        return [Stage("train", self._edge_loss, self.max_epochs, batches=edges_of("graph"))]

    def _edge_loss(self, fit, batch):
        z = fit.module.encode(batch.x.flatten(0, 1)).unflatten(0, (-1, 2))
        near = (z[:, 0] - z[:, 1]).square().sum(dim=1)
        far = (z[:, 0] - z[:, 1].roll(1, 0)).square().sum(dim=1)
        return (batch.side.weight * F.relu(1 + near - far)).mean()

    def _smoothness(self, fit, batch):
        z = F.normalize(fit.module.encode(batch.x), dim=1)
        return (z - fit.side.arrays["graph"] @ z).square().mean()

    def _evaluate(self, module, samples):
        z = map_rows(module.encode, samples)
        return z.var(dim=0).sum().item(), None

    def _attributes(self, fit):
        return {"n_components_": self._code_width(fit.samples.shape)}


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(120, n_features=5, centers=3, cluster_std=4.0, random_state=0)


def semi(**params):
    known = {"pretrain_epochs": 2, "max_epochs": 20, "learning_rate": 5e-3, "batch_size": 32}
    return GuidedDEC(3, **known, **BRIEF, **params)


def test_partial_labels_name_and_move_the_clusters(blobs):
    X, y = blobs
    partial = np.where(np.arange(len(y)) % 3 == 0, y, -1)
    without = np.mean(semi().fit_predict(X) == y)
    labels = semi(group_weight=5.0, tol=0.0).fit_predict(X, partial)
    unknown = partial < 0
    assert np.mean(labels[unknown] == y[unknown]) > 0.75 > without


def test_labels_count_by_their_weight_only(blobs):
    X, y = blobs
    np.testing.assert_array_equal(
        semi(group_weight=0.0).fit_predict(X, y), semi(group_weight=0.0).fit_predict(X)
    )


def test_pairs_reach_the_loss(blobs):
    X, y = blobs
    pairs = np.random.default_rng(0).integers(len(X), size=(300, 2))
    together = (y[pairs[:, 0]] == y[pairs[:, 1]]).astype(float)
    model = semi().fit(X, pairs=pairs, together=together)
    history = model.history_["pairs"]["pairs"]
    assert len(history) == 20
    assert history[-1] < 0.8 * history[0]
    assert "pairs" not in semi().fit(X).history_


@pytest.mark.parametrize(
    "pairs, what",
    [
        ([[0, 120]], "indices from 0 to 120; those of rows of X are from 0 to 119"),
        ([[-1, 3]], "indices from -1 to 3"),
        ([[0, 1, 2]], r"shape \(1, 3\)"),
        ([[0.0, 1.0]], "shape .* and dtype float64; integers"),
        ([0, 1], r"shape \(2,\)"),
    ],
)
def test_pairs_that_are_none_of_rows(blobs, pairs, what):
    with pytest.raises(ValueError, match=f"pairs has {what}"):
        semi().fit(blobs[0], pairs=pairs, together=[1])


@pytest.mark.parametrize("adjacency", [np.eye(119), np.ones((120, 2)), csr_array((121, 121))])
def test_graphs_of_other_rows(blobs, adjacency):
    with pytest.raises(ValueError, match="adjacency has shape.*120 rows of X"):
        NeighborEmbedding(**BRIEF).fit(blobs[0], adjacency=adjacency)


def test_a_graph_with_a_weight_that_is_no_number(blobs):
    graph = kneighbors_graph(blobs[0], 5)
    graph.data[3] = np.nan
    with pytest.raises(ValueError, match="adjacency contains NaN"):
        NeighborEmbedding(**BRIEF).fit(blobs[0], adjacency=graph)


def test_a_graph_without_edges_has_no_batches(blobs):
    X, _ = blobs
    model = NeighborEmbedding(max_epochs=2, **BRIEF).fit(X, adjacency=csr_array((120, 120)))
    assert model.history_ == {}
    assert model.transform(X).shape == (120, 2)


def test_a_name_that_a_method_does_not_take(blobs):
    with pytest.raises(TypeError, match=r"DCN.fit\(\) got an unexpected keyword argument 'pairs'"):
        DCN().fit(blobs[0], pairs=[[0, 1]])


def test_other_side_information_is_another_fit(blobs, tmp_path):
    X, y = blobs
    file = tmp_path / "fit.pt"
    semi(checkpoint=file).fit(X, y)
    semi(checkpoint=file).fit(X, y)
    for other in ({"y": np.roll(y, 1)}, {"y": None}, {"y": y, "pairs": [[0, 1]], "together": [1]}):
        with pytest.raises(ValueError, match="other data"):
            semi(checkpoint=file).fit(X, **other)


@pytest.mark.parametrize("whole", [False, True])
def test_a_graph_is_what_an_embedding_learns(blobs, whole):
    X, y = blobs
    graph = csr_array((y[:, None] == y).astype(float))
    graph /= graph.sum(axis=1)[0]
    model = NeighborEmbedding(max_epochs=15, whole=whole, **BRIEF).fit(X, adjacency=graph)
    history = model.history_["train"]["train"]
    assert history[-1] < 0.7 * history[0]
    assert model.transform(X).shape == (len(X), 2)
    assert not hasattr(model, "labels_")
    assert not hasattr(model, "fit_predict")


def test_another_graph_is_another_fit(blobs, tmp_path):
    X, _ = blobs
    file = tmp_path / "fit.pt"
    graph = kneighbors_graph(X, 5)
    NeighborEmbedding(max_epochs=1, checkpoint=file, **BRIEF).fit(X, adjacency=graph)
    other = graph.copy()
    other.data[0] = 0.5
    for changed in (other, kneighbors_graph(X, 4)):
        with pytest.raises(ValueError, match="other data"):
            NeighborEmbedding(max_epochs=1, checkpoint=file, **BRIEF).fit(X, adjacency=changed)


class TwoHeads(GuidedDEC):
    """Two steps a batch, groups with their own rates, a ramp and a teacher that follows."""

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        module.head = torch.nn.utils.skip_init(torch.nn.Linear, 2, 3)
        with torch.no_grad():
            for p in module.head.parameters():
                p.copy_(torch.rand(p.shape, generator=generator) - 0.5)
        module.teacher = follower(module.encoder)
        return module

    def _stages(self):
        *first, refine = DEC._stages(self)

        def groups(module):
            return [
                {"params": module.encoder.parameters(), "lr": 1e-4},
                {"params": [module.centers]},
            ]

        def head_loss(fit, batch):
            z = fit.module.teacher(batch.x).detach()
            return {"head": F.cross_entropy(fit.module.head(z), batch.side.group.clamp_min(0))}

        refine.parameters = groups
        refine.weights = {"group": ramp(0.0, 1.0, until=0.5)}
        refine.further = [Step(head_loss, lambda module: module.head.parameters())]
        refine.after_step = lambda fit, batch: follow(fit.module.teacher, fit.module.encoder, 0.9)
        return [*first, refine]


def test_two_steps_in_each_batch_and_a_teacher(blobs):
    X, y = blobs
    model = TwoHeads(3, pretrain_epochs=1, max_epochs=6, tol=0.0, **BRIEF).fit(X, y)
    history = model.history_["refine"]
    assert set(history) == {"kl", "group", "head"}
    assert history["head"][-1] < history["head"][0]
    for teacher, student in zip(
        model.module_.teacher.parameters(), model.module_.encoder.parameters(), strict=True
    ):
        assert not teacher.requires_grad
        assert 0 < (teacher - student).abs().max() < 0.1


def test_side_information_moves_and_is_told_apart():
    side = Side({"label": torch.arange(4)}, {"pairs": torch.tensor([[0, 1]])})
    taken = side.to("cpu").take(torch.tensor([2, 0]), weight=1.0)
    assert taken.label.tolist() == [2, 0]
    assert taken.weight == 1.0
    assert dict(side.digest()) != dict(Side({"label": torch.arange(4)}).digest())
    renamed = Side({"group": torch.arange(4)}, side.arrays)
    assert dict(side.digest()) != dict(renamed.digest())
    first, second = (
        Side(names={"classes": np.array(names, dtype=object)}) for names in (["a", "b"], ["a", "c"])
    )
    assert dict(first.digest()) != dict(second.digest())
    same = Side(names={"classes": np.array(["a", "b"], dtype=object)})
    assert dict(first.to("cpu").digest()) == dict(same.digest())
