"""Groups of an embedding, and points that stand for them where new rows come."""

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

from skdeepcluster.assignment._kmeans import kmeans, nearest_center
from skdeepcluster.assignment._spectral import landmark_spectral


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
        How rows become clusters: by cuts of neighbourhood graphs, which follow groups of any shape
        and size; by average linkage of anchors; by k-means, which likes groups of one size.
    views : array of shape (n_views, n, n_components), optional
        Where views of each row lie: "spectral" takes the groups that join rows with their views.
    seed : int

    Returns
    -------
    anchors : array of shape (n_found, n_components)
        Of unit length, no more than `n_anchors`; a cluster's lie within it, as many as its size
        asks for.
    clusters : array of shape (n_found,)
    """
    if rule == "k-means":
        labels = kmeans(Z, n_clusters, seed=seed)[1]
        n_anchors = n_clusters
    elif rule == "average":
        centers, labels = kmeans(Z, n_anchors, n_init=1, seed=seed)
        used, labels = np.unique(labels, return_inverse=True)
        joined = np.zeros(1, dtype=int)
        if len(used) > 1:
            joined = fcluster(linkage(centers[used], "average"), n_clusters, "maxclust") - 1
        labels = joined[labels]
    else:
        labels = landmark_spectral(Z, n_clusters, views=views, seed=seed)
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


def moved_anchors(Z, anchors):
    """Each anchor at the mean direction of the rows nearest to it; without rows where it was."""
    nearest = nearest_center(Z, anchors, _openmp_effective_n_threads())
    sums = np.zeros_like(anchors)
    np.add.at(sums, nearest, Z)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), anchors)
