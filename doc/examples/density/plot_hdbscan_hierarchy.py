"""
===========================
Reading the tree of HDBSCAN
===========================

No radius of DBSCAN fits clusters of different density. :class:`~skdeepcluster.HDBSCAN` considers
all radii: its condensed tree shows the clusters, over which range of density they exist, and which
points leave them.
"""

# %%
# Two moons, three blobs of different density, two of them touching, and uniform noise.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from sklearn.datasets import make_blobs, make_moons

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import CondensedTreeDisplay, EmbeddingDisplay

rng = np.random.default_rng(0)
moons, _ = make_moons(700, noise=0.06, random_state=0)
blobs, _ = make_blobs(
    [150, 300, 200],
    centers=[[-1.2, 2.3], [1.8, 2.2], [2.5, 2.5]],
    cluster_std=[0.35, 0.13, 0.09],
    random_state=0,
)
X = np.vstack([moons, blobs, rng.uniform([-2.5, -1.2], [3.5, 3.6], (220, 2))])
model = HDBSCAN(min_cluster_size=20, min_samples=10).fit(X)

# %%
# In the tree every cluster is below the one that it was split from, and as wide as it has samples.
# The colored areas are the stabilities, whose sum the choice of clusters maximizes: the gray area
# above clusters 3 and 4 is their union, which persists over a shorter range than they do.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
EmbeddingDisplay.from_predictions(X, model.labels_, ax=left)
left.set(title="Clusters and noise", aspect="equal")
CondensedTreeDisplay.from_estimator(model, ax=right)
_ = right.set_title("Condensed tree")

# %%
# Soft clustering of the whole plane: each location has the mixture of the clusters' colors, and
# fades to white where it belongs to none. The stars are exemplars, the samples last to leave a
# cluster.
colors = [to_rgb(color) for color in ("#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#a96b59")]
colors = np.array(colors[: model.labels_.max() + 1])
x, y = np.linspace(-2.5, 3.5, 300), np.linspace(-1.2, 3.6, 240)
plane = np.stack(np.meshgrid(x, y), axis=-1)
soft = model.predict_proba(plane.reshape(-1, 2))
image = soft @ colors + (1 - soft.sum(axis=1, keepdims=True))

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.3), layout="constrained")
left.imshow(
    image.reshape(*plane.shape[:2], 3).clip(0, 1), origin="lower", extent=(-2.5, 3.5, -1.2, 3.6)
)
left.scatter(*X.T, s=2, color="k", alpha=0.3)
for rows in model.exemplar_indices_:
    left.scatter(*X[rows[:3]].T, marker="*", color="k", s=60, edgecolor="white")
left.set_title("Soft clustering of new points")
points = right.scatter(*X.T, c=model.outlier_scores_, s=8, cmap="magma_r")
figure.colorbar(points, ax=right, label="outlier score")
_ = right.set(title="Outliers, each relative to its own cluster", aspect="equal")

# %%
# The spanning tree is found once. Other sizes of clusters, the leaves of the tree and cuts at a
# radius cost next to nothing.
figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained", sharex=True, sharey=True)
sizes = [5, 20, 80]
for ax, size in zip(axes, sizes, strict=False):
    labels = model.reselect(min_cluster_size=size).labels
    EmbeddingDisplay.from_predictions(X, labels, ax=ax, annotate=False)
    ax.set_title(f"min_cluster_size={size}: {labels.max() + 1} clusters", fontsize="medium")
labels = model.dbscan_clustering(0.17, min_cluster_size=20)
EmbeddingDisplay.from_predictions(X, labels, ax=axes[3], annotate=False)
_ = axes[3].set_title(f"radius 0.17: {labels.max() + 1} clusters", fontsize="medium")
