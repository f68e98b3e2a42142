"""Influence of nodes on each other, and the contrast that draws them together by it."""

import torch
import torch.nn.functional as F
from scipy.sparse import csr_array, diags_array, eye_array
from torch.utils.checkpoint import checkpoint

# Influences below this are left out, so that powers stay sparse.
LEAST = 1e-8
# Entries of similarities that are in memory at once.
BLOCK_ENTRIES = 2**18


def influence(graph, order, cumulative):
    r"""Probabilities of a walk from each node that it ends at the others.

    .. math:: \bar A^r \quad \text{or} \quad \sum_{s=1}^r \bar A^s, \qquad
        \bar A = (D + I)^{-1} (A + I)

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights of edges. Those of its own loops do not count; the loops that are added
        weigh as much as the mean edge.
    order : int
        The number of steps :math:`r`.
    cumulative : bool
        Whether walks of fewer steps count too.

    Returns
    -------
    G : csr_array of shape (n, n)
        With an entry on the whole diagonal.
    """
    n = graph.shape[0]
    graph = csr_array(graph - diags_array(graph.diagonal()))
    graph.eliminate_zeros()
    looped = csr_array(graph + (graph.data.mean() if graph.nnz else 1.0) * eye_array(n))
    step = csr_array(diags_array(1 / looped.sum(axis=1)) @ looped)
    power = total = step
    for _ in range(order - 1):
        power = csr_array(power @ step)
        power.data[power.data < LEAST] = 0
        power.eliminate_zeros()
        total = total + power
    found = csr_array(total if cumulative else power)
    found.sort_indices()
    return found


def within(index, edges, weight, n_nodes):
    """Edges between nodes of a batch, by their positions in it.

    Parameters
    ----------
    index : LongTensor of shape (n_batch,)
    edges : LongTensor of shape (2, n_edges)
    weight : Tensor of shape (n_edges,)
    n_nodes : int

    Returns
    -------
    edges : LongTensor of shape (2, n_kept)
    weight : Tensor of shape (n_kept,)
    """
    position = edges.new_full((n_nodes,), -1)
    position[index] = torch.arange(len(index), device=index.device)
    ends = position[edges]
    inside = (ends >= 0).all(dim=0)
    return ends[:, inside], weight[inside]


def influence_contrast(z, edges, weight, temperature):
    r"""Mean cross entropy between a row's influences and the softmax over its similarities.

    .. math:: -\frac{1}{n} \sum_i \log \frac{\sum_j G_{ij} \exp(s_{ij} / \tau)}
        {\sum_j \exp(s_{ij} / \tau)}, \quad s_{ij} = \cos(z_i, z_j), \; s_{ii} = 0

    The similarities of all pairs are computed in blocks of rows, and again for the gradient, so
    that never all of them are in memory.

    Parameters
    ----------
    z : Tensor of shape (n, n_components)
    edges : LongTensor of shape (2, n_edges)
        Rows and columns of the influences, with every (i, i).
    weight : Tensor of shape (n_edges,)
        Influences, all positive.
    temperature : float

    Returns
    -------
    loss : Tensor
    """
    with torch.autocast(z.device.type, enabled=False):
        z = F.normalize(z, dim=1, eps=1e-12)
        row, column = edges
        similarity = (z[row] * z[column]).sum(dim=1).masked_fill(row == column, 0)
        positive = _log_sums(similarity / temperature + weight.log(), row, len(z))
        size = max(1, BLOCK_ENTRIES // len(z))
        everything = torch.cat(
            [
                checkpoint(_log_sum_block, z, begin, size, temperature, use_reentrant=False)
                for begin in range(0, len(z), size)
            ]
        )
        return (everything - positive).mean()


def _log_sum_block(z, begin, size, temperature):
    """Log of the sum of exponentials over each of some rows."""
    scaled = (z[begin : begin + size] / temperature) @ z.T
    scaled.diagonal(begin).zero_()
    return torch.logsumexp(scaled, dim=1)


def _log_sums(values, row, n_rows):
    """Log of the sum of exponentials of values by their row; every row has one."""
    largest = values.detach().new_full((n_rows,), -torch.inf)
    largest = largest.scatter_reduce(0, row, values.detach(), "amax")
    sums = values.new_zeros(n_rows).index_add(0, row, (values - largest[row]).exp())
    return sums.log() + largest
