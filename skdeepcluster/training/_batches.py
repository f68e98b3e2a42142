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


def balanced(labels, rows, batch_size, n_per_label, generator):
    """Batches of rows of several labels each, with equally many rows of each label.

    Labels take turns, and so do the rows of a label: over batches all labels are equally frequent,
    and all rows of a label. Together batches have about as many rows as there are; where all labels
    fit into a batch, they have more rows than `n_per_label`.

    Parameters
    ----------
    labels : LongTensor of shape (n_samples,)
    rows : LongTensor
        Rows to take; those whose label no other of them has are left out.
    batch_size, n_per_label : int
    generator : torch.Generator

    Returns
    -------
    batches : list of LongTensor
        Each of different rows, of at least two of each label; none where labels have one row each.
    """
    order = rows[torch.randperm(len(rows), generator=generator)]
    order = order[labels[order].argsort(stable=True)]
    sizes = labels[order].unique_consecutive(return_counts=True)[1]
    groups = [group for group in order.split(sizes.tolist()) if len(group) > 1]
    if not groups:
        return []
    n_labels = min(len(groups), max(2, batch_size // n_per_label))
    n_per_label = max(2, batch_size // n_labels)
    taken, turn, batches = [0] * len(groups), torch.randperm(len(groups), generator=generator), []
    n_left = sum(map(len, groups))
    while n_left > 0:
        batch = []
        for g in turn[:n_labels].tolist():
            n = min(n_per_label, len(groups[g]))
            places = torch.arange(taken[g], taken[g] + n) % len(groups[g])
            batch.append(groups[g][places])
            taken[g] += n
        turn = turn.roll(-n_labels)
        batches.append(torch.cat(batch))
        n_left -= len(batches[-1])
    return batches


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


def rows_of_classes(name, rows_per_class):
    """Batches of labeled rows, of several classes each and several rows of each class.

    Classes have as many rows in an epoch as each other, drawn without replacement until a class has
    no more.

    Parameters
    ----------
    name : str
        Name of the class of each row among the rows of the fit's side information; rows with a
        negative number are left out.
    rows_per_class : int
        Rows that come together. A class with fewer has all of its rows.

    Returns
    -------
    batches : callable (fit) -> list of LongTensor
    """

    def batches(fit):
        label = fit.side.rows[name].cpu()
        rows = torch.nonzero(label >= 0)[:, 0]
        rows = rows[torch.randperm(len(rows), generator=fit.generator)]
        rows = rows[label[rows].argsort(stable=True)]
        sizes = label[rows].unique_consecutive(return_counts=True)[1]
        n_rounds = -(-len(rows) // (len(sizes) * rows_per_class))
        place = torch.arange(n_rounds * rows_per_class) % sizes[:, None]
        groups = rows[(sizes.cumsum(0) - sizes)[:, None] + place]
        groups = groups.unflatten(1, (n_rounds, rows_per_class))
        inside = torch.arange(rows_per_class) < sizes[:, None]
        drawn = [
            groups[c, i, inside[c]]
            for i in range(n_rounds)
            for c in torch.randperm(len(sizes), generator=fit.generator)
        ]
        # A single class has nothing to be compared with.
        size = max(2, fit.batch_size // rows_per_class)
        n_batches = -(-len(drawn) // size)
        return [
            torch.cat([drawn[i] for i in chosen])
            for chosen in torch.arange(len(drawn)).tensor_split(n_batches)
        ]

    return batches


def _of_rows(fit, name):
    """Side information on each row, or what the fit has found of it."""
    return fit.side.rows[name] if name in fit.side.rows else getattr(fit.state, name)


def all_rows(fit):
    """One batch of all rows in their order, for losses over a whole graph."""
    return [torch.arange(len(fit.samples))]
