"""
==========================================
Clusters that do not give away the edges
==========================================

:class:`~skdeepcluster.PrivateGraphClustering` flips pairs of nodes, from an edge to none and back,
and clusters what is left. Smaller `epsilon` means more flips and more privacy.
"""

# %%
# Two groups of people and their contacts, before and after.
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import PrivateGraphClustering

y = np.repeat([0, 1], 100)
graph = nx.random_partition_graph([100, 100], 0.4, 0.05, seed=0)
figure, axes = plt.subplots(1, 4, figsize=(14, 3.8), layout="constrained")
axes[0].spy(nx.to_scipy_sparse_array(graph), markersize=1)
axes[0].set_title("the graph")
for ax, epsilon in zip(axes[1:], (4, 1, 0.3), strict=True):
    model = PrivateGraphClustering(2, epsilon=epsilon, affinity="precomputed", random_state=0)
    model.fit(graph)
    ax.spy(model.released_, markersize=1)
    found = adjusted_rand_score(y, model.labels_)
    ax.set_title(f"epsilon {epsilon}: adjusted Rand index {found:.2f}")
for ax in axes:
    ax.set(xticks=[], yticks=[])

# %%
# A seed makes examples repeatable, and voids the privacy: who knows it can undo the flips. Without
# one, each fit draws fresh flips, and each spends epsilon anew.
model = PrivateGraphClustering(2, epsilon=1, affinity="precomputed")
spent = sum(model.fit(graph).epsilon_spent_ for _ in range(3))
print(f"Three fits: {spent} in all")
