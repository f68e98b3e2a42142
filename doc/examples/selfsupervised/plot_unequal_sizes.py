"""
==============================================
Prototypes of equal size, clusters of any size
==============================================

:class:`~skdeepcluster.SeLa` and :class:`~skdeepcluster.SwAV` assign rows to prototypes in equal
proportions, so that they do not put all rows into one. This does not imply clusters of equal size:
there are ten prototypes for each, and a large cluster has more of them. Clusters are found in the
embedding by `final_clustering`, which may favor groups of equal size.
"""

# %%
# Four well separated blobs, one seven times as large as the others.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DeepClusterV2, SeLa
from skdeepcluster.displays import EmbeddingDisplay

X, y = make_blobs([700, 100, 100, 100], n_features=10, random_state=0)
fits = {
    (method.__name__, rule): method(4, final_clustering=rule, max_epochs=30, random_state=0).fit(X)
    for method in (SeLa, DeepClusterV2)
    for rule in ("k-means", "spectral")
}

# %%
# Each row of pictures is one embedding, in which the classes are separate; the final clustering
# makes the difference. K-means favors groups of equal size: it splits off outlying rows of the
# large blob, or halves it and joins two small ones.
figure, axes = plt.subplots(2, 2, figsize=(8, 7), layout="constrained")
for ax, ((name, rule), model) in zip(axes.flat, fits.items(), strict=True):
    EmbeddingDisplay.from_estimator(model, X, ax=ax)
    score = adjusted_rand_score(y, model.labels_)
    ax.set(title=f"{name}, {rule}: ARI {score:.2f}", xlabel="", ylabel="", xticks=[], yticks=[])

# %%
# The rows of each prototype of SeLa, by class: all prototypes have about as many rows, and the
# large class has seven tenths of them.
sela = fits["SeLa", "spectral"]
labels = sela.pseudo_labels_[0]
counts = np.array([np.bincount(labels[y == c], minlength=sela.n_prototypes_) for c in range(4)])
order = np.lexsort([-counts.max(axis=0), counts.argmax(axis=0)])
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
bottom = np.zeros(sela.n_prototypes_)
for c, count in enumerate(counts):
    ax.bar(np.arange(len(bottom)), count[order], bottom=bottom, width=0.9, label=f"class {c}")
    bottom += count[order]
ax.set(xlabel="prototypes of SeLa's first head", ylabel="rows", xticks=[])
_ = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
