"""Entropic transport between rows and clusters: balanced, relaxed and partial assignments."""

import warnings
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import eigsh
from scipy.special import kl_div
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, StrOptions, validate_params
from skdeepcluster.assignment._transport_costs import (
    Processes,
    costs_of,
    is_tensor,
    log_column_masses,
    to_numpy,
)
from skdeepcluster.assignment._transport_rounding import round_labels

# Masses that differ by less than this share are meant to be equal.
SAME_MASS = 1e-6
# Steps that the next one is extrapolated from.
MEMORY = 10


@dataclass
class TransportResult:
    """What `transport_assign` found.

    Arrays of rows are of the kind of the cost, NumPy array or tensor on its device; what belongs to
    columns is in NumPy arrays of float64.

    Attributes
    ----------
    plan : array of shape (n_samples, n_clusters) or None
        Masses that rows have in columns, in the cost's precision; asked for by ``output="plan"``.
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
        Whether the potentials came to rest.
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


class Constraint:
    """What is asked of the masses of rows or columns, with the dual side of it.

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
        """The best potential where the others ask for `ratio` to meet the target exactly."""
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


def _log_sum(logs):
    """Logarithm of a sum, from those of its terms; few terms make `scipy.special` slow."""
    highest = logs.max()
    return highest + np.log(np.exp(logs - highest).sum())


def _product(potential, mass):
    """Sum of potential times mass, where no mass of an infinite potential counts."""
    with np.errstate(invalid="ignore"):
        return np.where(mass > 0, potential * mass, 0.0).sum()


def _iterate(sweep, point, cap, tol, max_iter):
    """A fixed point of ascent on a dual, by Anderson's extrapolation.

    From the last points and steps the affine combination is formed whose step is shortest. Where
    the dual is less at the point reached so, the plain step is taken instead. Without `tol` all
    steps are plain.

    Parameters
    ----------
    sweep : callable (point) -> step, value of the dual
    point : array
    cap : float or array
        Upper bounds of the point.
    tol : float or None
        Largest component of the last step.
    max_iter : int

    Returns
    -------
    point, n_iter, converged, the last step's largest component
    """
    points, steps = [], []
    best, plain, largest = -np.inf, None, np.inf
    for n_iter in range(1, max_iter + 1):
        step, value = sweep(point)
        largest = np.abs(step).max()
        if tol is not None and points and not value >= best - 1e-13 * abs(best):
            point, points, steps = plain, [], []
            continue
        # Below the rounding of the potentials themselves nothing can come to rest.
        if tol is not None and largest < max(tol, 1e-15 * np.abs(point).max()):
            return point + step, n_iter, True, largest
        best, plain = value, point + step
        if tol is None or n_iter == max_iter:
            point = plain
            continue
        points, steps = [*points, point][-MEMORY - 1 :], [*steps, step][-MEMORY - 1 :]
        point = plain
        if len(points) > 1:
            between, change = np.diff(points, axis=0).T, np.diff(steps, axis=0).T
            unit = np.abs(change).max()
            if unit > 1e-8 * largest:  # steps that differ by rounding only say nothing
                rcond = max(1e-10, 1e-8 * largest / unit)
                weights = np.linalg.lstsq(change / unit, step / unit, rcond=rcond)[0]
                point = np.minimum(plain - (between + change) @ weights, cap)
    return point, max_iter, False, largest


@dataclass
class _Problem:
    """Costs with all that is asked of the plan, and the ascent on the dual."""

    costs: Any
    rows: Constraint
    cols: Constraint
    reg: float
    total_mass: float | None
    n_virtual: int
    given: float
    processes: Processes

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

        Relaxed rows have the masses that their potentials ask for.
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
        """Potentials after sweeps; their number; whether they came to rest; the last movement."""
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

        point, n_iter, converged, largest = _iterate(
            sweep, np.append(g[finite], h), cap, tol, max_iter
        )
        return *unpack(point), n_iter + int(columns_first), converged, largest

    def read_out(self, g, h, output):
        """Plan, labels, weights, masses, errors and objectives that potentials stand for."""
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


def _masses(value, size, default, name):
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


