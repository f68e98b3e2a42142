r"""Bounds of distances and inner products by projections to the leading principal directions.

With :math:`V` orthonormal, :math:`\rho(x) = \|x - V V^T x\|` and :math:`z(x) = (V^T x, \rho(x))`,

.. math:: \|z(x) - z(y)\| \le \|x - y\|, \qquad (x, y) \le (z(x), z(y)),

which are close in few dimensions if :math:`V` has the leading principal directions. So a product of
narrow matrices sorts most pairs out, and only the others are computed from all features.
"""

import numpy as np
from sklearn.utils.extmath import randomized_svd, row_norms

# Numbers of dimensions to try, and the time for a distance over that for an entry of a matrix
# product, per feature or dimension.
DIMENSIONS = (16, 32, 48, 64, 96, 128, 192)
DISTANCE_COST = 4.0


def leading_axes(sample):
    """Leading principal directions of centered rows; none where few dimensions cannot save much.

    Parameters
    ----------
    sample : array of shape (n, n_features)

    Returns
    -------
    axes : array of shape (n_axes, n_features)
        Orthonormal, the most important first.
    """
    n_features = sample.shape[1]
    n_axes = [m for m in DIMENSIONS if m < min(len(sample), n_features // 2)][-1:]
    if not n_axes:
        return np.empty((0, n_features), sample.dtype)
    # Without the normalizer powers of large values would overflow.
    _, _, axes = randomized_svd(
        sample, n_axes[0], n_iter=2, power_iteration_normalizer="QR", random_state=0
    )
    return np.ascontiguousarray(np.linalg.qr(axes.T)[0].T)


def coordinates(centered, axes, n_dimensions, slack=0.0):
    """Coordinates along the first axes and the length of the rest, or all features.

    Parameters
    ----------
    centered : array of shape (n, n_features)
    axes : array of shape (n_axes, n_features)
    n_dimensions : int
        At most n_axes, or n_features for rows as they are.
    slack : float, default=0.0
        Share of a row's squared norm that is added to the squared length of its rest. An upper
        bound of inner products needs it: rounding must not make the rest too short.

    Returns
    -------
    z : array of shape (n, n_dimensions + 1) or (n, n_features)
    """
    if n_dimensions == centered.shape[1]:
        return centered
    z = np.empty((len(centered), n_dimensions + 1), centered.dtype)
    np.matmul(centered, axes[:n_dimensions].T, out=z[:, :-1])
    norms = row_norms(centered, squared=True)
    rest = norms - row_norms(z[:, :-1], squared=True)
    z[:, -1] = np.sqrt(np.maximum(rest, 0) + slack * norms)
    return z


def cheapest_dimension(axes, share):
    """The number of dimensions that leaves least work.

    Parameters
    ----------
    axes : array of shape (n_axes, n_features)
    share : callable (n_dimensions) -> float
        Share of the pairs that the bound leaves to be computed from all features.

    Returns
    -------
    n_dimensions : int
        The number of features where no bound pays.
    """
    n_axes, n_features = axes.shape

    def cost(n_dimensions):
        return n_dimensions + DISTANCE_COST * n_features * share(n_dimensions)

    return min([n_features, *(m for m in DIMENSIONS if m <= n_axes)], key=cost)
