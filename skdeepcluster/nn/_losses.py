"""Losses, in float32 whatever the precision of the network."""

import torch
import torch.nn.functional as F


def mean_over_rows(values, weights=None, dtype=None):
    """The mean over rows, and over what each of them has.

    Parameters
    ----------
    values : Tensor of shape (n, ...)
    weights : Tensor of shape (n,), optional
        Weights of the rows, of mean 1 over all rows of a fit.
    dtype : torch.dtype, optional
        Of the sum.
    """
    if weights is not None:
        values = weights * values.reshape(len(values), -1).mean(dim=1)
    return values.mean(dtype=dtype)


def directions(rows):
    """Rows of length one, however long they are; rows of zeros stay."""
    # The squares of very large and very small entries do not fit float32.
    largest = rows.abs().amax(dim=1, keepdim=True)
    return F.normalize(rows / torch.where(largest > 0, largest, 1.0), dim=1)


def kl_divergence(p, log_q, weights=None):
    """Mean over rows of KL(p || q), where 0 log 0 = 0."""
    return mean_over_rows((torch.xlogy(p, p) - p * log_q).sum(dim=1), weights)


def cosine_dissimilarity(x, reconstruction):
    """1 - cos(x, reconstruction) of each row."""
    return 1.0 - F.cosine_similarity(x.flatten(1), reconstruction.flatten(1), eps=1e-12)


def _cosine(x, reconstruction, rows=False, weights=None):
    dissimilarity = cosine_dissimilarity(x, reconstruction)
    return dissimilarity if rows else mean_over_rows(dissimilarity, weights)


def _elementwise(loss):
    """A loss of each entry, averaged over each row's entries or over all in one pass."""

    def reconstruction_loss(x, reconstruction, rows=False, weights=None):
        if not rows and weights is None:
            return loss(reconstruction, x)
        losses = loss(reconstruction, x, reduction="none").flatten(1).mean(dim=1)
        return losses if rows else mean_over_rows(losses, weights)

    return reconstruction_loss


#: Functions of rows and of their reconstructions: the mean over features and rows, which may have
#: weights, or with ``rows=True`` a value for each row. "bce" reads the decoder's output as logits.
RECONSTRUCTION_LOSSES = {
    "mse": _elementwise(F.mse_loss),
    "mae": _elementwise(F.l1_loss),
    "bce": _elementwise(F.binary_cross_entropy_with_logits),
    "cosine": _cosine,
}


def triplet_loss(z, labels, n_negatives, margin, positive_weight=1.0, *, generator):
    r"""Mean of max(0, w \|z_i - z_j\|^2 - \|z_i - z_k\|^2 + margin) over drawn triplets.

    Each pair i < j of one label is compared with `n_negatives` distinct rows k of other labels, but
    no more than there are other labels. 0 if there is none.

    Parameters
    ----------
    z : Tensor of shape (n, n_components)
    labels : Tensor of shape (n,)
    n_negatives : int
    margin, positive_weight : float
    generator : torch.Generator
        On the CPU.
    """
    same = labels[:, None] == labels
    anchor, positive = same.triu(1).nonzero(as_tuple=True)
    n_negatives = min(n_negatives, len(labels.unique()) - 1)
    if len(anchor) == 0 or n_negatives < 1:
        return 0 * z.sum()
    keys = torch.rand(len(anchor), len(z), generator=generator).to(z.device)
    negative = keys.masked_fill_(same[anchor], -1).topk(n_negatives, dim=1).indices
    # All distances at once: gathering rows for each triplet takes ten times as long.
    squares = squared_distances(z)
    near, far = squares[anchor, positive, None], squares[anchor[:, None], negative]
    return (positive_weight * near - far + margin).relu().mean()


def squared_distances(z):
    """Of all pairs of rows, of shape (n, n); rounding may make small ones negative."""
    with torch.autocast(z.device.type, enabled=False):
        norms = z.square().sum(dim=1)
        return norms[:, None] + norms - 2 * (z @ z.T)


def mean_triplet_loss(squares, same, margin, positive_weight=1.0):
    """The mean of the triplet loss over all triplets of each row with the rows of a set.

    Parameters
    ----------
    squares : Tensor of shape (n, n_set)
        Squared distances.
    same : Tensor of shape (n, n_set), bool
        Whether labels are the same.
    margin, positive_weight : float

    Returns
    -------
    loss : Tensor of shape (n,), float64
    """
    loss, _ = _triplet_sums(squares.double(), same, ~same, margin, positive_weight)
    return loss / (same.sum(dim=1) * (~same).sum(dim=1)).clamp_min(1)


def active_triplet_loss(distances, same, different, margin):
    r"""The mean of max(0, d_ij - d_ik + margin) over the triplets for which it is not 0.

    Parameters
    ----------
    distances : Tensor of shape (n, n)
    same, different : Tensor of shape (n, n), bool
        The pairs (i, j) and the pairs (i, k) of the triplets.
    margin : float

    Returns
    -------
    loss : Tensor, float64
        0 if there are no such triplets.
    """
    loss, n_active = _triplet_sums(distances.double(), same, different, margin)
    return loss.sum() / n_active.sum().clamp_min(1)


def _triplet_sums(distances, same, different, margin, positive_weight=1.0):
    """Of each row the sum of the loss over all triplets, and the number of those that have one."""
    reach = positive_weight * distances + margin
    far = distances.masked_fill(~different, torch.inf)
    # Only distances within reach of some pair of the label are sorted.
    n_reached = (far < reach.masked_fill(~same, 0).amax(dim=1, keepdim=True)).sum(dim=1).max()
    far = far.topk(int(n_reached), largest=False).values
    sums = F.pad(far.masked_fill(far.isinf(), 0).cumsum(dim=1), (1, 0))
    # For each pair within the label, the triplets that violate the margin.
    n_nearer = torch.searchsorted(far.detach(), reach.detach())
    loss = (n_nearer * reach - sums.gather(1, n_nearer)).masked_fill(~same, 0).sum(dim=1)
    return loss, n_nearer.masked_fill(~same, 0).sum(dim=1)
