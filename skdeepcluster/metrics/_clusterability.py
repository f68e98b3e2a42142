"""How much of a matrix of weights is in blocks of its rows and columns."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_array, check_consistent_length

from skdeepcluster.validation import check_labels


def clusterability_score(W, row_labels, column_labels, *, align=False, adjusted=False):
    r"""Share of the squared weights that is in blocks of equal row and column labels.

    .. math:: C = \frac{\sum_{ij} W_{ij}^2 [u_i = v_j]}{\sum_{ij} W_{ij}^2}

    For layers of networks, whose rows are outputs and whose columns are inputs, and for other
    tables whose two sides are clustered, as by :class:`sklearn.cluster.SpectralCoclustering`.

    Parameters
    ----------
    W : {array-like, sparse matrix} of shape (n_rows, n_columns)
        Weights, of either sign.

    row_labels : array-like of shape (n_rows,)
        Group of each row. Those labeled -1 are in no group.

    column_labels : array-like of shape (n_columns,)
        Group of each column.

    align : bool, default=False
        Whether groups of rows and columns are first matched one to one, so that most is in blocks:
        for labels of the two sides that were found separately, whose names say nothing. Without it
        such labels score too low.

    adjusted : bool, default=False
        Whether the score is adjusted for chance: :math:`(C - E) / (1 - E)` with the expectation
        :math:`E = \sum_k R_k S_k` if columns are permuted at random, for the share :math:`R_k` of
        the squares in the rows of a group and :math:`S_k` of the columns in one. Scores of
        different numbers of groups can then be compared. With `align` chance has more than that.

    Returns
    -------
    score : float
        From 0 to 1, where nothing is outside of the blocks; 0 where all weights are. Adjusted, it
        is 0 on average for random weights, and 0 for a single group.

    References
    ----------
    .. [1] S. Golechha et al., "Modular training of neural networks aids interpretability", 2025.
           :arxiv:`2502.02470`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.metrics import clusterability_score
    >>> W = np.kron(np.eye(2), np.ones((2, 3))) + 0.5
    >>> rows, columns = [0, 0, 1, 1], [1, 1, 1, 0, 0, 0]
    >>> round(clusterability_score(W, rows, columns), 3)
    0.1
    >>> round(clusterability_score(W, rows, columns, align=True), 3)
    0.9
    >>> round(clusterability_score(W, rows, columns, align=True, adjusted=True), 3)
    0.8
    """
    W = check_array(W, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="W")
    rows, columns = (
        check_labels(labels, name)
        for labels, name in ((row_labels, "row_labels"), (column_labels, "column_labels"))
    )
    check_consistent_length(np.empty(W.shape[0]), rows)
    check_consistent_length(np.empty(W.shape[1]), columns)
    largest = np.abs(W.data if issparse(W) else W).max(initial=0)
    if not largest:
        return 0.0
    # In units in which no square overflows.
    W = W.astype(np.float64) / largest
    squares = W.multiply(W) if issparse(W) else np.square(W)
    total = squares.sum()
    names = np.union1d(rows, columns)
    of_rows, of_columns = (_members(labels, names) for labels in (rows, columns))
    masses = (of_rows.T @ csr_array(squares) @ of_columns).toarray()
    sizes = of_columns.sum(axis=0) / len(columns)
    grouped = names != -1
    masses, sizes = masses[np.ix_(grouped, grouped)], sizes[grouped]
    matched = np.arange(len(masses))
    if align:
        _, matched = linear_sum_assignment(masses, maximize=True)
    share = min(1.0, masses[np.arange(len(masses)), matched].sum() / total)
    if not adjusted:
        return float(share)
    in_rows = np.asarray(of_rows.T @ squares.sum(axis=1)).ravel()[grouped] / total
    expected = (in_rows * sizes[matched]).sum()
    return float((share - expected) / (1 - expected)) if expected < 1 - 1e-12 else 0.0


def _members(labels, names):
    """A column of zeros and ones for each name."""
    n = len(labels)
    places = np.arange(n), np.searchsorted(names, labels)
    return csr_array((np.ones(n), places), shape=(n, len(names)))
