"""Transport with a reward for equal assignments of similar rows, by majorization."""

import warnings
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import eigsh
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.assignment.transport._costs import to_numpy
from skdeepcluster.assignment.transport._costs_of import costs_of
from skdeepcluster.validation import caller_level


def check_similarity(similarity, n, psd_shift):
    """S + S^T as a sparse matrix, with its diagonal raised by `psd_shift`."""
    S = similarity if sp.issparse(similarity) else to_numpy(similarity)
    S = sp.csr_array(S, dtype=np.float64)
    if S.shape != (n, n):
        raise ValueError(f"similarity must have shape {(n, n)}, got {S.shape}")
    if not np.isfinite(S.data).all() or (S.data < 0).any():
        raise ValueError("similarity must be finite and not negative")
    S = S + S.T
    if psd_shift == "auto":
        S = S + _negative_part(S) * sp.eye_array(n, format="csr")
    return S


def _negative_part(S):
    """How far below 0 the smallest eigenvalue of a symmetric matrix is."""
    if S.shape[0] < 4 or not S.nnz:
        return max(0.0, -np.linalg.eigvalsh(S.toarray())[0])
    start = np.random.RandomState(0).uniform(size=S.shape[0])
    smallest = eigsh(S, k=1, which="SA", v0=start, return_eigenvectors=False)[0]
    return max(0.0, -smallest * (1 + 1e-9))


def majorize(problem, S, weight, g, h, options, outer_tol, max_outer_iter):
    """Solve a sequence of problems, each with the similarity term linearized at the last plan."""
    costs, (n, k) = problem.costs, problem.costs.shape
    base = np.concatenate([to_numpy(block) for _, _, block in costs.blocks()]).astype(np.float64)
    mass = problem.rows.mass.sum()
    taken = mass - problem.cols.mass[k:].sum() if problem.total_mass is None else problem.total_mass
    # So that the term does not depend on what the masses add up to.
    scale = weight * n / mass
    Q = np.repeat(problem.rows.mass[:, None] * (taken / mass / k), k, axis=1)
    # In units of the objective, which are those of the entropy's term.
    outer_tol = None if outer_tol is None else outer_tol * problem.reg * mass
    objectives, n_iter, rose, at_rest = [], 0, 0.0, False
    while len(objectives) < max_outer_iter and not at_rest:
        pull = scale * (S @ Q)
        inner = replace(problem, costs=costs_of(costs.give(base - pull), costs.block_size))
        g, h, sweeps, converged, movement = inner.ascend(g, h, **options)
        n_iter += sweeps
        outputs, *_, found = inner.read_out(g, h, "plan")
        Q = to_numpy(outputs["plan"])
        objectives.append(
            found["primal"] + float((pull * Q).sum() - 0.5 * scale * (Q * (S @ Q)).sum())
        )
        if len(objectives) > 1:
            change = objectives[-1] - objectives[-2]
            rose = max(rose, change)
            at_rest = outer_tol is not None and abs(change) < outer_tol
    problem_found = None
    if outer_tol is None:
        pass
    elif rose > max(outer_tol, 1e-9 * abs(objectives[-1])):
        problem_found = (
            f"rose by up to {rose:.3g} in a step, since similarity has negative eigenvalues; "
            'psd_shift="auto" raises its diagonal until there are none'
        )
    elif not at_rest:
        problem_found = f"did not converge in {max_outer_iter} steps; raise max_outer_iter"
    if problem_found:
        warnings.warn(
            f"The objective {problem_found}.", ConvergenceWarning, stacklevel=caller_level()
        )
    return inner, g, h, n_iter, converged, at_rest, movement, objectives
