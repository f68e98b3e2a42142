"""P2OT: pseudo-labels by partial transport, whose mass grows and whose clusters may be unequal."""

import warnings
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.assignment import transport_assign
from skdeepcluster.base import param
from skdeepcluster.deep import ViewsMixin
from skdeepcluster.semantic._base import SemanticClusterer
from skdeepcluster.semantic._encoder import HeadedEncoderMixin
from skdeepcluster.semantic._neighbors import NeighborStartMixin
from skdeepcluster.training import Stage, cosine_decay, ramp, rows_with_neighbors

# Pseudo-labels are good enough long before potentials have converged to the last digit.
TOL, MAX_ITER = 1e-3, 200
# Rows for each cluster that a transport should have.
ROWS_PER_CLUSTER = 10


class P2OT(NeighborStartMixin, ViewsMixin, HeadedEncoderMixin, SemanticClusterer):
    r"""Pseudo-labels by progressive partial optimal transport.

    In each step rows are assigned to clusters by optimal transport, and the network learns the
    assignment of one row of a pair from the other: of a neighbor, or of another view of an image.
    Sizes of clusters are only encouraged to be equal, and only a fraction of the mass is
    transported, which grows as training goes on: first the rows that are certain, as weights
    without a threshold. Pick it for classes of very unequal size and good neighborhoods; for equal
    ones take ``balance="uniform"`` or another method.

    With probabilities :math:`p` of :math:`n` rows and :math:`k` clusters, pseudo-labels
    :math:`n Q` come from

    .. math:: \min_{Q \ge 0} \; -\langle Q, \log p \rangle
        + \lambda \, \mathrm{KL}(Q^\top 1 \,\|\, \tfrac{\rho}{k} 1) - \varepsilon H(Q), \quad
        Q 1 \le \tfrac{1}{n} 1, \quad 1^\top Q 1 = \rho,

    where :math:`\rho` rises from `rho_start` to `rho_end` as :math:`\exp(-5 (1 - t)^2)` in the
    course :math:`t` of training. The loss is the cross entropy of each row's prediction with the
    pseudo-labels of the other row of its pair.

    Parameters
    ----------
    n_neighbors : int, default=10
        Number of neighbors of each row, without itself; of few rows no more than
        ``n_samples / (3 n_clusters)``, and at least one.

    pairs : {"auto", "neighbors", "views"}, default="auto"
        What a row is paired with: "auto" takes neighbors for flat rows and views for images.

    balance : {"progressive", "partial", "kl", "uniform"}, default="progressive"
        Constraints of the transport: "partial" has clusters of equal size, "kl" all of the mass,
        "uniform" both.

    reg : float, default=0.1
        Strength :math:`\varepsilon` of the entropy.

    reg_cluster : float, default=1.0
        Strength :math:`\lambda` of the penalty of unequal sizes; much less lets clusters vanish.

    rho_start : float, default=0.1
        Fraction of the mass at the beginning.

    rho_end : float, default=1.0
        Fraction of the mass at the end.

    bank_size : int, default=None
        Number of rows of earlier batches that are assigned together with a batch; by default as
        many as are missing to ten for each cluster.

    temperature : float, default=0.1
        Divisor of the cosines between features and the directions of clusters.

    max_epochs : int, default=60
        Number of training epochs; the last one is kept.

    learning_rate : float, default=5e-3
        Learning rate of the optimizer.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Directions of the clusters in the features, of length one.

    rho_ : float
        Fraction of the mass in the last step.

    loss_ : float
        Minus the log of the agreement of training rows with their five nearest neighbors, less the
        entropy of the mean probabilities; heads are compared by it. Its negative is the `score`.

    See Also
    --------
    SP2OT : Transport with a reward for equal labels of neighbors.
    skdeepcluster.assignment.transport_assign : The transport.

    Notes
    -----
    Differences from the paper: heads begin with clusters of the graph of neighbors; pairs of flat
    rows are neighbors; transport is solved in logarithms, with a bank only where batches are small;
    the last epoch is kept, as the loss over :math:`\rho`, by which the authors choose, is not lower
    where clusters are better.

    References
    ----------
    .. [1] Zhang, Ren, He: P2OT: progressive partial optimal transport for deep imbalanced
       clustering. ICLR 2024. :arxiv:`2401.09266`
    """

    n_neighbors: int = 10
    pairs: str = param("auto", StrOptions({"auto", "neighbors", "views"}))
    balance: str = param("progressive", StrOptions({"progressive", "partial", "kl", "uniform"}))
    reg: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    reg_cluster: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    rho_start: float = param(0.1, Interval(Real, 0, 1, closed="right"))
    rho_end: float = param(1.0, Interval(Real, 0, 1, closed="right"))
    bank_size: int | None = param(None, Interval(Integral, 0, None, closed="left"), None)
    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    max_epochs: int = 60
    learning_rate: float = 5e-3

    _head_options = {"scale": 1.0}

    @property
    def _temperature(self):
        return self.temperature

    # -- training ----------------------------------------------------------------------------

    def _plan(self, samples, side):
        if self.rho_start > self.rho_end:
            raise ValueError(
                f"rho_start={self.rho_start} is larger than rho_end={self.rho_end}; the fraction "
                "of the mass grows"
            )
        return super()._plan(samples, side)

    def _stages(self):
        train = Stage(
            "train",
            self._loss,
            self.max_epochs,
            begin=self._start,
            schedule=cosine_decay,
            batches=self._items,
            end_epoch=self._choose_last,
        )
        return self._after_warmup(train)

    def _uses_neighbors(self, samples):
        return self.pairs == "neighbors" or (self.pairs == "auto" and len(samples.shape) == 1)

    def _items(self, fit):
        if self._uses_neighbors(fit.samples):
            return rows_with_neighbors("neighbors")(fit)
        return torch.randperm(len(fit.samples), generator=fit.generator)

    def _start(self, fit):
        super()._start(fit)
        length = self.bank_size
        if length is None:
            missing = ROWS_PER_CLUSTER * self.n_clusters - self.batch_size
            length = max(0, missing) if len(fit.samples) > self.batch_size else 0
        fit.state.bank = torch.zeros(0, self.n_heads, self.n_clusters, device=fit.device)
        fit.state.banked = torch.zeros(0, dtype=torch.int64, device=fit.device)
        fit.state.bank_length, fit.state.rho = length, self.rho_start
        fit.state.potentials = torch.zeros(self.n_heads, self.n_clusters, dtype=torch.float64)

    def _loss(self, fit, batch):
        n = len(batch)
        if batch.index.ndim == 2:
            x, index = batch.x.transpose(0, 1).flatten(0, 1), batch.index.T
        else:
            x, index = torch.cat(self._views(fit, batch)), batch.index.expand(2, n)
        log_p = self._all_log_proba(fit.module, x).unflatten(1, (2, n))
        fit.state.rho = self._rho(fit)
        targets = [self._targets(fit, batch, log_p[:, v].detach(), index[v]) for v in range(2)]
        loss = sum(-(targets[1 - v] * log_p[:, v]).sum(dim=2).mean(dim=1).sum() for v in range(2))
        return {"swapped": loss / 2}

    def _rho(self, fit):
        steps = max(1, -(-len(fit.samples) // self.batch_size)) * self.max_epochs
        if self.balance in ("kl", "uniform"):
            return 1.0
        return ramp(self.rho_start, self.rho_end, shape="sigmoid")(min(1.0, fit.step / steps))

    @torch.no_grad()
    def _targets(self, fit, batch, log_p, index):
        """Pseudo-labels of this process's rows, from the transport of whole batch and bank."""
        _, whole = fit.whole_batch(batch, log_p.transpose(0, 1).contiguous())
        _, rows = fit.whole_batch(batch, index)
        joined, rows = torch.cat([whole, fit.state.bank]), torch.cat([rows, fit.state.banked])
        targets = torch.stack(
            [self._transported(fit, joined[:, h], rows, h) for h in range(self.n_heads)]
        )
        length = fit.state.bank_length
        fit.state.bank, fit.state.banked = joined[:length], rows[:length]
        own = fit.processes.share(torch.arange(len(whole), device=whole.device))
        return targets[:, own]

    def _transported(self, fit, log_p, rows, head):
        n, rho = len(log_p), fit.state.rho
        options = {"reg": self.reg, "row_mass": 1.0, "tol": TOL, "max_iter": MAX_ITER}
        if self.balance in ("progressive", "kl"):
            options |= {"col": "kl", "reg_col": self.reg_cluster}
        if rho < 1:
            options["virtual_mass"] = (1 - rho) * n
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = transport_assign(
                -log_p.double(),
                init=fit.state.potentials[head].cpu().numpy(),
                **options,
                **self._similarity(fit, rows),
            )
        fit.state.potentials[head] = torch.as_tensor(found.col_potential)
        return found.plan.to(log_p.dtype)

    def _similarity(self, fit, rows):
        """Options of the transport for similar rows."""
        return {}

    def _choose_last(self, fit):
        if fit.epoch == self.max_epochs - 1 and self.n_heads > 1:
            self._choose(fit)

    # -- results -----------------------------------------------------------------------------

    def _attributes(self, fit):
        centers = fit.module.heads.directions()[int(fit.module.best_head)]
        return super()._attributes(fit) | {
            "cluster_centers_": np.ascontiguousarray(centers.cpu().numpy()),
            "rho_": fit.state.rho,
        }
