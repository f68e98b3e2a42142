"""
====================================
Graphs whose nodes have features
====================================

:class:`~skdeepcluster.SmoothedGraphClustering` averages the features of neighbors and clusters
these averages. :class:`~skdeepcluster.WeightedFlowDiffusion` finds the one cluster of a node.
"""

# %%
# Three groups of nodes, which overlap in their two features and have edges among each other. The
# average over neighbors separates them.
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import SmoothedGraphClustering, WeightedFlowDiffusion
from skdeepcluster.displays import GraphDisplay

y = np.repeat([0, 1, 2], 120)
graph = nx.random_partition_graph([120] * 3, 0.08, 0.008, seed=0)
centers = np.array([[0, 0], [2, 0], [1, 1.7]])
X = centers[y] + np.random.default_rng(0).normal(size=(360, 2))

models = {
    order: SmoothedGraphClustering(3, order=order, random_state=0).fit(X, adjacency=graph)
    for order in (0, 2)
}
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
axes[0].scatter(*X.T, c=np.array(["#3f90da", "#ffa90e", "#bd1f01"])[y], s=8)
axes[0].set(title="features, and the true groups", xticks=[], yticks=[])
places = None
for ax, (order, model) in zip(axes[1:], models.items(), strict=True):
    display = GraphDisplay.from_estimator(model, ax=ax, places=places, legend=False)
    places = display.places
    found = adjusted_rand_score(y, model.labels_)
    ax.set_title(f"order {order}: adjusted Rand index {found:.2f}")

# %%
# Starting from a single node, mass flows over edges between nodes that are alike until every node
# keeps what it has. Where it rises is the cluster. The rest of the graph is not looked at, however
# large it is.
model = WeightedFlowDiffusion(seeds=[5], target_size=120, sink="uniform").fit(X, adjacency=graph)
without = WeightedFlowDiffusion(seeds=[5], target_size=120, sink="uniform", gamma=0).fit(
    X, adjacency=graph
)
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, found, name in ((axes[0], without, "edges alone"), (axes[1], model, "with features")):
    GraphDisplay.from_predictions(graph, found.labels_, ax=ax, places=places, legend=False)
    inside = found.labels_ == 0
    hits = np.sum(inside & (y == 0))
    ax.set_title(f"{name}: {inside.sum()} nodes, {hits} of the seed's group")
    ax.plot(*places[5], "k*", markersize=14)

# %%
# The fitted graph answers for other seeds as well.
cluster = model.query([300], target_size=120)
print(f"{np.sum(y[cluster.nodes] == 2)} of {len(cluster.nodes)} nodes are of the group of node 300")
