"""What training must reach on digits, for every deep method, and does not without its parts.

The same assertion that holds for a method must fail for it without epochs, with a loss of zero, and
with its target taken away: frozen as training found it, or taken from other rows.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score

import skdeepcluster
from skdeepcluster.deep import DeepEstimator
from skdeepcluster.semantic import iic, turtle
from tests.common import family, known

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = (array[:400] for array in load_digits(return_X_y=True))
# Rows that no fit sees: what is learned by heart does not show in them.
NEW, Y_NEW = (array[400:800] for array in load_digits(return_X_y=True))


# -- what is measured ----------------------------------------------------------------------------


def between_classes(model):
    """The share of the variance in the embedding of new rows that lies between the digits."""
    Z = model.transform(NEW)
    Z = Z - Z.mean(axis=0)
    means = np.stack([Z[Y_NEW == c].mean(axis=0) for c in range(10)])
    return np.square(means[Y_NEW]).sum() / np.square(Z).sum()


def information(model):
    """Normalized mutual information of clusters and digits."""
    return normalized_mutual_info_score(Y, model.labels_)


def certainty(model):
    """The mean probability of the most probable cluster."""
    return model.predict_proba(X).max(axis=1).mean()


def objective(model):
    """Minus the loss at the end; for views, how surely they predict the clusters of their rows."""
    return model.score(X)


# -- what is taken away --------------------------------------------------------------------------


def changed(Estimator, change, every_stage=False):
    """The estimator with its last stage, or all, changed."""

    class Changed(Estimator):
        def _stages(self):
            *others, last = super()._stages()
            return [*(change(s) if every_stage else s for s in others), change(last)]

    return Changed


def without_loss(stage):
    def zero(loss):
        def of(fit, batch):
            terms = loss(fit, batch)
            if isinstance(terms, dict):
                return {name: 0 * term for name, term in terms.items()}
            return 0 * terms

        return of

    further = [replace(step, loss=zero(step.loss)) for step in stage.further]
    return replace(stage, loss=zero(stage.loss), further=further)


def without(*hooks):
    """A stage whose hooks, which renew the target, are never called."""
    return lambda Estimator: changed(
        Estimator, lambda stage: replace(stage, **dict.fromkeys(hooks))
    )


def first_refresh_only(Estimator):
    def once(stage):
        def refresh(fit):
            if fit.step == 0:
                stage.refresh(fit)

        return replace(stage, refresh=refresh)

    return changed(Estimator, once)


def pairs_of_others(Estimator):
    """Pairs of a row and its neighbor become pairs of a row and the neighbor of another."""

    def unpaired(stage):
        def loss(fit, batch):
            x = batch.x.clone()
            x[:, 1] = x[:, 1].roll(1, 0)
            return stage.loss(fit, replace(batch, x=x))

        return replace(stage, loss=loss)

    return changed(Estimator, unpaired)


def memberships_of_others(Estimator):
    """Memberships are those of pairs of other rows."""

    class Changed(Estimator):
        def _memberships(self, c):
            return super()._memberships(c).roll((1, 1), (0, 1))

    return Changed


def views_of_others(Estimator):
    """Views are those of other rows, each time of different ones."""

    class Changed(Estimator):
        def _views(self, fit, batch, n_views=2, n_local=0):
            views = super()._views(fit, batch, n_views, n_local)
            return [view.roll(i + 1, 0) for i, view in enumerate(views)]

    return Changed


def labels_of_others(Estimator):
    class Changed(Estimator):
        def _side(self, *args, **side):
            found = super()._side(*args, **side)
            order = np.random.default_rng(0).permutation(len(X))
            found.rows["label"] = found.rows["label"][order]
            return found

    return Changed


def groups_of_others(Estimator):
    """Groups of each round are those of other rows; frozen ones teach as much as renewed ones."""

    class Changed(Estimator):
        def _group(self, fit, features):
            labels = super()._group(fit, features)
            return labels[torch.randperm(len(labels), generator=fit.generator)]

    return Changed


def codes_of_others(Estimator):
    class Changed(Estimator):
        def _code(self, *args):
            return super()._code(*args).roll(1, 0)

    return Changed


def rows_of_others(Estimator):
    """Rows are restored from the codes of others."""

    class Changed(Estimator):
        def _reconstruct(self, fit, batch):
            restored = fit.module(batch.x.roll(1, 0))[1]
            return {"reconstruction": self._reconstruction_loss(batch.x, restored)}

    return Changed


def entries_of_others(Estimator):
    """Masked entries are to be those of other rows."""

    class Changed(Estimator):
        def _errors(self, module, z, hidden, missing=None):
            completed = self._evolve(module, torch.where(hidden, module.fill, z), hidden)
            return torch.where(hidden, z.roll(1, 0) - completed, 0.0).square()

    return Changed


def blocks_of_others(Estimator):
    """The blocks of a row are those of four rows."""

    class Changed(Estimator):
        def _views(self, fit, batch, n_views=2, n_local=0):
            (view,) = super()._views(fit, batch, n_views, n_local)
            view = view.clone()
            for i, block in enumerate(fit.module.cells.blocks()):
                view[:, block] = view[:, block].roll(i, 0)
            return [view]

    return Changed


def edges_of_others(Estimator):
    """Nodes have the edges of other nodes."""

    class Changed(Estimator):
        def _graph_of(self, samples, X, adjacency):
            graph = super()._graph_of(samples, X, adjacency)
            order = np.random.default_rng(0).permutation(len(samples))
            return graph[order][:, order]

    return Changed


def first_labels_of_others(Estimator):
    class Changed(Estimator):
        def _label_first(self, fit):
            super()._label_first(fit)
            order = torch.as_tensor(np.random.default_rng(0).permutation(len(X)))
            fit.state.label = fit.state.label[order]

    return Changed


def without_marginals(Estimator):
    """Nothing is left that keeps all rows from one cluster: pairs alone are no target."""
    information = iic.negative_information

    class Changed(Estimator):
        def _information(self, fit, batch, name):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(iic, "negative_information", lambda joint, _: information(joint, 0.0))
                return super()._information(fit, batch, name)

    return Changed


def labels_of_the_start(Estimator):
    """The posterior of the clusters stays that of the start."""

    class Changed(Estimator):
        def _bound(self, fit, batch, labels=None):
            return super()._bound(fit, batch, fit.state.start_labels[batch.index])

    return Changed


def centers_of_the_start(Estimator):
    """Rows keep the centers of the start."""

    class Changed(Estimator):
        def _alternate(self, fit, batch):
            return self._warm_up(fit, batch)

    return Changed


def pairs_of_the_start(Estimator):
    """Neighbors are those in the embedding that training begins with."""

    class Changed(Estimator):
        def _pairs(self, fit, batch, z, q):
            if not hasattr(fit.state, "first"):
                fit.state.first = fit.over_all_rows(fit.module.encode)
            return self._pair_loss(fit.state.first[batch.index].roll(1, 0), q)

    return Changed


def pseudo_labels_of_others(Estimator):
    """Both heads learn from the predictions for other rows."""

    class Changed(Estimator):
        def _pseudo_labels(self, fit, batch):
            labels, *others = super()._pseudo_labels(fit, batch)
            return labels.roll(1), *others

        def _targets(self, features, p, seed):
            return super()._targets(features, p, seed).roll(1, 0)

    return Changed


def neighbors_of_others(Estimator):
    """Rows are near to those that are neighbors of others."""

    class Changed(Estimator):
        def _side(self, *args, **side):
            found = super()._side(*args, **side)
            graph = found.arrays["influence"]
            order = torch.as_tensor(np.random.default_rng(0).permutation(len(graph)))
            moved = torch.stack([order[graph.indices()[0]], order[graph.indices()[1]]])
            found.arrays["influence"] = torch.sparse_coo_tensor(
                moved, graph.values(), graph.shape, check_invariants=True
            ).coalesce()
            return found

    return Changed


def partners_of_others(Estimator):
    """Each node meets the partner of another."""

    class Changed(Estimator):
        def _side(self, *args, **side):
            found = super()._side(*args, **side)
            pairs = found.arrays["events"]
            order = np.random.default_rng(0).permutation(len(pairs))
            found.arrays["events"] = torch.stack([pairs[:, 0], pairs[order, 1]], dim=1)
            found.arrays["filled"] &= False
            return found

    return Changed


def objects_of_others(Estimator):
    """Edges are compared with the objects of other points."""

    class Changed(Estimator):
        def _edge_terms(self, fit, batch):
            batch.side.object = batch.side.object.roll(1, 1)
            return super()._edge_terms(fit, batch)

    return Changed


def untrained_classifiers(Estimator):
    """Labels are compared with the classifiers that inner training would begin with."""

    class Changed(Estimator):
        def _loss(self, fit, batch):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(turtle, "learned_classifier", lambda start, *args: start)
                return super()._loss(fit, batch)

    return Changed


# -- the table -----------------------------------------------------------------------------------

AUTOENCODER = {"hidden_layer_sizes": (64,), "pretrain_epochs": 15, "batch_size": 64}
CENTERS = AUTOENCODER | {"init": "k-means", "tol": 0}
LONGER = {"max_epochs": 40}
# Means of components that are nowhere near the clusters.
ANYWHERE = np.random.default_rng(0).normal(size=(10, 10)).astype(np.float32)
VIEWS = {"hidden_layer_sizes": (128,), "batch_size": 100, "max_epochs": 25}
RANDOM = {"init": "random"}
WIDE = {"batch_size": 100, "max_epochs": 25}
ROUNDS = WIDE | {"update_interval": 5}
SUBSPACES = {
    "hidden_layer_sizes": (64,), "n_components": 16, "batch_size": 100, "max_epochs": 20,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What a method reaches.

    Parameters
    ----------
    name : str
    measure : callable (model) -> float
    bound : float
        Reached by the method as it is, and not without its parts.
    without_target : callable (class) -> class or None
        None where groups of other rows, in two levels, teach features nearly as well.
    params : dict
    with_labels : bool
        Whether the digits are given, to a method that learns from known clusters.
    """

    name: str
    measure: object
    bound: float
    without_target: object
    params: dict = field(default_factory=dict)
    with_labels: bool = False

    def reached(self, removed=None, seed=0):
        Estimator, params = getattr(skdeepcluster, self.name), dict(self.params)
        if removed == "epochs":
            params["max_epochs"] = 0
        elif removed == "loss":
            Estimator = changed(Estimator, without_loss)
        elif removed == "target":
            Estimator = self.without_target(Estimator)
        params |= known(Estimator, {"n_clusters": 10, "random_state": seed})
        return self.measure(Estimator(**params).fit(X, Y if self.with_labels else None))


