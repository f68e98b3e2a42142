"""Contrastive losses, in float32 whatever the precision of the network."""

import torch
import torch.nn.functional as F


def contrast(z, group, temperature):
    r"""Mean cross entropy between a row's group and the softmax over similarities to other rows.

    .. math:: -\frac{1}{|P_i|} \sum_{j \in P_i} \log \frac{\exp(z_i^\top z_j / \tau)}
        {\sum_{k \ne i} \exp(z_i^\top z_k / \tau)}

    where :math:`P_i` are the other rows of the group. Pairs as groups give NT-Xent.

    Parameters
    ----------
    z : Tensor of shape (n, n_components)
        Of length one.
    group : Tensor of shape (n,)
    temperature : float

    Returns
    -------
    loss : Tensor
        The mean over rows with others in their group; 0 if there are none.
    """
    itself = _itself(z)
    return _cross_entropy(z, (group[:, None] == group) & ~itself, ~itself, temperature)


def contrast_of_classes(z, row, subclass, label, temperature):
    r"""The contrast of classes beside that of their subclasses, a mean over rows.

    .. math:: -\frac{1}{|Q_i|} \sum_{j \in Q_i} \log \frac{\exp(z_i^\top z_j / \tau_i)}
        {\sum_{k \in A_i} \exp(z_i^\top z_k / \tau_i)}

    where :math:`Q_i` are the other views of the row and the views of other subclasses of its class,
    and :math:`A_i` the former and the views of all other subclasses.

    Parameters
    ----------
    z : Tensor of shape (n, n_components)
        Views, of length one.
    row, subclass, label : Tensor of shape (n,)
        Of each view. A subclass is of one class; every row has at least two views.
    temperature : float or Tensor of shape (n,)

    Returns
    -------
    loss : Tensor
    """
    views = (row[:, None] == row) & ~_itself(z)
    others = subclass[:, None] != subclass
    positive = views | (others & (label[:, None] == label))
    if isinstance(temperature, torch.Tensor):
        temperature = temperature[:, None]
    return _cross_entropy(z, positive, views | others, temperature)


def _itself(z):
    return torch.eye(len(z), dtype=torch.bool, device=z.device)


def _cross_entropy(z, positive, compared, temperature):
    """Mean cross entropy of positive columns and the softmax over those that are compared."""
    with torch.autocast(z.device.type, enabled=False):
        logits = z @ z.T / temperature
    log_p = F.log_softmax(logits.masked_fill(~compared, -torch.inf), dim=1)
    size = positive.sum(dim=1)
    sums = log_p.masked_fill(~positive, 0).sum(dim=1) / size.clamp_min(1)
    return -sums.sum() / (size > 0).sum().clamp_min(1)
