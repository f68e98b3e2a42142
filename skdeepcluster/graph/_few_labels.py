"""Pieces of learning from few labels on a graph: the network, first labels, and their check."""

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.known_kmeans import best_start, known_kmeans, means_of
from skdeepcluster.algorithms.smoothing import leading_directions, unit_length
from skdeepcluster.nn import linear

# Averages over neighbors and runs of k-means of the first clusters, and nodes with which one that
# has no labeled node begins where no cluster has any.
AVERAGES, RUNS, SEEDS = 2, 10, 5


class GraphNetwork(torch.nn.Module):
    """A graph convolutional network.

    Parameters
    ----------
    widths : list of int
        Of the features, of the hidden layers, and the number of classes.
    generator : torch.Generator
    """

    def __init__(self, widths, generator):
        super().__init__()
        self.widths = widths
        sizes = zip(widths[:-1], widths[1:], strict=True)
        self.layers = torch.nn.ModuleList([linear(*size, generator) for size in sizes])

    def hidden(self, x, graph, masks=None):
        """Rows of the last hidden layer; factors of its inputs and of each layer's values."""
        if masks is not None:
            x = x * masks[0]
        for number, layer in enumerate(self.layers[:-1], 1):
            x = torch.relu(_averaged(layer, x, graph))
            if masks is not None:
                x = x * masks[number]
        return x

    def head(self, hidden, graph):
        """Logits from the last hidden layer."""
        return _averaged(self.layers[-1], hidden, graph)

    def forward(self, x, graph, masks=None):
        """Logits of all nodes."""
        return self.head(self.hidden(x, graph, masks), graph)


def _averaged(layer, x, graph):
    """A layer, and averages over neighbors, in float32 whatever the precision of the network."""
    h = F.linear(x, layer.weight).float()
    with torch.autocast(h.device.type, enabled=False):
        return torch.sparse.mm(graph, h) + layer.bias


def first_labels(X, S, fixed, n_clusters, seed):
    """Labels of some nodes of clusters that have no labeled one.

    K-means, in which labeled nodes keep their clusters, has the leading directions of the smoothed
    features. A cluster without labels begins with the nodes nearest to its center, as many as
    others have on average.

    Parameters
    ----------
    X : array of shape (n, n_features), float64
    S : csr_array of shape (n, n)
        The normalized adjacency.
    fixed : array of shape (n,)
        Clusters 0 to c - 1 of labeled nodes, -1 for the others.
    n_clusters, seed : int

    Returns
    -------
    labels : array of shape (n,)
    """
    rng = np.random.RandomState(seed)
    draws = np.random.default_rng(seed)
    U = unit_length(leading_directions(S, X, AVERAGES, 2 * n_clusters, draws))
    n_known = len(np.unique(fixed[fixed >= 0]))
    known = means_of(U, fixed, n_known)
    start = best_start(U, known, fixed, n_clusters, RUNS, rng, 1e-6)
    centers, labels, _, _ = known_kmeans(U, start, fixed, tol=1e-6)
    n_seeds = max(1, int(np.sum(fixed >= 0)) // n_known) if n_known else SEEDS
    found = np.array(fixed)
    for m in range(n_known, n_clusters):
        nodes = np.flatnonzero((found < 0) & (labels == m))
        if not len(nodes):
            nodes = np.flatnonzero(found < 0)
        distances = np.square(U[nodes] - centers[m]).sum(axis=1)
        found[nodes[np.argsort(distances, kind="stable")[:n_seeds]]] = m
    return found


def confirm_by_clusters(embedding, labels, candidates, predicted, n_groups, seed):
    """Which candidates are in a group of k-means that is nearest to the class they should have.

    Parameters
    ----------
    embedding : array of shape (n, n_components)
    labels : array of shape (n,)
        Classes so far, -1 for nodes that have none.
    candidates : array of shape (n_candidates,)
        Nodes without a class.
    predicted : array of shape (n,)
        The class that each node should have.
    n_groups, seed : int

    Returns
    -------
    confirmed : array of bool of shape (n_candidates,)
    """
    E = np.ascontiguousarray(embedding)
    _, groups = kmeans(E, n_groups, n_init=1, seed=seed)
    unlabeled = labels < 0
    classes = np.unique(labels[~unlabeled])
    class_means = means_of(E, labels, int(classes.max()) + 1)[classes]
    group_means = means_of(E, np.where(unlabeled, groups, -1), n_groups)
    distances = np.square(group_means[:, np.newaxis] - class_means).sum(axis=2)
    return classes[distances.argmin(axis=1)][groups[candidates]] == predicted[candidates]
