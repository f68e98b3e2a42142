"""SwAV: predict the balanced cluster code of one view from another."""

from numbers import Integral, Real

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.assignment import sinkhorn
from skdeepcluster.base import param
from skdeepcluster.deep import ProjectionMixin
from skdeepcluster.selfsupervised._base import OnlineBase, random_prototypes
from skdeepcluster.training import cosine_decay


class SwAV(ProjectionMixin, OnlineBase):
    r"""Swapped assignments between views.

    Prototypes and encoder are learned together, batch by batch: each batch is assigned to the
    prototypes in equal proportions, and the assignment of one view is predicted from another.
    Training stores no per-row state; only the final clustering needs all embeddings. `partial_fit`
    takes streams. Pick it for many rows, or as the first of the family to try.

    With embeddings :math:`z_{iv}` of views :math:`v` of row :math:`i` and prototypes :math:`c_k`,
    all of length one, training minimizes over batches

    .. math:: \min_{\theta, C} \; -\frac{1}{|A| (V - 1)} \sum_{a \in A} \sum_{v \ne a}
        \frac{1}{b} \sum_{i k} q_{ik}^{(a)} \log \mathrm{softmax}_k(c_k^\top z_{iv} / \tau),

    where the codes of the global views :math:`a \in A` are an approximate solution, after
    `inner_iter` Sinkhorn iterations, of

    .. math:: \max_{q \ge 0} \sum_{ik} q_{ik} c_k^\top z_{ia} + \varepsilon H(q), \quad
        \sum_k q_{ik} = 1, \quad \sum_i q_{ik} = b / K .

    Parameters
    ----------
    temperature : float, default=None
        :math:`\tau` of the predictions; by default 0.1, as in the paper, for flat rows, and 0.2 for
        images, for which training in small batches otherwise stays at uniform predictions.

    reg : float, default=0.05
        Entropy weight :math:`\varepsilon` of the codes: the smaller, the harder they are.

    inner_iter : int, default=3
        Number of Sinkhorn iterations for the codes of a batch.

    n_views : int, default=2
        Number of global views, which have codes.

    n_local_views : int, default=0
        Number of local views, which keep less of a row and only predict the codes of the global
        ones.

    queue_length : int, default=None
        Number of embeddings of earlier rows that are assigned together with a batch; by default 0
        if a batch has two rows per prototype, otherwise as many as are missing.

    freeze_epochs : int, default=1
        Number of first epochs in which the prototypes are fixed.

    hard_codes : bool, default=False
        Whether a code is the one prototype that it weighs most, instead of shares of all.

    warmup_epochs : int, default=0
        Number of first epochs in which the learning rate rises from 0, before it falls along a
        cosine; in the paper there are 10.

    max_epochs : int, default=100
        Maximum number of training epochs.

    Attributes
    ----------
    prototypes_ : ndarray of shape (n_prototypes_, n_components)
        The prototypes, of length one; with a projection head they have `n_projected` columns.

    See Also
    --------
    SeLa : Balanced assignments of all rows at once.
    DeepClusterV2 : Prototypes by k-means, with groups of any size.

    Notes
    -----
    Differences from the paper: a projection head stands only where `n_projected` asks for it,
    layers are normalized over units or channels instead of over the batch, and the optimizer is
    Adam, without a warm-up unless `warmup_epochs` asks for one.

    References
    ----------
    .. [1] Caron, Misra, Mairal, Goyal, Bojanowski, Joulin: Unsupervised learning of visual features
       by contrasting cluster assignments. NeurIPS 2020. :arxiv:`2006.09882`
    """

    temperature: float | None = param(None, Interval(Real, 0, None, closed="neither"), None)
    reg: float = param(0.05, Interval(Real, 0, None, closed="neither"))
    inner_iter: int = param(3, Interval(Integral, 1, None, closed="left"))
    n_views: int = param(2, Interval(Integral, 1, None, closed="left"))
    n_local_views: int = param(0, Interval(Integral, 0, None, closed="left"))
    queue_length: int | None = param(None, Interval(Integral, 0, None, closed="left"), None)
    freeze_epochs: int = param(1, Interval(Integral, 0, None, closed="left"))
    hard_codes: bool = param(False, "boolean")
    warmup_epochs: int = param(0, Interval(Integral, 0, None, closed="left"))
    max_epochs: int = 100

    _drops_rest = True

    def _add_heads(self, module, width, plan, generator):
        width = self._projected_width(width)
        module.prototypes = random_prototypes(plan.n_prototypes, width, generator)

    def _training(self):
        return super()._training() | {
            "schedule": warmed_up(self.warmup_epochs, self.max_epochs),
            "begin": self._empty_queue,
            "after_backward": self._freeze_prototypes,
            "after_step": self._normalize_prototypes,
        }

    def _empty_queue(self, fit):
        begin_queue(fit, self.n_views, len(fit.samples), self.queue_length)

    def _loss_of_batch(self, fit, batch):
        z = self._projected_views(fit, batch, self.n_views, self.n_local_views)
        with torch.autocast(batch.x.device.type, enabled=False):
            scores = [view @ fit.module.prototypes.T for view in z]
        temperature = self.temperature or (0.2 if batch.x.ndim == 4 else 0.1)
        log_p = [F.log_softmax(score / temperature, dim=1) for score in scores]
        codes = [
            self._code(fit, batch, a, z[a].detach(), scores[a].detach())
            for a in range(self.n_views)
        ]
        return {"swapped": swapped(codes, log_p)}

    def _code(self, fit, batch, view, z, scores):
        """Codes of this process's rows, from the assignment of the whole batch."""
        whole, own = with_queue(fit, batch, view, self.n_views, z, scores)
        return balanced_codes(whole, self.reg, self.inner_iter, self.hard_codes)[own]

    def _freeze_prototypes(self, fit, batch):
        if fit.epoch < self.freeze_epochs and not fit.plan.continues:
            fit.module.prototypes.grad = None

    @torch.no_grad()
    def _normalize_prototypes(self, fit, batch):
        fit.module.prototypes.copy_(F.normalize(fit.module.prototypes, dim=1))

    def _attributes(self, fit):
        return {"prototypes_": fit.module.prototypes.detach().cpu().numpy()}


