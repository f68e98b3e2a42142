"""
==================
I want one density
==================

The stable clusters of :class:`~skdeepcluster.HDBSCAN` have densities of their own. Where one
threshold is wanted, as in DBSCAN or robust single linkage, the tree is cut at a distance.
"""

# %%
# Two dense clusters near each other and two sparse ones.
import matplotlib.pyplot as plt
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay

centers = [[0, 0], [2, 0], [9, 0], [6, 8]]
X, _ = make_blobs(800, centers=centers, cluster_std=[0.3, 0.3, 1.2, 1.2], random_state=0)
params = {"min_cluster_size": 15, "min_samples": 5}
cut = {"cluster_selection_method": "cut"}
models = {
    "most stable": HDBSCAN(**params),
    "cut at 0.3": HDBSCAN(**params, **cut, cluster_selection_epsilon=0.3),
    "cut at 1.2": HDBSCAN(**params, **cut, cluster_selection_epsilon=1.2),
    "robust single linkage, 0.8": HDBSCAN(
        **params, **cut, cluster_selection_epsilon=0.8, alpha=2**0.5
    ),
}

# %%
# A short distance takes the dense clusters and pieces of the sparse ones, a long one joins the
# former. `predict` and memberships of the cut clusters are those of any other fit, and
# ``dbscan_clustering(eps)`` gives the labels of any distance after a fit.
figure, axes = plt.subplots(1, 4, figsize=(12, 3.6), layout="constrained")
for ax, (title, model) in zip(axes, models.items(), strict=True):
    labels = model.fit_predict(X)
    EmbeddingDisplay.from_predictions(X, labels, ax=ax, annotate=False)
    ax.set_title(f"{title}:\n{labels.max() + 1} clusters, {(labels < 0).mean():.0%} noise")