def _check_strength(value, shape, name):
    """A number or an array of the shape, finite and not negative."""
    value = np.asarray(to_numpy(value), dtype=np.float64)
    if value.shape not in ((), shape):
        allowed = f" or have shape {shape}" if shape else ""
        raise ValueError(f"{name} must be a number{allowed}, got shape {value.shape}")
    if not np.isfinite(value).all() or (value < 0).any():
        raise ValueError(f"{name} must be finite and not negative, got {value}")
    return value if value.ndim else float(value)


def _check_masses(row, col, rows, cols, total, virtual):
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


def _start(init, k, n_virtual, cols, total):
    """Potentials to begin with, and whether columns move before rows."""
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


def _check_similarity(similarity, n, psd_shift):
    """S + S^T as a sparse matrix, with its diagonal raised if asked for."""
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


def _majorize(problem, S, weight, g, h, options, outer_tol, max_outer_iter):
    """Solve a sequence of problems whose costs are lowered by the pull of similar rows."""
    costs, (n, k) = problem.costs, problem.costs.shape
    base = np.concatenate([to_numpy(block) for _, _, block in costs.blocks()]).astype(np.float64)
    mass = problem.rows.mass.sum()
    taken = mass - problem.cols.mass[k:].sum() if problem.total_mass is None else problem.total_mass
    # The pull on a row is that of its neighbors' shares, whatever the masses add up to.
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
        problem_found = f"did not come to rest in {max_outer_iter} steps; raise max_outer_iter"
    if problem_found:
        warnings.warn(f"The objective {problem_found}.", ConvergenceWarning, stacklevel=4)
    return inner, g, h, n_iter, converged, at_rest, movement, objectives