def swapped(codes, log_p, mean=torch.mean):
    """Mean cross entropy between codes of views and what the other views predict."""
    loss = 0
    for a, code in enumerate(codes):
        others = [log_p[v] for v in range(len(log_p)) if v != a or len(log_p) == 1]
        loss = loss - sum(mean((code * other).sum(dim=1)) for other in others) / len(others)
    return loss / len(codes)


def begin_queue(fit, n_views, n_items, length=None):
    """Make room for the embeddings of earlier items, by default two for each prototype."""
    n_prototypes, width = fit.module.prototypes.shape
    size = min(fit.batch_size, n_items)
    if length is None:
        length = max(0, 2 * n_prototypes - size)
    length = -(-length // size) * size if n_items > size else 0
    fit.state.queue = torch.zeros(n_views, length, width, device=fit.device)
    fit.state.n_queued = 0


def with_queue(fit, batch, view, n_views, z, scores):
    """Scores of the whole batch and of the queue, and the positions of this process's items.

    The embeddings of the batch join the queue, which counts when it is full.
    """
    _, whole = fit.whole_batch(batch, scores)
    own = fit.processes.share(torch.arange(len(whole), device=whole.device))
    queue = fit.state.queue[view]
    if queue.shape[0]:
        if fit.state.n_queued >= queue.shape[0]:
            whole = torch.cat([whole, queue @ fit.module.prototypes.detach().T])
        _, z = fit.whole_batch(batch, z)
        fit.state.queue[view] = torch.cat([z, queue])[: len(queue)]
        fit.state.n_queued += len(z) if view == n_views - 1 else 0
    return whole, own


def balanced_codes(scores, reg, n_iter, hard):
    """Assignments of a batch to prototypes in equal proportions, of shape (n, n_prototypes)."""
    codes = sinkhorn(scores, reg, n_iter)
    if hard:
        return F.one_hot(codes.argmax(dim=1), codes.shape[1]).to(codes.dtype)
    return codes


def warmed_up(warmup_epochs, max_epochs):
    """A factor of the learning rate that rises linearly from 0 to 1, then falls along a cosine."""
    until = min(1.0, warmup_epochs / max(1, max_epochs))

    def factor(progress):
        if progress < until:
            return progress / until
        return cosine_decay((progress - until) / (1 - until)) if until < 1 else 1.0

    return factor
