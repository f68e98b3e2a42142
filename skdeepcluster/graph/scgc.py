"""SCGC: attributed graphs by a network of features whose loss has the edges."""

from numbers import Integral, Real

import numpy as np
import torch

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.assignment import sharpening_loss, student_t
from skdeepcluster.base import param
from skdeepcluster.deep import (
    CenteredAutoencoder,
    SelfTrainingMixin,
    StudentTMixin,
    most_probable,
    smoothed,
)
from skdeepcluster.graph._beside_rows import GraphBesideRowsMixin
from skdeepcluster.graph._influence import influence, influence_contrast, within
from skdeepcluster.nn import kl_divergence
from skdeepcluster.training import Stage, graph_tensor, map_rows


class SCGC(GraphBesideRowsMixin, StudentTMixin, SelfTrainingMixin, CenteredAutoencoder):
    r"""Self-supervised contrastive graph clustering: SCGC and SCGC*.

    A network of the features alone embeds the nodes of a graph. Its loss, not its layers, has the
    edges: nodes that reach each other in a few steps are drawn together, against all others. New
    nodes are therefore predicted from their features, without edges, which graph networks cannot.
    Pick it for graphs whose nodes have features, when new nodes are to be predicted; where they are
    not, try :class:`SmoothedGraphClustering` first, which takes seconds.

    After the reconstruction, training minimizes

    .. math:: \min_{\theta, \mu} \; w_c L_c + w_k \, \mathrm{KL}(P \| Q)
        + w_r \frac{\|X - \hat X\|^2}{n d}, \quad
        L_c = -\frac{1}{n} \sum_i \log \frac{\sum_j G_{ij} \exp(s_{ij} / \tau)}
        {\sum_j \exp(s_{ij} / \tau)}, \\
        G = \sum_{s=1}^r \bar A^s \;\text{ or }\; \bar A^r, \quad
        \bar A = (D + I)^{-1} (A + I), \quad s_{ij} = \cos(z_i, z_j), \; s_{ii} = 0,

    with :math:`P`, :math:`Q` as in `DEC`, for standardized rows of :math:`d` features.

    The defaults are SCGC*, which trains no decoder beside the contrast and counts all steps;
    ``reconstruction_weight=1, influence="last"`` is SCGC.

    Parameters
    ----------
    contrast_weight : float, default=1
        Weight :math:`w_c` of the contrast.

    kl_weight : float, default=0.1
        Weight :math:`w_k` of the sharpening.

    reconstruction_weight : float, default=0
        Weight :math:`w_r` of the reconstruction beside the contrast: 1 in SCGC, 0 in SCGC*.

    order : int, default=1
        Number of steps :math:`r` by which nodes reach each other. With many steps nearly all nodes
        do, and :math:`G` is no longer sparse.

    influence : {"cumulative", "last"}, default="cumulative"
        Whether walks of up to `order` steps count, as in SCGC*, or those of exactly as many, as in
        SCGC. Loops let these be shorter. For ``order=1`` both are the same.

    temperature : float, default=4
        The temperature :math:`\tau` of the contrast. The authors multiply by its inverse.

    contrast_epochs : int, default=50
        Epochs of the contrast alone, before centers are placed.

    graph_batch_size : int, default=4096
        Number of nodes in a step of the contrast, in the place of `batch_size`. A graph of no more
        nodes is seen whole in each epoch; of larger ones a step sees the edges within a random
        choice of nodes.

    init : {"k-means", "neighbors", "spectral", "linkage"} or array, default="k-means"
        Initialization of the centers in the embedding that the contrast learned, or the centers
        themselves, of shape (n_clusters, n_components). "neighbors" and the others as in `DEC`, of
        the features alone.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp", by default (256, 128), narrower in proportion for less
        than 50 features; or channels of the convolutions of "conv", by default (32, 64, 128).

    pretrain_epochs : int, default=30
        Epochs of the reconstruction that the contrast starts from.

    max_epochs : int, default=100
        Maximum number of epochs of contrast and sharpening together.

    See Also
    --------
    SmoothedGraphClustering : Features averaged over edges, without training.
    DEC : The same without a graph.

    Notes
    -----
    Similarities of all pairs in a step are computed in blocks of rows, and once more for the
    gradient, so that they are never in memory together. The loops of :math:`A + I` weigh as much as
    the mean edge. A node without edges is drawn to none, only away from all others. Sparse counts,
    such as words, should be weighed before, by
    :class:`sklearn.feature_extraction.text.TfidfTransformer`: that matters more than any parameter.
    On graphs of at most `graph_batch_size` nodes an epoch is a single step: small ones with weak
    features need more `contrast_epochs` and a larger `learning_rate`.

    Training ends when less than a fraction `tol` of the labels changes in an epoch, and the last
    epoch counts. Figures in the paper are those of the epoch that agrees best with the true
    classes. Further differences: the contrast is first trained alone, and centers are placed in its
    embedding instead of in that of the reconstruction. ``contrast_epochs=0, tol=0`` is the paper's.
    Its weights, `order` and `temperature` were chosen for each graph by the true classes; the
    defaults are the same for all.

    `loss_` and `score` are the sharpening, and the reconstruction by its weight: the contrast needs
    edges, which new nodes do not have.

    References
    ----------
    .. [1] G. K. Kulatilleke, M. Portmann and S. S. Chandra, "SCGC: Self-supervised contrastive
           graph clustering", 2022. :arxiv:`2204.12656`

    Examples
    --------
    >>> import networkx as nx
    >>> import numpy as np
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import SCGC
    >>> graph = nx.random_partition_graph([60, 60, 60], 0.2, 0.01, seed=0)
    >>> y = np.repeat([0, 1, 2], 60)
    >>> X = np.random.default_rng(0).normal(size=(180, 30)) + np.eye(3, 30)[y]
    >>> model = SCGC(3, contrast_epochs=100, learning_rate=5e-3, random_state=0)
    >>> labels = model.fit(X, adjacency=graph).labels_
    >>> bool(adjusted_rand_score(y, labels) > 0.8)
    True
    >>> model.predict(X[:1]).shape
    (1,)
    """

    contrast_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    kl_weight: float = param(0.1, Interval(Real, 0, None, closed="left"))
    reconstruction_weight: float = param(0.0, Interval(Real, 0, None, closed="left"))
    order: int = param(1, Interval(Integral, 1, None, closed="left"))
    influence: str = param("cumulative", StrOptions({"cumulative", "last"}))
    temperature: float = param(4.0, Interval(Real, 0, None, closed="neither"))
    contrast_epochs: int = param(50, Interval(Integral, 0, None, closed="left"))
    graph_batch_size: int = param(4096, Interval(Integral, 2, None, closed="left"))
    init: str | np.ndarray = "k-means"
    pretrain_epochs: int = param(30, Interval(Integral, 0, None, closed="left"))
    max_epochs: int = 100

    _hidden = {"mlp": (256, 128), "conv": (32, 64, 128)}
    _in_side = frozenset({"order", "influence", "n_neighbors", "metric"})
    _paper = {
        "encoder": (500, 500, 2000),
        "n_components": 10,
        "contrast_epochs": 0,
        "max_epochs": 200,
        "tol": 0.0,
    }

    def _side(self, samples, X, y, *, adjacency=None, **side):
        found = super()._side(samples, X, y, **side)
        graph = self._graph_of(samples, X, adjacency)
        reached = influence(graph, self.order, self.influence == "cumulative")
        found.arrays["influence"] = graph_tensor(reached, len(samples))
        return found

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        options = {"batches": self._nodes, "parameters": self._trained}
        weights = {"contrast": self.contrast_weight, "reconstruction": self.reconstruction_weight}
        with_kl = {"weights": weights | {"kl": self.kl_weight}, **options}
        return [
            *self._pretrain_stages(),
            Stage("contrast", self._contrast, self.contrast_epochs, weights=weights, **options),
            self._start_stage(self._warm_up, weights=weights, **options),
            Stage(
                "refine",
                self._self_training,
                self.max_epochs,
                refresh=self._sharpen,
                every=self.update_interval,
                **with_kl,
            ),
        ]

    def _trained(self, module):
        if self.reconstruction_weight:
            return module.parameters()
        return [*module.encoder.parameters(), module.centers]

    def _nodes(self, fit):
        """All nodes in random order, in as few batches of about the same size as suffice."""
        order = torch.randperm(len(fit.samples), generator=fit.generator)
        return list(order.tensor_split(-(-len(order) // self.graph_batch_size)))

    def _contrast(self, fit, batch):
        return self._graph_terms(fit, batch, fit.module.encode(batch.x))

    def _warm_up(self, fit, batch):
        return self._terms(
            fit, batch, smoothed(fit.state.start_labels[batch.index], self.n_clusters)
        )

    def _self_training(self, fit, batch):
        return self._terms(fit, batch, fit.state.target[batch.index])

    def _terms(self, fit, batch, target):
        z = fit.module.encode(batch.x)
        log_q = student_t(z, fit.module.centers, self.alpha)
        return {"kl": kl_divergence(target, log_q)} | self._graph_terms(fit, batch, z)

    def _graph_terms(self, fit, batch, z):
        """The contrast of a whole batch, and the reconstruction where it has a weight."""
        index, whole = fit.whole_batch_to_train(batch, z)
        graph = fit.side.arrays["influence"]
        edges, weight = within(index, graph.indices(), graph.values(), len(fit.samples))
        terms = {"contrast": influence_contrast(whole, edges, weight, self.temperature)}
        if self.reconstruction_weight:
            terms["reconstruction"] = self._batch_loss(batch, fit.module.decode(z))
        return terms

    def _evaluate(self, module, samples):
        if not self.reconstruction_weight:
            log_q = map_rows(lambda x: self._log_proba(module, x), samples)
            return sharpening_loss(log_q), most_probable(log_q)

        def log_q_and_error(x):
            z, restored = module(x)
            errors = self._reconstruction_loss(x, restored, rows=True)
            return torch.cat([student_t(z, module.centers, self.alpha), errors[:, None]], dim=1)

        found = map_rows(log_q_and_error, samples)
        log_q, errors = found[:, :-1], found[:, -1]
        loss = sharpening_loss(log_q) + self.reconstruction_weight * errors.mean().item()
        return loss, most_probable(log_q)
