"""The margin loss of metric learning, in float32 whatever the precision of the network."""

import torch


def margin_loss(z, labels, margin=0.2, boundary=1.2, cutoff=0.5):
    r"""The mean over violated bounds on distances, within labels and between them.

    .. math:: \frac{1}{A} \Bigl(\sum_{i, j} [d_{ij} - \beta + m]_+
        + \sum_{i, k} [\beta - d_{ik} + m]_+\Bigr)

    where j are all other rows of the label of i, k as many rows of other labels, and A is the
    number of terms that are not 0. Of other labels the nearest rows at `cutoff` or farther are
    taken, and where these are too few, those nearer, the farthest first: very near ones are often
    errors.

    Parameters
    ----------
    z : Tensor of shape (n, n_components)
        Of length one.
    labels : Tensor of shape (n,)
    margin, boundary, cutoff : float
        :math:`m`, :math:`\beta`, and the distance.

    Returns
    -------
    loss : Tensor
        0 if no bound is violated.
    """
    with torch.autocast(z.device.type, enabled=False):
        norms = z.square().sum(dim=1)
        squares = norms[:, None] + norms - 2 * (z @ z.T)
    distances = (squares.clamp_min(0) + 1e-8).sqrt()
    same = labels[:, None] == labels
    other = ~same
    same.fill_diagonal_(False)
    with torch.no_grad():
        # Near ones come last, in reverse, and rows of the label never.
        key = torch.where(distances >= cutoff, distances, 1e3 - distances)
        order = key.masked_fill(~other, torch.inf).argsort(dim=1, stable=True)
        first = torch.arange(len(z), device=z.device) < same.sum(dim=1, keepdim=True)
        other &= torch.zeros_like(other).scatter(1, order, first)
    pull = (distances - boundary + margin).relu() * same
    push = (boundary + margin - distances).relu() * other
    n_active = (pull > 0).sum() + (push > 0).sum()
    return (pull.sum() + push.sum()) / n_active.clamp_min(1)
