"""M3S: few labeled nodes, and stages of self-training whose pseudo-labels clusters confirm."""

from collections.abc import Sequence
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.smoothing import normalized_adjacency
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, param
from skdeepcluster.constraints import check_partial_labels
from skdeepcluster.deep import DeepEstimator, known_classes, most_probable, note_labels
from skdeepcluster.graph._beside_rows import GraphBesideRowsMixin
from skdeepcluster.graph._few_labels import GraphNetwork, confirm_by_clusters, first_labels
from skdeepcluster.training import ReadOut, Stage, all_rows, graph_tensor
from skdeepcluster.validation import check_n_samples

# Li, Han and Wu label so many times the nodes that propagation would need.
SHARE = 3


class M3S(GraphBesideRowsMixin, NumberOfClustersMixin, Clusterer, DeepEstimator):
    r"""Multi-stage self-supervised training: classes of all nodes from few labeled ones.

    A graph convolutional network is trained on the labeled nodes, and labels those of which it is
    most certain; k-means on its hidden layer has to confirm them. With them the next network is
    trained from new weights, and so on [1]_. Pick it where one to five nodes of each class are
    known, and neighbors tend to be of one class. With many labels a single network is as good.

    Each network minimizes, over the nodes :math:`L` with a label so far,

    .. math:: \min_W -\frac{1}{|L|} \sum_{i \in L} \log P_{i y_i} + \frac{\lambda}{2} \|W_0\|^2,
        \quad P = \mathrm{softmax}(\hat A \, \sigma(\hat A X W_0) \, W_1), \quad
        \hat A = (D + I)^{-1/2} (A + I) (D + I)^{-1/2}.

    Of the nodes without a label that are predicted to be of class :math:`m`, the `n_per_class` most
    probable ones are candidates. Let :math:`\nu_l` be the mean of the hidden rows, of length one,
    of the unlabeled nodes of group :math:`l` of k-means, and :math:`\mu_m` that of the nodes
    labeled :math:`m`. A candidate of group :math:`l` is accepted if

    .. math:: \arg\min_c \|\nu_l - \mu_c\| = m.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of classes. One without labeled nodes begins with nodes that k-means finds.

    n_stages : int, default=3
        How often nodes are labeled. 0 is one network, of the given labels alone.

    confirm : bool, default=True
        Whether candidates have to be confirmed. Otherwise this is plain self-training.

    n_per_class : int, default=None
        Candidates of each class in a stage. None: :math:`3 n_m \eta / |L|` for :math:`n_m` nodes of
        class :math:`m` with :math:`\eta = n / d^h` for a mean degree :math:`d` and :math:`h` layers
        [2]_, at least one, and over all stages no more than half of the nodes.

    n_groups : int, default=None
        Number of groups of k-means; None means 10 for each class, at least 20. No more than a fifth
        of the nodes.

    hidden_layer_sizes : sequence of int, default=(16,)
        Widths of the hidden layers. Nodes see neighbors as far as there are layers, hidden or not.

    dropout : float, default=0.5
        Fraction of the features, in common for all nodes, and of the hidden values that a step
        leaves out.

    weight_decay : float, default=5e-4
        Penalty :math:`\lambda` on the squares of the first layer's weights.

    learning_rate : float, default=0.01
        Learning rate of the optimizer.

    max_epochs : int, default=200
        Epochs, of one step each, of every network.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Class of each node: the i-th known class is cluster i. Labeled nodes keep theirs.

    classes_ : ndarray of shape (n_classes,)
        The known classes, sorted. Empty without partial labels.

    label_distributions_ : ndarray of shape (n_samples, n_clusters)
        Probabilities of the classes by the last network.

    labeled_iter_ : ndarray of shape (n_samples,)
        The stage after which a node was labeled, 0 where its label was known or where it began a
        cluster without labels, -1 where it never was.

    See Also
    --------
    SmoothedGraphClustering : Without labels.
    SemiSupervisedKMeans : Partial labels without a graph.
    sklearn.semi_supervised.SelfTrainingClassifier : Self-training of any classifier of rows.

    Notes
    -----
    Candidates that are not confirmed are not replaced by less probable ones. Labels of nodes are
    never revised, so early mistakes stay.

    Differences from the paper, whose code was not published: layers and numbers are those of the
    networks that it is based on [2]_; features are dropped for all nodes at once. Nothing is chosen
    by labels that are held out: every network is trained for `max_epochs`.

    A step sees the whole graph. There are no `predict` and `score`, since the row of a new node
    depends on its edges. `loss_` is the objective of the last network, without the penalty.

    References
    ----------
    .. [1] K. Sun, Z. Lin and Z. Zhu, "Multi-stage self-supervised learning for graph convolutional
           networks on graphs with few labeled nodes", AAAI, 2020. :arxiv:`1902.11038`
    .. [2] Q. Li, Z. Han and X.-M. Wu, "Deeper insights into graph convolutional networks for
           semi-supervised learning", AAAI, 2018. :arxiv:`1801.07606`

    Examples
    --------
    >>> import networkx as nx
    >>> import numpy as np
    >>> from skdeepcluster import M3S
    >>> graph = nx.random_partition_graph([60, 60, 60], 0.2, 0.01, seed=0)
    >>> y = np.repeat([0, 1, 2], 60)
    >>> partial = np.full(180, -1)
    >>> partial[[0, 60, 120]] = [0, 1, 2]
    >>> X = np.random.default_rng(0).normal(size=(180, 30)) + np.eye(3, 30)[y]
    >>> model = M3S(3, max_epochs=50, random_state=0).fit(X, partial, adjacency=graph)
    >>> bool(np.mean(model.labels_ == y) > 0.9)
    True
    """

    n_stages: int = param(3, Interval(Integral, 0, None, closed="left"))
    confirm: bool = param(True, "boolean")
    n_per_class: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    n_groups: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    hidden_layer_sizes: Sequence[int] = param((16,), "array-like")
    dropout: float = param(0.5, Interval(Real, 0, 1, closed="left"))
    weight_decay: float = param(5e-4, Interval(Real, 0, None, closed="left"))
    learning_rate: float = 0.01
    max_epochs: int = 200

    # The first layer has its own.
    _weight_decay = None
    _in_side = frozenset({"n_neighbors", "metric"})

    def fit(self, X, y=None, *, adjacency=None):
        """Train networks on the labeled nodes of a graph, and label further ones.

        Parameters
        ----------
        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown: the i-th known class is cluster i. Without any -1 they
            are ignored. Without labels all clusters begin with nodes that k-means finds.
        """
        return super().fit(X, y, adjacency=adjacency)

    @property
    def score(self):
        """There is none, as the row of a new node depends on its edges."""
        raise AttributeError("M3S has no score: the row of a new node depends on its edges")

    def _check_rows(self, rows):
        check_n_samples(rows.shape[0], self.n_clusters)

    def _side(self, samples, X, y, *, adjacency=None, **side):
        found = super()._side(samples, X, y, **side)
        note_labels(found, *check_partial_labels(y, len(samples), self.n_clusters))
        graph = self._graph_of(samples, X, adjacency)
        found.arrays["graph"] = graph_tensor(normalized_adjacency(graph), len(samples))
        return found

    def _plan(self, samples, side):
        n = len(samples)
        # Loops are edges too; a node without others has a degree of one.
        degree = max(1.0, side.arrays["graph"].values().numel() / n - 1)
        return SimpleNamespace(reach=n / degree ** (len(self.hidden_layer_sizes) + 1))

    def _build(self, shape, plan, generator):
        widths = [int(torch.Size(shape).numel()), *self.hidden_layer_sizes, self.n_clusters]
        return GraphNetwork(widths, generator)

    # -- stages ------------------------------------------------------------------------------

    def _stages(self):
        return [
            Stage(
                f"stage {number}",
                self._likelihood,
                self.max_epochs,
                parameters=self._groups,
                begin=self._label_more if number else self._label_first,
                batches=all_rows,
            )
            for number in range(self.n_stages + 1)
        ]

    def _groups(self, module):
        first, *others = module.layers
        return [
            {"params": [first.weight], "weight_decay": self.weight_decay},
            {"params": [first.bias, *(p for layer in others for p in layer.parameters())]},
        ]

    def _likelihood(self, fit, batch):
        x, own = fit.batch_rows(batch)
        masks = self._masks(fit, len(x)) if self.dropout else None
        logits = fit.module(x.flatten(1), fit.side.arrays["graph"], masks)[own]
        label = fit.state.label[batch.index]
        known = (fit.state.label >= 0).float()
        weight = (known / known.mean())[batch.index]
        return (weight * F.cross_entropy(logits, label.clamp_min(0), reduction="none")).mean()

    def _masks(self, fit, n):
        """Factors of features, and of the hidden values of each layer."""
        sizes = [(1, fit.module.widths[0]), *((n, width) for width in self.hidden_layer_sizes)]
        kept = [torch.rand(size, generator=fit.generator) >= self.dropout for size in sizes]
        return [(mask / (1 - self.dropout)).to(fit.device) for mask in kept]

    def _label_first(self, fit):
        n = len(fit.samples)
        label = fit.side.rows.get("label", torch.full((n,), -1, device=fit.device)).clone()
        fixed = label.cpu().numpy()
        if len(np.unique(fixed[fixed >= 0])) < self.n_clusters:
            graph = _as_csr(fit.side.arrays["graph"])
            rows = fit.over_all_rows(lambda x: x.flatten(1)).cpu().numpy().astype(np.float64)
            found = first_labels(rows, graph, fixed, self.n_clusters, fit.seed())
            label = torch.as_tensor(found, dtype=torch.int64, device=fit.device)
        fit.state.label = label
        fit.state.first = torch.where(label >= 0, 0, -1)

    def _label_more(self, fit):
        number = int(list(fit.history)[-1].split()[1])
        hidden, log_p = self._outputs(fit)
        label = fit.state.label.cpu().numpy()
        p = log_p.exp().cpu().numpy()
        candidates = self._candidates(p, label, fit.plan.reach)
        predicted = p.argmax(axis=1)
        # Drawn in any case, so that only the check makes a difference.
        seed = fit.seed()
        if self.confirm:
            groups = min(self.n_groups or max(20, 10 * self.n_clusters), max(1, len(label) // 5))
            E = hidden.cpu().numpy()
            kept = confirm_by_clusters(E, label, candidates, predicted, groups, seed)
            candidates = candidates[kept]
        chosen = torch.as_tensor(candidates, device=fit.device)
        fit.state.label[chosen] = torch.as_tensor(predicted[candidates], device=fit.device)
        fit.state.first[chosen] = number
        fit.reset_parameters(fit.module)

    def _candidates(self, p, label, reach):
        """The most probable unlabeled nodes of each class."""
        counts = np.bincount(label[label >= 0], minlength=self.n_clusters)
        most = max(1, len(label) // (2 * self.n_clusters * max(1, self.n_stages)))
        predicted, certain = p.argmax(axis=1), p.max(axis=1)
        found = []
        for m in range(self.n_clusters):
            n_wanted = self.n_per_class
            if n_wanted is None:
                n_wanted = max(1, min(most, int(SHARE * reach * counts[m] / counts.sum())))
            nodes = np.flatnonzero((label < 0) & (predicted == m))
            found.append(nodes[np.argsort(-certain[nodes], kind="stable")[:n_wanted]])
        return np.concatenate(found)

    # -- results -----------------------------------------------------------------------------

    def _outputs(self, fit):
        """Hidden rows of length one, and logarithms of probabilities, of all nodes."""
        x = fit.over_all_rows(lambda x: x.flatten(1))
        fit.module.eval()
        with torch.no_grad():
            hidden = fit.module.hidden(x, fit.side.arrays["graph"])
            log_p = F.log_softmax(fit.module.head(hidden, fit.side.arrays["graph"]), dim=1)
        return F.normalize(hidden, dim=1), log_p

    def _read_out(self, fit):
        _, log_p = self._outputs(fit)
        label, known = fit.state.label, fit.state.label >= 0
        loss = F.nll_loss(log_p[known], label[known]).item()
        fit.require_finite(loss)
        labels = most_probable(log_p)
        if "label" in fit.side.rows:
            given = fit.side.rows["label"].cpu().numpy()
            labels = np.where(given >= 0, given, labels).astype(np.int32)
        attributes = {
            "classes_": known_classes(fit),
            "label_distributions_": log_p.exp().cpu().numpy(),
            "labeled_iter_": fit.state.first.cpu().numpy(),
        }
        return ReadOut(loss, labels, attributes)


def _as_csr(graph):
    rows, columns = graph.indices().cpu().numpy()
    return csr_array((graph.values().double().cpu().numpy(), (rows, columns)), shape=graph.shape)
