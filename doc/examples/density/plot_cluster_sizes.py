"""
=======================================
I do not know how large my clusters are
=======================================

`min_cluster_size` decides what counts as a cluster. ``HDBSCAN("auto")`` takes the value in the
middle of the longest range that gives one number of clusters, and `layers` shows all such ranges.
"""

# %%
# Clusters on three levels: two regions, each of three towns, each of four quarters.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay

rng = np.random.default_rng(0)
regions = np.array([[0, 0], [100, 10]])
towns = np.array([[0, 0], [22, 4], [8, 24]])
quarters = np.array([[-2.5, -2.5], [2.5, -2.5], [-2.5, 2.5], [2.5, 2.5]])
centers = (regions[:, None, None] + towns[:, None] + quarters).reshape(-1, 2)
X = np.repeat(centers, 60, axis=0)
X = X + rng.normal(0, 0.7, X.shape)
model = HDBSCAN("auto", min_samples=5).fit(X)

# %%
# No layer is the right one: it depends on the purpose. That of the longest persistence is the
# answer of "auto". Nothing is fitted again for them.
layers = model.layers()
figure, axes = plt.subplots(1, len(layers), figsize=(12, 3.3), layout="constrained")
for ax, layer in zip(axes, layers, strict=True):
    EmbeddingDisplay.from_predictions(X, layer.labels, ax=ax, annotate=False)
    k = layer.labels.max() + 1
    chosen = ", chosen" if k == model.n_clusters_ else ""
    ax.set_title(f"{k} clusters{chosen}\npersistence {layer.persistence:.1f}", fontsize="medium")
