"""Batches of a stage: of rows, pairs of rows, edges, sets, or all rows at once.

Each function is, or returns, a stage's `batches`: a callable (fit) that lists the batches of an
epoch.
"""

from dataclasses import dataclass, field

import torch


@dataclass
class Items:
    """Items of a batch, each of one row or of several.

    Parameters
    ----------
    index : LongTensor of shape (n_items,) or (n_items, n_rows)
        Rows of each item.
    known : dict of str to Tensor, default={}
        Side information on each item, first dimension n_items: weights, labels of pairs, times.
        Batches hold it as ``batch.side.<name>``.
    """

    index: torch.Tensor
    known: dict = field(default_factory=dict)

    def __len__(self):
        return len(self.index)

    def take(self, chosen):
        """Some of the items, by their positions."""
        return Items(self.index[chosen], {name: x[chosen] for name, x in self.known.items()})

    def split(self, size):
        """Batches of so many items, in order; none of no items."""
        return [self.take(chosen) for chosen in torch.arange(len(self)).split(size) if len(chosen)]


def shuffled(items, batch_size, generator):
    """Batches of all items in random order."""
    order = torch.randperm(len(items), generator=generator)
    return items.take(order).split(min(batch_size, max(1, len(items))))


def pairs_of(name, *known):
    """Batches of pairs of rows, in random order.

    Parameters
    ----------
    name : str
        Name of the pairs, of shape (n_pairs, 2), among the arrays of the fit's side information.
    *known : str
        Names of the arrays with information on each pair.

    Returns
    -------
    batches : callable (fit) -> list of Items
        Of index (n, 2): ``batch.x[:, 0]`` are the first rows of the pairs.
    """

    def batches(fit):
        return shuffled(_items(fit, name, known), fit.batch_size, fit.generator)

    return batches


def events_of(name, *known):
    """Batches of edges or events as `pairs_of`, but in the order in which they are given."""

    def batches(fit):
        return _items(fit, name, known).split(fit.batch_size)

    return batches


def _items(fit, name, known):
    arrays = fit.side.arrays
    return Items(arrays[name].cpu().long(), {other: arrays[other].cpu() for other in known})


def edges_of(name):
    """Batches of the edges of a graph, in random order, with their weights.

    Parameters
    ----------
    name : str
        Name of the graph, a sparse tensor among the arrays of the fit's side information.

    Returns
    -------
    batches : callable (fit) -> list of Items
        Of index (n, 2), with ``batch.side.weight``.
    """

    def batches(fit):
        graph = fit.side.arrays[name].cpu()
        return shuffled(
            Items(graph.indices().T, {"weight": graph.values()}), fit.batch_size, fit.generator
        )

    return batches


def rows_with_neighbors(name):
    """Batches of all rows in random order, each with a neighbor that is drawn in each epoch.

    Parameters
    ----------
    name : str
        Name of the neighbors, of shape (n_samples, n_neighbors), among the rows of the fit's side
        information or, if they were found during the fit, in its state.

    Returns
    -------
    batches : callable (fit) -> list of Items
        Of index (n, 2): ``batch.x[:, 1]`` are the neighbors.
    """

    def batches(fit):
        neighbors = _of_rows(fit, name).cpu().long()
        drawn = torch.randint(neighbors.shape[1], (len(neighbors), 1), generator=fit.generator)
        index = torch.cat([torch.arange(len(neighbors))[:, None], neighbors.gather(1, drawn)], 1)
        return shuffled(Items(index), fit.batch_size, fit.generator)

    return batches


def sets_of(name):
    """Batches of sets of rows, in random order.

    Parameters
    ----------
    name : str
        Name of the number of each row's set, of shape (n_samples,), among the rows of the fit's
        side information or, if they were found during the fit, in its state; rows with a negative
        number are in no set.

    Returns
    -------
    batches : callable (fit) -> list of Items
        Of index (n, size of the largest set), with ``batch.side.inside``, of the same shape: False
        where a smaller set is padded by its first row.
    """

    def batches(fit):
        numbers = _of_rows(fit, name).cpu()
        order = numbers.argsort(stable=True)
        order = order[numbers[order] >= 0]
        sizes = numbers[order].unique_consecutive(return_counts=True)[1]
        inside = torch.arange(int(sizes.max())) < sizes[:, None]
        first = order[sizes.cumsum(0) - sizes]
        index = first[:, None].repeat(1, inside.shape[1]).masked_scatter(inside, order)
        return shuffled(Items(index, {"inside": inside}), fit.batch_size, fit.generator)

    return batches


def _of_rows(fit, name):
    """Side information on each row, or what the fit has found of it."""
    return fit.side.rows[name] if name in fit.side.rows else getattr(fit.state, name)


def all_rows(fit):
    """One batch of all rows in their order, for losses over a whole graph."""
    return [torch.arange(len(fit.samples))]
