"""ODC: labels, centroids and network are updated together, batch by batch."""

from numbers import Integral, Real

import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.nn import code_width, linear
from skdeepcluster.selfsupervised._base import OnlineBase


class ODC(OnlineBase):
    r"""Online deep clustering with a memory of samples and of centroids.

    Pseudo-labels are not found again in each round but follow the network in small steps: each
    batch updates the features of its rows in a memory and their labels, and the centroids follow
    the memory. Groups that get too small are dissolved, and the largest one is split instead. Pick
    it if jumps of the labels between rounds are harmful, or if groups need a minimum size.

    With features :math:`f_i` of views, :math:`u_i = f_i / \|f_i\|`, and a linear classifier
    :math:`G`, each step minimizes over a batch

    .. math:: \min_{\theta, G} \; \frac{\sum_i w_{y_i} \operatorname{CE}(G f_i, y_i)}
        {\sum_i w_{y_i}}, \qquad w_c \propto N_c^{-\rho},

    where :math:`N_c` rows have label :math:`c`, and then moves the memory and the labels

    .. math:: m_i \leftarrow \frac{(1 - \mu) m_i + \mu u_i}{\|(1 - \mu) m_i + \mu u_i\|}, \qquad
        y_i \leftarrow \arg\max_c C_c^\top m_i, \qquad C_c = \frac{1}{N_c} \sum_{i : y_i = c} m_i .

    Parameters
    ----------
    n_components : int, default=256
        Width of the embedding, whose rows have length one and no negative entries.

    memory_momentum : float, default=0.5
        Weight :math:`\mu` of the new features in the memory.

    update_interval : int, default=10
        Steps between two updates of the centroids.

    min_cluster_size : int, default=None
        Minimum size of a group; by default a fifth of the mean size, and at least 2.

    reweight_power : float, default=0.5
        Power :math:`\rho` of the group sizes in the weights of the loss.

    assign : {"dot", "euclidean"}, default="dot"
        Whether a row is assigned to the centroid of the largest inner product, as in the authors'
        code, which favors compact groups, or to the nearest one.

    max_epochs : int, default=100
        Maximum number of training epochs.

    Attributes
    ----------
    prototypes_ : ndarray of shape (n_prototypes_, n_components)
        The centroids.

    pseudo_labels_ : ndarray of shape (n_samples,)
        The last pseudo-labels.

    n_splits_ : int
        Number of times that a group was split in two.

    See Also
    --------
    DeepCluster : Finds pseudo-labels again in each round.

    Notes
    -----
    Differences from the paper: the embedding is normalized over its units before the ReLU, without
    which all units can be 0 for a row; there is neither dropout nor batch normalization; the head
    and the network have one optimizer; groups may be smaller where rows are few. Labels of the
    groups are `pseudo_labels_`; the clusters are found in the embedding.

    References
    ----------
    .. [1] Zhan, Xie, Liu, Ong, Loy: Online deep clustering for unsupervised representation
       learning. CVPR 2020. :arxiv:`2006.10645`
    """

    n_components: int = 256
    memory_momentum: float = param(0.5, Interval(Real, 0, 1, closed="both"))
    update_interval: int = param(10, Interval(Integral, 1, None, closed="left"))
    min_cluster_size: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    reweight_power: float = param(0.5, Interval(Real, 0, None, closed="left"))
    assign: str = param("dot", StrOptions({"dot", "euclidean"}))
    max_epochs: int = 100

    def _encoder_alone(self, shape, generator):
        module = super()._encoder_alone(shape, generator)
        width = code_width(module, shape)
        # Without the normalization all units can be 0 for a row.
        module.encoder = nn.Sequential(module.encoder, nn.LayerNorm(width), nn.ReLU())
        return module

    def _add_heads(self, module, width, plan, generator):
        module.classifier = linear(width, plan.n_prototypes, generator)
        module.register_buffer("prototypes", torch.zeros(plan.n_prototypes, width))

    def _training(self):
        return super()._training() | {"begin": self._fill_memory, "after_step": self._move_memory}

    def _fill_memory(self, fit):
        """Memory of all rows, and their labels by k-means on it or from the fitted centroids."""
        fit.state.memory = fit.over_all_rows(fit.module.encode)
        fit.state.n_splits = 0
        if fit.plan.continues:
            fit.state.labels = self._nearest(fit, fit.state.memory)
            return
        memory = fit.state.memory.cpu().numpy()
        _, labels = kmeans(
            memory, fit.plan.n_prototypes, n_init=1, max_iter=20, seed=fit.seed(), refill=True
        )
        fit.state.labels = torch.as_tensor(labels, device=fit.device).long()
        self._move_centroids(fit)

    def _loss_of_batch(self, fit, batch):
        (x,) = self._views(fit, batch, 1)
        features = fit.module.encoder(x).float()
        weight = (self._sizes(fit) + 1e-5) ** -self.reweight_power
        loss = F.cross_entropy(
            fit.module.classifier(features).float(), fit.state.labels[batch.index], weight
        )
        if fit.module.training:
            fit.state.index, fit.state.seen = fit.whole_batch(batch, F.normalize(features.detach()))
        return {"label": loss}

    def _sizes(self, fit):
        return torch.bincount(fit.state.labels, minlength=fit.plan.n_prototypes).float()

    @torch.no_grad()
    def _move_memory(self, fit, batch):
        index, momentum = fit.state.index, self.memory_momentum
        memory = F.normalize(torch.lerp(fit.state.memory[index], fit.state.seen, momentum))
        fit.state.memory[index] = memory
        fit.state.labels[index] = self._nearest(fit, memory)
        if (fit.step + 1) % self.update_interval == 0:
            self._move_centroids(fit)
        self._dissolve_small(fit)

    def _nearest(self, fit, memory, allowed=None):
        centroids = fit.module.prototypes
        score = memory @ centroids.T
        if self.assign == "euclidean":
            score = score - centroids.square().sum(dim=1) / 2
        if allowed is not None:
            score = score.masked_fill(~allowed, -torch.inf)
        return score.argmax(dim=1)

    @torch.no_grad()
    def _move_centroids(self, fit, only=None):
        """Move centroids to the means of their rows; those without rows stay."""
        sizes = self._sizes(fit)
        sums = torch.zeros_like(fit.module.prototypes)
        sums.index_add_(0, fit.state.labels, fit.state.memory)
        move = sizes > 0
        if only is not None:
            move &= torch.isin(torch.arange(len(sizes), device=sizes.device), only)
        fit.module.prototypes[move] = sums[move] / sizes[move, None]

    def _dissolve_small(self, fit):
        """Assign rows of groups that are too small to others, and split the largest groups."""
        n, k = len(fit.samples), fit.plan.n_prototypes
        least = min(self.min_cluster_size or max(2, n // (5 * k)), n // (2 * k))
        sizes = self._sizes(fit)
        small = sizes < least
        if not small.any() or small.all():
            return
        labels = fit.state.labels
        rows = small[labels].nonzero()[:, 0]
        if len(rows):
            labels[rows] = self._nearest(fit, fit.state.memory[rows], ~small)
        for group in small.nonzero()[:, 0]:
            largest = self._sizes(fit).argmax()
            rows = (labels == largest).nonzero()[:, 0]
            members = fit.state.memory[rows].cpu().numpy()
            half = kmeans(members, 2, n_init=1, max_iter=20, seed=fit.seed())[1]
            half = torch.as_tensor(half, device=labels.device).bool()
            if half.all() or not half.any():
                half = torch.randperm(len(rows), generator=fit.generator) % 2 == 1
                half = half.to(labels.device)
            labels[rows[half]] = group
            fit.state.n_splits += 1
            self._move_centroids(fit, torch.stack([largest, group]))

    def _attributes(self, fit):
        return {
            "prototypes_": fit.module.prototypes.cpu().numpy(),
            "pseudo_labels_": fit.state.labels.cpu().numpy(),
            "n_splits_": fit.state.n_splits,
        }
