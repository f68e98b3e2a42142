"""
===================================
Balanced samples of unbalanced data
===================================

Five rings of very different numbers of rows. A uniform sample hardly contains the small ones; a
sample that is spread over the clusters of :class:`~skdeepcluster.HierarchicalKMeans` contains all
of them.
"""

# %%
# The rings have 20,000, 200, 1,000, 500 and 8,000 rows.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import HierarchicalKMeans

rng = np.random.default_rng(0)
ring = np.repeat(np.arange(5), [20_000, 200, 1000, 500, 8000])
angle = rng.uniform(0, 2 * np.pi, len(ring))
X = 1.5 * np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.15, (len(ring), 2))
X[:, 0] += 4 * ring

# %%
# 1,000 rows are drawn: uniformly; evenly over 300 clusters of k-means; evenly over 300 clusters of
# the centers of 1,000 clusters; and the same with resampling. K-means alone places most centers
# where most rows are. Centers of centers are spread more evenly, and resampling balances them
# further.
samples = {
    "uniform": rng.choice(len(X), 1000, replace=False),
    "one level": HierarchicalKMeans(300, random_state=0),
    "two levels": HierarchicalKMeans([1000, 300], n_resamples=0, random_state=0),
    "two levels, resampled": HierarchicalKMeans([1000, 300], sample_size=[15, 2], random_state=0),
}
figure, axes = plt.subplots(4, 1, figsize=(7, 6.6), layout="constrained", sharex=True, sharey=True)
for ax, (name, rows) in zip(axes, samples.items(), strict=True):
    if isinstance(rows, HierarchicalKMeans):
        rows = rows.fit(X).balanced_sample(1000, random_state=0)
    ax.scatter(*X[rows].T, c=ring[rows], cmap="tab10", vmax=9, s=3)
    for i, count in enumerate(np.bincount(ring[rows], minlength=5)):
        ax.text(4 * i, 0, count, ha="center", va="center", fontsize="large")
    ax.set(title=name, xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)

# %%
# The clusters of the coarsest level are small both where there are few rows and where there are
# many: that makes them suitable for balanced sampling, and not natural groups.
model = samples["two levels, resampled"]
sizes = model.sizes_[-1]
figure, ax = plt.subplots(figsize=(7, 2.2), layout="constrained")
points = ax.scatter(*model.cluster_centers_.T, c=sizes, s=14, norm="log", cmap="viridis")
figure.colorbar(points, label="rows in the cluster")
_ = ax.set(xticks=[], yticks=[], aspect="equal")
