"""
==================================
My rows have weights or are counts
==================================

A table that was aggregated has a row and a count for what were many rows.
:class:`~skdeepcluster.HDBSCAN` with `sample_weight` gives exactly the clusters of the repeated
rows.
"""

# %%
# 3,000 visits on a grid of 25 x 25 cells: few distinct rows, with counts.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HDBSCAN

visits, _ = make_blobs(
    3000, centers=[[5, 5], [17, 6], [11, 18]], cluster_std=[1.6, 2.2, 1.4], random_state=0
)
visits = visits.round().clip(0, 24)
cells, cell_of, counts = np.unique(visits, axis=0, return_inverse=True, return_counts=True)
cell_of = cell_of.ravel()
params = {"min_cluster_size": 100, "min_samples": 60}
weighted = HDBSCAN(**params).fit(cells, sample_weight=counts)
repeated = HDBSCAN(**params).fit(visits)
agreement = adjusted_rand_score(weighted.labels_[cell_of], repeated.labels_)
print(f"{len(cells)} rows for {len(visits)}, adjusted Rand index of both: {agreement}")

# %%
# Without weights a cell with one visit counts like one with fifty, and two groups become one.
unweighted = HDBSCAN(min_cluster_size=10).fit(cells)
figure, axes = plt.subplots(1, 2, figsize=(9, 4.3), layout="constrained")
for ax, model, title in zip(axes, (unweighted, weighted), ("", ", by counts"), strict=True):
    noise = model.labels_ < 0
    ax.scatter(*cells[noise].T, s=2 * counts[noise], color="0.8")
    ax.scatter(
        *cells[~noise].T, s=2 * counts[~noise], c=model.labels_[~noise], cmap="tab10", vmax=9
    )
    ax.set(title=f"{model.n_clusters_} clusters of cells{title}", aspect="equal")
