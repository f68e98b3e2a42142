"""Spanning trees, linkage trees and condensed trees, with export to pandas and networkx."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skdeepcluster._kernels._trees import cut
from skdeepcluster._sklearn import check_pandas_support


def _networkx(caller):
    try:
        import networkx
    except ImportError as error:
        raise ImportError(
            f"{caller} requires networkx, which is not installed; use `pip install networkx`."
        ) from error
    return networkx


class _Table:
    """A tree that is a table of rows; subclasses implement ``to_numpy``."""

    def __array__(self, dtype=None, copy=None):
        return np.array(self.to_numpy(), dtype=dtype)

    def to_pandas(self):
        """The tree as a data frame.

        Returns
        -------
        frame : pandas.DataFrame
            One row per row of `to_numpy`, with its names.
        """
        pandas = check_pandas_support(f"{type(self).__name__}.to_pandas")
        return pandas.DataFrame(self.to_numpy())


@dataclass(frozen=True, eq=False, repr=False)
class MinimumSpanningTree(_Table):
    """Edges of a minimum spanning tree under mutual reachability, the shortest first.

    Parameters
    ----------
    source, target : ndarray of shape (n_samples - 1,)
        Rows of the data.

    distance : ndarray of shape (n_samples - 1,)
        Mutual reachability distances.
    """

    source: np.ndarray
    target: np.ndarray
    distance: np.ndarray

    def __repr__(self):
        return f"<MinimumSpanningTree of {len(self)} edges>"

    def __len__(self):
        return len(self.distance)

    def to_numpy(self):
        """The edges as a structured array.

        Returns
        -------
        edges : ndarray of shape (n_samples - 1,)
            With fields `source`, `target` and `distance`.
        """
        return np.rec.fromarrays(
            [self.source, self.target, self.distance], names="source,target,distance"
        ).view(np.ndarray)

    def to_networkx(self):
        """The tree as an undirected graph.

        Returns
        -------
        graph : networkx.Graph
            Nodes are rows of the data; edges have a `distance`.
        """
        graph = _networkx("MinimumSpanningTree.to_networkx").Graph()
        graph.add_weighted_edges_from(
            zip(self.source.tolist(), self.target.tolist(), self.distance.tolist(), strict=True),
            weight="distance",
        )
        return graph


@dataclass(frozen=True, eq=False, repr=False)
class SingleLinkageTree(_Table):
    """The dendrogram of single linkage under mutual reachability.

    Parameters
    ----------
    linkage : ndarray of shape (n_samples - 1, 4)
        Merges in the format of :func:`scipy.cluster.hierarchy.linkage`: two nodes, their distance,
        and the size of their union, which is the node `n_samples + i`.
    """

    linkage: np.ndarray

    def __repr__(self):
        return f"<SingleLinkageTree of {len(self)} merges>"

    def __len__(self):
        return len(self.linkage)

    def to_numpy(self):
        """The merges as a linkage matrix.

        Returns
        -------
        linkage : ndarray of shape (n_samples - 1, 4)
            As SciPy's functions on hierarchies take it.
        """
        return self.linkage

    def to_pandas(self):
        """The merges as a data frame.

        Returns
        -------
        frame : pandas.DataFrame
            With the columns `parent`, `left`, `right`, `distance` and `size`.
        """
        pandas = check_pandas_support("SingleLinkageTree.to_pandas")
        n = len(self) + 1
        left, right, distance, size = self.linkage.T
        return pandas.DataFrame(
            {
                "parent": np.arange(n, 2 * n - 1),
                "left": left.astype(np.int64),
                "right": right.astype(np.int64),
                "distance": distance,
                "size": size.astype(np.int64),
            }
        )

    def to_networkx(self):
        """The dendrogram as a directed graph.

        Returns
        -------
        graph : networkx.DiGraph
            From each merge to what it joins; edges have the merge's `distance`, nodes a `size`.
        """
        graph = _networkx("SingleLinkageTree.to_networkx").DiGraph()
        n = len(self) + 1
        graph.add_nodes_from(range(n), size=1)
        for i, (left, right, distance, size) in enumerate(self.linkage.tolist(), n):
            graph.add_node(i, size=int(size))
            graph.add_edge(i, int(left), distance=distance)
            graph.add_edge(i, int(right), distance=distance)
        return graph

    def cut(self, distance, min_cluster_size=5):
        """The components that are joined up to a distance.

        Parameters
        ----------
        distance : float
            Height of the cut.

        min_cluster_size : int, default=5
            Smaller components are noise.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component of each row, -1 for noise.
        """
        return cut(self.linkage, distance, min_cluster_size)


@dataclass(frozen=True, eq=False, repr=False)
class CondensedTree(_Table):
    """The hierarchy of clusters of at least a minimum size.

    Clusters are numbered level by level from the root, which is 0, and within a level by their
    first points. A cluster may split into more than two.

    Parameters
    ----------
    parent : ndarray of shape (n_nodes,)
        Cluster that each cluster was split from; -1 for the root.

    birth, death : ndarray of shape (n_nodes,)
        The inverse distances :math:`\\lambda` at which a cluster begins and at which it splits or
        vanishes.

    size : ndarray of shape (n_nodes,)
        Number of points at birth, or the sum of their weights.

    stability : ndarray of shape (n_nodes,)
        Excess of mass.

    selected : ndarray of shape (n_nodes,)
        Whether the flat clustering has the cluster.

    order : ndarray of shape (n_samples,)
        The points in an order in which those of every cluster are consecutive.

    member, leave : ndarray of shape (n_samples,)
        The last cluster of each point in that order, and the :math:`\\lambda` at which the point
        falls out of it.

    min_cluster_size : int
        The minimum size.

    flat_label : ndarray of shape (n_nodes,)
        The flat cluster that contains each cluster, or -1.

    least_lambda : float, default=0.0
        Points that fall out before this are noise, whatever their cluster.

    weight : ndarray of shape (n_samples,), default=None
        Weights of the points; by default each is 1.
    """

    parent: np.ndarray
    birth: np.ndarray
    death: np.ndarray
    size: np.ndarray
    stability: np.ndarray
    selected: np.ndarray
    order: np.ndarray
    member: np.ndarray
    leave: np.ndarray
    min_cluster_size: int
    flat_label: np.ndarray
    least_lambda: float = 0.0
    weight: np.ndarray | None = None

    def __repr__(self):
        return f"<CondensedTree of {len(self.parent)} clusters, {self.selected.sum()} selected>"

    def __len__(self):
        return len(self.parent) - 1 + len(self.order)

    @cached_property
    def point_cluster(self):
        """The last cluster of each point.

        Returns
        -------
        point_cluster : ndarray of shape (n_samples,)
            Numbers of clusters, by row of the data.
        """
        cluster = np.empty_like(self.member)
        cluster[self.order] = self.member
        return cluster

    @cached_property
    def point_lambda(self):
        """The inverse distance at which each point falls out of its last cluster.

        Returns
        -------
        point_lambda : ndarray of shape (n_samples,)
            By row of the data.
        """
        lam = np.empty_like(self.leave)
        lam[self.order] = self.leave
        return lam

    def to_numpy(self):
        """What falls out of each cluster, points and clusters, as a structured array.

        Returns
        -------
        rows : ndarray of shape (n_nodes - 1 + n_samples,)
            With fields `parent`, `child`, `lambda_val` and `child_size`. As is the custom, the
            numbers of points come first and those of clusters follow from `n_samples` on.
        """
        n = len(self.point_cluster)
        ranked = np.argsort(self.point_cluster, kind="stable")
        sizes = np.ones(n, np.int64) if self.weight is None else self.weight[ranked]
        return np.rec.fromarrays(
            [
                n + np.concatenate([self.parent[1:], self.point_cluster[ranked]]),
                np.concatenate([n + np.arange(1, len(self.parent)), ranked]),
                np.concatenate([self.birth[1:], self.point_lambda[ranked]]),
                np.concatenate([self.size[1:], sizes]),
            ],
            names="parent,child,lambda_val,child_size",
        ).view(np.ndarray)

    def to_networkx(self):
        """The tree as a directed graph.

        Returns
        -------
        graph : networkx.DiGraph
            From each cluster to what falls out of it, numbered as in `to_numpy`; edges have a
            `lambda_val`, nodes a `size`.
        """
        graph = _networkx("CondensedTree.to_networkx").DiGraph()
        n = len(self.point_cluster)
        graph.add_node(n, size=n)
        for parent, child, lam, size in self.to_numpy().tolist():
            graph.add_node(child, size=size)
            graph.add_edge(parent, child, lambda_val=lam)
        return graph

    @property
    def leaves(self):
        """Mark of the clusters that are not split further.

        Returns
        -------
        leaves : ndarray of shape (n_nodes,)
            True for the leaves.
        """
        leaves = np.ones(len(self.parent), bool)
        leaves[self.parent[1:]] = False
        return leaves
