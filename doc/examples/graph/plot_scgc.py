"""
=====================================
A network of features, with a graph
=====================================

:class:`~skdeepcluster.SCGC` learns from the edges of a graph and predicts without them: its network
reads the features of a node alone, and edges are in the loss.
"""

# %%
# Three groups of nodes. Only the first two of thirty features have the groups, which touch; four
# others have the largest variance. Nodes of a group have more edges among each other. A quarter of
# the nodes is held out with all their edges.
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DEC, SCGC, Graph

y = np.repeat([0, 1, 2], 200)
rng = np.random.default_rng(0)
X = rng.normal(size=(600, 30))
X[:, 2:6] *= 3
X[:, :2] += np.array([[0, 0], [4, 0], [2, 3.4]])[y]
graph = nx.random_partition_graph([200] * 3, 0.05, 0.005, seed=0)
nodes = rng.permutation(600)
seen, new = nodes[:450], nodes[450:]
train = Graph(X, graph)[seen]

# %%
# DEC has the features alone, and follows those of much variance.
params = {"n_clusters": 3, "hidden_layer_sizes": (64,), "random_state": 0}
models = {
    "DEC, features alone": DEC(**params, init="k-means").fit(train.X),
    "SCGC, features and edges": SCGC(**params).fit(train),
}
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
colors = np.array(["#3f90da", "#ffa90e", "#bd1f01"])
for ax, (name, model) in zip(axes, models.items(), strict=True):
    plane = PCA(2).fit(model.transform(train.X))
    for rows, marker, size in ((seen, ".", 20), (new, "*", 50)):
        Z = plane.transform(model.transform(X[rows]))
        ax.scatter(*Z.T, c=colors[y[rows]], marker=marker, s=size, linewidths=0)
    known, predicted = (
        adjusted_rand_score(y[rows], model.predict(X[rows])) for rows in (seen, new)
    )
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"{name}\nadjusted Rand index {known:.2f}, of new nodes {predicted:.2f}")

# %%
# Stars are the new nodes, colors the true groups. The edges have shown which features matter.
plt.show()
