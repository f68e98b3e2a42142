"""
==========================================
Leiden: communities at several resolutions
==========================================

:class:`~skdeepcluster.Leiden` finds how many communities a graph has at a given resolution. With
several resolutions it keeps the one at which runs of different seeds agree most.
"""

# %%
# A karate club that fell apart: members and who met whom outside of it. Modularity has four
# communities, which divide the two parties that were left in the end.
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import Leiden
from skdeepcluster.displays import CommunityHierarchyDisplay, GraphDisplay
from skdeepcluster.metrics import conductance, modularity

club = nx.karate_club_graph()
four = Leiden(affinity="precomputed", random_state=0).fit(club)
two = Leiden(2, affinity="precomputed", random_state=0).fit(club)
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
display = GraphDisplay.from_estimator(four, ax=axes[0], legend=False)
GraphDisplay.from_estimator(two, places=display.places, ax=axes[1], legend=False)
for ax, model in zip(axes, (four, two), strict=True):
    found = modularity(club, model.labels_)
    ax.set_title(f"{model.n_clusters_} communities, modularity {found:.3f}")

# %%
# All members but one joined the party of their community of two.
party = np.array([club.nodes[node]["club"] == "Officer" for node in club])
names = [np.bincount(party[two.labels_ == k]).argmax() for k in range(2)]
print(f"{np.sum(np.take(names, two.labels_) == party)} of {len(party)} members")

# %%
# Rows have edges to their nearest neighbors. Of the handwritten digits, six resolutions:
X, y = load_digits(return_X_y=True)
model = Leiden(resolution=[0.25, 0.5, 1.0, 2.0, 4.0, 8.0], random_state=0).fit(X)
names = [f"{r:g}\n{s:.3f}" for r, s in zip(model.resolution, model.layer_stabilities_, strict=True)]
figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
CommunityHierarchyDisplay.from_estimator(model, names=names, ax=ax)
_ = ax.set_title("Resolution, and how much runs of different seeds agree")

# %%
# The stable one is kept. Which digits are right the method does not know.
for resolution, layer in zip(model.resolution, model.layers_, strict=True):
    kept = "kept" if resolution == model.resolution_ else ""
    print(
        f"resolution {resolution:4}: {layer.max() + 1:2} communities, "
        f"adjusted Rand index {adjusted_rand_score(y, layer):.3f}, "
        f"mean conductance {conductance(model.affinity_matrix_, layer):.3f} {kept}"
    )
