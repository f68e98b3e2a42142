"""Semidefinite relaxations of k-means and of Gaussian partitions, and lower bounds of the loss."""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from sklearn.metrics import euclidean_distances

from skdeepcluster.algorithms.groups import members

# Over-relaxation of penalties, and how far residuals may differ before the penalty is changed.
RATIO, FACTOR = 10.0, 2.0


def affine_projection(S, trace):
    r"""The nearest symmetric matrices with given traces whose sum has row sums one.

    Parameters
    ----------
    S : array of shape (m, n, n)
    trace : float
        Of each matrix.

    Returns
    -------
    Z : array of shape (m, n, n)
    """
    m, n, _ = S.shape
    rows = S.sum(axis=(0, 2))
    total = rows.sum()
    traces = np.trace(S, axis1=1, axis2=2)
    if n == 1:
        return np.full_like(S, 1 / m)
    # Lagrange multipliers of the row sums (y) and of the traces (mu).
    s = (n - total - m * trace + traces.sum()) / (2 * m * (n - 1))
    mu = (trace - traces - 2 * s) / n
    y = (1 - rows - (m * s + mu.sum())) / (m * n)
    Z = S + y[:, np.newaxis] + y
    Z[:, np.arange(n), np.arange(n)] += mu[:, np.newaxis]
    return Z


def positive_part(S):
    """The nearest positive semidefinite matrices."""
    found = np.empty_like(S)
    for k, matrix in enumerate(S):
        values, vectors = eigh(matrix)
        positive = values > 0
        # The side with fewer eigenvalues is subtracted or kept.
        if 2 * positive.sum() <= len(values):
            V = vectors[:, positive]
            found[k] = (V * values[positive]) @ V.T
        else:
            V = vectors[:, ~positive]
            found[k] = matrix - (V * values[~positive]) @ V.T
    return found


def solve_sdp(A, trace, *, max_iter=1000, tol=1e-4):
    r"""Lifted memberships by the alternating direction method of multipliers.

    .. math:: \max \sum_k \langle A_k, Z_k \rangle \quad \text{s.t.} \quad Z_k \succeq 0, \;
        Z_k \ge 0, \; \mathrm{tr} Z_k = t, \; \sum_k Z_k 1 = 1

    Parameters
    ----------
    A : array of shape (m, n, n)
    trace : float
    max_iter : int
    tol : float

    Returns
    -------
    Z : array of shape (m, n, n)
        Not negative; the other constraints hold to the tolerance.
    duals : array of shape (m, n, n)
        Multipliers of the entries that are not negative.
    slack : array of shape (m, n, n)
        A without the multipliers of both cones.
    n_iter : int
    converged : bool
    """
    m, n, _ = A.shape
    scale = max(np.abs(A).max(), np.finfo(np.float64).tiny)
    A = A / scale
    rho = max(n / (10 * max(m, trace)), 1e-3)
    W = Y = affine_projection(np.zeros_like(A), trace)
    U = V = np.zeros_like(A)
    n_iter = 0
    for _ in range(max_iter):
        n_iter += 1
        Z = affine_projection((Y - U + W - V + A / rho) / 2, trace)
        Y_new, W_new = positive_part(Z + U), np.maximum(Z + V, 0)
        U, V = U + Z - Y_new, V + Z - W_new
        primal = np.linalg.norm(Z - Y_new) + np.linalg.norm(Z - W_new)
        dual = rho * (np.linalg.norm(Y_new - Y) + np.linalg.norm(W_new - W))
        Y, W = Y_new, W_new
        if primal < tol * np.sqrt(n) and dual < tol * n:
            break
        if primal > RATIO * dual:
            rho, U, V = rho * FACTOR, U / FACTOR, V / FACTOR
        elif dual > RATIO * primal:
            rho, U, V = rho / FACTOR, U * FACTOR, V * FACTOR
    converged = primal < tol * np.sqrt(n) and dual < tol * n
    return W, -scale * rho * V, scale * (A - rho * (U + V)), n_iter, converged


