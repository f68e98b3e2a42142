"""Ways to read clusters out of a graph of neighbors, each in several runs."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import numpy as np

from skdeepcluster.algorithms.candidates import AGREEMENT, N_CONFIRMING, best, scores, support
from skdeepcluster.algorithms.coarsening import coarse_levels, relative_weights, strongest_edges
from skdeepcluster.algorithms.degree_linkage import labels_of_neighbors
from skdeepcluster.algorithms.density_layers import density_layers
from skdeepcluster.algorithms.groups import weights_to
from skdeepcluster.algorithms.kmeans import best_runs, kmeans, lloyd, nearest_center
from skdeepcluster.algorithms.layouts import fuzzy_graph, graph_layout, start_of_layout
from skdeepcluster.algorithms.neighbor_search import NeighborSearch, principal_axes
from skdeepcluster.algorithms.spectral import REGULARIZATIONS, graph_coordinates, landmark_spectral
from skdeepcluster.validation import scaled_to_range

# Defaults of the graph and of its layouts.
N_NEIGHBORS, N_COMPONENTS, N_EPOCHS = 15, 10, 200
# In the order in which one of equal scores is kept.
READ_OUTS = ("cut", "k-means", "graph", "rows")
# Of so many rows it is seen which columns have two values. Where these hold such a share of the
# variance, and others the rest, every graph of neighbors is cut between the two values.
SEEN_ROWS, LEAST_SHARE = 10_000, 0.05
# Layouts are made of graphs with at most so many nodes. Of the larger one there are fewer, of its
# groups more: these take little time, and hang less on the seed.
MOST_NODES, FEWEST_NODES, N_LAYOUTS = 6000, 250, (3, 6)
# A group of many rows has edges to very many others.
MOST_EDGES = 100
# Their landmarks, draws of them, and regularizations of the cuts.
N_LANDMARKS, N_DRAWS, LAYOUT_REGULARIZATIONS = 200, 4, (1.0, 0.1)
# Runs of k-means on the rows: so many start on a small sample, and so many of them, the best after
# a few steps, go on with a larger one. If others do not confirm the one that ends best, there are
# more: k-means has one answer, or it takes many runs to find some that confirm each other.
ROW_RUNS, FIRST_STEPS, N_ROW_RUNS = ((40, 8), (200, 32)), 5, 6
FIRST_ROWS, SAMPLE_ROWS, MAX_ITER, TOLERANCE = 5000, 10_000, 300, 1e-4
# Layers are numbers of clusters that some range of least sizes gives, this far from end to end.
LEAST_PERSISTENCE = np.log(1.5)
# Starts in layouts and graphs.
N_STARTS = 3


def mixes_two_valued(X):
    """Whether columns of two values, such as one-hot ones, are mixed with others in rows."""
    seen = X[:: -(-len(X) // SEEN_ROWS)]
    low, high = seen.min(axis=0), seen.max(axis=0)
    two_valued = ((seen == low) | (seen == high)).all(axis=0)
    variances = seen.var(axis=0, dtype=np.float64)
    share = variances[two_valued].sum() / max(variances.sum(), np.finfo(float).tiny)
    return LEAST_SHARE < share < 1 - LEAST_SHARE


def read_outs_for(X):
    """The read-outs that are tried for rows: k-means alone if columns of two values are mixed."""
    return ("rows",) if mixes_two_valued(X) else READ_OUTS


def neighbor_clusters(X, n_clusters, *, seed, n_threads):
    """Labels of rows as :class:`~skdeepcluster.NeighborClusterer` finds them by default.

    Parameters
    ----------
    X : C-contiguous array of shape (n, n_features), float32 or float64
        Finite.
    n_clusters : int
        At most n.
    seed : int
    n_threads : int
        The result is the same for any number.

    Returns
    -------
    labels : (n,) array of int32
    """
    if n_clusters == 1 or n_clusters == len(X):
        return np.arange(len(X), dtype=np.int32) % n_clusters
    X, _ = scaled_to_range(X)
    rng = np.random.default_rng(seed)
    search = NeighborSearch(X, int(rng.integers(2**31)), n_threads)
    distances, indices = search.neighbors(min(N_NEIGHBORS, len(X) - 1), n_threads)
    graph = fuzzy_graph(distances, indices, n_threads)
    read_outs = ReadOuts(
        graph, distances, indices, X, search.Z, n_clusters, n_components=N_COMPONENTS, min_dist=0.0,
        n_epochs=N_EPOCHS, rng=rng, n_threads=n_threads,
    )  # fmt: skip
    runs = read_outs.runs(read_outs_for(X))
    return best(runs, scores(graph.astype(np.float64), runs, n_clusters)[2])[1]


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
    n_clusters : int or None
        None for the number that persists longest, by `density_layers` of the layouts.
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
        fewest = max(FEWEST_NODES, 5 * (n_clusters or 1))
        self.levels = coarse_levels(graph, MOST_NODES, fewest, len(N_LAYOUTS))

    @cached_property
    def layouts(self):
        """Several layouts of each level, as pairs of level and places."""
        rng = np.random.default_rng(self.seed)
        _, axes, _, _ = principal_axes(self.Z, self.n_components, rng)
        start = start_of_layout(self.Z @ axes.T, self.n_components, rng)
        tasks = []
        for level, (graph, node) in enumerate(self.levels):
            sums = np.stack([np.bincount(node, column) for column in start.T], axis=1)
            places = (sums / np.bincount(node)[:, np.newaxis]).astype(np.float32)
            weights = strongest_edges(relative_weights(graph), MOST_EDGES)
            tasks += [
                partial(self._layout, level, weights, places, i) for i in range(N_LAYOUTS[level])
            ]
        return self._done(tasks)

    def _layout(self, level, weights, places, i):
        places = graph_layout(
            weights, places, n_epochs=self.n_epochs, min_dist=self.min_dist, seed=self.seed + i,
            n_threads=1,
        )  # fmt: skip
        return level, places

    def _done(self, tasks):
        """Results of tasks, shared among the threads: so their number does not change any."""
        with ThreadPoolExecutor(self.n_threads) as pool:
            return list(pool.map(lambda task: task(), tasks))

    def layers(self):
        """Clusters of rows by density in the layouts, for the numbers of them that persist.

        Returns
        -------
        layers : list of (n,) arrays of int32
            From many clusters to few.
        persistences : list of float
            Of these numbers of clusters, the mean over the layouts.
        """
        found = self._done([partial(density_layers, places) for _, places in self.layouts])
        means = {
            k: sum(layers[k].persistence for layers in found if k in layers) / len(found)
            for k in set().union(*found)
        }
        layers, persistences = [], []
        # The longest is always one of them.
        least = min(LEAST_PERSISTENCE, max(means.values(), default=0))
        for k in sorted((k for k in means if means[k] >= least), reverse=True):
            i = max(
                (i for i in range(len(found)) if k in found[i]),
                key=lambda i: found[i][k].persistence,
            )
            layers.append(self._of_rows(self.layouts[i][0], found[i][k].labels, k))
            persistences.append(means[k])
        return layers, persistences

    def runs(self, read_outs):
        """Labels of all rows by each run of these read-outs, a dict of (n_runs, n) int32 arrays."""
        tasks = []
        if {"cut", "k-means"} & set(read_outs):
            layouts = [(*layout, run) for run, layout in enumerate(self.layouts)]
            for name, read_out in (("cut", self._cut), ("k-means", self._kmeans)):
                tasks += [(name, partial(read_out, *of)) for of in layouts if name in read_outs]
        if "graph" in read_outs:
            tasks += [("graph", partial(self._graph, tau)) for tau in REGULARIZATIONS]
        if "rows" in read_outs:
            tasks += [("rows", partial(self._rows, centers)) for centers in self._centers()]
        if "linkage" in read_outs:
            tasks += [("linkage", self._linkage)]
        found = self._done([task for _, task in tasks])
        return {
            name: np.stack(
                [labels for (of, _), labels in zip(tasks, found, strict=True) if of == name]
            ).astype(np.int32)
            for name in read_outs
        }

    def _of_rows(self, level, labels, n_clusters):
        """Labels of rows, of those of nodes: the heaviest cluster of a row's edges."""
        labels = labels[self.levels[level][1]]
        if len(labels) == self.levels[level][0].shape[0]:
            return labels
        votes = weights_to(self.graph, labels, n_clusters)
        own = np.arange(len(labels)), labels
        # Of equal weights, where the row's node is.
        return np.where(votes.max(axis=1) > votes[own], votes.argmax(axis=1), labels)

    def _clustered(self, Z, seed):
        """Labels by k-means."""
        return kmeans(Z, self.n_clusters, n_init=N_STARTS, seed=seed, n_threads=1)[1]

    def _cut(self, level, places, run):
        labels = landmark_spectral(
            places, self.n_clusters, max_landmarks=N_LANDMARKS, n_graphs=N_DRAWS,
            n_init=N_STARTS, regularizations=LAYOUT_REGULARIZATIONS, seed=self.first_seed + run,
            n_threads=1,
        )  # fmt: skip
        return self._of_rows(level, labels, self.n_clusters)

    def _kmeans(self, level, places, run):
        labels = self._clustered(places, self.first_seed + run)
        return self._of_rows(level, labels, self.n_clusters)

    def _graph(self, tau):
        coordinates = graph_coordinates(self.levels[0][0], tau, self.n_clusters)
        labels = self._clustered(coordinates, self.seed)
        return self._of_rows(0, labels, self.n_clusters)

    def _linkage(self):
        lengths = self.distances.astype(np.float64)
        return labels_of_neighbors(lengths, self.indices, self.n_clusters, self.X)

    def _centers(self):
        """Centers of rows, by the best runs of k-means on some of them."""
        random_state = np.random.RandomState(self.seed)
        drawn = random_state.permutation(len(self.Z))[:SAMPLE_ROWS]
        first, sample = (
            np.ascontiguousarray(self.Z[np.sort(rows)]) for rows in (drawn[:FIRST_ROWS], drawn)
        )
        tol = TOLERANCE * sample.var(axis=0).mean()
        ended = []
        for n_starts, n_continued in ROW_RUNS:
            starts = best_runs(
                first, self.n_clusters, n_continued, n_starts, FIRST_STEPS, tol, random_state,
                self.n_threads,
            )  # fmt: skip
            ended += self._done(
                [partial(lloyd, sample, start, MAX_ITER, tol, 1) for start in starts]
            )
            ended = sorted(ended, key=lambda run: run[1])[:N_ROW_RUNS]
            labels = [nearest_center(first, centers, 1) for centers, _ in ended]
            if support(labels, N_CONFIRMING, self.n_clusters)[0] > AGREEMENT:
                break
        return [centers for centers, _ in ended]

    def _rows(self, centers):
        return nearest_center(self.Z, centers, 1)
