"""
===================================
Exemplars: medoids instead of means
===================================

A mean of images is an image that nobody drew. A medoid is the image that is nearest to the others:
:class:`~skdeepcluster.KMedoids` finds such exemplars, here of handwritten digits.
"""

# %%
# Twelve clusters, by the city block distance of the pixels, in which one large difference counts no
# more than many small ones.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdeepcluster import DynMSC, KMedoids

X, y = load_digits(return_X_y=True)
kmedoids = KMedoids(12, metric="manhattan", n_init=10, random_state=0).fit(X)
print(f"Sum of distances: {kmedoids.inertia_:.0f} after {kmedoids.n_swaps_} swaps")

# %%
# From top to bottom: the mean of k-means for the same cluster; the medoid; and members of its
# cluster, from the nearest to the farthest, where errors begin.
distances = kmedoids.transform(X)
order = np.argsort(y[kmedoids.medoid_indices_])
means = KMeans(init=kmedoids.cluster_centers_, n_clusters=12).fit(X).cluster_centers_
shares = [0.05, 0.25, 0.5, 0.75, 1.0]

figure, axes = plt.subplots(7, 12, figsize=(9, 5.8), layout="constrained")
for column, cluster in zip(axes.T, order, strict=True):
    members = np.flatnonzero(kmedoids.labels_ == cluster)
    members = members[np.argsort(distances[members, cluster])]
    chosen = members[[int(share * (len(members) - 1)) for share in shares]]
    images = [means[cluster], kmedoids.cluster_centers_[cluster], *X[chosen]]
    for ax, image in zip(column, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    column[1].spines[:].set(visible=True, color="C1", linewidth=2)
names = ["mean", "medoid", "near", "", "half way", "", "farthest"]
for ax, name in zip(axes[:, 0], names, strict=True):
    ax.set_ylabel(name, rotation=0, ha="right", va="center", color="C1" if "med" in name else "k")

# %%
# Swaps reach better solutions than the alternation that k-means uses, from the same starts: a
# medoid stuck between two others is swapped for a distant object. Each point is a start.
inertias = {
    method: [
        KMedoids(12, metric="manhattan", method=method, n_init=1, random_state=seed).fit(X).inertia_
        for seed in range(20)
    ]
    for method in ("fasterpam", "alternate")
}
_, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
rng = np.random.default_rng(0)
for row, values in enumerate(inertias.values()):
    ax.scatter(values, row + rng.uniform(-0.15, 0.15, 20), s=18, alpha=0.7)
_ = ax.set(yticks=[0, 1], yticklabels=inertias, ylim=(-0.5, 1.5), xlabel="sum of distances")

# %%
# The sum of distances decreases with every further cluster. The medoid silhouette does not, and
# :class:`~skdeepcluster.DynMSC` computes it for all numbers of clusters in one fit. It is best near
# ten clusters, the number of digits, which it is not given; but no number is clearly better than
# those next to it.
dynmsc = DynMSC(30, metric="manhattan", random_state=0).fit(X)
numbers = np.arange(2, 31)
_, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.plot(numbers, dynmsc.medoid_silhouettes_, ".-")
ax.axvline(10, color="C1", linewidth=1)
_ = ax.set(xlabel="number of clusters", ylabel="medoid silhouette")
