"""ClusterAwareDINO: self-distillation between views of different rows of a cluster."""

import math
from numbers import Integral, Real

import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.deep import ProjectionMixin
from skdeepcluster.nn import follow, follower
from skdeepcluster.selfsupervised._base import SelfSupervised, random_prototypes
from skdeepcluster.selfsupervised.swav import swapped
from skdeepcluster.training import Items, cosine_decay, shuffled


class ClusterAwareDINO(ProjectionMixin, SelfSupervised):
    r"""Self-distillation whose views come from one row first, and then from one cluster.

    A student predicts from a view what its teacher, the moving average of its weights, says about
    another view. Nothing is contrasted: a running mean is subtracted from the teacher's outputs,
    and they are sharpened, which keeps all rows from one output. After a warm-up the embedding is
    clustered every few epochs, and the views of an item are views of different rows of its
    cluster, so that the network also learns what views of one row share trivially. Pick it where
    views of a row are too much alike. Where clusters are wrong, it learns their errors:
    ``cluster_start=1`` is plain DINO.

    With outputs :math:`s` of the student and :math:`t` of the teacher, cosines to prototypes,
    embeddings :math:`e` and :math:`\bar e`, the running mean :math:`c` of :math:`t`, and all pairs
    of a global view :math:`g` and another view :math:`v` of an item, training minimizes the mean
    over pairs of

    .. math:: -\sum_k \mathrm{softmax}_k\left(\frac{t_g - c}{\tau_t}\right)
        \log \mathrm{softmax}_k\left(\frac{s_v}{\tau}\right)
        + \lambda \left(1 - e_v^\top \bar e_g\right) .

    Parameters
    ----------
    cluster_start : float, default=0.4
        Share of the epochs after which views come from rows of one cluster. 1 means never.

    n_groups : int, default=None
        Number of these clusters, by k-means; by default ten for each of `n_clusters`, but at most a
        fifth of the rows. Too few join classes, whose rows then become alike.

    update_interval : int, default=5
        Epochs between two clusterings.

    temperature : float, default=0.1
        :math:`\tau` of the student.

    teacher_temperature : float, default=0.04
        :math:`\tau_t` of the teacher: the smaller, the sharper its outputs.

    center_momentum : float, default=0.9
        Weight of the old value in the running mean :math:`c`.

    cosine_weight : float, default=0.3
        Weight :math:`\lambda` of the distance of the embeddings.

    ema_decay : float, default=0.99
        Momentum of the teacher in the first step, which rises to 1 along a cosine.

    n_views : int, default=2
        Number of global views, which the teacher sees too.

    n_local_views : int, default=0
        Number of local views, which keep less of a row and are seen by the student only.

    freeze_epochs : int, default=1
        Number of first epochs in which the prototypes are fixed.

    n_prototypes : int, default=1000
        Number of prototypes, at most one for each row.

    batch_size : int, default=64
        Number of rows in a step; with several processes, of all of them together.

    learning_rate : float, default=3e-4
        Learning rate of the optimizer, with which the embedding keeps its dimensions.

    Attributes
    ----------
    prototypes_ : ndarray of shape (n_prototypes_, n_components)
        The teacher's prototypes, of length one; with a projection head they have `n_projected`
        columns.

    pseudo_labels_ : ndarray of shape (n_samples,)
        Cluster whose rows shared views at the end; without clusters each row is its own.

    See Also
    --------
    SwAV : Views predict balanced assignments.
    SimCLR : Views are contrasted with those of other rows.

    Notes
    -----
    Differences from the paper, whose numbers of clusters and epochs are not known to us: the
    defaults of `cluster_start`, `n_groups`, `update_interval` and `cosine_weight` are ours; the
    first view of an item is always of the row itself, so that each row is seen in each epoch; the
    head stands only where `n_projected` asks for one, and has one hidden layer; layers are
    normalized over units or channels instead of over the batch; the optimizer is Adam.

    On scikit-learn's digits as flat rows training does not help the clusters (one seed,
    :ref:`user_guide_cluster_aware_dino`).

    `history_` has the entropy of the teacher's outputs, in units of that of equal ones: near 0 or 1
    training has collapsed.

    References
    ----------
    .. [1] B. Han, Z. Chen, Y. Qian (2023). Self-supervised learning with cluster-aware-DINO for
       high-performance robust speaker verification. :arxiv:`2304.05754`
    .. [2] M. Caron et al. (2021). Emerging properties in self-supervised vision transformers.
       *ICCV*. :arxiv:`2104.14294`
    """

    cluster_start: float = param(0.4, Interval(Real, 0, 1, closed="both"))
    n_groups: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    update_interval: int = param(5, Interval(Integral, 1, None, closed="left"))
    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    teacher_temperature: float = param(0.04, Interval(Real, 0, None, closed="neither"))
    center_momentum: float = param(0.9, Interval(Real, 0, 1, closed="left"))
    cosine_weight: float = param(0.3, Interval(Real, 0, None, closed="left"))
    ema_decay: float = param(0.99, Interval(Real, 0, 1, closed="left"))
    n_views: int = param(2, Interval(Integral, 1, None, closed="left"))
    n_local_views: int = param(0, Interval(Integral, 0, None, closed="left"))
    freeze_epochs: int = param(1, Interval(Integral, 0, None, closed="left"))
    n_prototypes: int = param(1000, Interval(Integral, 1, None, closed="left"))
    batch_size: int = 64
    learning_rate: float = 3e-4

    # -- networks ----------------------------------------------------------------------------

    def _plan(self, samples, side):
        plan, n = super()._plan(samples, side), len(samples)
        many = min(10 * self.n_clusters, max(self.n_clusters, n // 5))
        plan.n_groups = min(self.n_groups or many, n)
        plan.n_steps = self.max_epochs * -(-n // self.batch_size)
        return plan

    def _add_heads(self, module, width, plan, generator):
        width = self._projected_width(width)
        module.prototypes = random_prototypes(plan.n_prototypes, width, generator)

    def _build(self, shape, plan, generator):
        return Distilled(super()._build(shape, plan, generator))

    # -- training ----------------------------------------------------------------------------

    def _training(self):
        return super()._training() | {
            "weights": {"cosine": self.cosine_weight},
            "begin": self._begin,
            "batches": self._items,
            "after_backward": self._freeze_prototypes,
            "after_step": self._follow,
            "end_epoch": self._end_epoch,
        }

    def _begin(self, fit):
        state = fit.state
        state.groups = torch.arange(len(fit.samples), device=fit.device)
        state.center = torch.zeros(fit.plan.n_prototypes, device=fit.device)
        state.entropy = torch.zeros((), device=fit.device)
        if self.cluster_start == 0:
            self._find_groups(fit)

    def _end_epoch(self, fit):
        n_steps = -(-len(fit.samples) // self.batch_size)
        entropy = fit.state.entropy.item() / n_steps / max(math.log(fit.plan.n_prototypes), 1e-12)
        fit.history["train"].setdefault("entropy", []).append(entropy)
        fit.state.entropy.zero_()
        done = fit.epoch + 1 - math.ceil(self.cluster_start * self.max_epochs)
        if done >= 0 and done % self.update_interval == 0 and fit.epoch + 1 < self.max_epochs:
            self._find_groups(fit)

    def _find_groups(self, fit):
        """Clusters of the teacher's embedding, from whose rows views come."""
        Z = fit.over_all_rows(fit.module.encode).cpu().numpy()
        options = {"n_init": 1, "max_iter": 50, "refill": True, "seed": fit.seed()}
        labels = kmeans(Z, fit.plan.n_groups, **options | fit.sums_over_rows())[1]
        fit.state.groups = torch.as_tensor(labels, device=fit.device).long()

    def _items(self, fit):
        """Items of a row for each view: the row itself, and others of its group."""
        n_views = self.n_views + self.n_local_views
        index = rows_of_groups(fit.state.groups.cpu(), n_views, fit.generator)
        return shuffled(Items(index), fit.batch_size, fit.generator)

    def _loss_of_batch(self, fit, batch):
        # Each position has views of its own: local ones are the last.
        views = [
            self._views(fit, batch.row(v), int(v < self.n_views), int(v >= self.n_views))[0]
            for v in range(batch.index.shape[1])
        ]
        e_s, s = self._outputs(fit.module.student, views)
        with torch.no_grad():
            e_t, t = self._outputs(fit.module.teacher, views[: self.n_views])
            codes = [self._code(fit, output) for output in t]
            self._move_center(fit, batch, t, codes)
        log_p = [F.log_softmax(out / self.temperature, dim=1) for out in s]
        return {"distillation": swapped(codes, log_p), "cosine": 1 + swapped(e_t, e_s)}

    def _outputs(self, network, views):
        """Embeddings of views, and cosines of what is projected with the prototypes."""
        features = network.encoder(torch.cat(views)).float()
        projected = features
        if self.n_projected is not None:
            projected = network.projection(features).float()
        with torch.autocast(features.device.type, enabled=False):
            cosine = F.normalize(projected, dim=1) @ F.normalize(network.prototypes, dim=1).T
        return F.normalize(features, dim=1).chunk(len(views)), cosine.chunk(len(views))

    def _code(self, fit, output):
        """What is to be predicted, from the teacher's output for a view."""
        return F.softmax((output - fit.state.center) / self.teacher_temperature, dim=1)

    def _move_center(self, fit, batch, outputs, codes):
        _, whole = fit.whole_batch(batch, torch.stack(outputs, dim=1))
        fit.state.center = torch.lerp(
            whole.mean(dim=(0, 1)), fit.state.center, self.center_momentum
        )
        _, p = fit.whole_batch(batch, torch.stack(codes, dim=1))
        fit.state.entropy += -torch.xlogy(p, p).sum(dim=2).mean()

    def _freeze_prototypes(self, fit, batch):
        if fit.epoch < self.freeze_epochs:
            fit.module.student.prototypes.grad = None

    def _follow(self, fit, batch):
        left = cosine_decay(min(1.0, fit.step / max(1, fit.plan.n_steps)))
        follow(fit.module.teacher, fit.module.student, 1 - (1 - self.ema_decay) * left)

    # -- results -----------------------------------------------------------------------------

    def _attributes(self, fit):
        prototypes = F.normalize(fit.module.teacher.prototypes, dim=1)
        return {
            "prototypes_": prototypes.cpu().numpy(),
            "pseudo_labels_": fit.state.groups.cpu().numpy(),
        }


class Distilled(nn.Module):
    """A network that is trained, and its moving average, which encodes.

    Parameters
    ----------
    student : torch.nn.Module
        With an encoder, prototypes, and the buffers of the read-out.
    """

    def __init__(self, student):
        super().__init__()
        self.student, self.teacher = student, follower(student)

    def encode(self, x):
        """Codes of rows, by the teacher."""
        return self.teacher.encode(x)

    @property
    def anchors(self):
        """Anchors of the read-out."""
        return self.teacher.anchors

    @property
    def anchor_clusters(self):
        """Cluster of each anchor."""
        return self.teacher.anchor_clusters


def rows_of_groups(groups, n_rows, generator):
    """For each row itself and random rows of its group, possibly itself.

    Parameters
    ----------
    groups : LongTensor of shape (n,)
    n_rows : int
    generator : torch.Generator

    Returns
    -------
    index : LongTensor of shape (n, n_rows)
    """
    n = len(groups)
    order = groups.argsort(stable=True)
    _, inverse, sizes = groups.unique(return_inverse=True, return_counts=True)
    first = (sizes.cumsum(0) - sizes)[inverse]
    drawn = torch.rand(n, n_rows - 1, generator=generator, dtype=torch.float64)
    places = first[:, None] + (drawn * sizes[inverse][:, None]).long()
    return torch.cat([torch.arange(n)[:, None], order[places]], dim=1)
