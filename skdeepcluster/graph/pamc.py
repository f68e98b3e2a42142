"""PamC: attributed graphs by a contrast of neighbors with whole clusters."""

from numbers import Integral, Real

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.assignment import sharpen, sharpening_loss, student_t
from skdeepcluster.base import param
from skdeepcluster.deep import CenteredAutoencoder, StudentTMixin, most_probable, smoothed
from skdeepcluster.graph._beside_rows import GraphBesideRowsMixin
from skdeepcluster.graph._influence import influence
from skdeepcluster.nn import directions, kl_divergence
from skdeepcluster.training import Stage, all_rows, graph_tensor, map_rows

# Epochs between two comparisons of the labels.
COMPARED_EVERY = 10


class PamC(GraphBesideRowsMixin, StudentTMixin, CenteredAutoencoder):
    r"""PamC: clusters of nodes with features, by a network of the features that edges train.

    A network embeds the features of each node, :math:`z_i`; edges enter by the loss alone, so new
    nodes are predicted from their features. Neighbors are drawn together, and the sums
    :math:`c_k` of whole clusters are driven apart, in the place of all pairs of nodes, so that an
    epoch takes time linear in the edges,

    .. math:: \min_{\theta, \mu} -\frac{\alpha}{n} \sum_i \log \sum_j G_{ij} e^{s_{ij} / T}
        + \frac{\alpha}{K} \sum_k \log \sum_l e^{\cos(c_k, c_l) / T} + \beta\, \mathrm{KL}(P \| Q),

    where :math:`s_{ij} = \cos(z_i, z_j)` for :math:`i \neq j`, :math:`s_{ii}` and the cosine of a
    cluster with itself count 0, :math:`G = \sum_{r=1}^R (D^{-1} (A + I))^r`, and :math:`P` is the
    sharpened target of the soft assignments :math:`Q` to centers :math:`\mu`, as in :class:`DEC`.
    An autoencoder is trained first, and k-means places the centers.

    Use it for graphs whose nodes have features, when nodes without edges are to be predicted. Where
    this is not needed, :class:`SmoothedGraphClustering` takes seconds and is often better.

    Parameters
    ----------
    order : int, default=1
        The longest distance :math:`R` on the graph of nodes that are drawn together.

    temperature : float, default=2.0
        Temperature :math:`T` of the cosines.

    meta_nodes : {"hard", "soft"}, default="hard"
        Sums of clusters: of their nodes, or of all nodes by their soft assignments. No gradient
        flows through assignments.

    contrast_weight : float, default=1.0
        Weight :math:`\alpha` of neighbors and clusters.

    kl_weight : float, default=1.0
        Weight :math:`\beta` of the divergence.

    tol : float, default=1e-3
        Training ends when less than this fraction of the labels changed in ten epochs.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (256, 128), narrower in proportion for less
        than 50 features, or channels of the convolutions of "conv", by default (32, 64, 128).

    init : {"neighbors", "spectral", "linkage", "k-means"} or array, default="k-means"
        Initialization of the centers, as in :class:`DEC`.

    pretrain_epochs : int, default=30
        Epochs of the reconstruction that the clustering starts from.

    max_epochs : int, default=100
        Maximum number of epochs of the last stage, each a single step on all rows.

    batch_size : int, default=256
        Number of rows in a step of pre-training and warm-up.

    See Also
    --------
    SmoothedGraphClustering : Without training.
    DEC : Without a graph.

    Notes
    -----
    `loss_` and `score` are the divergence alone, as new rows have no edges.

    Differences from the authors' code: as many sums as clusters even where the last are empty, of
    which the cosine is 0; loops weigh as much as the mean edge, 1 where edges have no weights;
    training ends by `tol` or `max_epochs`, where they report the best epoch by known classes. The
    defaults are the same for all data; theirs were chosen for each data set. Their paper has
    soft sums, their code hard ones.

    References
    ----------
    .. [1] G. Kulatilleke, M. Portmann and S. Chandra, "Efficient block contrastive learning via
           parameter-free meta-node approximation", 2022. :arxiv:`2209.14067`

    Examples
    --------
    >>> import networkx as nx
    >>> import numpy as np
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import PamC
    >>> graph = nx.random_partition_graph([100, 100, 100], 0.1, 0.01, seed=0)
    >>> y = np.repeat([0, 1, 2], 100)
    >>> X = np.eye(3)[y] + np.random.default_rng(0).normal(scale=0.3, size=(300, 3))
    >>> model = PamC(3, hidden_layer_sizes=(64,), random_state=0).fit(X, adjacency=graph)
    >>> bool(adjusted_rand_score(y, model.labels_) > 0.8)
    True
    """

    order: int = param(1, Interval(Integral, 1, None, closed="left"))
    temperature: float = param(2.0, Interval(Real, 0, None, closed="neither"))
    meta_nodes: str = param("hard", StrOptions({"hard", "soft"}))
    contrast_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    kl_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    tol: float = param(1e-3, Interval(Real, 0, None, closed="left"))
    init: str = "k-means"
    pretrain_epochs: int = param(30, Interval(Integral, 0, None, closed="left"))
    max_epochs: int = 100

    _hidden = {"mlp": (256, 128), "conv": (32, 64, 128)}

    def _side(self, samples, X, y, *, adjacency=None, **side):
        known = super()._side(samples, X, y, **side)
        graph = influence(self._graph_of(samples, X, adjacency), self.order, True)
        known.arrays["influence"] = graph_tensor(graph, len(samples))
        return known

    def _stages(self):
        def trained(module):
            return [*module.encoder.parameters(), module.centers]

        refine = Stage(
            "refine",
            self._contrast,
            self.max_epochs,
            parameters=trained,
            weights={
                "neighbors": self.contrast_weight,
                "clusters": self.contrast_weight,
                "kl": self.kl_weight,
            },
            batches=all_rows,
            end_epoch=self._has_converged,
        )
        return [
            *self._pretrain_stages(),
            self._start_stage(self._warm_up, parameters=trained),
            refine,
        ]

    def _warm_up(self, fit, batch):
        target = smoothed(fit.state.start_labels[batch.index], self.n_clusters)
        return {"kl": kl_divergence(target, self._log_proba(fit.module, batch.x))}

    def _contrast(self, fit, batch):
        z = fit.module.encode(batch.x).float()
        _, z = fit.whole_batch_to_train(batch, z)
        log_q = student_t(z, fit.module.centers, self.alpha)
        target = self._target(log_q)
        labels = log_q.detach().argmax(dim=1)
        if fit.epoch % COMPARED_EVERY == 0:
            fit.state.changed = fit.label_change(labels)
        shares = F.one_hot(labels, self.n_clusters).float()
        if self.meta_nodes == "soft":
            shares = log_q.detach().exp()
        return {
            "neighbors": neighbor_term(z, fit.side.arrays["influence"], self.temperature),
            "clusters": cluster_term(shares.T @ z, self.temperature),
            "kl": kl_divergence(target, log_q),
        }

    def _target(self, log_q):
        """The soft assignments sharpened, by which no gradient flows."""
        return sharpen(log_q.detach().clone())

    def _has_converged(self, fit):
        return fit.epoch % COMPARED_EVERY == 0 and fit.state.changed < self.tol

    def _evaluate(self, module, samples):
        log_q = map_rows(lambda x: self._log_proba(module, x), samples)
        return sharpening_loss(log_q), most_probable(log_q)


def neighbor_term(z, graph, temperature):
    r"""Minus the mean over rows of :math:`\log \sum_j G_{ij} e^{s_{ij} / T}`.

    Parameters
    ----------
    z : Tensor of shape (n, n_components)
    graph : sparse COO Tensor of shape (n, n)
        :math:`G`.
    temperature : float
    """
    (row, column), weight = graph.indices(), graph.values()
    z = directions(z)
    cosines = (F.embedding(row, z) * F.embedding(column, z)).sum(dim=1)
    cosines = cosines.masked_fill(row == column, 0.0)
    sums = z.new_zeros(len(z)).index_add(0, row, weight * torch.exp(cosines / temperature))
    return -torch.log(sums + 1e-10).mean()


def cluster_term(sums, temperature):
    r"""The mean over clusters of :math:`\log \sum_l e^{\cos(c_k, c_l) / T}`.

    Parameters
    ----------
    sums : Tensor of shape (n_clusters, n_components)
        Those of empty clusters are zero.
    temperature : float
    """
    unit = directions(sums)
    cosines = (unit @ unit.T).fill_diagonal_(0.0)
    return torch.logsumexp(cosines / temperature, dim=1).mean()
