"""Edges of all sets of a fit, of the sets of a batch, and of new sets, with their scores."""

import numpy as np
import torch
from scipy.sparse import csr_array

from skdeepcluster.graph._cells import divided, edges_within_sets, links_of_objects, nearest

# Edges in a pass of the network without gradient, unless one set has more.
PASS_EDGES = 2**18


def link_sets(fit, sets, objects, held, kind, *, n_cells, min_count):
    """Find cells and edges, and keep them in the state of the fit.

    Parameters
    ----------
    fit : Fit
    sets, objects : ndarray of shape (n,), int64
    held : ndarray of shape (n,), bool
        Points of sets that are held out.
    kind : {"tree", "hops", "all"}
        Links of an object.
    n_cells : int or None
    min_count : int
        Links that make two cells linked.
    """
    points = fit.over_all_rows(lambda x: x.flatten(1)).cpu().numpy()
    links = links_of_objects(points.astype(np.float64), objects, kind)
    options = {"min_count": min_count, "seed": fit.seed()}
    centers, keys, recall = divided(points, links, held, n_cells, **options)
    lengths = np.linalg.norm(points[links[:, 0]] - points[links[:, 1]], axis=1)
    # Of points that are all the same any unit will do.
    fit.module.edges.unit.fill_(float(lengths.mean()) if lengths.any() else 1.0)
    edges = edges_within_sets(nearest(points, centers), sets, keys, len(centers))
    starts = np.searchsorted(edges[:, 0], np.arange(len(sets) + 1))
    state, device = fit.state, fit.device
    state.training_set = torch.as_tensor(np.where(held, -1, sets))
    state.centers, state.keys = torch.as_tensor(centers), torch.as_tensor(keys)
    state.starts = torch.as_tensor(starts, device=device)
    state.second = torch.as_tensor(edges[:, 1].copy(), device=device)
    state.recall = recall


@torch.no_grad()
def scored_edges(network, x, sets, centers, keys):
    """Embeddings of points and logits of edges, some sets after the other.

    Parameters
    ----------
    network : EdgeNetwork
    x : Tensor of shape (n, n_features)
    sets : ndarray of shape (n,), int64
        The number of the set of each point, from 0.
    centers, keys : ndarray
        The cells and which are linked, as `divided` gives them.

    Returns
    -------
    z : Tensor of shape (n, width)
    first, second, logits : Tensor of shape (n_edges,)
        The ends of the edges, and their scores.
    """
    edges = edges_within_sets(nearest(x.cpu().numpy(), centers), sets, keys, len(centers))
    # Sets in their order, as many as have this number of edges together.
    block = np.cumsum(np.bincount(sets[edges[:, 0]], minlength=sets.max() + 1)) // PASS_EDGES
    block_of_row = block[sets]
    block_of_edge = block_of_row[edges[:, 0]]
    z = logits = None
    position = np.empty(len(sets), dtype=np.int64)
    for number in np.unique(block):
        rows, chosen = (np.flatnonzero(found == number) for found in (block_of_row, block_of_edge))
        position[rows] = np.arange(len(rows))
        ends = torch.as_tensor(position[edges[chosen]].T.copy(), device=x.device)
        rows, chosen = (torch.as_tensor(found, device=x.device) for found in (rows, chosen))
        some_z, some_logits = network(x[rows], *ends)
        if z is None:
            z = some_z.new_empty(len(x), some_z.shape[1])
            logits = some_logits.new_empty(len(edges))
        z[rows], logits[chosen] = some_z, some_logits
    return z, *torch.as_tensor(edges.T.copy(), device=x.device), logits


def scored_sets(fit, batch):
    """The points of a batch of sets, their embeddings, their edges and what is known.

    Returns
    -------
    x : Tensor of shape (n, n_features)
        Of all sets, one after the other.
    z : Tensor of shape (n, width)
    first, second, logits : Tensor of shape (n_edges,)
        The ends of the edges, by their position in `x`, and their scores.
    objects : LongTensor of shape (n,)
    """
    inside, state = batch.side.inside, fit.state
    rows, x = batch.index[inside], batch.x[inside].flatten(1)
    numbers = torch.arange(len(rows), device=rows.device)
    begin, n_edges = state.starts[rows], state.starts[rows + 1] - state.starts[rows]
    first = torch.repeat_interleave(numbers, n_edges)
    place = torch.arange(len(first), device=rows.device) - (n_edges.cumsum(0) - n_edges)[first]
    position = rows.new_zeros(len(fit.samples))
    position[rows] = numbers
    second = position[state.second[begin[first] + place]]
    z, logits = fit.module.edges(x, first, second)
    return x, z, first, second, logits, batch.side.object[inside]


def graph_of(logits, first, second, n):
    """Probabilities of edges as a csr_array of shape (n, n)."""
    p = logits.double().sigmoid().cpu().numpy()
    return csr_array((p, (first.cpu().numpy(), second.cpu().numpy())), shape=(n, n))
