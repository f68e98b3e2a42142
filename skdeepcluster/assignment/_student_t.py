"""Soft assignments by Student's t and the target that sharpens them."""

import torch
import torch.nn.functional as F


def student_t(z, centers, alpha=1.0):
    r"""Log of the soft assignment of rows to centers.

    .. math:: q_{ij} \propto (1 + \|z_i - \mu_j\|^2 / \alpha)^{-(\alpha + 1) / 2}

    Parameters
    ----------
    z : Tensor of shape (n, n_components)
    centers : Tensor of shape (n_clusters, n_components)
    alpha : float, default=1
        Degrees of freedom.

    Returns
    -------
    log_q : Tensor of shape (n, n_clusters)
    """
    # In bfloat16 the product would keep only two digits of the distances of near rows.
    with torch.autocast(z.device.type, enabled=False):
        cross = z @ centers.T
    squared = (
        z.square().sum(dim=1, keepdim=True) - 2 * cross + centers.square().sum(dim=1)
    ).clamp_min(0)
    return F.log_softmax(-(alpha + 1) / 2 * torch.log1p(squared / alpha), dim=1)


def sharpen(log_q, power=2, log_prior=None, weights=None):
    r"""The target distribution of self-training, computed in place.

    .. math:: p_{ij} \propto \left( q_{ij} \sqrt{u_j / f_j} \right)^a, \quad
        f_j = \textstyle\sum_i q_{ij}

    Parameters
    ----------
    log_q : Tensor of shape (n, n_clusters)
        Of all rows; overwritten.
    power : float, default=2
        The exponent :math:`a`.
    log_prior : Tensor of shape (n_clusters,), optional
        Log of the target cluster proportions :math:`u`; by default all are equal.
    weights : Tensor of shape (n,), optional
        Weights of the rows in the sums :math:`f`.

    Returns
    -------
    p : Tensor of shape (n, n_clusters)
    """
    log_f = _log_sums(log_q, weights)
    if log_prior is not None:
        log_f -= log_prior
    for block in log_q.split(2**16):
        block.mul_(power).sub_(power / 2 * log_f)
        block.copy_(F.softmax(block, dim=1))
    return log_q


def _log_sums(log_q, weights):
    """Log of the sum over rows of each column."""
    if weights is not None:
        log_q = log_q + weights.log()[:, None]
    return torch.logsumexp(log_q, dim=0)


def sharpening_loss(log_q, weights=None):
    """Mean over rows of KL(P || Q), where P is Q's own target.

    Parameters
    ----------
    log_q : Tensor of shape (n, n_clusters)
    weights : Tensor of shape (n,), optional
        Weights of the rows, of mean 1.

    Returns
    -------
    loss : float
    """
    log_f = _log_sums(log_q, weights)
    total, begin = 0.0, 0
    for block in log_q.split(2**16):
        log_p = F.log_softmax(2 * block - log_f, dim=1)
        divergence = log_p.exp() * (log_p - block)
        if weights is not None:
            divergence *= weights[begin : begin + len(block), None]
        total += divergence.sum(dtype=torch.float64).item()
        begin += len(block)
    return total / len(log_q)
