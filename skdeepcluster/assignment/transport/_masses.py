"""Constraints on the masses of rows and columns: checks, and their terms in the dual."""

import numpy as np
from scipy.special import kl_div

from skdeepcluster.assignment.transport._costs import to_numpy

# Masses that differ by less than this share are meant to be equal.
SAME_MASS = 1e-6


class Constraint:
    """A constraint or penalty on the masses of rows or columns, with its term in the dual.

    A penalty of the mass x with target t is ``strength * KL(x | t)``. An infinite strength makes it
    the constraint x = t, or x <= t where potentials are capped by 0; none leaves the mass free.

    Parameters
    ----------
    mass : array of shape (size,)
        Targets.
    kind : {"eq", "kl", "ub", "free"}
    strength : float or array of shape (size,)
        Of kind "kl".
    reg : float
    """

    def __init__(self, mass, kind, strength, reg):
        self.kind = kind
        self.mass = np.ones_like(mass) if kind == "free" else mass
        self.strength = {"kl": strength, "free": 0.0}.get(kind, np.inf)
        self.cap = 0.0 if kind == "ub" else np.inf
        self.reg = reg
        self._prepare()

    def _prepare(self):
        with np.errstate(divide="ignore"):
            self.log_mass = np.log(self.mass)
        strength = np.asarray(self.strength, dtype=np.float64)
        infinite = np.isposinf(strength)
        damping = np.where(infinite, 1.0, strength / np.where(infinite, 1.0, strength + self.reg))
        self.damping = damping if damping.ndim else float(damping)
        self.exact = damping.ndim == 0 and damping == 1 and np.isposinf(self.cap)

    def add_slack(self, mass):
        """One more column, which must take this mass."""
        size = len(self.mass)
        self.strength = np.append(np.broadcast_to(self.strength, size), np.inf)
        self.cap = np.append(np.broadcast_to(self.cap, size), np.inf)
        self.mass = np.append(self.mass, mass)
        self._prepare()

    def potential(self, ratio):
        """The best potential, from the one (`ratio`) that would meet the target exactly."""
        with np.errstate(invalid="ignore"):
            potential = np.minimum(self.cap, self.damping * ratio)
        return np.where(self.mass > 0, potential, -np.inf)

    def dual(self, potential):
        """Sum of the dual's terms."""
        strength = np.asarray(self.strength)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            relaxed = -strength * np.expm1(-potential / strength)
            terms = self.mass * np.where(np.isinf(strength), potential, relaxed)
        return np.where((self.mass > 0) & (strength > 0), terms, 0.0).sum()

    def penalty(self, mass):
        """Sum of the penalties; equalities and bounds have none."""
        strength = np.asarray(self.strength)
        relaxed = np.isfinite(strength) & (strength > 0)
        with np.errstate(invalid="ignore"):
            return np.where(relaxed, strength * kl_div(mass, self.mass), 0.0).sum()

    def violation(self, mass):
        """Sum of the masses by which equalities and bounds are missed."""
        missed = mass - self.mass
        missed = np.where(np.isposinf(self.cap), np.abs(missed), np.maximum(missed, 0))
        return np.where(np.isposinf(self.strength), missed, 0.0).sum()


def masses_of(value, size, default, name):
    """Masses as a float64 array of the size, from a number, an array or nothing."""
    value = default if value is None else to_numpy(value)
    try:
        masses = np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), size))
    except ValueError:
        raise ValueError(
            f"{name} must be a number or have shape ({size},), got shape {np.shape(value)}"
        ) from None
    if not np.isfinite(masses).all() or (masses < 0).any():
        wrong = masses[~(np.isfinite(masses) & (masses >= 0))][0]
        raise ValueError(f"{name} must be finite and not negative, got {wrong}")
    return masses


def check_strength(value, shape, name):
    """A number or an array of the shape, finite and not negative."""
    value = np.asarray(to_numpy(value), dtype=np.float64)
    if value.shape not in ((), shape):
        allowed = f" or have shape {shape}" if shape else ""
        raise ValueError(f"{name} must be a number{allowed}, got shape {value.shape}")
    if not np.isfinite(value).all() or (value < 0).any():
        raise ValueError(f"{name} must be finite and not negative, got {value}")
    return value if value.ndim else float(value)


def check_masses(row, col, rows, cols, total, virtual):
    """Raise where no plan has the masses; return those of columns, freed of rounding errors."""
    if virtual and row != "eq":
        raise ValueError(f'virtual_mass requires row="eq", got row={row!r}; or use total_mass')
    if total is not None:
        if virtual:
            raise ValueError("total_mass and virtual_mass exclude each other; give one of them")
        if "eq" in (row, col):
            raise ValueError(
                'total_mass requires that neither row nor col is "eq", which fixes the total '
                f"already; got row={row!r}, col={col!r}"
            )
        for kind, mass, name in ((row, rows, "row_mass"), (col, cols.sum(), "col_mass")):
            if kind == "ub" and total > mass * (1 + SAME_MASS):
                raise ValueError(f"total_mass={total} exceeds the sum of {name}, {mass}")
    if virtual >= rows and virtual:
        raise ValueError(f"virtual_mass={virtual} must be less than the sum of row_mass, {rows}")
    given, asked = rows - virtual, cols.sum()
    if asked == 0 and col != "free":
        raise ValueError("col_mass must not be 0 in all columns")
    if row == "eq" and col == "eq":
        if abs(given - asked) > SAME_MASS * given:
            raise ValueError(
                f"rows give {given} and col_mass asks for {asked}: with equality on both sides "
                "they must agree; rescale col_mass, or relax one side"
            )
        cols = cols * (given / asked)
    for kind, other, more, less, names in (
        (row, col, given, asked, ("col_mass", "row_mass")),
        (col, row, asked, given, ("row_mass", "col_mass")),
    ):
        if kind == "eq" and other == "ub" and more > less * (1 + SAME_MASS):
            raise ValueError(
                f"{names[0]} bounds the mass by {less}, less than the {more} that {names[1]} asks "
                "to be placed"
            )
    return cols
