"""
==============================
One code, clustered many times
==============================

The training of :class:`~skdeepcluster.AutoencoderClusterer` does not use clusters. Its code is
learned once, and then clustered by any scikit-learn clusterer with any number of clusters.
"""

# %%
# One training. The default clusterer is k-means.
import matplotlib.pyplot as plt
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture

from skdeepcluster import AutoencoderClusterer
from skdeepcluster.displays import EmbeddingDisplay
from skdeepcluster.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
model = AutoencoderClusterer(n_clusters=10, hidden_layer_sizes=(256, 256), random_state=0).fit(X)

# %%
# `recluster` replaces the labels and keeps the network, so each call takes a moment. All plots show
# the same code and differ only in color.
clusterers = {
    "KMeans": KMeans(10, n_init=20),
    "Ward": AgglomerativeClustering(10),
    "Gaussian mixture": GaussianMixture(10, covariance_type="diag", n_init=3),
}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
for ax, (name, clusterer) in zip(axes, clusterers.items(), strict=True):
    model.recluster(clusterer)
    EmbeddingDisplay.from_predictions(model.embedding_, model.labels_, ax=ax)
    ax.set_title(f"{name}: accuracy {clustering_accuracy(y, model.labels_):.2f}")

# %%
# Indices without labels may be compared on one code: here the silhouette for different numbers of
# clusters.
numbers = range(4, 17)
scores = {"KMeans": [], "Ward": []}
for n_clusters in numbers:
    for name, clusterer in zip(
        scores, [KMeans(n_clusters, n_init=5), AgglomerativeClustering(n_clusters)], strict=True
    ):
        labels = model.recluster(clusterer).labels_
        scores[name].append(silhouette_score(model.embedding_, labels))

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, values in scores.items():
    ax.plot(numbers, values, marker="o", label=name)
ax.set(xlabel="Number of clusters", ylabel="Silhouette of the code")
_ = ax.legend()
