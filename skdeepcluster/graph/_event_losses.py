"""Vectors of nodes that meet at known times, and the objective of their events."""

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster.assignment import sharpen, student_t
from skdeepcluster.nn import kl_divergence


class Vectors(torch.nn.Module):
    """A vector and a rate of forgetting of each node, and centers.

    Parameters
    ----------
    n_nodes, n_components, n_clusters : int
    """

    def __init__(self, n_nodes, n_components, n_clusters):
        super().__init__()
        self.z = torch.nn.Parameter(torch.zeros(n_nodes, n_components))
        # softplus is 1 there.
        self.forgetting = torch.nn.Parameter(torch.full((n_nodes,), float(np.log(np.expm1(1)))))
        self.centers = torch.nn.Parameter(torch.zeros(n_clusters, n_components))
        self.register_buffer("start", torch.zeros(n_nodes, n_components))


def intensities(squares, known, decay):
    r"""How likely a node is to meet each of others now, given whom it met before.

    .. math:: \lambda_{sx} = -\|z_s - z_x\|^2 - \sum_h a_h e^{-\delta_s (t - t_h)} \|z_h - z_x\|^2,
        \quad a_h \propto e^{-\|z_s - z_h\|^2}

    Parameters
    ----------
    squares : Tensor of shape (n, 1 + n_others + length, 1 + n_others + length)
        Squared distances of the node, the others and the earlier partners.
    known : namespace of `gaps` and `filled`, each of shape (n, length)
        Times since the earlier partners, and whether there is one.
    decay : Tensor of shape (n,)

    Returns
    -------
    found : Tensor of shape (n, n_others)
    """
    last = squares.shape[1] - known.gaps.shape[1]
    base, near = -squares[:, 0, 1:last], -squares[:, 0, last:]
    if not near.shape[1]:
        return base
    shares = near.masked_fill(~known.filled, torch.finfo(near.dtype).min).softmax(dim=1)
    weights = shares * known.filled * torch.exp(-decay[:, None] * known.gaps)
    return base - (weights[:, :, None] * squares[:, last:, 1:last]).sum(dim=1)


def event_losses(module, pairs, negatives, known):
    """The terms of the objective, each a mean over events."""
    nodes = pairs[:, 0]
    rows = F.embedding(torch.cat([pairs, negatives, known.partners], dim=1), module.z)
    with torch.autocast(rows.device.type, enabled=False):
        products = rows @ rows.transpose(1, 2)
    lengths = products.diagonal(dim1=1, dim2=2)
    squares = (lengths[:, :, None] + lengths[:, None] - 2 * products).clamp_min(0)
    found = intensities(squares, known, F.softplus(module.forgetting[nodes]))
    temporal = -F.logsigmoid(found[:, 0]) - F.logsigmoid(-found[:, 1:]).sum(dim=1)
    # One sum for each place beside the node: partner, negative nodes, earlier partners.
    roots = lengths.clamp_min(1e-12).sqrt()
    cosines = products[:, 0, 1:] / (roots[:, :1] * roots[:, 1:])
    last = 1 + negatives.shape[1]
    partner, drawn, before = cosines[:, :1], cosines[:, 1:last], cosines[:, last:]
    off = torch.cat([1 - partner, drawn, known.filled * (1 - before)], dim=1)
    batch = (off.square().mean(dim=0) + 1e-12).sqrt().sum()
    with torch.no_grad():
        target = sharpen(student_t(module.start[nodes], module.centers))
    node = kl_divergence(target, student_t(rows[:, 0], module.centers))
    return {"temporal": temporal.mean(), "node": node, "batch": batch}
