"""
====================================================
From pairs to digits: merges of graph degree linkage
====================================================

:class:`~skdeepcluster.GraphDegreeLinkage` begins with each sample joined to its nearest neighbor
and merges clusters with edges to each other in both directions. Its history shows how many clusters
there are, and in what order groups of handwritten digits merge.
"""

# %%
# The affinities of the merges drop slowly as long as groups of one digit merge, and steeply once
# different digits do.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.datasets import load_digits

from skdeepcluster import GraphDegreeLinkage
from skdeepcluster.displays import DendrogramDisplay, MatchedConfusionDisplay

X, y = load_digits(return_X_y=True)
model = GraphDegreeLinkage(n_clusters=10).fit(X)
print(f"{len(X)} images, {model.n_initial_clusters_} clusters of nearest neighbors")

affinities = model.affinities_[-model.n_initial_clusters_ + 1 :]
left = np.arange(model.n_initial_clusters_ - 1, 0, -1)
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.loglog(left, np.where(affinities > 0, affinities, np.nan))
ax.axvline(10, color="0.25", linestyle="--", linewidth=1)
_ = ax.set(xlabel="clusters left after the merge", ylabel="affinity", xlim=(left[0], 1))

# %%
# The last 23 merges as a tree, and the mean images of the 24 clusters before them. The dashed line
# leaves ten clusters, which have colors; above it digits with common strokes merge.
n, n_leaves = len(X), 24
last = model.children_[-n_leaves + 1 :]
leaves = np.unique(last[last < 2 * n - n_leaves])
number = {node: i for i, node in enumerate([*leaves, *range(2 * n - n_leaves, 2 * n - 1)])}
merges = [[number[a], number[b]] for a, b in last]


def members(node):
    return [node] if node < n else sum(map(members, model.children_[node - n]), [])


rows = [members(node) for node in leaves]
sizes = [1] * n_leaves
for a, b in merges:
    sizes.append(sizes[a] + sizes[b])
linkage = np.column_stack([merges, model.distances_[-n_leaves + 1 :], sizes[n_leaves:]])

figure, ax = plt.subplots(figsize=(11, 4.5), layout="constrained")
display = DendrogramDisplay.from_linkage(
    linkage,
    labels=[model.labels_[of[0]] for of in rows],
    cut=model.distances_[-10:-8].mean(),
    ax=ax,
)
ax.set_ylim(20, None)
for place, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
    mean = X[rows[int(text.get_text())]].mean(axis=0).reshape(8, 8)
    image = OffsetImage(mean, zoom=3.2, cmap="gray_r")
    ax.add_artist(
        AnnotationBbox(
            image,
            (place, 20),
            (0, -18),
            boxcoords="offset points",
            frameon=False,
            annotation_clip=False,
        )
    )
ax.set_xticks([])
_ = ax.set_xlabel("Mean images of the clusters", labelpad=36)

# %%
# Eight clusters are one digit each. The other two contain the ones: a few that have no serif, and
# many that are in the cluster of the eights, which are as slim.
_ = MatchedConfusionDisplay.from_predictions(y, model.labels_)
