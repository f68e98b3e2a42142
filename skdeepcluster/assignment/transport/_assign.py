"""Entropic transport between rows and clusters: balanced, relaxed and partial assignments."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, StrOptions, validate_params
from skdeepcluster.assignment.transport._column_masses import AllReduce
from skdeepcluster.assignment.transport._costs import to_numpy
from skdeepcluster.assignment.transport._costs_of import costs_of
from skdeepcluster.assignment.transport._dual import Problem
from skdeepcluster.assignment.transport._masses import (
    SAME_MASS,
    Constraint,
    check_masses,
    check_strength,
    masses_of,
)
from skdeepcluster.assignment.transport._result import TransportResult, start
from skdeepcluster.assignment.transport._rounding import round_labels
from skdeepcluster.assignment.transport._similarity import check_similarity, majorize
from skdeepcluster.validation import caller_level


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
    - ``"kl"``: :math:`\lambda (x \log (x / t) - x + t)`, a penalty of strength :math:`\lambda`;
    - ``"ub"``: :math:`x \le t`;
    - ``"free"``: nothing.

    Balanced assignments, as in SwAV [1]_ and SeLa [2]_, are the default. ``col_mass`` sets other
    cluster sizes, ``col="kl"`` lets sizes deviate from the targets. Together with it,
    ``virtual_mass=1 - rho`` sends a fraction of the rows' mass to a virtual column of cost 0, so
    that the real columns receive the fraction rho, mostly from confident rows: progressive partial
    transport [3]_, with `similarity` its semantic form [4]_. Partial transport [5]_ is
    ``row="ub", col="ub", total_mass=m``.

    Parameters
    ----------
    cost : array-like or tensor of shape (n_samples, n_clusters), or provider of blocks
        Infinity forbids a pair. A memory-mapped array is read block by block, and so is an object
        with a `shape` and a method ``block(start, stop)`` that returns these rows. Tensors stay on
        their device; no gradient flows. Computation is in double precision, whatever the cost's.

    row, col : {"eq", "kl", "ub", "free"}, default="eq"
        Constraints on the masses of rows and columns.

    row_mass : float or array-like of shape (n_samples,), default=None
        Targets of the rows, by default ``1 / n_samples`` each. With ``row_mass=1`` rows of the plan
        are soft labels that sum to one.

    col_mass : float or array-like of shape (n_clusters,), default=None
        Targets of the columns, by default equal shares of the rows' mass less `virtual_mass`.

    total_mass : float, default=None
        The sum of the plan, where neither rows nor columns fix it.

    virtual_mass : float, default=0.0
        The mass of rows that the virtual column takes. Requires ``row="eq"``; row
        masses include it.

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
        objective converges (majorization-minimization). Keeps dense arrays of the cost's shape.

    similarity_weight : float, default=1.0
        Weight w: the cost of a row in a cluster falls by w times the sum of :math:`(S + S^\top)`
        over the rows in that cluster.

    psd_shift : {"auto"}, default=None
        With "auto" the diagonal of the symmetrized similarity is raised until no eigenvalue is
        negative. The objective then decreases in each step, and rows tend to keep their clusters.

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
        What is computed for the rows: plan, labels and weights; labels and weights; or nothing.

    rounding : {"argmax", "greedy", "exact"}, default="argmax"
        How the plan becomes labels. The largest entry of each row need not give clusters of the
        target sizes. "greedy" does: in rounds, each row proposes to its best cluster with free
        places, which accepts those that would lose most by their next best. "exact" minimizes the
        sum of costs, for up to 10,000 rows. Both require rows of equal mass. The sizes are
        `col_mass` for ``col="eq"``, else those of the plan; rows left out have the label -1.

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
    entry, adds up the columns, and forms the new g. No relevant term underflows, however small
    `reg` is, and only potentials of columns are kept between sweeps. Steps are extrapolated from
    the last ten by Anderson's method, and an extrapolation that lowers the dual is rejected.

    A sweep takes O(n k) operations. Memory beyond the cost is that of a block, O(k), a few numbers
    for each row, and the plan if it is requested.

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
    processes = AllReduce(process_group)
    n_total = processes.sum(n)
    row_masses = masses_of(row_mass, n, 1 / n_total, "row_mass")
    given = float(processes.sum(row_masses.sum()))
    if given == 0:
        raise ValueError("row_mass must not be 0 in all rows")
    default = max(given - virtual_mass, 0.0) / k
    col_masses = masses_of(col_mass, k, default, "col_mass")
    col_masses = check_masses(row, col, given, col_masses, total_mass, virtual_mass)
    rows = Constraint(row_masses, row, check_strength(reg_row, (), "reg_row"), reg)
    cols = Constraint(col_masses, col, check_strength(reg_col, (k,), "reg_col"), reg)
    n_virtual = int(virtual_mass > 0)
    if n_virtual:
        cols.add_slack(virtual_mass)
    problem = Problem(costs, rows, cols, reg, total_mass, n_virtual, given, processes)
    g, h, columns_first = start(init, k, n_virtual, cols, total_mass)
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
        S = check_similarity(similarity, n, psd_shift)
        problem, g, h, n_iter, converged, at_rest, movement, objectives = majorize(
            problem, S, similarity_weight, g, h, options, outer_tol, max_outer_iter
        )
    if not converged and tol is not None and max_iter:
        warnings.warn(
            f"Transport did not converge in {n_iter} sweeps: the last one moved a potential by "
            f"{movement / reg:.3g} * reg, tol is {tol}. Raise max_iter, reg or tol"
            + (', or relax the columns by col="kl".' if col == "eq" else "."),
            ConvergenceWarning,
            stacklevel=caller_level(),
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
