"""Disjoint clusters of a tree: a wanted number of them, or those that satisfy most."""

import numpy as np


def best_of_number(parent, value, allowed, n_clusters):
    r"""Disjoint nodes of greatest total value, exactly so many.

    .. math:: f(v, k) = \max\left(S(v)\,[k = 1],
        \max_{k_1 + \dots + k_m = k} \sum_i f(v_i, k_i)\right),

    where :math:`S` is the value and :math:`v_i` are the children of :math:`v`.

    Parameters
    ----------
    parent : array of shape (n_nodes,)
        Of the root, which comes first, -1; all others stand after their parents.
    value : array of shape (n_nodes,)
        Not negative.
    allowed : array of shape (n_nodes,), bool
        Which nodes may be taken.
    n_clusters : int

    Returns
    -------
    chosen : array of shape (n_nodes,), bool

    Raises
    ------
    ValueError
        If there are not so many disjoint nodes.
    """
    n = len(parent)
    children = [[] for _ in range(n)]
    for node in range(1, n):
        children[parent[node]].append(node)
    # By node the best values of 0, 1, ... nodes at or below it, and of each child how many nodes
    # are below it and those before it, as it is joined.
    best, splits = [None] * n, [None] * n
    for node in range(n - 1, -1, -1):
        values, counts = np.zeros(1), []
        for child in children[node]:
            values, count = _joined(values, best[child], n_clusters)
            best[child] = None
            counts.append(count)
        if len(values) == 1:
            values = np.append(values, -np.inf)
        # Below, the larger value of one node; of equal ones the node above.
        alone = bool(allowed[node]) and value[node] >= values[1]
        if alone:
            values[1] = value[node]
        best[node], splits[node] = values, (alone, counts)
    most = np.flatnonzero(best[0] > -np.inf)[-1]
    if len(best[0]) <= n_clusters or best[0][n_clusters] == -np.inf:
        raise ValueError(
            f"n_clusters={n_clusters} is more than the {most} disjoint clusters that the hierarchy "
            "has; lower n_clusters, min_cluster_size or min_samples."
        )
    chosen = np.zeros(n, bool)
    waiting = [(0, n_clusters)]
    while waiting:
        node, k = waiting.pop()
        alone, counts = splits[node]
        if k == 1 and alone:
            chosen[node] = True
            continue
        for child, count in zip(reversed(children[node]), reversed(counts), strict=True):
            before = int(count[k])
            if k > before:
                waiting.append((child, k - before))
            k = before
    return chosen


def best_of_gains(parent, gain, noise, value, allowed):
    r"""Disjoint nodes of greatest total gain, of these those of greatest total value.

    Where no node above it is taken, a leaf is. With the gain :math:`J(v)` of a node, and
    :math:`N(v)` of what is in it but in none of its children :math:`v_i`,

    .. math:: f(v) = \max\left(J(v), N(v) + \sum_i f(v_i)\right).

    Parameters
    ----------
    parent : array of shape (n_nodes,)
        Of the root, which comes first, -1; all others stand after their parents.
    gain, noise, value : arrays of shape (n_nodes,)
    allowed : array of shape (n_nodes,), bool
        Which nodes may be taken.

    Returns
    -------
    chosen : array of shape (n_nodes,), bool
    """
    n = len(parent)
    best, below = noise.astype(np.float64), np.zeros(n)
    leaf, chosen = np.ones(n, bool), np.zeros(n, bool)
    leaf[parent[1:]] = False
    for node in range(n - 1, -1, -1):
        if allowed[node]:
            # Sums of weights are rounded.
            same = np.isclose(gain[node], best[node], rtol=1e-9, atol=1e-12)
            more = gain[node] > best[node] and not same
            if leaf[node] or more or (same and value[node] >= below[node]):
                chosen[node] = True
                best[node], below[node] = gain[node], value[node]
        if node:
            best[parent[node]] += best[node]
            below[parent[node]] += below[node]
    covered = np.zeros(n, bool)
    for node in range(1, n):
        covered[node] = covered[parent[node]] or chosen[parent[node]]
    return chosen & ~covered


def _joined(left, right, most):
    """The best values of two sets of nodes together, and how many of the left ones they take."""
    size = min(len(left) + len(right) - 1, most + 1)
    values, count = np.full(size, -np.inf), np.zeros(size, np.int64)
    for k in range(min(len(right), size)):
        stop = min(k + len(left), size)
        sums = left[: stop - k] + right[k]
        better = sums > values[k:stop]
        values[k:stop][better] = sums[better]
        count[k:stop][better] = np.arange(stop - k)[better]
    return values, count
