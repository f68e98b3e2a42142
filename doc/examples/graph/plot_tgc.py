"""
=====================================
Nodes that meet, and change company
=====================================

:class:`~skdeepcluster.TGC` learns vectors of nodes from events, each of which has a time, and takes
new events as they come.
"""

# %%
# Three groups of 20 meet, mostly among themselves. At time 1 six of the first group change to the
# second one. The left picture has whom one of the six meets.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from skdeepcluster import TGC

rng = np.random.default_rng(0)
size, changing = 20, np.arange(6)
before = np.repeat([0, 1, 2], size)
after = before.copy()
after[changing] = 1


def meetings(groups, n_events, begin):
    source = rng.integers(len(groups), size=n_events)
    within = np.where(rng.random(n_events) < 0.9, groups[source], rng.integers(3, size=n_events))
    target = np.array([rng.choice(np.flatnonzero(groups == group)) for group in within])
    return np.column_stack([source, target, begin + np.sort(rng.random(n_events))])


first, later = meetings(before, 3000, 0), meetings(after, 3000, 1)
X = np.zeros((len(before), 1))  # the nodes; they have no features
model = TGC(3, n_components=16, batch_size=256, random_state=0).fit(X, events=first)
pictures = {"after the first events": (model.embedding_, before, model.labels_)}
for part in np.array_split(later, 3):
    model.partial_fit(X, events=part)
pictures["after the later ones"] = (model.embedding_, after, model.labels_)

# %%
# Colors are clusters, and crosses are the six. Their vectors went over to the other group with new
# events alone: nothing was trained again.
palette = np.array(["#3f90da", "#ffa90e", "#bd1f01"])
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
events = np.concatenate([first, later])
events = np.concatenate([events, events[:, [1, 0, 2]]])
own = events[events[:, 0] == 0]
axes[0].scatter(own[:, 2], own[:, 1], s=8, color="0.4")
axes[0].set(xlabel="time", ylabel="partner", title="whom node 0 meets")
axes[0].hlines([19.5, 39.5], 0, 2, color="0.8", linewidth=1)
axes[0].axvline(1, color="0.8", linewidth=1)
map_to_plane = PCA(2).fit(pictures["after the first events"][0])
for ax, (when, (Z, groups, labels)) in zip(axes[1:], pictures.items(), strict=True):
    # Clusters have the color of the group that most of their nodes are in.
    color = np.array([np.bincount(groups[labels == k], minlength=3).argmax() for k in range(3)])
    places = map_to_plane.transform(Z)
    stay = np.setdiff1d(np.arange(len(Z)), changing)
    for nodes, marker in ((stay, "o"), (changing, "X")):
        ax.scatter(*places[nodes].T, color=palette[color[labels[nodes]]], marker=marker, s=40)
    n_right = np.sum(color[labels] == groups)
    ax.set(title=f"{when}: {n_right} of {len(Z)} right", xticks=[], yticks=[])
