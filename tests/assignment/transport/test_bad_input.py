"""What transport refuses or warns of."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.assignment import transport_assign
from tests.assignment.transport._problems import Blocks

# What goes wrong.

GOOD = np.arange(12.0).reshape(4, 3)


def with_entry(value, row=1, column=2):
    cost = GOOD.copy()
    cost[row, column] = value
    return cost


@pytest.mark.parametrize(
    ("cost", "params", "message"),
    [
        (with_entry(np.nan), {}, "NaN, first in row 1, column 2"),
        (with_entry(-np.inf), {}, "-infinity, first in row 1, column 2"),
        (np.where([[0], [1], [0], [0]], np.inf, GOOD), {}, "row 1 of cost is infinite"),
        (np.where([0, 1, 0], np.inf, GOOD), {}, "column 1 of cost is infinite"),
        (GOOD[0], {}, "rows and columns"),
        (GOOD[:0], {}, "rows and columns"),
        (GOOD[:, :0], {}, "rows and columns"),
        (GOOD, {"reg": 0.0}, "reg"),
        (GOOD, {"reg": -1.0}, "reg"),
        (GOOD, {"reg": np.nan}, "reg"),
        (GOOD, {"reg": 1e-320}, "rescale"),
        (1e300 * GOOD, {"reg": 1e-10}, "rescale"),
        (GOOD, {"row": "equal"}, "row"),
        (GOOD, {"reg_col": -1.0, "col": "kl"}, "reg_col must be finite and not negative"),
        (GOOD, {"reg_col": [1.0, 2.0], "col": "kl"}, "reg_col"),
        (GOOD, {"reg_row": [1.0] * 4, "row": "kl"}, "reg_row"),
        (GOOD, {"row_mass": [0.5, 0.5]}, "row_mass"),
        (GOOD, {"row_mass": -1.0}, "row_mass must be finite and not negative"),
        (GOOD, {"row_mass": 0.0}, "row_mass must not be 0"),
        (GOOD, {"row_mass": [1, 1, np.nan, 1]}, "row_mass must be finite"),
        (GOOD, {"col_mass": 0.0}, "col_mass must not be 0"),
        (GOOD, {"col_mass": 0.0, "col": "kl"}, "col_mass must not be 0"),
        (GOOD, {"col_mass": [1, 1, 1]}, "must agree"),
        (GOOD, {"col_mass": [0.1, 0.1, 0.1], "col": "ub"}, "col_mass bounds the mass"),
        (GOOD, {"col_mass": 1.0, "row": "ub"}, "row_mass bounds the mass"),
        (GOOD, {"total_mass": 0.5}, "total_mass requires"),
        (GOOD, {"total_mass": 1.5, "row": "ub", "col": "ub"}, "exceeds the sum of row_mass"),
        (GOOD, {"total_mass": 0.9, "row": "free", "col": "ub", "col_mass": 0.2}, "sum of col_mass"),
        (GOOD, {"total_mass": 0.5, "virtual_mass": 0.5}, "exclude each other"),
        (GOOD, {"virtual_mass": 1.0}, "less than the sum of row_mass"),
        (GOOD, {"virtual_mass": -0.1}, "virtual_mass"),
        (GOOD, {"virtual_mass": 0.5, "row": "ub"}, "virtual_mass requires"),
        (GOOD, {"init": [0.0, 0.0]}, "init"),
        (GOOD, {"init": [0.0, np.nan, 0.0]}, "init"),
        (GOOD, {"init": "rows"}, "init"),
        (GOOD, {"similarity": np.ones((3, 3))}, "similarity must have shape"),
        (GOOD, {"similarity": -np.ones((4, 4))}, "similarity must be finite and not negative"),
        (GOOD, {"rounding": "greedy", "row_mass": [1, 2, 3, 4]}, "rows of equal mass"),
        (GOOD, {"tol": -1.0}, "tol"),
        (GOOD, {"max_iter": -1}, "max_iter"),
        (GOOD, {"block_size": 0}, "block_size"),
        (-2000 * GOOD, {"row": "free", "col": "free"}, "masses of the plan"),
    ],
)  # fmt: skip
def test_bad_input(cost, params, message):
    with pytest.raises(ValueError, match=message):
        transport_assign(cost, **params)


def test_bad_kinds_of_input():
    with pytest.raises(TypeError, match="sparse"):
        transport_assign(sp.csr_array(GOOD))
    with pytest.raises(TypeError, match="numbers"):
        transport_assign(GOOD.astype(complex))
    with pytest.raises(TypeError, match="numbers"):
        transport_assign(GOOD.astype(str))

    class Short(Blocks):
        def block(self, start, stop):
            return self.cost[start : stop - 1] if stop - start > 1 else self.cost[start:stop]

    with pytest.raises(ValueError, match=r"cost.block\(0, 4\) has shape \(3, 3\)"):
        transport_assign(Short(GOOD))
    with pytest.raises(ValueError, match="up to 10000 rows"):
        transport_assign(np.zeros((10_001, 2)), rounding="exact")


def test_too_few_sweeps_warn():
    cost = np.random.RandomState(0).uniform(size=(50, 8))
    with pytest.warns(ConvergenceWarning, match="did not converge in 3 sweeps"):
        found = transport_assign(cost, reg=0.01, max_iter=3)
    assert not found.converged and found.col_error > 1e-4
    np.testing.assert_allclose(found.plan.sum(axis=1), 1 / 50)
    # Asked for a number of sweeps, it does just that.
    assert transport_assign(cost, reg=0.01, max_iter=3, tol=None).n_iter == 3
