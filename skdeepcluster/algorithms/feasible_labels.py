"""A first assignment that violates no cannot-link."""

import heapq

import numpy as np

from skdeepcluster._kernels._pair_sweeps import sweep


def feasible_labels(costs, graph, fixed):
    """Labels without a violated cannot-link, at low cost.

    Rows take their cheapest allowed clusters, those first that would lose most by another one.
    Where nothing is allowed, clusters are exchanged along a chain of cannot-links; where that fails
    too, rows with the fewest clusters left go first.

    Parameters
    ----------
    costs : array of shape (n, k)
    graph : csr_array of shape (n, n)
        Cannot-links.
    fixed : array of shape (n,), int32
        Known clusters, -1 for none.

    Returns
    -------
    labels : array of shape (n,), int32

    Raises
    ------
    ValueError
        If no such labels are found.
    """
    two = np.partition(costs, 1, axis=1)[:, :2] if costs.shape[1] > 1 else np.repeat(costs, 2, 1)
    free = np.flatnonzero(fixed < 0)
    order = free[np.argsort(-(two[free, 1] - two[free, 0]), kind="stable")]
    labels = fixed.astype(np.int32)
    indptr, partners = graph.indptr.astype(np.intp), graph.indices.astype(np.intp)
    cannot = np.ones(len(partners), np.uint8)
    forbidden = np.full((len(partners), 1), np.inf)
    sweep(costs, indptr, partners, cannot, forbidden, order.astype(np.intp), labels, 1)
    stuck = np.flatnonzero(labels < 0)
    if all(_exchange(row, costs, indptr, partners, fixed, labels) for row in stuck):
        return labels
    return _fewest_first(costs, indptr, partners, fixed)


def _exchange(row, costs, indptr, partners, fixed, labels):
    """Free a cluster for a row by exchanging two clusters along chains of cannot-links."""
    near = partners[indptr[row] : indptr[row + 1]]
    k = costs.shape[1]
    taken = set(labels[near].tolist()) - {-1}
    for a in np.argsort(costs[row], kind="stable").tolist():
        if a not in taken:
            labels[row] = a
            return True
        for b in range(k):
            if b == a:
                continue
            chain = _chain(near[labels[near] == a], a, b, indptr, partners, labels)
            others = near[labels[near] == b]
            if np.any(fixed[chain] >= 0) or np.isin(others, chain).any():
                continue
            labels[chain] = np.where(labels[chain] == a, b, a)
            labels[row] = a
            return True
    return False


def _chain(rows, a, b, indptr, partners, labels):
    """Rows of two clusters that cannot-links connect with some rows."""
    seen = set(rows.tolist())
    pending = list(seen)
    while pending:
        row = pending.pop()
        for other in partners[indptr[row] : indptr[row + 1]].tolist():
            if other not in seen and labels[other] in (a, b):
                seen.add(other)
                pending.append(other)
    return np.array(sorted(seen), dtype=np.intp)


def _fewest_first(costs, indptr, partners, fixed):
    """Assign the row with the fewest clusters left, again and again."""
    n, k = costs.shape
    labels = fixed.astype(np.int32)
    allowed = np.ones((n, k), dtype=bool)
    degree = np.diff(indptr)

    def close(row):
        near = partners[indptr[row] : indptr[row + 1]]
        allowed[near, labels[row]] = False
        return near

    for row in np.flatnonzero(fixed >= 0):
        close(row)
    free = np.flatnonzero((fixed < 0) & (degree > 0)).tolist()
    heap = [(int(allowed[row].sum()), -int(degree[row]), row) for row in free]
    heapq.heapify(heap)
    while heap:
        left, _, row = heapq.heappop(heap)
        if labels[row] >= 0 or left != allowed[row].sum():
            continue
        if left == 0:
            raise ValueError(
                f"No clustering with n_clusters={k} that satisfies all cannot-links was found. Use "
                'more clusters, or algorithm="pck", which may violate pairs.'
            )
        labels[row] = np.argmin(np.where(allowed[row], costs[row], np.inf))
        for other in close(row).tolist():
            if labels[other] < 0:
                entry = (int(allowed[other].sum()), -int(degree[other]), other)
                heapq.heappush(heap, entry)
    alone = labels < 0
    labels[alone] = costs[alone].argmin(axis=1)
    return labels