@validate_params(
    {
        "row": [StrOptions({"eq", "kl", "ub", "free"})],
        "col": [StrOptions({"eq", "kl", "ub", "free"})],
        "total_mass": [None, Interval(Real, 0, None, closed="neither")],
        "virtual_mass": [Interval(Real, 0, None, closed="left")],
        "reg": [Interval(Real, 0, None, closed="neither")],
        "similarity": ["array-like", "sparse matrix", None],
        "similarity_weight": [Interval(Real, 0, None, closed="left")],
        "psd_shift": [StrOptions({"auto"}), None],
        "max_outer_iter": [Interval(Integral, 1, None, closed="left")],
        "outer_tol": [None, Interval(Real, 0, None, closed="left")],
        "translation": ["boolean"],
        "tol": [None, Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "output": [StrOptions({"plan", "labels", "potentials"})],
        "rounding": [StrOptions({"argmax", "greedy", "exact"})],
        "block_size": [None, Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def transport_assign(
    cost,
    *,
    row="eq",
    col="eq",
    row_mass=None,
    col_mass=None,
    total_mass=None,
    virtual_mass=0.0,
    reg=0.05,
    reg_row=1.0,
    reg_col=1.0,
    similarity=None,
    similarity_weight=1.0,
    psd_shift=None,
    max_outer_iter=100,
    outer_tol=1e-5,
    init=None,
    translation=True,
    tol=1e-5,
    max_iter=1000,
    output="plan",
    rounding="argmax",
    block_size=None,
    process_group=None,
):
    r"""Soft assignment of rows to clusters under constraints on their masses.

    Entropic optimal transport. With the costs :math:`C` of shape (n, k), row masses :math:`\alpha`
    and column masses :math:`\beta` the plan solves

    .. math:: \min_{Q \ge 0} \; \langle C, Q \rangle
        + \varepsilon \sum_{ij} Q_{ij} (\log Q_{ij} - 1)
        + \sum_i F_{\alpha_i}\Big(\sum_j Q_{ij}\Big)
        + \sum_j F_{\beta_j}\Big(\sum_i Q_{ij}\Big)

    where for rows and for columns the term of a mass :math:`x` with target :math:`t` is one of

    - ``"eq"``: :math:`x = t`;
    - ``"kl"``: :math:`\lambda (x \log (x / t) - x + t)`, a pull of strength :math:`\lambda`;
    - ``"ub"``: :math:`x \le t`;
    - ``"free"``: nothing.

    Balanced assignments, as in SwAV [1]_ and SeLa [2]_, are the default. ``col_mass`` gives them
    other sizes, ``col="kl"`` lets sizes differ from the targets. ``virtual_mass=1 - rho`` beside it
    leaves a part of the rows' mass to a virtual column of cost 0, so that the columns get the share
    rho of it, first of all from rows that are sure: progressive partial transport [3]_, with
    `similarity` its semantic form [4]_. ``row="ub", col="ub", total_mass=m`` is partial transport
    [5]_.

    Parameters
    ----------
    cost : array-like or tensor of shape (n_samples, n_clusters), or provider of blocks
        Infinity forbids a pair. A memory-mapped array is read block by block, and so is an object
        with a `shape` and a method ``block(start, stop)`` that returns these rows. Tensors stay on
        their device; no gradient flows. Computation is in double precision, whatever the cost's.

    row, col : {"eq", "kl", "ub", "free"}, default="eq"
        What is asked of the masses of rows and columns.

    row_mass : float or array-like of shape (n_samples,), default=None
        Targets of the rows, by default ``1 / n_samples`` each. With ``row_mass=1`` rows of the plan
        are soft labels that sum to one.

    col_mass : float or array-like of shape (n_clusters,), default=None
        Targets of the columns, by default equal parts of the rows' mass, less `virtual_mass`.

    total_mass : float, default=None
        The sum of the plan, where neither rows nor columns fix it.

    virtual_mass : float, default=0.0
        The part of the rows' mass that the virtual column takes. Requires ``row="eq"``, which then
        includes it.

    reg : float, default=0.05
        Strength :math:`\varepsilon` of the entropy, in units of cost. The smaller, the harder the
        assignment and the more sweeps are needed.

    reg_row : float, default=1.0
        Strength :math:`\lambda` for ``row="kl"``.

    reg_col : float or array-like of shape (n_clusters,), default=1.0
        Strength :math:`\lambda` for ``col="kl"``.

    similarity : array-like or sparse matrix of shape (n_samples, n_samples), default=None
        Similarities :math:`S \ge 0` of rows, for the additional term

        .. math:: -w \frac{n}{\sum_i \alpha_i} \langle S, Q Q^\top \rangle

        that rewards equal assignments of similar rows. It is linearized at the last plan until the
        objective rests (majorization-minimization). Keeps dense arrays of the cost's shape.

    similarity_weight : float, default=1.0
        Weight w: the cost of a row in a cluster falls by w times the sum of :math:`(S + S^\top)`
        over the rows in that cluster.

    psd_shift : {"auto"}, default=None
        With "auto" the diagonal of the symmetrized similarity is raised until no eigenvalue is
        negative: the objective then falls in each step, and rows are pulled to where they are.

    max_outer_iter : int, default=100
        Linearizations at most.

    outer_tol : float or None, default=1e-5
        Linearization ends when the objective changes by less than this times `reg` and the rows'
        mass. With None there are `max_outer_iter` of them, and no warning.

    init : TransportResult, array-like of shape (n_clusters,) or "columns", default=None
        Potentials of the columns to begin with, such as those of the last call; rows may be others.
        By default 0, and rows move first. "columns" lets columns move first, on potentials of 0
        for the rows.

    translation : bool, default=True
        Whether sweeps include the best shift of the potentials, which is known in closed form,
        where the columns are relaxed by "kl" and the rows are "eq" or "kl". The plan is the same.

    tol : float or None, default=1e-5
        Sweeps end when they move no potential of columns by more than ``tol * reg``: the relative
        error of column masses is then about `tol`, whatever the units of cost. With None there are
        `max_iter` plain sweeps, and no warning.

    max_iter : int, default=1000
        Sweeps at most, for each linearization. With 0 the plan is that of the potentials `init`.

    output : {"plan", "labels", "potentials"}, default="plan"
        What is computed of the rows: plan, labels and weights; labels and weights; nothing.

    rounding : {"argmax", "greedy", "exact"}, default="argmax"
        How labels come about. The largest entry of each row does not give clusters of the asked
        sizes. "greedy" does: in rounds, rows ask for their best cluster with room, which takes
        those that would lose most by their next best. "exact" is the least sum of costs, for up to
        10,000 rows. Both require rows of equal mass. The sizes are `col_mass` for ``col="eq"``,
        else those of the plan; where they leave out rows, their label is -1.

    block_size : int, default=None
        Rows of a block. By default all that is in memory, else 64 MiB of double precision.

    process_group : torch.distributed.ProcessGroup, default=None
        Processes that share the rows, each with rows of its own. Masses of columns are summed over
        them, and nothing else is. By default this process has all rows.

    Returns
    -------
    result : TransportResult
        With the attributes `plan`, `labels`, `row_weight` (share of each row's mass that the
        columns take), `col_mass`, `col_potential`, `offset_potential`, `n_iter`, `converged`,
        `row_error`, `col_error`, `primal`, `dual` and `objectives`.

    Raises
    ------
    ValueError
        If a parameter is out of range, no plan can have the masses, or the cost holds NaN.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` sweeps were not enough, or an objective with `similarity` rose.

    See Also
    --------
    doubly_stochastic : The same for a symmetric matrix of similarities.

    Notes
    -----
    With potentials f of rows and g of columns,
    :math:`Q_{ij} = \exp((f_i + g_j - C_{ij}) / \varepsilon)`. A sweep is a step of block-coordinate
    ascent on the dual: it reads the cost once, forms f from g relative to each row's largest
    entry, adds up the columns, and forms the new g. Nothing underflows that matters, however small
    `reg` is, and all that is kept between sweeps are potentials of columns. The steps are
    extrapolated from the last ten by Anderson's method, with the dual as the judge.

    A sweep takes O(n k) operations. Memory beyond the cost is that of a block, O(k), a few numbers
    for each row, and the plan if it is asked for.

    References
    ----------
    .. [1] Caron, Misra, Mairal, Goyal, Bojanowski, Joulin: Unsupervised learning of visual
       features by contrasting cluster assignments. NeurIPS 2020.
    .. [2] Asano, Rupprecht, Vedaldi: Self-labelling via simultaneous clustering and representation
       learning. ICLR 2020.
    .. [3] Zhang, Ren, He: P2OT: progressive partial optimal transport for deep imbalanced
       clustering. ICLR 2024.
    .. [4] Zhang, Ren, He: SP2OT: semantic-regularized progressive partial optimal transport for
       imbalanced clustering. 2024. :arxiv:`2404.03446`
    .. [5] Benamou, Carlier, Cuturi, Nenna, Peyré: Iterative Bregman projections for regularized
       transportation problems. SIAM Journal on Scientific Computing 37, 2015.
    .. [6] Chizat, Peyré, Schmitzer, Vialard: Scaling algorithms for unbalanced optimal transport
       problems. Mathematics of Computation 87, 2018.
    .. [7] Séjourné, Vialard, Peyré: Faster unbalanced optimal transport: translation invariant
       Sinkhorn and 1-D Frank-Wolfe. AISTATS 2022.

    Examples
    --------
    Three of four rows prefer the first cluster. Balanced, the least attached one has to leave it:

    >>> import numpy as np
    >>> from skdeepcluster.assignment import transport_assign
    >>> score = np.array([[1.0, 0.0], [1.0, 0.0], [0.9, 0.0], [0.0, 1.0]])
    >>> transport_assign(-score, row_mass=1).plan.round(2)
    array([[0.81, 0.19],
           [0.81, 0.19],
           [0.37, 0.63],
           [0.  , 1.  ]])

    Sizes may give way:

    >>> transport_assign(-score, col="kl", reg_col=0.1, row_mass=1).labels
    array([0, 0, 0, 1])

    Half of the mass, from the rows that are sure:

    >>> transport_assign(-score, col="kl", virtual_mass=0.5).row_weight.round(2)
    array([0.48, 0.48, 0.11, 0.93])
    """
    costs = costs_of(cost, block_size)
    n, k = costs.shape
    processes = Processes(process_group)
    n_total = processes.sum(n)
    row_masses = _masses(row_mass, n, 1 / n_total, "row_mass")
    given = float(processes.sum(row_masses.sum()))
    if given == 0:
        raise ValueError("row_mass must not be 0 in all rows")
    default = max(given - virtual_mass, 0.0) / k
    col_masses = _masses(col_mass, k, default, "col_mass")
    col_masses = _check_masses(row, col, given, col_masses, total_mass, virtual_mass)
    rows = Constraint(row_masses, row, _check_strength(reg_row, (), "reg_row"), reg)
    cols = Constraint(col_masses, col, _check_strength(reg_col, (k,), "reg_col"), reg)
    n_virtual = int(virtual_mass > 0)
    if n_virtual:
        cols.add_slack(virtual_mass)
    problem = _Problem(costs, rows, cols, reg, total_mass, n_virtual, given, processes)
    g, h, columns_first = _start(init, k, n_virtual, cols, total_mass)
    if process_group is not None and (similarity is not None or rounding != "argmax"):
        raise ValueError(
            'process_group allows neither similarity nor a rounding other than "argmax": both '
            "need all rows at once"
        )
    if rounding != "argmax" and not np.allclose(row_masses, row_masses[0], rtol=SAME_MASS):
        raise ValueError(f"rounding={rounding!r} requires rows of equal mass")

    options = {
        "columns_first": columns_first,
        "translation": translation,
        "tol": tol,
        "max_iter": max_iter,
    }
    objectives, at_rest = [], True
    if similarity is None:
        g, h, n_iter, converged, movement = problem.ascend(g, h, **options)
    else:
        S = _check_similarity(similarity, n, psd_shift)
        problem, g, h, n_iter, converged, at_rest, movement, objectives = _majorize(
            problem, S, similarity_weight, g, h, options, outer_tol, max_outer_iter
        )
    if not converged and tol is not None and max_iter:
        warnings.warn(
            f"Transport did not converge in {n_iter} sweeps: the last one moved a potential by "
            f"{movement / reg:.3g} * reg, tol is {tol}. Raise max_iter, reg or tol"
            + (', or relax the columns by col="kl".' if col == "eq" else "."),
            ConvergenceWarning,
            stacklevel=3,
        )
    outputs, weight, found = problem.read_out(g, h, output)
    labels = outputs.get("labels")
    if labels is not None and rounding != "argmax":
        shares = (cols.mass[:k] if col == "eq" else found["col_mass"]) / given
        labels = round_labels(problem.costs, g[:k] + h, weight, shares, rounding)
    plan = outputs.get("plan")
    if plan is not None and to_numpy(plan[:0]).dtype != costs.dtype:
        plan = plan.astype(costs.dtype) if isinstance(plan, np.ndarray) else plan.float()
    return TransportResult(
        plan=None if plan is None else costs.give(plan),
        labels=None if labels is None else costs.give(labels),
        row_weight=None if output == "potentials" else costs.give(weight),
        n_iter=n_iter,
        converged=converged and at_rest,
        objectives=objectives,
        **found,
    )


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
    if is_tensor(similarity) and similarity.requires_grad:
        from skdeepcluster.assignment._transport_torch import DoublyStochastic

        return DoublyStochastic.apply(similarity, reg, tol, max_iter)

    costs = costs_of(-similarity if is_tensor(similarity) else -values, name="similarity")
    m = costs.shape[0]
    rows = Constraint(np.ones(m), "eq", None, reg)
    mass = costs.hold(rows.mass)
    potentials = costs.empty(m)

    def sweep(w):
        log_column_masses(costs, Processes(None), w, reg, mass, rows, potentials=potentials)
        f = to_numpy(potentials)
        return 0.5 * (f - w), f.sum() + w.sum()

    w, n_iter, converged, largest = _iterate(
        sweep, np.zeros(m), np.inf, max(tol, 1e-14) * reg, max_iter
    )
    if not converged:
        warnings.warn(
            f"The projection did not converge in {n_iter} sweeps: the last one moved a potential "
            f"by {largest / reg:.3g} * reg, tol is {tol}. Raise max_iter, reg or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
    if is_tensor(similarity):
        w = costs.hold(w) if hasattr(costs, "device") else costs.give(w)
        return ((similarity + w[:, None] + w) / reg).exp().to(similarity.dtype)
    return np.exp((values + w[:, None] + w) / reg).astype(costs.dtype, copy=False)
