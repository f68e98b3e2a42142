"""Graphs with their clusters in color."""

import numpy as np

from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.algorithms.layouts import places_of_graph
from skdeepcluster.displays._common import fitted_with, label_colors, legend_beside
from skdeepcluster.displays._display import Display, style
from skdeepcluster.validation import as_array, check_adjacency, check_labels

# Clusters up to so many are named in a legend.
MOST_NAMED = 12


class GraphDisplay(Display):
    """A layout of a graph, nodes colored by cluster.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. Nodes joined by edges lie
    near each other; distances between far ones mean little. All parameters are stored as
    attributes.

    Parameters
    ----------
    places : ndarray of shape (n_nodes, 2)
        Where the nodes are.

    edges : ndarray of shape (n_edges, 2)
        Nodes that edges join, each edge once.

    labels : ndarray of shape (n_nodes,)
        Clusters, -1 for noise.

    Attributes
    ----------
    edges_ : matplotlib LineCollection
        The edges.

    nodes_ : matplotlib PathCollection
        The nodes.

    legend_ : matplotlib Legend or None
        The clusters, if there are few.

    See Also
    --------
    EmbeddingDisplay : Scatter plot of rows.
    CommunityHierarchyDisplay : Clusters at several resolutions.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.displays import GraphDisplay
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> display = GraphDisplay.from_predictions(A, [0, 0, 0, 1, 1, 1])
    >>> display.places.shape, display.edges.shape
    ((6, 2), (6, 2))
    """

    places: np.ndarray
    edges: np.ndarray
    labels: np.ndarray

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, *, places=None, seed=0, **kwargs):
        """Draw the graph and the clusters of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer with `affinity_matrix_` or `graph_`, such as
            :class:`~skdeepcluster.Leiden`, or a pipeline or search that ends in one.

        places : array-like of shape (n_nodes, 2), default=None
            Where to draw the nodes; by default a layout is made.

        seed : int, default=0
            Of the layout.
        """
        estimator = fitted_with(estimator, "affinity_matrix_", "graph_", missing="graph")
        graph = getattr(estimator, "affinity_matrix_", None)
        graph = estimator.graph_ if graph is None else graph
        graph = (graph + graph.T) / 2
        return cls.from_predictions(graph, estimator.labels_, places=places, seed=seed, **kwargs)

    @classmethod
    def from_predictions(cls, adjacency, labels, *, places=None, seed=0, **kwargs):
        """Draw a graph with given clusters.

        Parameters
        ----------
        adjacency : array-like, sparse matrix or graph of shape (n_nodes, n_nodes)
            Weights of the edges; graphs of networkx, igraph and PyTorch Geometric are taken too.

        labels : array-like of shape (n_nodes,)
            Clusters, -1 for noise.

        places : array-like of shape (n_nodes, 2), default=None
            Where to draw the nodes; by default a layout is made.

        seed : int, default=0
            Of the layout.
        """
        graph = check_adjacency(adjacency)
        labels = check_labels(labels, "labels")
        n = graph.shape[0]
        if len(labels) != n:
            raise ValueError(f"labels has {len(labels)} entries for {n} nodes.")
        if places is None:
            places = places_of_graph(graph, seed=seed, n_threads=effective_n_threads(None))
        places = np.asarray(as_array(places), dtype=np.float64)
        if places.shape != (n, 2):
            raise ValueError(f"places has shape {places.shape}, expected {(n, 2)}.")
        entries = graph.tocoo()
        once = entries.row < entries.col
        edges = np.column_stack([entries.row[once], entries.col[once]])
        return cls(places=places, edges=edges, labels=labels).plot(**kwargs)

    def plot(self, ax=None, *, legend=True, scatter_kw=None, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        legend : bool, default=True
            Whether to name the clusters, if they are few.

        scatter_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter`.

        line_kw : dict, default=None
            Keywords for :class:`matplotlib.collections.LineCollection`.
        """
        ax = self._axes(ax)
        from matplotlib.collections import LineCollection
        from matplotlib.lines import Line2D

        places, labels = np.asarray(self.places), np.asarray(self.labels)
        edges = np.asarray(self.edges)
        unique, of_node = np.unique(labels, return_inverse=True)
        colors = label_colors(unique)
        n = len(places)
        size, faint = 3000 / (n + 60), min(0.6, 900 / (len(edges) + 1))
        # Edges within a cluster have its color; those between are gray.
        within = of_node[edges[:, 0]] == of_node[edges[:, 1]]
        edge_colors = [
            colors[of_node[i]] if same else "0.55"
            for i, same in zip(edges[:, 0], within, strict=True)
        ]
        self.edges_ = LineCollection(
            places[edges], **style(line_kw, colors=edge_colors, linewidths=0.6, alpha=faint)
        )
        ax.add_collection(self.edges_)
        self.nodes_ = ax.scatter(
            *places.T,
            **style(
                scatter_kw, c=[colors[i] for i in of_node], s=size, linewidths=0.2,
                edgecolors="white", zorder=2,
            ),
        )  # fmt: skip
        ax.set(xticks=[], yticks=[], aspect="equal")
        ax.autoscale_view()
        self.legend_ = None
        if legend and 1 < len(unique) <= MOST_NAMED:
            handles = [
                Line2D([], [], marker="o", linestyle="", color=color,
                       label="noise" if label == -1 else str(label))
                for label, color in zip(unique.tolist(), colors, strict=True)
            ]  # fmt: skip
            self.legend_ = legend_beside(ax, handles=handles, title="Cluster")
        return self
