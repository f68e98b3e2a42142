"""
=============================
An embedding made for k-means
=============================

K-means assumes compact clusters around their means. The code of an autoencoder does not have such
clusters by itself; :class:`~skdeepcluster.DCN` trains the code and k-means together, so that rows
concentrate around the centers.
"""

# %%
# The same network, with and without k-means in its objective.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances

from skdeepcluster import DCN, AutoencoderClusterer
from skdeepcluster.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
network = {"hidden_layer_sizes": (256, 256), "random_state": 0}
models = {
    "autoencoder, then k-means": AutoencoderClusterer(10, **network).fit(X),
    "DCN": DCN(10, **network).fit(X),
}

# %%
# Both codes in the plane of their leading principal components, colored by digit, with the centers
# as crosses.
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    plane = PCA(2).fit(model.transform(X))
    ax.scatter(*plane.transform(model.transform(X)).T, c=y, cmap="tab10", s=4)
    ax.scatter(*plane.transform(model.cluster_centers_).T, c="k", marker="x", s=60)
    ax.set(title=f"{name}: accuracy {clustering_accuracy(y, model.labels_):.3f}")
    ax.set(xticks=[], yticks=[])

# %%
# The ratio of the distances to the nearest and the second nearest center: near 0 a row is at its
# center, at 1 it is halfway to another.
figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for name, model in models.items():
    distances = np.sort(pairwise_distances(model.transform(X), model.cluster_centers_), axis=1)
    ax.hist(distances[:, 0] / distances[:, 1], np.linspace(0, 1, 50), alpha=0.7, label=name)
ax.set(xlabel="distance to the nearest center over that to the second", ylabel="digits")
_ = ax.legend()
