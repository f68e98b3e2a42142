"""The transport problem and ascent on its dual."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepcluster.assignment.transport._column_masses import AllReduce, log_column_masses
from skdeepcluster.assignment.transport._costs import to_numpy
from skdeepcluster.assignment.transport._fixed_point import iterate
from skdeepcluster.assignment.transport._masses import Constraint


def _log_sum(logs):
    """Logarithm of a sum, from those of its terms; few terms make `scipy.special` slow."""
    highest = logs.max()
    return highest + np.log(np.exp(logs - highest).sum())


def _product(potential, mass):
    """Sum of potential times mass, where no mass of an infinite potential counts."""
    with np.errstate(invalid="ignore"):
        return np.where(mass > 0, potential * mass, 0.0).sum()


@dataclass
class Problem:
    """Costs and constraints, and ascent on the dual."""

    costs: Any
    rows: Constraint
    cols: Constraint
    reg: float
    total_mass: float | None
    n_virtual: int
    given: float
    processes: AllReduce

    def __post_init__(self):
        self.row_mass = self.costs.hold(self.rows.mass)
        strength = np.broadcast_to(self.cols.strength, self.cols.mass.shape)
        relaxed = strength[: self.costs.shape[1]]
        # Where all real columns are relaxed, and the rows are not free, a shift of the potentials
        # of rows against those of columns has one best value.
        self.can_translate = (
            self.total_mass is None
            and self.cols.kind == "kl"
            and (relaxed > 0).all()
            and (self.rows.kind == "eq" or (self.rows.kind == "kl" and self.rows.strength > 0))
        )

    def log_masses(self, g, h=0.0, rows=None, **outputs):
        return log_column_masses(
            self.costs, self.processes, g + h, self.reg, self.row_mass, rows or self.rows, **outputs
        )

    def translate(self, g, log_taken):
        r"""Potentials g shifted by the constant that is best for the dual.

        The shift c solves log_taken - c / strength of the rows = log sum of
        mass exp((c - g) / strength) over the relaxed columns. The difference of both sides is
        concave and falls, so Newton's steps converge from any point.
        """
        k = self.costs.shape[1]
        finite = np.isfinite(g[:k])
        strength = np.broadcast_to(self.cols.strength, g.shape)[:k][finite]
        log_mass, potential = self.cols.log_mass[:k][finite], g[:k][finite]
        c = 0.0
        for _ in range(50):
            logs = log_mass + (c - potential) / strength
            log_asked = _log_sum(logs)
            slope = 1 / self.rows.strength + np.exp(logs - log_asked) @ (1 / strength)
            step = (log_taken - c / self.rows.strength - log_asked) / slope
            c += step
            if abs(step) <= 1e-14 * (abs(c) + np.abs(potential).max()):
                break
        return g - c

    def dual(self, g, h, log_mass, value):
        """The dual's value after a sweep, which gives the rows' product of mass and potential.

        The masses of relaxed rows follow from their potentials.
        """
        mass = np.exp(_log_sum(log_mass))
        if self.rows.kind == "kl":
            value = self.rows.strength * (self.given - mass)
        elif self.rows.kind == "free":
            value = 0.0
        dual = value + self.cols.dual(g) - self.reg * mass
        return dual if self.total_mass is None else dual + h * self.total_mass

    def sweep(self, g, h, translation, rows=None):
        """Movements of the columns' potentials and of the total mass's, and the dual's value."""
        log_mass, value = self.log_masses(g, h, rows, evaluate=True)
        with np.errstate(invalid="ignore"):
            moved = self.cols.potential(g + self.reg * (self.cols.log_mass - log_mass))
        movement, h_movement = np.zeros(len(g)), 0.0
        finite = np.isfinite(moved)
        movement[finite] = moved[finite] - g[finite]
        if self.total_mass is not None:
            log_total = _log_sum(log_mass[finite] + movement[finite] / self.reg)
            h_movement = self.reg * (np.log(self.total_mass) - log_total)
        elif translation:
            moved = self.translate(moved, self.log_taken(log_mass))
            movement[finite] = moved[finite] - g[finite]
        with np.errstate(over="ignore", invalid="ignore"):
            return movement, h_movement, self.dual(g, h, log_mass, value)

    def log_taken(self, log_mass):
        """Logarithm of the mass that rows have for the relaxed columns."""
        if self.rows.kind == "eq":
            return np.log(self.given - self.cols.mass[self.costs.shape[1] :].sum())
        return _log_sum(log_mass)

    def ascend(self, g, h, *, columns_first, translation, tol, max_iter):
        """Potentials, number of sweeps, whether they converged, and the last movement."""
        translation = translation and self.can_translate
        columns_first = columns_first and max_iter > 0
        if columns_first:
            free = Constraint(self.rows.mass, "free", None, self.reg)
            movement, h_movement, _ = self.sweep(g, h, translation, free)
            g, h, max_iter = g + movement, h + h_movement, max_iter - 1
        elif translation and self.rows.kind == "eq" and max_iter:
            g = self.translate(g, self.log_taken(None))
        # A step by tol * reg changes a mass by the share tol.
        tol = None if tol is None else max(tol, 1e-14) * self.reg
        finite = np.isfinite(g)
        cap = np.append(np.broadcast_to(self.cols.cap, len(g))[finite], np.inf)

        def unpack(point):
            potentials = g.copy()
            potentials[finite] = point[:-1]
            return potentials, point[-1]

        def sweep(point):
            movement, h_movement, value = self.sweep(*unpack(point), translation)
            return np.append(movement[finite], h_movement), value

        point, n_iter, converged, largest = iterate(
            sweep, np.append(g[finite], h), cap, tol, max_iter
        )
        return *unpack(point), n_iter + int(columns_first), converged, largest

    def read_out(self, g, h, output):
        """Plan, labels, weights, masses, errors and objectives of given potentials."""
        costs, (n, k) = self.costs, self.costs.shape
        outputs = {"potentials": costs.empty(n), "masses": costs.empty(n)}
        if output != "potentials":
            outputs["labels"] = costs.empty(n, dtype=np.int64)
        if output == "plan":
            outputs["plan"] = costs.empty(n, k, dtype=costs.dtype)
        log_mass, _ = self.log_masses(g, h, **outputs)
        f, taken = to_numpy(outputs["potentials"]), to_numpy(outputs["masses"])
        with np.errstate(over="ignore"):
            col_mass = np.exp(log_mass)
            in_slack = np.exp((f + g[k]) / self.reg) if self.n_virtual else 0.0
        row_mass = taken + in_slack
        of_rows = self.processes.sum(
            [
                self.rows.dual(f),
                _product(f, row_mass),
                self.rows.penalty(row_mass),
                self.rows.violation(row_mass),
                row_mass.sum(),
            ]
        )
        mass = of_rows[4]
        dual = of_rows[0] + self.cols.dual(g) + h * (self.total_mass or 0.0) - self.reg * mass
        primal = of_rows[1] + _product(g, col_mass) + (h - self.reg) * mass
        primal += of_rows[2] + self.cols.penalty(col_mass)
        if not (np.isfinite(col_mass).all() and np.isfinite([mass, primal, dual]).all()):
            raise ValueError(
                "the masses of the plan, or the objective, exceed what double precision can hold: "
                f"add a constant to {costs.name} or rescale it, or raise reg, reg_row or reg_col"
            )
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = np.where(self.rows.mass > 0, taken / self.rows.mass, 0.0)
        found = {
            "col_mass": col_mass[:k],
            "col_potential": g[:k],
            "offset_potential": float(g[k]) if self.n_virtual else float(h),
            "row_error": float(of_rows[3] / mass) if mass > 0 else 0.0,
            "col_error": float(self.cols.violation(col_mass) / mass) if mass > 0 else 0.0,
            "primal": float(primal),
            "dual": float(dual),
        }
        return outputs, weight, found
