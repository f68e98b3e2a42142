"""
===================
Clusters that drift
===================

Rows come in batches, and what they mean changes as they come, as the embedding of a network does in
training. :class:`~skdeepcluster.DynamicClusterMemory` knows the newest rows only;
:class:`sklearn.cluster.MiniBatchKMeans` averages over all that there were.
"""

# %%
# Five clusters turn around the origin, in a spiral that widens.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import MiniBatchKMeans

from skdeepcluster import DynamicClusterMemory

rng = np.random.default_rng(0)
y = np.arange(200) % 5
turns = np.linspace(0, 5.2, 42)


def batch(turn):
    angle = 2 * np.pi / 5 * y + turn
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    return (1 + turn / 3) * (around + rng.normal(0, 0.12, (200, 2)))


models = {
    "memory of 400 rows": DynamicClusterMemory(
        5, metric="euclidean", memory_size=400, random_state=0
    ),
    "mini-batch k-means": MiniBatchKMeans(5, n_init=10, random_state=0),
}
tracks = {name: [] for name in models}
kept = {name: [] for name in models}
for turn in turns:
    X = batch(turn)
    for name, model in models.items():
        labels = model.partial_fit(X).predict(X)
        if turn == 0:
            kept[name].append(labels)
        tracks[name].append(model.cluster_centers_.copy())
        kept[name].append(np.mean(labels == kept[name][0]))

# %%
# Lines are the ways of the centers, dots where they end, and rows are those of the last batch. Each
# center of the memory follows its cluster, so that the clusters keep their numbers. To the right,
# the share of rows in the cluster that rows of their kind had at the beginning.
figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), width_ratios=[1, 1, 1.2], layout="constrained")
for ax, (name, ways) in zip(axes, tracks.items(), strict=False):
    ax.scatter(*X.T, s=8, color="0.75")
    for j, way in enumerate(np.array(ways).transpose(1, 2, 0)):
        ax.plot(*way, color=f"C{j}")
        ax.plot(*way[:, -1:], "o", color=f"C{j}", markeredgecolor="k", markersize=9)
    ax.set(title=name, xticks=[], yticks=[], aspect="equal", xlim=(-4, 4), ylim=(-4, 4))
for name, color in zip(kept, ["k", "0.6"], strict=True):
    axes[2].plot(np.rad2deg(turns), kept[name][1:], color=color, label=name)
axes[2].set(xlabel="degrees that clusters have turned by", ylabel="rows with the same number")
_ = axes[2].legend()

# %%
# A query is answered from the memory: the rows of the same cluster that are nearest now.
memory = models["memory of 400 rows"]
distances, indices = memory.kneighbors(X[:1], n_neighbors=20)
figure, ax = plt.subplots(figsize=(4, 3.8), layout="constrained")
age = np.arange(len(memory.memory_))[::-1]
shown = ax.scatter(*memory.memory_.T, c=age, s=10, cmap="gray", vmin=-100, vmax=500)
ax.scatter(*memory.memory_[indices[0]].T, s=20, color="C1", label="neighbors")
ax.plot(*X[0], "k*", markersize=10, label="query")
ax.set(xticks=[], yticks=[], aspect="equal", title="The memory, newest rows dark")
_ = ax.legend(loc="upper left")
