"""
================================================
MulticutClustering: clusters by signed costs
================================================

:class:`~skdeepcluster.MulticutClustering` needs no number of clusters: rows whose inner product is
more than a strength attract each other, all others repel.
"""

# %%
# Directions around a circle, in groups of different sizes. The strength is the cosine at which two
# rows are indifferent: the larger it is, the narrower are the clusters.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import MulticutClustering
from skdeepcluster.displays import ClusterSizeDisplay

rng = np.random.default_rng(0)
angles = np.concatenate(
    [rng.normal(center, 0.15, n) for center, n in ((0, 80), (1.2, 40), (2.6, 120), (4.4, 60))]
)
length = rng.uniform(0.6, 1.4, len(angles))
X = length[:, np.newaxis] * np.column_stack([np.cos(angles), np.sin(angles)])

figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for ax, strength in zip(axes, (0.0, 0.6, 0.98), strict=True):
    model = MulticutClustering(strength=strength).fit(X)
    ax.scatter(*X.T, c=model.labels_, cmap="tab20", s=12)
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.set_title(f"strength {strength}: {model.n_clusters_} clusters")

# %%
# What the moves of single rows add to the joins, at the largest strength.
joined = MulticutClustering(strength=0.98, max_iter=0).fit(X)
print(f"objective of joins {joined.objective_:.1f}, with moves {model.objective_:.1f}")
_ = ClusterSizeDisplay.from_estimator(model, sort=True)

# %%
# New rows join the cluster that attracts them most, or none, -1.
print(MulticutClustering(strength=0.9).fit(X).predict([[1, 0], [0, -1], [-0.94, -0.35]]))
