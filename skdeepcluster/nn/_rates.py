"""Coding rates as losses, in float32 whatever the precision of the network."""

import torch


def coding_rate(z, distortion):
    r"""Coding rate of rows, large if they fill many directions evenly.

    .. math:: R(Z) = \frac{1}{2} \log\det \left( I + \frac{p}{n \epsilon^2} Z^\top Z \right)

    Parameters
    ----------
    z : Tensor of shape (n, p)
        Of length one.
    distortion : float
        :math:`\epsilon^2`.

    Returns
    -------
    rate : Tensor
    """
    n, p = z.shape
    with torch.autocast(z.device.type, enabled=False):
        # Both products have the same eigenvalues, but for zeros.
        gram = z.T @ z if p <= n else z @ z.T
        gram = gram * (p / (n * distortion)) + torch.eye(len(gram), device=z.device)
        return torch.linalg.cholesky(gram).diagonal().log().sum()


def membership_rate(z, memberships, distortion):
    r"""Mean coding rate of soft clusters, one for each row.

    .. math:: R_c(Z, \Pi) = \frac{1}{2n} \sum_j \log\det \left(
        I + \frac{p}{\epsilon^2} Z^\top \mathrm{diag}(\Pi_{\cdot j}) Z \right)

    It is at most the coding rate if memberships are doubly stochastic, and equal to it if they are
    all alike.

    Parameters
    ----------
    z : Tensor of shape (n, p)
        Of length one.
    memberships : Tensor of shape (n, n)
        Shares of each row in the clusters. Rows sum to one, and columns at least nearly.
    distortion : float
        :math:`\epsilon^2`.

    Returns
    -------
    rate : Tensor
    """
    with torch.autocast(z.device.type, enabled=False):
        return _MembershipRate.apply(z, memberships, distortion)


class _MembershipRate(torch.autograd.Function):
    """The rate with its gradient, which needs one inverse for each cluster and nothing else.

    Differentiated step by step, it takes three times the memory and twice the time.
    """

    @staticmethod
    def forward(ctx, z, memberships, distortion):
        n, p = z.shape
        scale = p / distortion
        grams = (memberships.T @ _squares(z)).mul_(scale).view(n, p, p)
        grams.diagonal(dim1=1, dim2=2).add_(1)
        factors = torch.linalg.cholesky(grams)
        ctx.scale = scale
        ctx.save_for_backward(z, memberships, torch.cholesky_inverse(factors))
        return factors.diagonal(dim1=1, dim2=2).log().sum() / n

    @staticmethod
    def backward(ctx, gradient):
        z, memberships, inverses = ctx.saved_tensors
        n, p = z.shape
        weight = gradient * ctx.scale / n
        inverses = inverses.flatten(1)
        of_rows = (memberships @ inverses).view(n, p, p)
        of_z = weight * torch.bmm(of_rows, z[:, :, None])[:, :, 0]
        of_memberships = weight / 2 * _squares(z) @ inverses.T
        return of_z, of_memberships, None


def _squares(z):
    """The products of the entries of each row, of shape (n, p * p)."""
    return (z[:, :, None] * z[:, None, :]).flatten(1)