def bound_of_duals(A, n_clusters, duals, slack):
    """The largest value that the relaxation of k-means can have, by approximate multipliers.

    Parameters
    ----------
    A : array of shape (n, n)
    n_clusters : int
    duals, slack : arrays of shape (n, n)
        Of `solve_sdp`; whatever they are, the bound holds.

    Returns
    -------
    bound : float
    """
    n = len(A)
    rows, trace = slack.sum(axis=1), np.trace(slack)
    shift = (rows.sum() - trace) / (2 * (n - 1))
    z = 2 * (rows - shift - (trace - 2 * shift) / n) / n
    M = A + np.maximum((duals + duals.T) / 2, 0) - (z[:, np.newaxis] + z) / 2
    top = eigh(M, eigvals_only=True, subset_by_index=[n - 1, n - 1])[0]
    return float(z.sum() + n_clusters * top)


def solve_low_rank(apply, s, U, *, max_iter=2000, tol=1e-5):
    r"""The same with factors that are not negative, in memory linear in the rows.

    .. math:: \max_U \sum_k \langle A_k, U_k U_k^\top \rangle \quad \text{s.t.} \quad U_k \ge 0, \;
        \|U_k\|_F = \|U_k^0\|_F, \; \sum_k U_k U_k^\top s = s

    by projected gradient steps on an augmented Lagrangian (Burer and Monteiro).

    Parameters
    ----------
    apply : callable (U) -> array
        The products A_k U_k.
    s : array of shape (n,)
        Of length one; equal entries for rows of equal weights.
    U : array of shape (m, n, rank)
        Start, not negative.
    max_iter : int
    tol : float

    Returns
    -------
    U : array of shape (m, n, rank)
    n_iter : int
    """
    lengths = np.linalg.norm(U, axis=(1, 2), keepdims=True)
    scale = _norm(apply, U)
    y, beta, step = np.zeros(len(s)), 1.0, 0.0
    n_iter = 0
    for _ in range(max_iter):
        n_iter += 1
        along = np.einsum("knr,n->kr", U, s)
        residual = np.einsum("knr,kr->n", U, along) - s
        multiplier = y + beta * residual
        crossed = np.einsum("knr,n->kr", U, multiplier)
        gradient = -2 * apply(U) / scale
        gradient += multiplier[:, np.newaxis] * along[:, np.newaxis]
        gradient += s[:, np.newaxis] * crossed[:, np.newaxis]
        step = 0.25 / (1 + beta + np.linalg.norm(multiplier))
        moved = np.maximum(U - step * gradient, 0)
        found = np.linalg.norm(moved, axis=(1, 2), keepdims=True)
        moved = np.where(found > 0, moved * (lengths / np.where(found > 0, found, 1)), U)
        movement = np.linalg.norm(moved - U) / np.linalg.norm(lengths)
        U = moved
        if movement < 10 * tol:
            if movement < tol and np.linalg.norm(residual) < 10 * tol:
                break
            y = y + beta * residual
            beta = min(1.2 * beta, 1e3)
    return U, n_iter


def _norm(apply, U):
    """An estimate of the largest absolute eigenvalue, by a few power iterations."""
    V = U / max(np.linalg.norm(U), np.finfo(np.float64).tiny)
    for _ in range(10):
        V = apply(V)
        size = np.linalg.norm(V)
        if size == 0:
            return 1.0
        V = V / size
    return float(size)


