"""Pairs of rows by their positions: closure, consistency, and the graph that kernels read."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from skdeepcluster.constraints._input import positions
from skdeepcluster.validation import as_array


def components_of(pairs, n):
    """Number of the connected component of each of n nodes, by smallest member."""
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.intp)


@dataclass
class RowPairs:
    """Pairs of rows that share a cluster and of rows that do not, by position.

    Parameters
    ----------
    n : int
        Number of rows.
    must, cannot : arrays of shape (n_pairs, 2), intp
        The smaller position first, no pair twice.
    must_weight, cannot_weight : arrays of shape (n_pairs,), float64
    names : array of shape (n,), optional
        Ids of the rows, for messages.
    """

    n: int
    must: np.ndarray
    cannot: np.ndarray
    must_weight: np.ndarray
    cannot_weight: np.ndarray
    names: np.ndarray | None = None

    def __post_init__(self):
        self.components = components_of(self.must, self.n)

    @property
    def n_pairs(self):
        """Number of pairs of both kinds."""
        return len(self.must) + len(self.cannot)

    def name(self, rows):
        """Rows as they appear in messages."""
        return tuple((self.names[row] if self.names is not None else row) for row in rows)

    def inconsistent(self):
        """Indices of the cannot-links whose rows are connected by must-links."""
        ends = self.components[self.cannot]
        return np.flatnonzero(ends[:, 0] == ends[:, 1])

    def check_consistent(self, labels=None, n_clusters=None):
        """Raise a ValueError that names a pair where the pairs cannot all be satisfied.

        Parameters
        ----------
        labels : array of shape (n,), optional
            Known clusters, -1 for none.
        n_clusters : int, optional
            A set of more rows, each of which is separated from all the others, is refused.
        """
        wrong = self.inconsistent()
        if len(wrong):
            i, j = self.name(self.cannot[wrong[0]])
            raise ValueError(
                f"The cannot-link ({i}, {j}) contradicts the must-links, which connect its rows; "
                f"{len(wrong)} cannot-links do. Remove one of the pairs, or use a method that may "
                "violate pairs."
            )
        if labels is not None:
            self._check_labels(labels)
        if n_clusters is not None:
            self._check_clique(n_clusters)

    def _check_labels(self, labels):
        known = np.flatnonzero(labels >= 0)
        n_components = self.components.max(initial=-1) + 1
        least = np.full(n_components, self.n)
        most = np.full(n_components, -1)
        np.minimum.at(least, self.components[known], labels[known])
        np.maximum.at(most, self.components[known], labels[known])
        mixed = np.flatnonzero((most >= 0) & (least < most))
        if len(mixed):
            rows = known[self.components[known] == mixed[0]]
            i = rows[0]
            j = rows[labels[rows] != labels[i]][0]
            i, j = self.name((i, j))
            raise ValueError(
                f"Rows {i} and {j} have different labels, and must-links connect them. Remove a "
                "must-link or correct a label."
            )
        ends = most[self.components[self.cannot]]
        same = np.flatnonzero((ends[:, 0] >= 0) & (ends[:, 0] == ends[:, 1]))
        if len(same):
            i, j = self.name(self.cannot[same[0]])
            raise ValueError(
                f"The cannot-link ({i}, {j}) contradicts the labels, by which its rows share a "
                "class. Remove the pair or correct a label."
            )

    def _check_clique(self, n_clusters):
        """A greedy search for rows that are all separated from each other."""
        graph = self.separated_components()
        degree = np.diff(graph.indptr)
        for start in np.argsort(-degree, kind="stable")[:100]:
            clique, candidates = (
                [start],
                set(graph.indices[slice(*graph.indptr[start : start + 2])]),
            )
            while candidates:
                best = max(sorted(candidates), key=lambda node: degree[node])
                clique.append(best)
                candidates &= set(graph.indices[slice(*graph.indptr[best : best + 2])])
            if len(clique) > n_clusters:
                first = np.array(
                    [np.argmax(self.components == c) for c in clique[: n_clusters + 1]]
                )
                rows = ", ".join(str(row) for row in self.name(first))
                raise ValueError(
                    f"The constraints are infeasible: rows {rows} are separated from each other by "
                    f"cannot-links, which takes more than n_clusters={n_clusters} clusters."
                )

    def separated_components(self):
        """The cannot-links between components of must-links, as a symmetric graph."""
        ends = self.components[self.cannot]
        ends = ends[ends[:, 0] != ends[:, 1]]
        ends = np.concatenate([ends, ends[:, ::-1]])
        n = self.components.max(initial=-1) + 1
        graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
        graph.sum_duplicates()
        return graph

    def graph(self):
        """Pairs by row: where the partners of a row begin, the partners, and the pairs' indices.

        Returns
        -------
        indptr : array of shape (n + 1,), intp
        partners : array of shape (2 * n_pairs,), intp
        pairs : array of shape (2 * n_pairs,), intp
            Must-links first; indices from ``len(must)`` on are cannot-links.
        """
        pairs = np.concatenate([self.must, self.cannot])
        ends = np.concatenate([pairs, pairs[:, ::-1]])
        index = np.tile(np.arange(len(pairs)), 2)
        order = np.argsort(ends[:, 0], kind="stable")
        counts = np.bincount(ends[:, 0], minlength=self.n)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        return indptr, ends[order, 1].astype(np.intp), index[order].astype(np.intp)

    def closure(self):
        """All must-links and cannot-links that follow."""
        self.check_consistent()
        members = {}
        for row, component in enumerate(self.components.tolist()):
            members.setdefault(component, []).append(row)
        must = [
            (i, j)
            for group in members.values()
            for at, i in enumerate(group)
            for j in group[at + 1 :]
        ]
        separated = {tuple(sorted(pair)) for pair in self.components[self.cannot].tolist()}
        cannot = [(i, j) for a, b in sorted(separated) for i in members[a] for j in members[b]]
        return (np.array(p, dtype=np.intp).reshape(-1, 2) for p in (must, cannot))

    def adjacency(self):
        """A symmetric sparse matrix of weights, negative for cannot-links."""
        pairs = np.concatenate([self.must, self.cannot])
        weights = np.concatenate([self.must_weight, -self.cannot_weight])
        ends = np.concatenate([pairs, pairs[:, ::-1]])
        return csr_array((np.tile(weights, 2), (ends[:, 0], ends[:, 1])), shape=(self.n, self.n))

    def violated(self, labels):
        """Which must-links and which cannot-links a clustering violates; noise is -1."""
        labels = np.asarray(labels)
        must, cannot = labels[self.must], labels[self.cannot]
        apart = (must[:, 0] != must[:, 1]) | (must[:, 0] == -1)
        together = (cannot[:, 0] == cannot[:, 1]) & (cannot[:, 0] != -1)
        return apart, together

    def satisfaction(self, labels):
        """Shares of satisfied pairs, as `constraint_satisfaction` returns them."""
        apart, together = self.violated(labels)
        must = 1.0 - apart.mean() if len(apart) else np.nan
        cannot = 1.0 - together.mean() if len(together) else np.nan
        n_pairs = len(apart) + len(together)
        rates = [rate for rate in (must, cannot) if rate == rate]
        return {
            "must_link": float(must),
            "cannot_link": float(cannot),
            "all": float(1 - (apart.sum() + together.sum()) / n_pairs) if n_pairs else np.nan,
            "balanced": float(np.mean(rates)) if rates else np.nan,
        }


def rows_of(constraints, n_samples, sample_ids):
    """Pairs by position; see :meth:`PairwiseConstraints.rows`."""
    if sample_ids is not None:
        sample_ids = np.asarray(as_array(sample_ids))
        if n_samples is not None and sample_ids.shape != (n_samples,):
            raise ValueError(
                f"sample_ids has shape {sample_ids.shape}; an id for each of the {n_samples} "
                "rows of X is required."
            )
        if len(np.unique(sample_ids)) < len(sample_ids):
            raise ValueError("sample_ids has an id twice, so pairs do not name one row.")
        names = sample_ids
    elif constraints.ids is not None:
        if n_samples is not None and len(constraints.ids) != n_samples:
            raise ValueError(
                f"The constraints were written for {len(constraints.ids)} rows, X has {n_samples}. "
                "Where rows are left out, as in cross-validation, pass sample_ids=, the id of "
                "each row, as metadata too; it is cut with the rows."
            )
        names = constraints.ids
    else:
        return _by_position(constraints, n_samples)
    found = [positions(p, names) for p in (constraints.must_link, constraints.cannot_link)]
    inside = [(pairs >= 0).all(axis=1) for pairs in found]
    weights = constraints.must_link_weight[inside[0]], constraints.cannot_link_weight[inside[1]]
    must, cannot = (np.sort(pairs[kept], axis=1) for pairs, kept in zip(found, inside, strict=True))
    return RowPairs(len(names), must, cannot, *weights, names)


def _by_position(constraints, n_samples):
    pairs = np.concatenate([constraints.must_link, constraints.cannot_link])
    largest = int(pairs.max(initial=-1))
    n_samples = largest + 1 if n_samples is None else n_samples
    if largest >= n_samples:
        raise ValueError(
            f"The constraints have a pair with position {largest}; X has {n_samples} rows, at "
            f"positions from 0 to {n_samples - 1}. Where rows are left out, as in "
            "cross-validation, pass sample_ids=, the id of each row, as metadata too."
        )
    must, cannot = (p.astype(np.intp) for p in (constraints.must_link, constraints.cannot_link))
    return RowPairs(
        n_samples, must, cannot, constraints.must_link_weight, constraints.cannot_link_weight
    )
