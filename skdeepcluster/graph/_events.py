"""Events between nodes, each at a time: checked, counted, and what came before each of them."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from skdeepcluster.validation import as_array

COLUMNS = ("source", "target", "time")


def check_events(events, n_nodes):
    """Events as arrays of their columns, in the order in which they are given.

    Parameters
    ----------
    events : array-like of shape (n_events, 3) or (n_events, 2)
        Source, target and time; without times an event's number is its time.
    n_nodes : int

    Returns
    -------
    source, target : (n_events,) arrays of int64
        Events of a node with itself are left out.
    time : (n_events,) array of float64

    Raises
    ------
    ValueError
        It names the column that is wrong.
    """
    found = np.asarray(as_array(events))
    if found.dtype.kind not in "biuf":
        try:
            found = found.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"events has dtype {found.dtype}; numbers are required") from None
    if found.ndim != 2 or found.shape[1] not in (2, 3):
        raise ValueError(
            f"events has shape {found.shape}; (n_events, 3) of source, target and time, or "
            "(n_events, 2), is required"
        )
    if found.shape[1] == 2:
        found = np.column_stack([found, np.arange(len(found))])
    for name, column in zip(COLUMNS, found.T, strict=True):
        if not np.isfinite(column).all():
            raise ValueError(f"column {name} of events has NaN or infinity")
        if name == "time" or not len(column):
            continue
        if (column != np.floor(column)).any():
            raise ValueError(f"column {name} of events has numbers that are not integers")
        if column.min() < 0 or column.max() >= n_nodes:
            raise ValueError(
                f"column {name} of events has nodes from {column.min():.0f} to "
                f"{column.max():.0f}; those of the rows of X are from 0 to {n_nodes - 1}"
            )
    source, target = (found[:, i].astype(np.int64) for i in (0, 1))
    time = found[:, 2].astype(np.float64)
    others = source != target
    return source[others], target[others], time[others]


class Past(NamedTuple):
    """What later events need of those before.

    Attributes
    ----------
    partners : (n_nodes, length) array of int64
        The last partners of each node, the latest last; -1 where there were fewer.
    times : (n_nodes, length) array of float64
        Times of these events, in units of `span`.
    counts : (n_nodes,) array of int64
        Number of events of each node.
    span : tuple of float
        The first time and the last of the first events: time runs from 0 to 1 between them.
    """

    partners: np.ndarray
    times: np.ndarray
    counts: np.ndarray
    span: tuple


class Histories(NamedTuple):
    """Each event as seen by both of its nodes, with the events of the node before it.

    Attributes
    ----------
    pairs : (2 n_events, 2) array of int64
        A node and its partner, in the order of time.
    partners : (2 n_events, length) array of int64
        Earlier partners of the node, the earliest first; 0 behind the last one.
    gaps : (2 n_events, length) array of float32
        Times since then.
    filled : (2 n_events, length) array of bool
        Whether there is an earlier partner.
    """

    pairs: np.ndarray
    partners: np.ndarray
    gaps: np.ndarray
    filled: np.ndarray


def no_past(n_nodes, length, time):
    """The past of the first events, which are at these times."""
    span = (float(time.min()), float(time.max())) if len(time) else (0.0, 1.0)
    return Past(
        np.full((n_nodes, length), -1), np.zeros((n_nodes, length)),
        np.zeros(n_nodes, np.int64), span,
    )  # fmt: skip


def histories(source, target, time, past):
    """What each event's nodes did before.

    Of events at the same time the one that is given first is the earlier one.

    Parameters
    ----------
    source, target, time : (n_events,) arrays
    past : Past

    Returns
    -------
    found : Histories
    later : Past
        Of events after these.
    """
    n, length = past.partners.shape
    first, last = past.span
    time = (time - first) / ((last - first) or 1.0)
    # Both sides of each event, one after the other, behind the events of the past.
    known = past.partners >= 0
    nodes = np.concatenate(
        [np.repeat(np.arange(n), known.sum(axis=1)), np.c_[source, target].ravel()]
    )
    others = np.concatenate([past.partners[known], np.c_[target, source].ravel()])
    times = np.concatenate([past.times[known], np.repeat(time, 2)])
    n_old = int(known.sum())
    is_new = np.arange(len(nodes)) >= n_old
    order = np.lexsort((times, is_new, nodes))
    nodes, others, times, is_new = nodes[order], others[order], times[order], is_new[order]
    starts = np.searchsorted(nodes, np.arange(n + 1))
    place = np.arange(len(nodes)) - starts[nodes]
    n_before = np.minimum(place, length)[is_new]
    slots = np.arange(length)
    filled = slots < n_before[:, np.newaxis]
    at = np.where(
        filled, np.flatnonzero(is_new)[:, np.newaxis] - n_before[:, np.newaxis] + slots, 0
    )
    gaps = np.where(filled, times[is_new, np.newaxis] - times[at], 0).astype(np.float32)
    partners = np.where(filled, others[at], 0)
    by_time = np.argsort(times[is_new], kind="stable")
    pairs = np.column_stack([nodes, others])[is_new]
    found = Histories(*(x[by_time] for x in (pairs, partners, np.maximum(gaps, 0), filled)))
    return found, _later(nodes, others, times, starts, past)


def _later(nodes, others, times, starts, past):
    n, length = past.partners.shape
    partners, last_times = np.full((n, length), -1), np.zeros((n, length))
    ends = starts[1:]
    for back in range(1, length + 1):
        has = ends - back >= starts[:-1]
        at = ends[has] - back
        partners[has, length - back], last_times[has, length - back] = others[at], times[at]
    new = np.diff(starts) - (past.partners >= 0).sum(axis=1)
    return Past(partners, last_times, past.counts + new, past.span)


def collapsed(pairs, n_nodes):
    """The graph of all events, whose weights are their numbers.

    Parameters
    ----------
    pairs : (n_pairs, 2) array
        With each pair in both orders.

    Returns
    -------
    graph : csr_array of shape (n_nodes, n_nodes), float64
    """
    graph = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n_nodes, n_nodes))
    graph.sum_duplicates()
    return graph
