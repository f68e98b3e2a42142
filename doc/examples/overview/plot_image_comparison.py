"""
====================
Clusterers on images
====================

Handwritten digits, clustered by their pixels and by what networks make of them. No class is used:
the means of the clusters show how well each method tells digits apart.
"""

# %%
# 1,797 images of 8 x 8 pixels, ten clusters for each method. The networks are smaller and the
# training shorter than by default, so that this page takes seconds.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdeepcluster import DEC, KMedoids, NeighborClusterer, NeighborLayout
from skdeepcluster.displays import ClusterImageDisplay, EmbeddingDisplay
from skdeepcluster.metrics import best_match

X, _ = load_digits(return_X_y=True)
clusterers = {
    "KMeans of scikit-learn": KMeans(10, n_init=10, random_state=0),
    "KMedoids": KMedoids(10, random_state=0),
    "NeighborClusterer": NeighborClusterer(10, random_state=0),
    "DEC": DEC(10, hidden_layer_sizes=(128, 128), pretrain_epochs=20, random_state=0),
}
# The first use of a deep method loads torch, which is not counted.
DEC(2, init="k-means", pretrain_epochs=0, max_epochs=0, hidden_layer_sizes=(2,)).fit(X[:9])
labels, seconds = {}, {}
for name, clusterer in clusterers.items():
    begin = time.perf_counter()
    labels[name] = clusterer.fit_predict(X)
    seconds[name] = time.perf_counter() - begin

# %%
# Numbers of clusters are arbitrary: each takes that of the cluster of DEC that it shares most rows
# with, so that colors and places compare.
order = labels["DEC"]
for name in labels:
    partner = best_match(order, labels[name])
    labels[name] = np.array([partner[label] for label in labels[name]])

# %%
# One layout of all rows, made of nearest neighbors without any clustering, colored by each method;
# and the mean image of each cluster. A blurred mean is a mixed cluster, and two means of one digit
# are a divided one.
layout = NeighborLayout(n_components=2, min_dist=0.4, random_state=0).fit_transform(X)
figure, axes = plt.subplots(4, 2, figsize=(10, 13), layout="constrained", width_ratios=[1, 1.3])
for (left, right), name in zip(axes, labels, strict=True):
    EmbeddingDisplay.from_predictions(layout, labels[name], ax=left, scatter_kw={"s": 4})
    left.set(xticks=[], yticks=[], xlabel="", ylabel="")
    left.set_title(f"{name} ({seconds[name]:.1f} s)", fontsize="medium")
    ClusterImageDisplay.from_predictions(X, labels[name], images=(8, 8), kind="means", ax=right)
plt.show()

# %%
# Where do methods disagree? The least certain images of DEC's clusters are those that a person
# would have to look at twice.
ClusterImageDisplay.from_estimator(clusterers["DEC"], X, images=(8, 8), kind="uncertain")
plt.show()
