"""
==========================
I want exactly 12 clusters
==========================

Density finds its own number. :class:`~skdeepcluster.HDBSCAN` has a tree with clusterings of many
numbers in it, and takes the most stable clusters of any number from there.
"""

# %%
# Twelve blobs in four groups. The most stable clusters are the groups.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay

groups = np.array([[0, 0], [22, 2], [4, 20], [25, 24]])
corners = np.array([[-2.6, 0], [2.6, 0], [0, 4.2]])
centers = (groups[:, np.newaxis] + corners).reshape(-1, 2)
X, _ = make_blobs(2400, centers=centers, cluster_std=1.2, random_state=0)
model = HDBSCAN(min_cluster_size=40, min_samples=20).fit(X)

# %%
# `reselect` needs no further fit. Stability decides which clusters a number is made of; there can
# be no more than the tree has leaves.
chosen = {f"found: {model.n_clusters_} clusters": model.labels_}
for k in (4, 7, 12):
    chosen[f"n_clusters={k}"] = model.reselect(n_clusters=k).labels
figure, axes = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
for ax, (title, labels) in zip(axes, chosen.items(), strict=True):
    EmbeddingDisplay.from_predictions(X, labels, ax=ax, annotate=False)
    ax.set(title=title, aspect="equal")
