"""
=============================================
Rows that share views in a cluster-aware DINO
=============================================

DINO compares views of one row. :class:`~skdeepcluster.ClusterAwareDINO` does so in its first
epochs; then an item has views of different rows, of one small cluster of the embedding.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import ClusterAwareDINO

X, y = load_digits(return_X_y=True)
X, y = X[:800] / 16, y[:800]
params = {"hidden_layer_sizes": (128,), "learning_rate": 1e-3, "max_epochs": 15, "random_state": 0}
small = ClusterAwareDINO(10, **params).fit(X)
large = ClusterAwareDINO(10, n_groups=6, **params).fit(X)

# %%
# Rows whose views meet at the end of training: each line is a cluster, drawn at random. With ten
# for each class they nearly always show the same digit. With fewer clusters than digits, rows of
# different digits are made alike, an error that is visible here without labels.
rng = np.random.default_rng(0)
figure = plt.figure(figsize=(9, 3.4), layout="constrained")
halves = figure.subfigures(1, 2)
for half, (name, model) in zip(halves, {"default": small, "6": large}.items(), strict=True):
    groups = model.pseudo_labels_
    pure = sum(np.bincount(y[groups == g]).max() for g in np.unique(groups)) / len(y)
    half.suptitle(f"n_groups: {name}\n{pure:.0%} of a cluster are one digit", fontsize=10)
    sizes = np.bincount(groups)
    shown = rng.choice(np.flatnonzero(sizes >= 7), 4, replace=False)
    for line, group in zip(half.subplots(4, 7), shown, strict=True):
        for ax, row in zip(line, rng.permutation(np.flatnonzero(groups == group)), strict=False):
            ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
            ax.axis("off")
