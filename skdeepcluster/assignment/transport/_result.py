"""The result of transport, and the initial potentials of another call."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepcluster.assignment.transport._costs import to_numpy


@dataclass
class TransportResult:
    """Result of `transport_assign`.

    Arrays over rows are of the kind of the cost, NumPy array or tensor on its device; those over
    columns are NumPy arrays of float64.

    Attributes
    ----------
    plan : array of shape (n_samples, n_clusters) or None
        Mass of each row in each column, in the cost's precision; only with ``output="plan"``.
    labels : array of shape (n_samples,) or None
        Column of each row, -1 for rows that a partial assignment leaves out by
        ``rounding="greedy"`` or ``"exact"``.
    row_weight : array of shape (n_samples,) or None
        Share of each row's mass that the columns take.
    col_mass : array of shape (n_clusters,)
        Masses of the plan's columns.
    col_potential : array of shape (n_clusters,)
        Potentials of the columns, in units of cost: rows follow from them.
    offset_potential : float
        Potential of the virtual column, or of the total mass; 0 where there is neither.
    n_iter : int
        Sweeps over the cost.
    converged : bool
        Whether the potentials converged.
    row_error, col_error : float
        Mass by which the rows, and the columns, miss equalities and bounds, as a share of all mass.
    primal, dual : float
        Values of the objective and of its dual at the potentials: equal at the optimum.
    objectives : list of float
        The objective after each majorization where there is a similarity; else empty.
    """

    plan: Any
    labels: Any
    row_weight: Any
    col_mass: np.ndarray
    col_potential: np.ndarray
    offset_potential: float
    n_iter: int
    converged: bool
    row_error: float
    col_error: float
    primal: float
    dual: float
    objectives: list


def start(init, k, n_virtual, cols, total):
    """Initial potentials, and whether columns move before rows."""
    columns_first = isinstance(init, str)
    if columns_first and init != "columns":
        raise ValueError(f'init must be potentials, a result, or "columns", got {init!r}')
    g, h = np.zeros(k + n_virtual), 0.0
    if isinstance(init, TransportResult):
        g[:k] = init.col_potential
        if n_virtual:
            g[k] = init.offset_potential
        elif total is not None:
            h = init.offset_potential
    elif init is not None and not columns_first:
        values = np.asarray(to_numpy(init), dtype=np.float64)
        if values.shape != (k,):
            raise ValueError(f"init must have shape ({k},), got {values.shape}")
        g[:k] = values
    if np.isnan(g).any() or np.isposinf(g).any():
        raise ValueError("init must hold finite potentials, or -infinity for columns without mass")
    g[np.isneginf(g) & (cols.mass > 0)] = 0.0
    return np.where(cols.mass > 0, g, -np.inf), h, columns_first
