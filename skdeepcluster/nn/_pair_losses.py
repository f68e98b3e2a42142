"""Losses of metric learning, of all pairs of a batch, in float32 or wider."""

import torch
import torch.nn.functional as F

from skdeepcluster.nn._losses import active_triplet_loss, squared_distances

# What keeps the noise of a row without a signal, relative to it, finite.
LEAST_SIGNAL, MOST_NOISE = 1e-8, 1e4
# Least squared distance of which a root is taken, and least energy of which a logarithm is.
LEAST_SQUARE, LEAST_ENERGY = 1e-12, 1e-6
# Factors of the binomial deviance, of rows of one class and of different ones.
ATTRACTION, REPULSION = 2.0, 50.0


def centered(z):
    """Rows of mean 0."""
    return z - z.mean(dim=1, keepdim=True)


def cosine_distances(z):
    """1 - cos of all pairs of rows."""
    z = F.normalize(z, dim=1)
    with torch.autocast(z.device.type, enabled=False):
        return 1 - z @ z.T


def euclidean_distances(z):
    """Euclidean distances of all pairs of rows."""
    return squared_distances(z).clamp_min(LEAST_SQUARE).sqrt()


def signal_to_noise_distances(z):
    r""":math:`\operatorname{var}(z_j - z_i) / \operatorname{var}(z_i)` of all pairs of rows.

    As `skdeepcluster.metrics.snr_distances`, but finite for constant rows, which have no signal.
    """
    z = centered(z)
    signal = z.square().mean(dim=1, keepdim=True)
    noise = squared_distances(z).clamp_min(0) / z.shape[1]
    return (noise / (signal + LEAST_SIGNAL)).clamp_max(MOST_NOISE)


#: Distances of all pairs of rows, differentiable, by name.
PAIR_DISTANCES = {
    "cosine": cosine_distances,
    "euclidean": euclidean_distances,
    "snr": signal_to_noise_distances,
}


def _mean(values, chosen):
    """The mean of chosen values, 0 where there are none."""
    return values.masked_fill(~chosen, 0).sum() / chosen.sum().clamp_min(1)


def binomial_deviance(distances, same, different, margin=0.5, temperature=None):
    r"""Logistic losses of whether pairs are nearer than the margin.

    .. math:: \frac{1}{|P|} \sum_P \log(1 + e^{2 (d_{ij} - m)})
        + \frac{1}{|N|} \sum_N \log(1 + e^{50 (m - d_{ij})})

    Parameters
    ----------
    distances : Tensor of shape (n, n)
    same, different : Tensor of shape (n, n), bool
        The pairs :math:`P` of rows of one class, without those of a row with itself, and the pairs
        :math:`N` of different classes.
    margin : float
    temperature : ignored
    """
    excess = distances - margin
    near, far = F.softplus(ATTRACTION * excess), F.softplus(-REPULSION * excess)
    return _mean(near, same) + _mean(far, different)


def contrastive_loss(distances, same, different, margin=1.0, temperature=None):
    r"""Distances within classes, and what others lack to the margin.

    .. math:: \frac{1}{|P|} \sum_P d_{ij} + \frac{1}{|N|} \sum_N \max(0, m - d_{ij})

    Parameters are those of `binomial_deviance`.
    """
    return _mean(distances, same) + _mean((margin - distances).relu(), different)


def triplet_hinge(distances, same, different, margin=0.2, temperature=None):
    r"""What triplets lack to the margin, the mean over those that lack something.

    .. math:: \max(0, d_{ij} - d_{ik} + m), \quad (i, j) \in P, (i, k) \in N

    Parameters are those of `binomial_deviance`.
    """
    return active_triplet_loss(distances, same, different, margin)


def n_pair_loss(distances, same, different, margin=None, temperature=0.1):
    r"""Cross entropy of the row of the same class among rows of different ones.

    .. math:: \frac{1}{|P|} \sum_{(i, j) \in P}
        \log \Big(1 + \sum_{k : (i, k) \in N} e^{(d_{ij} - d_{ik}) / \tau} \Big)

    Parameters are those of `binomial_deviance`; the margin is ignored.
    """
    scores = -distances / temperature
    others = scores.masked_fill(~different, -torch.inf).logsumexp(dim=1, keepdim=True)
    # Rows without others have no loss, and no gradient that is not a number.
    paired = same & different.any(dim=1, keepdim=True)
    gap = others.masked_fill(others.isinf(), 0) - scores
    return _mean(F.softplus(gap), paired)


#: Losses of distances, of which pairs are of one class, and of which of different ones; by name.
PAIR_LOSSES = {
    "binomial": binomial_deviance,
    "contrastive": contrastive_loss,
    "npair": n_pair_loss,
    "triplet": triplet_hinge,
}


def log_energy(z, different):
    r"""Logarithm of half the mean squared distance of rows of different classes.

    .. math:: \log \frac{1}{2 |N|} \sum_N \|z_i - z_j\|^2

    Parameters
    ----------
    z : Tensor of shape (n, n_components)
    different : Tensor of shape (n, n), bool

    Returns
    -------
    loss : Tensor
        Not below the logarithm of a small number, where its gradient ends; 0 without pairs.
    """
    energy = _mean(squared_distances(z).clamp_min(0), different) / 2
    return energy.clamp_min(LEAST_ENERGY).log() * different.any()


def zero_mean_penalty(z):
    """Mean over rows of the absolute sum of their entries."""
    return z.sum(dim=1).abs().mean()


def unit_row_penalty(weight):
    r""":math:`\frac{1}{2 D} \sum_d (\|w_d\|^2 - 1)^2` of the rows of a matrix."""
    return (weight.square().sum(dim=1) - 1).square().mean() / 2
