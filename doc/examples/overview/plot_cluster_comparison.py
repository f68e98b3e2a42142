"""
==========================
Clusterers on small shapes
==========================

The six data sets by which scikit-learn compares its clusterers, and eight clusterers of this
package: rows in the plane, whose clusters anyone can see. What separates moons may be wrong for a
hundred features; :ref:`choosing` starts from the data you have.
"""

# %%
# 400 rows each: circles in each other, moons, clusters of different widths, stretched ones, three
# equal ones, and none at all.
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from skdeepcluster import (
    DEC,
    HDBSCAN,
    PPP,
    GraphDegreeLinkage,
    KMedoids,
    LandmarkSpectral,
    Leiden,
    NeighborClusterer,
)
from skdeepcluster.displays import EmbeddingDisplay

n = 400
blobs, _ = make_blobs(n, random_state=170)
data = {
    "circles": (make_circles(n, factor=0.5, noise=0.05, random_state=30)[0], 2),
    "moons": (make_moons(n, noise=0.05, random_state=30)[0], 2),
    "varied": (make_blobs(n, cluster_std=[1.0, 2.5, 0.5], random_state=170)[0], 3),
    "stretched": (blobs @ [[0.6, -0.6], [-0.4, 0.8]], 3),
    "equal": (make_blobs(n, random_state=30)[0], 3),
    "none": (np.random.default_rng(30).random((n, 2)), 3),
}

# %%
# All but :class:`~skdeepcluster.HDBSCAN` and :class:`~skdeepcluster.PPP`, which find it, are given
# the number of clusters; only HDBSCAN leaves rows out. Defaults are kept, except for HDBSCAN's
# `min_cluster_size`, larger since 5 of 400 rows are no cluster here, and the network of
# :class:`~skdeepcluster.DEC`, smaller since a plane needs no more.
#
# In each picture the number of clusters found is on the left, with a question mark where a warning
# said that the clusters are doubtful, and the seconds of the fit are on the right.
network = {"hidden_layer_sizes": (32, 32), "pretrain_epochs": 20, "max_epochs": 10}
clusterers = {
    "KMedoids": KMedoids(random_state=0),
    "HDBSCAN": HDBSCAN(min_cluster_size=15),
    "Neighbor-\nClusterer": NeighborClusterer(random_state=0),
    "GraphDegree-\nLinkage": GraphDegreeLinkage(random_state=0),
    "Landmark-\nSpectral": LandmarkSpectral(random_state=0),
    "Leiden": Leiden(affinity="nearest_neighbors", random_state=0),
    "PPP": PPP(random_state=0),
    "DEC": DEC(random_state=0, **network),
}

# The first use of a deep method loads torch, which is not counted.
DEC(2, init="k-means", pretrain_epochs=0, max_epochs=0, hidden_layer_sizes=(2,)).fit(blobs)
figure, axes = plt.subplots(
    len(data), len(clusterers), figsize=(12, 9), layout="constrained", sharex="row", sharey="row"
)
for row, (name, (X, n_clusters)) in zip(axes, data.items(), strict=True):
    X = StandardScaler().fit_transform(X)
    for ax, clusterer in zip(row, clusterers.values(), strict=True):
        model = clone(clusterer)
        if "n_clusters" in model.get_params():
            model.set_params(n_clusters=n_clusters)
        begin = time.perf_counter()
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always", ConvergenceWarning)
            labels = model.fit_predict(X)
        seconds = time.perf_counter() - begin
        # Numbered from the left, so that similar clusters have similar colors.
        found = sorted(set(labels.tolist()) - {-1}, key=lambda k: X[labels == k, 0].mean())
        labels = np.array([-1 if k == -1 else found.index(k) for k in labels])
        display = EmbeddingDisplay.from_predictions(
            X, labels, ax=ax, annotate=False, scatter_kw={"s": 6, "alpha": 1}
        )
        if display.legend_:
            display.legend_.remove()
        ax.set(xticks=[], yticks=[], xlabel="", xlim=(-2.8, 2.8), ylim=(-2.8, 2.8))
        ax.set_ylabel(name if ax is row[0] else "")
        corner = {"transform": ax.transAxes, "fontsize": "small", "color": "0.3"}
        ax.text(0.98, 0.02, f"{seconds:.2f} s", ha="right", va="bottom", **corner)
        ax.text(0.02, 0.02, f"{len(found)}{'?' * bool(doubts)}", ha="left", va="bottom", **corner)
for ax, name in zip(axes[0], clusterers, strict=True):
    ax.set_title(name, fontsize="medium")
plt.show()

# %%
# The methods that follow neighbors (HDBSCAN, NeighborClusterer, GraphDegreeLinkage,
# LandmarkSpectral, Leiden) separate circles and moons. KMedoids, PPP and this small DEC expect
# compact clusters and divide them. Rows without structure are divided by all: noise or a warning
# is the only hint. :class:`~skdeepcluster.NClustersSearch` says whether there are clusters at all.
