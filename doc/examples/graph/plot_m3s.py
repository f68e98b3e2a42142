"""
========================
Few labels on a graph
========================

:class:`~skdeepcluster.M3S` trains a graph network on a few labeled nodes, labels those of which it
is certain, and trains again.
"""

# %%
# Three groups of nodes with noisy features, and one labeled node in each group. A graph network
# sees neighbors of neighbors; labels that it gives let the next one see further.
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np

from skdeepcluster import M3S
from skdeepcluster.displays import GraphDisplay

y = np.repeat([0, 1, 2], 80)
graph = nx.random_partition_graph([80] * 3, 0.08, 0.008, seed=0)
X = np.random.default_rng(0).normal(size=(240, 40)) + 0.6 * np.eye(3, 40)[y]
partial = np.full(240, -1)
partial[[0, 80, 160]] = [0, 1, 2]
unknown = partial < 0

params = {"n_clusters": 3, "n_per_class": 15, "max_epochs": 100, "random_state": 0}
one = M3S(n_stages=0, **params).fit(X, partial, adjacency=graph)
model = M3S(n_stages=3, **params).fit(X, partial, adjacency=graph)
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
places = None
for ax, labels, name in (
    (axes[0], one.labels_, "one network"),
    (axes[1], model.labels_, "three stages"),
):
    display = GraphDisplay.from_predictions(graph, labels, ax=ax, places=places, legend=False)
    places = display.places
    ax.plot(*places[~unknown].T, "k*", markersize=12)
    ax.set_title(f"{name}: accuracy {np.mean(labels[unknown] == y[unknown]):.2f}")

# %%
# The stars are the labeled nodes. Below, the stage after which each node was labeled, and how many
# of these labels are right.
stage = model.labeled_iter_
figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
points = ax.scatter(*places.T, c=np.where(stage < 0, np.nan, stage), s=14, cmap="viridis_r")
ax.scatter(*places[stage < 0].T, c="lightgray", s=6)
right = np.mean(model.labels_[stage > 0] == y[stage > 0])
ax.set(xticks=[], yticks=[], title=f"labeled after stage ({right:.0%} right)")
figure.colorbar(points, ax=ax, ticks=[0, 1, 2, 3])
plt.show()
