"""Column masses of a plan, over all processes that share its rows."""

import numpy as np

# Column sums below are formed again from logarithms: their terms have begun to vanish.
TINY = 1e-280


class AllReduce:
    """Sums and maxima over the processes that share the rows; alone, each is the identity.

    Parameters
    ----------
    group : torch.distributed.ProcessGroup or None
    """

    def __init__(self, group):
        self.group = group

    def _reduce(self, array, operation):
        array = np.array(array, dtype=np.float64)
        if self.group is None:
            return array
        import torch
        import torch.distributed as dist

        device = "cuda" if dist.get_backend(self.group) == "nccl" else "cpu"
        tensor = torch.from_numpy(array).to(device)
        dist.all_reduce(tensor, getattr(dist.ReduceOp, operation), group=self.group)
        return tensor.cpu().numpy()

    def sum(self, array):
        return self._reduce(array, "SUM")

    def max(self, array):
        return self._reduce(array, "MAX")


def log_column_masses(costs, processes, g, reg, mass, rows, **outputs):
    """Of the plan that g gives: the logarithms of the columns' masses, and `Costs.sums`'s value."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums, scale, value = costs.sums(g, reg, mass, rows, **outputs)
        if not rows.exact:
            highest = processes.max(scale)
            sums, scale = sums * np.exp(scale - highest), highest
    *sums, value = processes.sum(np.append(sums, value))
    sums = np.array(sums)
    if not np.isfinite(sums).all():
        costs.explain(virtual=len(g) > costs.shape[1])
    with np.errstate(divide="ignore"):
        logs = np.log(sums) + scale
    (lost,) = np.nonzero((sums < TINY) & np.isfinite(g))
    if len(lost):
        potentials = costs.empty(costs.shape[0])
        costs.sums(g, reg, mass, rows, potentials=potentials)
        local = costs.log_sums(g, reg, potentials, lost)
        highest = processes.max(local)
        if not np.isfinite(highest).all():
            costs.explain(False, lost[~np.isfinite(highest)])
        logs[lost] = highest + np.log(processes.sum(np.exp(local - highest)))
    return logs, float(value)
