"""Losses, in float32 whatever the precision of the network."""

import torch
import torch.nn.functional as F


def kl_divergence(p, log_q):
    """Mean over rows of KL(p || q), where 0 log 0 = 0."""
    return (torch.xlogy(p, p) - p * log_q).sum(dim=1).mean()


def cosine_dissimilarity(x, reconstruction):
    """1 - cos(x, reconstruction) of each row."""
    return 1.0 - F.cosine_similarity(x.flatten(1), reconstruction.flatten(1), eps=1e-12)


def _cosine(x, reconstruction, rows=False):
    dissimilarity = cosine_dissimilarity(x, reconstruction)
    return dissimilarity if rows else dissimilarity.mean()


def _elementwise(loss):
    """A loss of each entry, averaged over each row's entries or over all in one pass."""

    def reconstruction_loss(x, reconstruction, rows=False):
        if rows:
            return loss(reconstruction, x, reduction="none").flatten(1).mean(dim=1)
        return loss(reconstruction, x)

    return reconstruction_loss


#: Functions of rows and of what the decoder gave for them: the mean over features and rows, or with
#: ``rows=True`` a value for each row. "bce" reads the decoder's output as logits.
RECONSTRUCTION_LOSSES = {
    "mse": _elementwise(F.mse_loss),
    "mae": _elementwise(F.l1_loss),
    "bce": _elementwise(F.binary_cross_entropy_with_logits),
    "cosine": _cosine,
}
