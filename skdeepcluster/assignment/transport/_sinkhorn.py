"""Balanced soft labels of one batch: Sinkhorn's normalizations, without checks."""

import torch


def sinkhorn(scores, reg, n_iter, *, col_mass=None):
    """Soft labels of rows that use columns in given proportions.

    Starts from ``exp(scores / reg)`` and normalizes columns and rows in turn, columns first. Rows
    sum to one exactly; columns have their masses up to what the last normalization of rows changed.
    It is the plan of::

        transport_assign(-scores, row_mass=1, col_mass=..., reg=reg, init="columns",
                         max_iter=n_iter, tol=None)

    for training loops that need it once per batch: nothing is checked, nothing leaves the scores'
    device, and no gradient flows. Computation is in logarithms and in double precision, where the
    device has it, so no `reg` is too small.

    Parameters
    ----------
    scores : tensor of shape (n, k)
        The higher, the better the column suits the row; -infinity forbids a pair. Each row and
        each column needs a finite score.
    reg : float
        Strength of the entropy, in units of scores: the smaller, the harder the labels.
    n_iter : int
        Normalizations of columns and rows, at least 1.
    col_mass : tensor of shape (k,), default=None
        Proportions of the columns, which need no particular sum; by default all are equal.

    Returns
    -------
    plan : tensor of shape (n, k)
        In the scores' precision.
    """
    exact = torch.float32 if scores.device.type == "mps" else torch.float64
    log_plan = scores.detach().to(exact) / reg
    log_mass = 0.0 if col_mass is None else col_mass.to(log_plan).log()
    for _ in range(n_iter):
        # The normalization of rows removes whatever the column masses add up to.
        log_plan = (log_plan - log_plan.logsumexp(0) + log_mass).log_softmax(1)
    return log_plan.exp().to(scores.dtype)
