"""The marginal likelihood of Gaussian rows under a normal-inverse-Wishart prior."""

import numpy as np
from scipy.special import gammaln, multigammaln


class GaussianPrior:
    r"""Prior of the mean and covariance of a cluster.

    .. math:: \Sigma \sim \mathrm{IW}(\nu, s I), \qquad \mu \sim N(m, \Sigma / \kappa)

    Parameters
    ----------
    mean : array of shape (d,)
    kappa, nu : float
        nu > d - 1.
    scale : float
        s.
    """

    def __init__(self, mean, kappa, nu, scale):
        self.mean, self.kappa, self.nu, self.scale = mean, kappa, nu, scale

    def posterior(self, rows):
        """The matrix and the degrees of freedom after rows were seen."""
        n, d = rows.shape
        center = rows.mean(axis=0)
        centered = rows - center
        shift = center - self.mean
        pull = self.kappa * n / (self.kappa + n)
        matrix = self.scale * np.eye(d) + centered.T @ centered + pull * np.outer(shift, shift)
        return matrix, self.nu + n

    def log_marginal(self, rows):
        """Log of the density of rows, with the cluster's parameters integrated out."""
        n, d = rows.shape
        matrix, nu = self.posterior(rows)
        return (
            -n * d / 2 * np.log(np.pi)
            + multigammaln(nu / 2, d)
            - multigammaln(self.nu / 2, d)
            + self.nu / 2 * d * np.log(self.scale)
            - nu / 2 * np.linalg.slogdet(matrix)[1]
            + d / 2 * (np.log(self.kappa) - np.log(self.kappa + n))
        )

    def log_split(self, first, second, alpha):
        """Log of the Hastings ratio of two clusters against their union."""
        both = np.concatenate([first, second])
        return (
            np.log(alpha)
            + gammaln(len(first))
            + self.log_marginal(first)
            + gammaln(len(second))
            + self.log_marginal(second)
            - gammaln(len(both))
            - self.log_marginal(both)
        )