def certified_bound(X, w, n_clusters, labels):
    r"""A lower bound of the weighted k-means loss, by points of the dual program.

    With the matrix :math:`A` of inner products of the rows times the roots :math:`s` of their
    weights, any :math:`z` and :math:`B \ge 0` give, for
    :math:`M = A + B - (z s^\top + s z^\top) / 2`,

    .. math:: \mathrm{loss} \ge \mathrm{tr} A - z^\top s - k \, \lambda_{\max}(M).

    For a partition with means :math:`m_a` and sizes :math:`n_a`, the choice
    :math:`z_i = s_i (2 x_i^\top m_a - \|m_a\|^2 - \lambda / n_a)` and, between two clusters, the
    :math:`B` of rank one that clears the sums of :math:`M`, makes the partition optimal if
    :math:`\lambda` is at least the largest eigenvalue within clusters and no entry of :math:`B` is
    negative. Several :math:`\lambda` are tried.

    Parameters
    ----------
    X : array of shape (n, d)
    w : array of shape (n,)
    n_clusters : int
    labels : array of shape (n,)
        A partition, as good as possible; no cluster is empty.

    Returns
    -------
    bound : float
        At most the loss of any partition, up to rounding of the last digits; at least 0.
    """
    n, k = len(X), n_clusters
    X = X - np.average(X, axis=0, weights=w)
    s = np.sqrt(w)
    of_cluster = members(labels, k)
    sizes = of_cluster.T @ w
    means = (of_cluster.T @ (w[:, np.newaxis] * X)) / sizes[:, np.newaxis]
    own = X - means[labels]
    total, loss = float(w @ np.square(X).sum(axis=1)), float(w @ np.square(own).sum(axis=1))
    if k == 1 or k == n or loss == 0:
        return loss
    squares = euclidean_distances(X, means, squared=True)
    inverse = 1 / sizes
    # How much farther the other means are, in units of lambda.
    farther = squares - squares[np.arange(n), labels][:, np.newaxis]
    per_lambda = inverse[labels][:, np.newaxis] + inverse
    others = np.ones((n, k), bool)
    others[np.arange(n), labels] = False
    inside = s[:, np.newaxis] * own
    gram = inside.T @ inside if X.shape[1] < n else inside @ inside.T
    low = float(eigh(gram, eigvals_only=True)[-1])
    high = max(float((farther / per_lambda)[others].min()), 0.0)
    scaled = s[:, np.newaxis] * X
    best = 0.0
    for lam in {low, high, (low + high) / 2, low / 2}:
        z = s * (2 * (X * means[labels]).sum(axis=1) - np.square(means[labels]).sum(axis=1))
        z -= s * lam * inverse[labels]
        R = np.where(others, farther - lam * per_lambda, 0) * (s[:, np.newaxis] * sizes / 2)
        top = _top_eigenvalue(scaled, z, s, np.maximum(R, 0), of_cluster)
        best = max(best, total - float(z @ s) - k * top)
    return min(best - 1e-10 * total, loss) if best > 1e-10 * total else 0.0


def _top_eigenvalue(scaled, z, s, R, of_cluster):
    """The largest eigenvalue of M; B is given by its sums R of rows in other clusters' blocks."""
    n = len(s)
    sums = of_cluster.T @ (s[:, np.newaxis] * R)
    sums = (sums + sums.T) / 2
    inverse = np.divide(1, sums, out=np.zeros_like(sums), where=sums > 0)

    def product(v):
        v = v.reshape(n, -1)
        found = scaled @ (scaled.T @ v) - (np.outer(z, s @ v) + np.outer(s, z @ v)) / 2
        for j in range(v.shape[1]):
            # Of clusters a and b, what the rows of b have with those of a.
            shared = of_cluster.T @ (R * v[:, [j]])
            found[:, j] += (R * (of_cluster @ (shared.T * inverse))).sum(axis=1)
        return found

    if n <= DENSE_ROWS:
        M = product(np.eye(n))
        return float(eigh((M + M.T) / 2, eigvals_only=True, subset_by_index=[n - 1, n - 1])[0])
    operator = LinearOperator((n, n), matvec=lambda v: product(v).ravel(), dtype=np.float64)
    start = np.random.RandomState(0).normal(size=n)
    try:
        top = eigsh(operator, 1, which="LA", v0=start, ncv=40, return_eigenvectors=False)[0]
    except ArpackNoConvergence:
        return np.inf
    return float(top) + 1e-9 * abs(float(top))


# Up to so many rows a matrix of all pairs is made.
DENSE_ROWS = 300
