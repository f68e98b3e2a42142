"""SP2OT: P2OT with a reward for equal pseudo-labels of similar rows."""

from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
import torch

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.semantic.p2ot import P2OT

# Change of the objective at which its linearizations end, in units of entropy.
OUTER_TOL = 1e-4


class SP2OT(P2OT):
    r"""Progressive partial transport with a semantic regularization.

    As :class:`~skdeepcluster.P2OT`, with a reward in the transport for pseudo-labels that neighbors
    share, which fades as more mass is transported. Pick it where neighbors are reliable and classes
    of very unequal size; it costs several transports in each step.

    The transport of :class:`~skdeepcluster.P2OT` has the further term

    .. math:: -\frac{w (1 - \rho)}{2} \, n \, \langle A, Q Q^\top \rangle

    with similarities :math:`A = D^{-1/2} (S + S^\top) D^{-1/2}` of the rows in it, :math:`S_{ij} =
    \exp(-d_{ij}^2 / 2 \sigma^2)` for the neighbors :math:`j` of row :math:`i` at distances
    :math:`d_{ij}` whose median is :math:`\sigma`, and their sums :math:`D`. It is solved by
    linearizing this term at the last plan.

    Parameters
    ----------
    semantic_weight : float, default=3.0
        Weight :math:`w`: how much less a row costs in the cluster of all its neighbors. With 0 it
        is P2OT.

    max_outer_iter : int, default=10
        Number of linearizations at most.

    See Also
    --------
    P2OT : The same without neighbors in the transport.

    Notes
    -----
    Differences from the paper: similarities are normalized, so that the weight means the same for
    any number of rows; the width of the kernel follows from the distances. Neighbors in the
    transport are those of the pairs, and the graph is sparse.

    References
    ----------
    .. [1] Zhang, Ren, He: SP2OT: semantic-regularized progressive partial optimal transport for
       imbalanced clustering. 2024. :arxiv:`2404.03446`
    """

    semantic_weight: float = param(3.0, Interval(Real, 0, None, closed="left"))
    max_outer_iter: int = param(10, Interval(Integral, 1, None, closed="left"))

    def _start(self, fit):
        super()._start(fit)
        net = fit.module
        rows = fit.over_all_rows(lambda x: self._reference(net, x))
        neighbors = self._found(fit)
        squares = torch.stack([(rows - rows[j]).square().sum(dim=1) for j in neighbors.T], dim=1)
        width = squares.median().clamp_min(torch.finfo(squares.dtype).tiny)
        fit.state.similarities = torch.exp(-squares / (2 * width))

    def _similarity(self, fit, rows):
        weight = self.semantic_weight * (1 - fit.state.rho)
        if not weight:
            return {}
        neighbors = self._found(fit)[rows]
        place = torch.full((len(fit.samples),), -1, device=rows.device)
        place[rows] = torch.arange(len(rows), device=rows.device)
        columns = place[neighbors]
        inside = columns >= 0
        row = torch.arange(len(rows), device=rows.device)[:, None].expand_as(columns)[inside]
        values = fit.state.similarities[rows][inside]
        S = sp.csr_array(
            (values.double().cpu().numpy(), (row.cpu().numpy(), columns[inside].cpu().numpy())),
            shape=(len(rows), len(rows)),
        )
        A = S + S.T
        scale = sp.diags_array(1 / np.sqrt(np.maximum(A.sum(axis=1), 1e-12)))
        return {
            "similarity": scale @ A @ scale / 2,
            "similarity_weight": weight,
            "outer_tol": OUTER_TOL,
            "max_outer_iter": self.max_outer_iter,
        }
