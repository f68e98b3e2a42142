"""Clusters of an embedding, and anchors by which new rows are assigned to them."""

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.algorithms.degree_linkage import linkage_labels
from skdeepcluster.algorithms.kmeans import kmeans, nearest_center
from skdeepcluster.algorithms.spectral import cut_of_pairs, landmark_spectral

# Rows that are merged by their neighbors; the others follow their nearest anchors.
LINKED_ROWS = 10_000


def grouped_anchors(Z, n_clusters, n_anchors, rule, views=None, seed=0):
    """Anchors in an embedding, and the cluster that each of them belongs to.

    Parameters
    ----------
    Z : array of shape (n, n_components)
        Rows of unit length.
    n_clusters : int
    n_anchors : int
        In all, at least `n_clusters`.
    rule : {"spectral", "average", "k-means"}
        How rows are clustered: by cuts of neighborhood graphs, for clusters of any shape and size;
        by average linkage of anchors; by k-means, for clusters of similar size.
    views : array of shape (n_views, n, n_components), optional
        Embeddings of views of each row. With them "spectral" also tries merges of neighbors, and
        keeps the clusters that separate the fewest rows from their views.
    seed : int

    Returns
    -------
    anchors : array of shape (n_found, n_components)
        Of unit length, at most `n_anchors`; each cluster has a number in proportion to its size.
    clusters : array of shape (n_found,)
    """
    if rule == "k-means":
        labels = kmeans(Z, n_clusters, seed=seed)[1]
        return _anchors_of(Z, labels, n_clusters, n_clusters, seed)
    if rule == "average":
        centers, labels = kmeans(Z, n_anchors, n_init=1, seed=seed)
        used, labels = np.unique(labels, return_inverse=True)
        joined = np.zeros(1, dtype=int)
        if len(used) > 1:
            joined = fcluster(linkage(centers[used], "average"), n_clusters, "maxclust") - 1
        return _anchors_of(Z, joined[labels], n_clusters, n_anchors, seed)
    labels = landmark_spectral(Z, n_clusters, views=views, seed=seed)
    cut = _anchors_of(Z, labels, n_clusters, n_anchors, seed)
    if views is None or len(Z) <= n_clusters:
        return cut
    rows = np.random.RandomState(seed).permutation(len(Z))[:LINKED_ROWS]
    linked = np.ascontiguousarray(Z[rows])
    labels = linkage_labels(linked, n_clusters)
    merged = _anchors_of(linked, labels, n_clusters, n_anchors, seed)
    views = np.ascontiguousarray(views[:, rows].reshape(-1, Z.shape[1]))
    return min(cut, merged, key=lambda found: _cut_of_views(*found, linked, views, n_clusters))


def _anchors_of(Z, labels, n_clusters, n_anchors, seed):
    """Anchors of labeled rows within each cluster, and the cluster of each anchor."""
    anchors, clusters = [], []
    for cluster, size in enumerate(np.bincount(labels)):
        if not size:
            continue
        rows = np.ascontiguousarray(Z[labels == cluster])
        share = 1 + int((n_anchors - n_clusters) * size / len(Z))
        found = rows.mean(axis=0)[None]
        if share > 1:
            centers, nearest = kmeans(rows, share, n_init=1, seed=seed)
            found = centers[np.unique(nearest)]
        anchors.append(found)
        clusters += [cluster] * len(found)
    anchors = np.concatenate(anchors)
    anchors = anchors / np.maximum(np.linalg.norm(anchors, axis=1, keepdims=True), 1e-12)
    return anchors, np.array(clusters)


def _cut_of_views(anchors, clusters, Z, views, n_clusters):
    """Normalized cut of the graph that joins rows with their views."""
    n_threads = effective_n_threads()
    own, seen = (clusters[nearest_center(part, anchors, n_threads)] for part in (Z, views))
    return cut_of_pairs(np.resize(own, len(seen)), seen, n_clusters)


def moved_anchors(Z, anchors):
    """Anchors at the mean direction of their nearest rows; one without rows stays."""
    nearest = nearest_center(Z, anchors, effective_n_threads())
    sums = np.zeros_like(anchors)
    np.add.at(sums, nearest, Z)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), anchors)
