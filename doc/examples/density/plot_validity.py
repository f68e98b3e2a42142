"""
==================================
Which of two clusterings is better
==================================

Indices such as the silhouette want round clusters. :func:`~skdeepcluster.metrics.density_validity`
(DBCV) compares the sparsest place within a cluster with the densest one to another, whatever the
shapes, and counts noise.
"""

# %%
# Moons by k-means and by :class:`~skdeepcluster.HDBSCAN`: the silhouette prefers the wrong halves.
import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons
from sklearn.metrics import silhouette_score

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay
from skdeepcluster.metrics import density_validity

X, _ = make_moons(600, noise=0.06, random_state=0)
model = HDBSCAN(min_cluster_size=20, min_samples=10).fit(X)
clusterings = {
    "k-means": KMeans(2, n_init=10, random_state=0).fit_predict(X),
    "HDBSCAN": model.labels_,
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, (name, labels) in zip(axes, clusterings.items(), strict=True):
    EmbeddingDisplay.from_predictions(X, labels, ax=ax, annotate=False)
    silhouette, validity = silhouette_score(X, labels), density_validity(X, labels)
    ax.set(title=f"{name}: silhouette {silhouette:.2f}, DBCV {validity:.2f}", aspect="equal")

# %%
# For settings of one fit ``relative_validity`` reads the like of it off the tree, in no time. It is
# a hint and no proof: here leaves of 20 rows, which are pieces of the moons, have the highest.
for method in ("eom", "leaf"):
    for size in (5, 20, 100):
        selected = model.reselect(min_cluster_size=size, cluster_selection_method=method)
        validity = model.relative_validity(selected.labels)
        k = selected.labels.max() + 1
        print(f"{method}, min_cluster_size={size}: {k} clusters, {validity:.2f}")
