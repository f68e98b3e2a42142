"""Margins between classes: of distances, and of angles to class weights."""

import math

import torch

from skdeepcluster.nn._losses import squared_distances


def margin_loss(z, labels, margin=0.2, boundary=1.2, cutoff=0.5):
    r"""The mean over violated bounds on distances, within labels and between them, in float32.

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
    distances = (squared_distances(z).clamp_min(0) + 1e-8).sqrt()
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


def with_margin(cosine, label, margin):
    """Cosines, that of the row's own class with a larger angle.

    Parameters
    ----------
    cosine : Tensor of shape (n, n_classes)
    label : LongTensor of shape (n,)
        -1 for none.
    margin : float
        In radians. Angles that would pass the half circle keep the slope there, so that all scores
        fall as the angle grows.

    Returns
    -------
    cosine : Tensor of shape (n, n_classes)
    """
    if margin == 0:
        return cosine
    own = cosine.gather(1, label.clamp_min(0)[:, None])
    # Rounded cosines may exceed one, and the root has an infinite slope at its end.
    sine = (1 - own.square()).clamp_min(1e-12).sqrt()
    turned = own * math.cos(margin) - sine * math.sin(margin)
    linear = own - margin * math.sin(margin)
    moved = torch.where(own > -math.cos(margin), turned, linear)
    moved = torch.where(label[:, None] >= 0, moved, own)
    return cosine.scatter(1, label.clamp_min(0)[:, None], moved)
