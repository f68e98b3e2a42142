"""
======================
My rows are embeddings
======================

Embeddings of texts and images point somewhere, and their lengths say little. With
``metric="cosine"`` :class:`~skdeepcluster.HDBSCAN` compares directions, by the same tree as
Euclidean distances.
"""

# %%
# Three topics in the plane, whose rows have lengths between 0.2 and 5, and rows of no topic.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay

rng = np.random.default_rng(0)
angle = np.concatenate([np.repeat([0.3, 1.5, 3.5], 150) + rng.normal(0, 0.12, 450),
                        rng.uniform(0, 2 * np.pi, 80)])  # fmt: skip
X = rng.uniform(0.2, 5, (530, 1)) * np.column_stack([np.cos(angle), np.sin(angle)])

# %%
# Euclidean distances find what is near the origin, where all short rows are; the cosine finds the
# topics. A new row of any length gets the topic of its direction.
figure, axes = plt.subplots(1, 2, figsize=(9, 4.3), layout="constrained")
for ax, metric in zip(axes, ("euclidean", "cosine"), strict=True):
    model = HDBSCAN(min_cluster_size=30, min_samples=15, metric=metric).fit(X)
    EmbeddingDisplay.from_predictions(X, model.labels_, ax=ax)
    ax.set(title=f'"{metric}": {model.n_clusters_} clusters', aspect="equal")
print(model.predict(1000 * X[:3]) == model.labels_[:3])