CASES = [
    Case("AutoencoderClusterer", between_classes, 0.5, rows_of_others,
         {"hidden_layer_sizes": (64,), "batch_size": 64, "max_epochs": 15}),
    Case("ClAM", certainty, 0.7, entries_of_others, {"max_epochs": 25}),
    Case("DCN", objective, -1.0, without("begin", "refresh", "after_step"), CENTERS),
    Case("DEC", certainty, 0.69, first_refresh_only, CENTERS | LONGER),
    Case("IDEC", certainty, 0.65, first_refresh_only, CENTERS | LONGER),
    Case("DEPICT", certainty, 0.8, first_refresh_only, CENTERS | LONGER | {"init_epochs": 10}),
    Case("GLDC", between_classes, 0.68, pairs_of_the_start, CENTERS),
    Case("HCHC", between_classes, 0.68, pairs_of_the_start, CENTERS),
    Case("TELL", information, 0.65, centers_of_the_start,
         AUTOENCODER | LONGER | {"init": "random"}),
    Case("VaDE", information, 0.58, labels_of_the_start, AUTOENCODER | LONGER | {"init": ANYWHERE}),
    Case("ClusterAwareDINO", between_classes, 0.43, codes_of_others,
         {"hidden_layer_sizes": (128,), "max_epochs": 25, "learning_rate": 1e-3}),
    Case("ClusterFit", between_classes, 0.47, labels_of_others, WIDE),
    Case("DeepCluster", objective, -0.42, groups_of_others, ROUNDS),
    Case("DeepClusterV2", between_classes, 0.45, without("end_epoch"), WIDE),
    Case("DeeperCluster", between_classes, 0.47, None, ROUNDS),
    Case("GSimCLR", objective, -0.25, views_of_others, VIEWS),
    Case("ImageVolumeClustering", between_classes, 0.49, codes_of_others, VIEWS),
    Case("JULE", between_classes, 0.445, without("end_epoch"), {"max_epochs": 20}),
    Case("JigClu", between_classes, 0.5, blocks_of_others, VIEWS | {"max_epochs": 10}),
    Case("MLCD", objective, -0.45, labels_of_others, WIDE),
    Case("ODC", between_classes, 0.46, without("after_step"), WIDE),
    Case("SeLa", between_classes, 0.56, without("refresh"), VIEWS),
    Case("SimCLR", objective, -0.25, views_of_others, VIEWS),
    Case("SIGMA", between_classes, 0.49, codes_of_others, VIEWS),
    Case("SwAV", between_classes, 0.49, codes_of_others, VIEWS),
    Case("M3S", information, 0.75, first_labels_of_others,
         {"n_stages": 1, "n_per_class": 10, "max_epochs": 60}),
    Case("SCGC", between_classes, 0.67, edges_of_others,
         AUTOENCODER | {"pretrain_epochs": 5, "contrast_epochs": 0, "max_epochs": 60, "tol": 0,
                        "learning_rate": 3e-3}),
    Case("HyperTrack", information, 0.55, objects_of_others,
         {"read_out": "components", "links": "all", "n_components": 16, "n_layers": 1,
          "pretrain_epochs": 0, "max_epochs": 40}, with_labels=True),
    Case("ContrastiveClustering", information, 0.6, views_of_others, VIEWS),
    Case("CDC", certainty, 0.86, pseudo_labels_of_others,
         VIEWS | {"pretrain_epochs": 10, "max_epochs": 30, "learning_rate": 1e-3}),
    Case("DivClust", information, 0.6, views_of_others, VIEWS | {"n_heads": 2}),
    Case("IIC", information, 0.5, without_marginals, VIEWS | {"n_repeats": 1, "n_heads": 2}),
    Case("P2OT", information, 0.6, pairs_of_others, VIEWS | RANDOM),
    Case("SP2OT", information, 0.5, pairs_of_others, VIEWS | RANDOM | {"max_epochs": 8}),
    Case("SCAN", information, 0.6, pairs_of_others, VIEWS | RANDOM),
    Case("TEMI", information, 0.6, pairs_of_others, {"batch_size": 100, "max_epochs": 25}),
    Case("CPP", objective, 8.0, memberships_of_others, SUBSPACES),
    Case("PamC", between_classes, 0.66, neighbors_of_others,
         CENTERS | {"kl_weight": 0, "learning_rate": 5e-3, "max_epochs": 60}),
    Case("TGC", information, 0.6, partners_of_others,
         {"init": "random", "n_components": 16, "batch_size": 512, "learning_rate": 0.05,
          "max_epochs": 8, "tol": 0}),
    Case("CPP", objective, 8.0, memberships_of_others,
         SUBSPACES | {"warmup_steps": 20}),
    Case("MLC", objective, 8.7, memberships_of_others, SUBSPACES | {"pretrain_epochs": 10}),
    Case("TURTLE", information, 0.5, untrained_classifiers, {"max_epochs": 150}),
]  # fmt: skip
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_every_deep_method_has_a_case():
    names = {
        Estimator.__name__
        for room in ("autoencoder", "graph", "selfsupervised", "semantic", "subspace")
        for Estimator in family(room)
        if issubclass(Estimator, DeepEstimator)
    }
    assert names == {case.name for case in CASES}


@each_case
def test_training_reaches_what_it_should(case):
    assert case.reached() >= case.bound


@pytest.mark.parametrize("removed", ["epochs", "loss", "target"])
@each_case
def test_without_a_part_it_is_not_reached(case, removed):
    if removed == "target" and case.without_target is None:
        pytest.skip(f"{case.name} has no target whose loss this shows")
    assert case.reached(removed) < case.bound
