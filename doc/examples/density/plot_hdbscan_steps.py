"""
====================
HDBSCAN step by step
====================

Five pictures of what :class:`~skdeepcluster.HDBSCAN` computes, and how its two parameters act.
"""

# %%
# Two moons, a dense blob, and rows that belong to nothing.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import EllipseCollection, LineCollection
from sklearn.datasets import make_blobs, make_moons

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import CondensedTreeDisplay, DendrogramDisplay, EmbeddingDisplay

rng = np.random.default_rng(0)
moons, _ = make_moons(120, noise=0.06, random_state=0)
blob, _ = make_blobs(60, centers=[[2.4, 1.0]], cluster_std=0.12, random_state=0)
X = np.vstack([moons, blob, rng.uniform([-1.5, -0.9], [3, 1.6], (20, 2))])
model = HDBSCAN(min_cluster_size=15, min_samples=5).fit(X)

# %%
# **1. Density.** The radius that holds the `min_samples` nearest rows, the *core distance*, is
# small where rows are dense.
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
diameters = 2 * model.core_distances_
circles = {"units": "xy", "offsets": X, "offset_transform": ax.transData}
ax.add_collection(
    EllipseCollection(diameters, diameters, np.zeros(len(X)), alpha=0.12, color="C0", **circles)
)
ax.scatter(*X.T, s=6, color="0.2")
_ = ax.set(aspect="equal", xticks=[], yticks=[], title="core distances")

# %%
# **2. Distances that respect it.** The *mutual reachability* of two rows is their distance, but no
# less than either core distance, which keeps sparse rows apart. Its minimum spanning tree connects
# all rows by the shortest ways; here short ones are dark.
tree = model.minimum_spanning_tree_
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
edges = LineCollection(
    np.stack([X[tree.source], X[tree.target]], axis=1),
    array=tree.distance,
    cmap="viridis",
    zorder=1,
)
ax.add_collection(edges)
ax.scatter(*X.T, s=6, color="0.2")
figure.colorbar(edges, ax=ax, label="mutual reachability")
_ = ax.set(aspect="equal", xticks=[], yticks=[], title="minimum spanning tree")

# %%
# **3. All radii at once.** Edges from the shortest to the longest merge rows into groups, here
# drawn down to groups of several rows. A cut at any height is a clustering by DBSCAN with that
# radius.
DendrogramDisplay.from_estimator(model)
plt.show()

# %%
# **4. Groups that matter.** From the top, only a split into two groups of at least
# `min_cluster_size` rows makes new clusters; smaller ones are rows that leave. This *condensed
# tree* has few branches, as wide as they have rows. The colored ones are chosen: they have the
# largest areas, that is, many rows over a long range of density.
CondensedTreeDisplay.from_estimator(model)
plt.show()

# %%
# **5. Labels.** A row has the label of the chosen branch that it is in, paler the sooner it leaves
# it. Rows that left before a chosen branch began are noise.
EmbeddingDisplay.from_predictions(X, model.labels_, probabilities=model.probabilities_)
plt.show()

# %%
# Choosing the parameters
# -----------------------
#
# `min_cluster_size` is the smallest group that you would call a cluster: begin there.
# `min_samples` is how cautious the result is: larger values smooth the density, so that more rows
# are noise and thin bridges between clusters break. Each row below has one `min_samples`, which
# needs a fit; each column a `min_cluster_size`, for which `reselect` condenses the same tree
# again. No two groups of 80 rows separate: without a split, all rows are noise.
figure, axes = plt.subplots(3, 4, figsize=(11, 6), layout="constrained", sharex=True, sharey=True)
for row, min_samples in zip(axes, [2, 5, 15], strict=True):
    fitted = HDBSCAN(min_cluster_size=15, min_samples=min_samples).fit(X)
    for ax, size in zip(row, [5, 15, 40, 80], strict=True):
        labels = fitted.reselect(min_cluster_size=size).labels
        display = EmbeddingDisplay.from_predictions(
            X, labels, ax=ax, annotate=False, scatter_kw={"s": 7}
        )
        if display.legend_:
            display.legend_.remove()
        n_noise = np.sum(labels == -1)
        ax.set_title(f"{labels.max() + 1} clusters, {n_noise} rows of noise", fontsize="small")
        ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    row[0].set_ylabel(f"min_samples={min_samples}")
for ax, size in zip(axes[-1], [5, 15, 40, 80], strict=True):
    ax.set_xlabel(f"min_cluster_size={size}")
plt.show()
