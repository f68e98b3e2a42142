"""
====================
Clusterers on tables
====================

Three tables of scikit-learn, each with standardized columns, in the plane of their two leading
principal components. The classes are known, and only evaluate.
"""

# %%
# Flowers, wines and tumors: 4, 13 and 30 columns of different units.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import DEC, PPP, KMedoids, NeighborClusterer
from skdeepcluster.displays import EmbeddingDisplay, PrototypeDisplay
from skdeepcluster.metrics import best_match

tables = {
    "iris": load_iris(as_frame=True),
    "wine": load_wine(as_frame=True),
    "breast cancer": load_breast_cancer(as_frame=True),
}
clusterers = {
    "KMeans": KMeans(n_init=10, random_state=0),
    "KMedoids": KMedoids(random_state=0),
    "NeighborClusterer": NeighborClusterer(random_state=0),
    "PPP": PPP(random_state=0),
    "DEC": DEC(pretrain_epochs=20, random_state=0),
}
# The first use of a deep method loads torch, which is not counted.
DEC(2, init="k-means", pretrain_epochs=0, max_epochs=0, hidden_layer_sizes=(2,)).fit(np.eye(4))

# %%
# All but :class:`~skdeepcluster.PPP` are given the number of classes. In the corners, the adjusted
# Rand index (1: the classes, 0: chance) and the seconds of the fit.
figure, axes = plt.subplots(
    len(tables), 1 + len(clusterers), figsize=(12, 6.5), layout="constrained"
)
for row, (name, table) in zip(axes, tables.items(), strict=True):
    X = StandardScaler().fit_transform(table.data)
    plane = PCA(2).fit_transform(X)
    shown = {"annotate": False, "scatter_kw": {"s": 6, "alpha": 0.9}}
    EmbeddingDisplay.from_predictions(plane, table.target, ax=row[0], **shown)
    for ax, clusterer in zip(row[1:], clusterers.values(), strict=True):
        model = clone(clusterer)
        if "n_clusters" in model.get_params():
            model.set_params(n_clusters=len(table.target_names))
        begin = time.perf_counter()
        labels = model.fit_predict(X)
        seconds = time.perf_counter() - begin
        score = adjusted_rand_score(table.target, labels)
        # A cluster has the color of the class that it matches.
        match = best_match(table.target, labels)
        spare = len(table.target_names)
        colored = np.array([match[k] if match[k] is not None else spare + k for k in labels])
        EmbeddingDisplay.from_predictions(plane, colored, ax=ax, **shown)
        corner = {"transform": ax.transAxes, "fontsize": "small", "color": "0.3", "va": "bottom"}
        ax.text(0.02, 0.02, f"{score:.2f}", ha="left", **corner)
        ax.text(0.98, 0.02, f"{seconds:.2f} s", ha="right", **corner)
    for ax in row:
        ax.set(xticks=[], yticks=[], xlabel="", ylabel=name if ax is row[0] else "")
        ax.margins(0.08, 0.15)
for ax, name in zip(axes[0], ["classes", *clusterers], strict=True):
    ax.set_title(name, fontsize="medium")
plt.show()

# %%
# What distinguishes the clusters of wines? Medoids are wines that exist; here in standard
# deviations from the mean wine, so that columns of different units compare.
wine = tables["wine"].data
model = make_pipeline(StandardScaler(), KMedoids(3, random_state=0)).fit(wine)
PrototypeDisplay.from_estimator(model, wine, standardize=True)
plt.show()
