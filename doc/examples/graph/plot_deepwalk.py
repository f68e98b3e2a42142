"""
=================================
Vectors of nodes by random walks
=================================

:class:`~skdeepcluster.DeepWalk` reads random walks as sentences, and trains a vector for each node.
"""

# %%
# Rings of nodes with a few random edges to others. Edges alone say little of which ring a node is
# in; walks see more of it. The matrices have the cosines of all vectors.
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DeepWalk
from skdeepcluster.displays import GraphDisplay

n_rings, size = 4, 60
graph = nx.disjoint_union_all(
    [nx.connected_watts_strogatz_graph(size, 4, 0.1, seed=seed) for seed in range(n_rings)]
)
rng = np.random.default_rng(0)
graph.add_edges_from(rng.integers(n_rings * size, size=(60, 2)))
y = np.repeat(np.arange(n_rings), size)

figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for ax, window in zip(axes, (1, 10), strict=False):
    model = DeepWalk(
        n_rings, window=window, n_walks=40, n_components=32, affinity="precomputed", random_state=0
    ).fit(graph)
    found = adjusted_rand_score(y, model.labels_)
    ax.imshow(model.embedding_ @ model.embedding_.T, vmin=-1, vmax=1, cmap="RdBu_r")
    ax.set(title=f"window {window}: adjusted Rand index {found:.2f}", xticks=[], yticks=[])
GraphDisplay.from_estimator(model, ax=axes[2], legend=False)
axes[2].set_title("clusters with window 10")

# %%
# The walks of node2vec return often with a small `p`, and stay near with a large `q`.
for p, q in ((1, 1), (0.25, 4), (4, 0.25)):
    model = DeepWalk(
        n_rings, p=p, q=q, n_walks=40, n_components=32, affinity="precomputed", random_state=0
    ).fit(graph)
    print(f"p={p}, q={q}: adjusted Rand index {adjusted_rand_score(y, model.labels_):.2f}")
