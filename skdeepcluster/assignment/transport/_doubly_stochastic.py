"""Doubly stochastic matrices of similarities, by the transport of rows to themselves."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, validate_params
from skdeepcluster.assignment.transport._column_masses import AllReduce, log_column_masses
from skdeepcluster.assignment.transport._costs import is_tensor, to_numpy
from skdeepcluster.assignment.transport._costs_of import costs_of
from skdeepcluster.assignment.transport._fixed_point import iterate
from skdeepcluster.assignment.transport._masses import Constraint
from skdeepcluster.validation import caller_level


@validate_params(
    {
        "reg": [Interval(Real, 0, None, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def doubly_stochastic(similarity, *, reg=0.1, tol=1e-8, max_iter=1000):
    r"""Doubly stochastic matrix nearest to similarities, in the sense of entropic transport.

    .. math:: \min_{\Gamma \ge 0} \; -\langle G, \Gamma \rangle
        + \eta \sum_{ij} \Gamma_{ij} (\log \Gamma_{ij} - 1)
        \quad \text{with} \quad \Gamma 1 = \Gamma^\top 1 = 1

    For a symmetric :math:`G` there is one potential w for rows and columns,
    :math:`\Gamma_{ij} = \exp((G_{ij} + w_i + w_j) / \eta)`, and the result is symmetric. It is the
    membership of pairs in manifold clustering [1]_.

    Parameters
    ----------
    similarity : array-like or tensor of shape (n, n)
        Symmetric matrix G. Through a tensor that requires it flows the exact gradient.

    reg : float, default=0.1
        Strength :math:`\eta` of the entropy: small for few strong pairs, large for many weak ones.

    tol : float, default=1e-8
        The iteration ends when it moves no potential by more than ``tol * reg``: the relative error
        of the sums of rows is then about `tol`.

    max_iter : int, default=1000
        Sweeps at most.

    Returns
    -------
    projection : array or tensor of shape (n, n)
        Doubly stochastic matrix of the kind of `similarity`.

    Raises
    ------
    ValueError
        If the matrix is not square and symmetric, or holds NaN or infinity.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` sweeps were not enough.

    See Also
    --------
    transport_assign : Transport between rows and clusters, or by a matrix that is not symmetric.

    Notes
    -----
    The iteration is :math:`w \leftarrow (w - \eta \log \sum_j \exp((G_{ij} + w_j) / \eta)) / 2`,
    extrapolated as in :func:`transport_assign`. A sweep takes O(n²) operations; the gradient takes
    one linear system, O(n³), and no sweeps are unrolled.

    References
    ----------
    .. [1] Ding, Tong, Chan, Dai, Ma, Haeffele: Unsupervised manifold linearizing and clustering.
       ICCV 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.assignment import doubly_stochastic
    >>> G = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> doubly_stochastic(G, reg=0.2).round(2)
    array([[0.62, 0.38, 0.01],
           [0.38, 0.62, 0.01],
           [0.01, 0.01, 0.99]])
    """
    values = to_numpy(similarity)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"similarity must be square, got shape {values.shape}")
    for what, found in (("NaN", np.isnan(values)), ("infinity", np.isinf(values))):
        if found.any():
            raise ValueError(f"similarity contains {what}")
    asymmetry = np.abs(values - values.T).max(initial=0.0)
    if asymmetry > 1e-5 * np.abs(values).max(initial=0.0):
        raise ValueError(
            f"similarity must be symmetric; entries differ from their mirror images by up to "
            f"{asymmetry:.3g}. For other matrices use transport_assign(-similarity, row_mass=1)"
        )
    if is_tensor(similarity):
        projection = _project(similarity.detach(), reg, tol, max_iter)
        if not similarity.requires_grad:
            return projection
        from skdeepcluster.assignment.transport._doubly_stochastic_gradient import WithGradient

        return WithGradient.apply(similarity, projection, reg)
    return _project(values, reg, tol, max_iter)


def _project(similarity, reg, tol, max_iter):
    """The projection of an array or a tensor without gradient."""
    costs = costs_of(-similarity, name="similarity")
    m = costs.shape[0]
    rows = Constraint(np.ones(m), "eq", None, reg)
    mass = costs.hold(rows.mass)
    potentials = costs.empty(m)

    def sweep(w):
        log_column_masses(costs, AllReduce(None), w, reg, mass, rows, potentials=potentials)
        f = to_numpy(potentials)
        return 0.5 * (f - w), f.sum() + w.sum()

    w, n_iter, converged, largest = iterate(
        sweep, np.zeros(m), np.inf, max(tol, 1e-14) * reg, max_iter
    )
    if not converged:
        warnings.warn(
            f"The projection did not converge in {n_iter} sweeps: the last one moved a potential "
            f"by {largest / reg:.3g} * reg, tol is {tol}. Raise max_iter, reg or tol.",
            ConvergenceWarning,
            stacklevel=caller_level(),
        )
    if is_tensor(similarity):
        w = costs.hold(w) if hasattr(costs, "device") else costs.give(w)
        return ((similarity + w[:, None] + w) / reg).exp().to(similarity.dtype)
    return np.exp((similarity + w[:, None] + w) / reg).astype(costs.dtype, copy=False)
