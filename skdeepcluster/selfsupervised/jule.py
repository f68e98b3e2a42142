"""JULE: agglomerative clustering, alternating with an encoder that learns the clusters."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval, StrOptions, effective_n_threads
from skdeepcluster.algorithms.candidates import modularity
from skdeepcluster.algorithms.degree_linkage import (
    merge_to,
    nearest_clusters,
    neighbor_graph,
)
from skdeepcluster.assignment import neighbor_vote
from skdeepcluster.base import param
from skdeepcluster.deep import DeepClusterer, EncoderMixin, LabelMixin
from skdeepcluster.nn import mean_triplet_loss, pooled_conv_encoder, triplet_loss
from skdeepcluster.training import ReadOut, Stage, map_rows

# Smallest side of images for a second convolution.
_TWO_CONVOLUTIONS = 24


class JULE(LabelMixin, EncoderMixin, DeepClusterer):
    r"""Agglomerative clustering that alternates with the training of an encoder.

    The initial clusters are groups of nearest neighbors, among images scaled to length one. In each
    round the encoder learns to bring rows of a cluster nearer to each other than to other rows, and
    then clusters that are near in the new embedding are merged, until `n_clusters` are left.
    Finally clusters are formed again from the rows up, in the learned embedding, and kept if they
    fit its graph better. Pick it for up to about 20,000 images whose classes are curved manifolds
    rather than balls.

    With the weights :math:`w_{ij} = \exp(-\|z_i - z_j\|^2 / \sigma^2)` of edges to nearest
    neighbors and :math:`\sigma^2` their mean squared length, the affinity of clusters is

    .. math:: A(a, b) =
        \sum_{i \in a} \frac{\sum_{j \in b} w_{ij}}{|b|} \frac{\sum_{j \in b} w_{ji}}{|b|} +
        \sum_{i \in b} \frac{\sum_{j \in a} w_{ij}}{|a|} \frac{\sum_{j \in a} w_{ji}}{|a|},

    and the cluster :math:`c` is merged with its nearest one :math:`c_1` for which

    .. math:: A(c, c_1) + \frac{\lambda}{K - 1} \sum_{k=2}^K \bigl(A(c, c_1) - A(c, c_k)\bigr)

    is largest. Between merges training minimizes, with clusters held fixed, the mean over triplets
    of rows :math:`i, j` of a cluster and :math:`k` of another one

    .. math:: \min_\theta \; \mathbb{E}_{i, j, k} \max\bigl(0, \gamma \|z_i - z_j\|^2 -
        \|z_i - z_k\|^2 + m\bigr), \quad z_i = f_\theta(x_i) / \|f_\theta(x_i)\| .

    Parameters
    ----------
    encoder : {"auto", "mlp", "conv"}, sequence of int or torch.nn.Module, default="auto"
        Network from rows to the embedding: "auto" takes "conv" for images and "mlp" for flat rows.
        A sequence gives the widths of an mlp's hidden layers. A module is copied with its weights.

    n_components : int, default=160
        Width of the embedding; None for 10, or the number of features if that is less.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (500,), or channels of the 5 x 5
        convolutions of "conv", by default (50, 50), or (50,) for images of less than 24 pixels a
        side. Maxima of 2 x 2 pixels follow each where they leave at least 6 pixels a side.

    merge_rate : float, default=0.3
        Fraction of the clusters that are merged into others after each round. The paper has 0.9,
        and 0.2 for faces; smaller values take more rounds.

    update_interval : int, default=1
        Epochs between merges. The paper has 20, of a slower optimizer; an encoder that is
        overfitted to its clusters leaves few edges between them.

    recluster : {"auto", True, False}, default="auto"
        Whether clusters are finally formed again from nearest neighbors, in the learned embedding
        ("RC" in the paper), or labels are those of the last round ("SF"). "auto" takes those of
        larger modularity in the graph of the embedding.

    n_init : int, default=4
        Number of complete fits from different weights. The one whose labels have the largest
        modularity in the graph of its embedding is kept: the objective does not tell which has the
        better clusters.

    n_neighbors : int, default=20
        Number of neighbors that each row has edges to, and that vote on the cluster of a new row.

    n_neighbor_clusters : int, default=5
        Number :math:`K` of clusters that a cluster is compared with in the criterion.

    local_weight : float, default=1
        The weight :math:`\lambda` in the criterion.

    positive_weight : float, default=1
        The weight :math:`\gamma` of the distance within clusters.

    margin : float, default=0.2
        Margin :math:`m` between squared distances within and between clusters.

    n_negatives : int, default=5
        Number of rows of other clusters that each pair of a cluster is compared with, at most the
        number of other clusters in the batch.

    learning_rate : float, default=3e-4
        Learning rate of the optimizer.

    max_epochs : int, default=200
        Maximum number of epochs of all rounds. Remaining merges follow without training.

    batch_size : int, default=100
        Number of rows in a step; triplets are formed within it.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Embedding of the training rows, on the unit sphere.

    round_labels_ : ndarray of shape (n_rounds, n_samples)
        Clusters of the training rows in each round. Each is a union of clusters of the round
        before. `history_` has their number in each epoch.

    See Also
    --------
    GraphDegreeLinkage : The same merges for given features.
    DEC : Centers, for clusters that are balls in the embedding.

    Notes
    -----
    The cluster of a new row is a vote of its neighbors among the training rows, weighted by inverse
    distance; the paper has no prediction. Differences from the authors' script: sums of weights are
    exact after each merge; all nearest clusters are considered and not only those with a smaller
    number; the encoder normalizes groups of channels instead of the batch, so that the embedding of
    a row does not depend on other rows, and its optimizer is Adam; gradients are those of the loss;
    outlying clusters join others while there are many (see
    :class:`~skdeepcluster.GraphDegreeLinkage`). Where no affinity is left, clusters are merged by
    edges in one direction, and then by distances.

    References
    ----------
    .. [1] Yang, Parikh, Batra: Joint unsupervised learning of deep representations and image
       clusters. CVPR 2016. :arxiv:`1604.03628`
    """

    encoder: str | Sequence[int] | torch.nn.Module = param(
        "auto", StrOptions({"auto", "mlp", "conv"}), "array-like", torch.nn.Module
    )
    n_components: int | None = 160
    merge_rate: float = param(0.3, Interval(Real, 0, 1, closed="right"))
    update_interval: int = param(1, Interval(Integral, 1, None, closed="left"))
    recluster: str | bool = param("auto", StrOptions({"auto"}), "boolean")
    n_init: int = 4
    n_neighbors: int = param(20, Interval(Integral, 1, None, closed="left"))
    n_neighbor_clusters: int = param(5, Interval(Integral, 1, None, closed="left"))
    local_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    positive_weight: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    margin: float = param(0.2, Interval(Real, 0, None, closed="left"))
    n_negatives: int = param(5, Interval(Integral, 1, None, closed="left"))
    learning_rate: float = 3e-4
    max_epochs: int = 200
    batch_size: int = 100

    _constraint = "unit_norm"
    # Pixels that are always 0 have the same value as the rest of the background.
    _common_means = True
    _hidden = {"mlp": (500,), "conv": (50, 50)}

    def _build(self, shape, plan, generator):
        return self._encoder_alone(shape, generator)

    def _networks(self, shape, generator):
        name, hidden = self._architecture(shape)
        if name != "conv":
            return super()._networks(shape, generator)
        if self.hidden_layer_sizes is None and min(shape[1:]) < _TWO_CONVOLUTIONS:
            hidden = hidden[:1]
        return pooled_conv_encoder(shape, hidden, self._code_width(shape), generator), None

    def _plan(self, samples, side):
        if len(samples) < 2:
            raise ValueError("JULE merges neighbors; n_samples=1 has none, give at least 2")
        return super()._plan(samples, side)

    def _stages(self):
        hooks = {"begin": self._first_clusters, "end_epoch": self._end_round}
        return [Stage("refine", self._triplet_loss, self.max_epochs, **hooks)]

    def _graph(self, Z):
        return neighbor_graph(Z, self.n_neighbors, effective_n_threads())

    @property
    def _criterion(self):
        return self.n_neighbor_clusters, self.local_weight

    def _merge(self, Z, labels, n_clusters):
        W = self._graph(Z)[0]
        return merge_to(W, labels, n_clusters, Z, *self._criterion)

    def _first_clusters(self, fit):
        rows = fit.over_all_rows(_compared).cpu().numpy()
        self._set_clusters(fit, nearest_clusters(*self._graph(rows)[1:], self.n_clusters))

    def _set_clusters(self, fit, labels):
        fit.state.labels = torch.as_tensor(labels, dtype=torch.int64, device=fit.device)
        rounds = getattr(fit.state, "rounds", fit.state.labels.new_empty(0, len(labels)))
        fit.state.rounds = torch.cat([rounds, fit.state.labels[None]])

    def _end_round(self, fit):
        """Merge clusters after the last epoch of a round; True after the last merges."""
        labels = fit.state.labels.int().cpu().numpy()
        n = int(labels.max()) + 1
        fit.history["refine"].setdefault("n_clusters", []).append(float(n))
        if (fit.epoch + 1) % self.update_interval:
            return False
        n_left = max(self.n_clusters, n - math.ceil(self.merge_rate * n))
        Z = fit.over_all_rows(fit.module.encode).cpu().numpy()
        self._set_clusters(fit, self._merge(Z, labels, n_left))
        return n_left == self.n_clusters

    def _triplet_loss(self, fit, batch):
        index, z = fit.whole_batch_to_train(batch, fit.module.encode(batch.x))
        weights = self.n_negatives, self.margin, self.positive_weight
        # From the generator itself: all processes draw the same.
        loss = triplet_loss(z, fit.state.labels[index], *weights, generator=fit.generator)
        return {"triplet": loss}

    def _vote(self, module, x, Z, labels):
        """Distances to the training rows, 0 between equal rows, and labels by vote."""
        distances = torch.cdist(module.encode(x), Z, compute_mode="donot_use_mm_for_euclid_dist")
        return distances, neighbor_vote(distances, labels, self.n_clusters, self.n_neighbors)

    def _loss_and_labels(self, module, samples, Z, labels):
        """The mean loss of rows and their labels, from labels of the training rows."""
        Z, labels = Z.to(samples.device), labels.to(samples.device)

        def loss_and_label(x):
            distances, label = self._vote(module, x, Z, labels)
            same, weights = label[:, None] == labels, (self.margin, self.positive_weight)
            loss = mean_triplet_loss(distances.square(), same, *weights)
            return torch.stack([loss, label], dim=1)

        found = map_rows(loss_and_label, samples).cpu()
        return found[:, 0].mean().item(), found[:, 1].int().numpy()

    def _read_out(self, fit):
        Z = map_rows(fit.module.encode, fit.samples).cpu()
        fit.require_finite(Z.sum().item())
        embedding = Z.numpy()
        fits, labels = self._final_clusters(embedding, fit.state.labels.int().cpu().numpy())
        labels = torch.as_tensor(labels, dtype=torch.int64)
        loss, labels = self._loss_and_labels(fit.module, fit.samples, Z, labels)
        found = {
            "embedding_": embedding,
            "round_labels_": fit.state.rounds.int().cpu().numpy(),
            "n_components_": Z.shape[1],
        }
        return ReadOut(loss, labels, found, -fits)

    def _final_clusters(self, Z, labels):
        """The modularity of clusters in the graph of the embedding, and their labels."""
        W, *nearest = self._graph(Z)
        k, begun = self.n_clusters, []
        if self.recluster is not False:
            begun.append(nearest_clusters(*nearest, k))
        if self.recluster is not True:
            begun.append(labels)
        found = [merge_to(W, each, k, Z, *self._criterion) for each in begun]
        graph = W + W.T
        # Where no edge has a weight, none is better than another.
        fits = [modularity(graph, each, k) if graph.sum() else 0.0 for each in found]
        return max(zip(fits, found, strict=True), key=lambda pair: pair[0])

    def _training_rows(self):
        return torch.tensor(self.embedding_).float(), torch.tensor(self.labels_).long()

    def _evaluate(self, module, samples):
        return self._loss_and_labels(module, samples, *self._training_rows())

    def _label(self, module, x):
        Z, labels = (tensor.to(x.device) for tensor in self._training_rows())
        return self._vote(module, x, Z, labels)[1]


def _compared(x):
    """Rows as the initial clusters compare them: images independent of their contrast."""
    return F.normalize(x.flatten(1), dim=1) if x.ndim > 2 else x
