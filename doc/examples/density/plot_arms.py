"""
=====================
My clusters have arms
=====================

Cells that develop into several kinds are one cluster with branches. ``HDBSCAN.branches`` divides
each cluster into its center and its arms.
"""

# %%
# A cluster with three arms, and a round one.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay

rng = np.random.default_rng(0)
arms = np.repeat([[0, 1], [0.9, -0.5], [-0.9, -0.5]], 250, axis=0)
star = arms * rng.uniform(0, 9, (750, 1)) + rng.normal(scale=0.25, size=(750, 2))
X = np.vstack([star, rng.normal([13, 3], 1, (250, 2))])
model = HDBSCAN(min_cluster_size=25).fit(X)
branches = model.branches()
print("branches of each cluster:", branches.n_branches)

# %%
# A cluster without branches keeps one label.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.3), layout="constrained")
for ax, labels, title in (
    (axes[0], model.labels_, "Clusters"),
    (axes[1], branches.labels, "Centers and branches"),
):
    EmbeddingDisplay.from_predictions(X, labels, ax=ax)
    ax.set(title=title, aspect="equal")
