"""Ways to read clusters out of a graph of neighbors, each in several runs."""

from functools import cached_property

import numpy as np

from skdeepcluster.algorithms.coarsening import coarse_levels, relative_weights
from skdeepcluster.algorithms.degree_linkage import labels_of_neighbors
from skdeepcluster.algorithms.groups import weights_to
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.layouts import graph_layout, start_of_layout
from skdeepcluster.algorithms.neighbor_search import principal_axes
from skdeepcluster.algorithms.spectral import REGULARIZATIONS, graph_coordinates, landmark_spectral

# Layouts are made of graphs with at most so many nodes, of so many sizes, so often each.
MOST_NODES, FEWEST_NODES, N_LEVELS, N_LAYOUTS = 6000, 250, 2, 3
# Their landmarks, and draws of them.
N_LANDMARKS, N_DRAWS = 300, 4
# Runs of k-means on the rows, on a sample of many, and k-means++ starts of each run: with few, runs
# that miss the same optimum do not confirm each other.
N_RUNS_OF_ROWS, SAMPLE_ROWS, STARTS_OF_ROWS = 4, 10_000, 10
# Starts in layouts and graphs.
N_STARTS = 3


class ReadOuts:
    """Clusters of the rows of a graph of nearest neighbors.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Weights of edges.
    distances, indices : (n, n_neighbors) arrays
        Of the neighbors.
    X : (n, n_features) array
    Z : (n, n_coordinates) array of float32
        Rows by which distances are compared.
    n_clusters : int
    n_components : int
        Of layouts.
    min_dist : float
    n_epochs : int
    rng : np.random.Generator
    n_threads : int
    """

    def __init__(
        self, graph, distances, indices, X, Z, n_clusters, *, n_components, min_dist, n_epochs,
        rng, n_threads,
    ):  # fmt: skip
        self.graph, self.distances, self.indices, self.X, self.Z = graph, distances, indices, X, Z
        self.n_clusters, self.n_components, self.min_dist = n_clusters, n_components, min_dist
        self.n_epochs, self.n_threads = n_epochs, n_threads
        self.seed = int(rng.integers(2**31))
        # Runs of one method differ in what is added.
        self.first_seed = self.seed % 2**30
        self.levels = [
            (level, node)
            for level, node in coarse_levels(graph, MOST_NODES, FEWEST_NODES, N_LEVELS)
            if level is graph or level.shape[0] >= 5 * n_clusters
        ] or [(graph, np.arange(len(Z)))]

    @cached_property
    def layouts(self):
        """Several layouts of each level, as tuples of level and places."""
        rng = np.random.default_rng(self.seed)
        _, axes, _, _ = principal_axes(self.Z, self.n_components, rng)
        start = start_of_layout(self.Z @ axes.T, self.n_components, rng)
        found = []
        for level, (graph, node) in enumerate(self.levels):
            sums = np.stack([np.bincount(node, column) for column in start.T], axis=1)
            places = (sums / np.bincount(node)[:, np.newaxis]).astype(np.float32)
            weights = relative_weights(graph)
            for i in range(N_LAYOUTS):
                layout = graph_layout(
                    weights, places, n_epochs=self.n_epochs, min_dist=self.min_dist,
                    seed=self.seed + i, n_threads=self.n_threads,
                )  # fmt: skip
                found.append((level, layout))
        return found

    def runs(self, read_out):
        """Labels of all rows by each run of a read-out, a list of arrays of int32."""
        labels = getattr(self, "_" + read_out.replace("-", ""))()
        return [found.astype(np.int32) for found in labels]

    def _of_rows(self, level, labels):
        """Labels of rows, of those of nodes: the heaviest cluster of a row's edges."""
        labels = labels[self.levels[level][1]]
        if len(labels) == self.levels[level][0].shape[0]:
            return labels
        votes = weights_to(self.graph, labels, self.n_clusters)
        own = np.arange(len(labels)), labels
        # Of equal weights, where the row's node is.
        return np.where(votes.max(axis=1) > votes[own], votes.argmax(axis=1), labels)

    def _clustered(self, Z, n_init, seed):
        """Centers and labels by k-means."""
        return kmeans(Z, self.n_clusters, n_init=n_init, seed=seed, n_threads=self.n_threads)

    def _cut(self):
        for i, (level, places) in enumerate(self.layouts):
            labels = landmark_spectral(
                places, self.n_clusters, max_landmarks=N_LANDMARKS, n_graphs=N_DRAWS,
                n_init=N_STARTS, seed=self.first_seed + i, n_threads=self.n_threads,
            )  # fmt: skip
            yield self._of_rows(level, labels)

    def _kmeans(self):
        for i, (level, places) in enumerate(self.layouts):
            yield self._of_rows(level, self._clustered(places, N_STARTS, self.first_seed + i)[1])

    def _graph(self):
        graph = self.levels[0][0]
        for tau in REGULARIZATIONS:
            coordinates = graph_coordinates(graph, tau, self.n_clusters)
            yield self._of_rows(0, self._clustered(coordinates, N_STARTS, self.seed)[1])

    def _linkage(self):
        lengths = self.distances.astype(np.float64)
        yield labels_of_neighbors(lengths, self.indices, self.n_clusters, self.X)

    def _rows(self):
        Z = self.Z
        rng = np.random.default_rng(self.seed)
        rows = np.sort(rng.permutation(len(Z))[:SAMPLE_ROWS])
        sample = Z[rows] if len(rows) < len(Z) else Z
        for i in range(N_RUNS_OF_ROWS):
            centers, labels = self._clustered(sample, STARTS_OF_ROWS, self.first_seed + i)
            if len(sample) < len(Z):
                settings = {"start": centers, "max_iter": 10, "n_threads": self.n_threads}
                labels = kmeans(Z, self.n_clusters, **settings)[1]
            yield labels
