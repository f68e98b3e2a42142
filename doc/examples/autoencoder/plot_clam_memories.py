"""
=====================================
Memories that complete hidden entries
=====================================

:class:`~skdeepcluster.ClAM` uses the centers of clusters as the memories of an associative memory.
A row descends the energy of the memory, and the memory where it ends is its cluster.
"""

# %%
# The energy of four memories in the plane, and the paths of some rows: each step goes towards a
# mean of the memories, weighted by proximity.
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs

from skdeepcluster import ClAM

X, _ = make_blobs(400, centers=4, cluster_std=0.7, random_state=0)
model = ClAM(n_clusters=4, max_epochs=20, random_state=0).fit(X)
memories, beta = model.cluster_centers_, 1 / model.temperature_
rows = model.transform(X)

low, high = rows.min(axis=0) - 0.3, rows.max(axis=0) + 0.3
axes = [np.linspace(a, b, 200) for a, b in zip(low, high, strict=True)]
plane = np.stack(np.meshgrid(*axes), axis=-1)
distances = np.square(plane[..., np.newaxis, :] - memories).sum(axis=-1)
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
energy = -logsumexp(-beta * distances, axis=-1) / beta
levels = np.quantile(energy, np.linspace(0, 1, 25))
ax.contourf(*axes, energy, levels=levels, cmap="Blues_r")
for start in rows[:60]:
    way = [start]
    for _ in range(model.inner_iter):
        weights = softmax(-beta * np.square(way[-1] - memories).sum(axis=1))
        way.append(way[-1] + (weights @ memories - way[-1]) / model.inner_iter)
    ax.plot(*np.transpose(way), color="0.2", linewidth=0.7)
    ax.plot(*start, "o", color="0.2", markersize=2.5)
ax.plot(*memories.T, "*", color="C1", markersize=13, markeredgecolor="white")
_ = ax.set_aspect("equal")

# %%
# Memories of digits, above, with the means of k-means that they started from. They have learned to
# restore hidden pixels, not to be means, and have stronger contrast.
X, y = load_digits(return_X_y=True)
model = ClAM(n_clusters=10, max_epochs=15, random_state=0).fit(X)
start = KMeans(10, init=ClAM(10, max_epochs=0, random_state=0).fit(X).decoded_centers_, max_iter=1)
means = start.fit(X).cluster_centers_

figure, axes = plt.subplots(2, 10, figsize=(9, 2.2), layout="constrained")
for column, memory, mean in zip(axes.T, model.decoded_centers_, means, strict=True):
    for ax, image in zip(column, (memory, mean), strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("memory")
_ = axes[1, 0].set_ylabel("mean")
