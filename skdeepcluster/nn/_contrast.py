"""The contrastive loss, in float32 whatever the precision of the network."""

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
    with torch.autocast(z.device.type, enabled=False):
        logits = z @ z.T / temperature
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    log_p = F.log_softmax(logits.masked_fill(itself, -torch.inf), dim=1)
    others = (group[:, None] == group) & ~itself
    size = others.sum(dim=1)
    sums = log_p.masked_fill(~others, 0).sum(dim=1) / size.clamp_min(1)
    return -sums.sum() / (size > 0).sum().clamp_min(1)
