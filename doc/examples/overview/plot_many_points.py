"""
===========================================================================
200,000 points: HDBSCAN, LandmarkSpectral and CLARA, with the seconds each
===========================================================================

Methods whose time grows with the number of rows, not with its square, and what they see: two moons
in each other, three dense groups of different widths, and rows that belong to none.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import CLARA, HDBSCAN, LandmarkSpectral

rng = np.random.default_rng(0)
moons, sides = make_moons(80_000, noise=0.05, random_state=0)
middles, widths = np.array([[-1.2, -1.2], [2.6, 1.6], [0.5, 2.2]]), np.array([0.1, 0.2, 0.05])
group = rng.integers(3, size=110_000)
groups = middles[group] + rng.normal(size=(110_000, 2)) * widths[group, np.newaxis]
noise = rng.uniform([-2.2, -2.2], [3.8, 3], size=(10_000, 2))
X = np.concatenate([moons, groups, noise])
kind = np.concatenate([sides, 2 + group, np.full(10_000, -1)])

# %%
# HDBSCAN finds the number and leaves rows out; a group is at least a hundredth of the rows here.
# The other two are told five, and give every row a cluster: CLARA looks for compact groups, and
# LandmarkSpectral follows shapes, but not where noise connects them.
models = {
    "HDBSCAN": HDBSCAN(min_cluster_size=2000, min_samples=20),
    "LandmarkSpectral": LandmarkSpectral(5, random_state=0),
    "CLARA": CLARA(5, random_state=0),
}
seconds, agreement = {}, {}
for name, model in models.items():
    begin = time.perf_counter()
    model.fit(X)
    seconds[name] = time.perf_counter() - begin
    agreement[name] = adjusted_rand_score(kind[kind >= 0], model.labels_[kind >= 0])

# %%
# 10,000 of the rows. Colors are clusters, gray is noise.
shown = rng.permutation(len(X))[:10_000]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained", sharey=True)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    labels = model.labels_[shown]
    ax.scatter(*X[shown][labels < 0].T, s=2, c="0.8")
    ax.scatter(*X[shown][labels >= 0].T, s=2, c=labels[labels >= 0], cmap="viridis")
    ax.set(title=f"{name}\n{seconds[name]:.1f} s, ARI {agreement[name]:.2f}", xticks=[], yticks=[])
plt.show()

# %%
# For hundreds of features see :class:`~skdeepcluster.NeighborClusterer`, for rows on disk and
# thousands of clusters :class:`~skdeepcluster.HierarchicalKMeans`.
