"""SeLa: balanced pseudo-labels by optimal transport, alternating with learning them."""

import warnings
from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from skdeepcluster._sklearn import Interval
from skdeepcluster.assignment import transport_assign
from skdeepcluster.base import param
from skdeepcluster.nn import linear
from skdeepcluster.selfsupervised._base import SelfSupervised


class SeLa(SelfSupervised):
    r"""Self-labeling with balanced labels.

    Labels and network alternately minimize the same cross entropy. Labels of all rows are found at
    once, by optimal transport between rows and labels; equal sizes of the labels rule out that all
    rows collapse into one group. Each of several heads has its own labels. Pick it if groups of
    equal size are plausible and a matrix of rows by labels fits in memory; `SwAV` does the same
    batch by batch.

    With predictions :math:`p_h(y \mid x)` of heads :math:`h`,

    .. math:: \min_{\theta, q} \; -\frac{1}{H n} \sum_{h i y} q_h(y \mid x_i)
        \log p_h(y \mid t(x_i)), \quad q_h \in \{0, 1\}, \quad
        \sum_i q_h(y \mid x_i) = n / K,

    where the labels :math:`q_h` are the largest entries of the transport plan with an entropy of
    weight :math:`1 / \lambda`, and :math:`t` is a random view.

    Parameters
    ----------
    n_heads : int, default=5
        Number :math:`H` of heads, each with its own labels.

    reg : float, default=0.04
        :math:`1 / \lambda`: the smaller, the nearer the labels are to the optimum, and the longer
        the transport takes.

    n_updates : int, default=50
        Number of updates of the labels, which are frequent at first and rare later.

    Attributes
    ----------
    pseudo_labels_ : ndarray of shape (n_heads, n_samples)
        The last labels.

    See Also
    --------
    SwAV : Balanced assignments of batches.
    skdeepcluster.assignment.transport_assign : The transport that gives the labels.

    Notes
    -----
    `history_` has the transport cost of the labels, which falls when labels are updated, as the
    cross entropy does in between. Labels are found from the rows themselves, with the network in
    evaluation mode; the authors' script uses a random view and leaves dropout on.

    References
    ----------
    .. [1] Asano, Rupprecht, Vedaldi: Self-labelling via simultaneous clustering and representation
       learning. ICLR 2020. :arxiv:`1911.05371`
    """

    n_heads: int = param(5, Interval(Integral, 1, None, closed="left"))
    reg: float = param(0.04, Interval(Real, 0, None, closed="neither"))
    n_updates: int = param(50, Interval(Integral, 1, None, closed="left"))

    def _add_heads(self, module, width, plan, generator):
        heads = [linear(width, plan.n_prototypes, generator) for _ in range(self.n_heads)]
        module.heads = nn.ModuleList(heads)

    def _training(self):
        return super()._training() | {
            "begin": self._random_labels,
            "refresh": self._relabel_if_due,
            "every": 1,
            "end_epoch": self._note_cost,
        }

    def _random_labels(self, fit):
        n, k = len(fit.samples), fit.plan.n_prototypes
        labels = [torch.randperm(n, generator=fit.generator) % k for _ in range(self.n_heads)]
        fit.state.labels = torch.stack(labels).to(fit.device)
        fit.state.potentials = torch.zeros(self.n_heads, k, dtype=torch.float64)
        fit.state.n_relabeled, fit.state.cost = 0, 0.0

    def _relabel_if_due(self, fit):
        """Update the labels, at steps that grow with the square of the number of updates."""
        steps = max(1, -(-len(fit.samples) // self.batch_size)) * self.max_epochs
        done = fit.state.n_relabeled
        if done >= self.n_updates or fit.step < steps * (done / self.n_updates) ** 2:
            return
        fit.state.n_relabeled = done + 1
        features = fit.over_all_rows(lambda x: fit.module.encoder(x).float())
        costs = []
        with torch.no_grad():
            for h, head in enumerate(fit.module.heads):
                cost = -F.log_softmax(head(features), dim=1)
                found = self._transport(cost, fit.state.potentials[h].cpu().numpy())
                labels = torch.as_tensor(found.labels, device=fit.device).long()
                fit.state.labels[h] = labels
                fit.state.potentials[h] = torch.as_tensor(found.col_potential)
                costs.append(cost.gather(1, labels[:, None]).mean().item())
        fit.state.cost = float(np.mean(costs))

    def _transport(self, cost, potentials):
        with warnings.catch_warnings():
            # Labels are good enough long before potentials have converged to the last digit.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return transport_assign(
                cost,
                reg=self.reg,
                init=potentials,
                tol=1e-3,
                max_iter=200,
                output="labels",
            )

    def _note_cost(self, fit):
        fit.history["train"].setdefault("transport", []).append(fit.state.cost)

    def _loss_of_batch(self, fit, batch):
        (x,) = self._views(fit, batch, 1)
        features = fit.module.encoder(x)
        losses = [
            F.cross_entropy(head(features), fit.state.labels[h, batch.index])
            for h, head in enumerate(fit.module.heads)
        ]
        return {"label": torch.stack(losses).mean()}

    def _attributes(self, fit):
        return {"pseudo_labels_": fit.state.labels.cpu().numpy()}
