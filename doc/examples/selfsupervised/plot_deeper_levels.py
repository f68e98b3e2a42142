"""
====================================
Coarse groups, and fine ones in each
====================================

:class:`~skdeepcluster.DeeperCluster` groups features in two levels. A first classifier predicts the
coarse group of an image, together with its rotation by quarter turns; then a classifier of that
coarse group alone predicts the fine one. No classifier has many classes, however many groups there
are.
"""

# %%
# Digits, in four coarse groups of a dozen fine ones each. Rows are flat here, so nothing is
# rotated. A group as large as two or three classes cannot be pure; fine groups can.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import DeeperCluster
from skdeepcluster.displays import LossCurveDisplay
from skdeepcluster.metrics import purity

X, y = load_digits(return_X_y=True)
deeper = DeeperCluster(10, n_super=4, n_prototypes=48, max_epochs=24, random_state=0).fit(X)
print(f"purity of coarse groups {purity(y, deeper.super_labels_):.2f}")
print(f"purity of fine groups {purity(y, deeper.sub_labels_):.2f}")

# %%
# Each block is a coarse group, and each picture in it the mean of a fine one, from the largest,
# with the number of its rows.
figure = plt.figure(figsize=(9, 4.8), layout="constrained")
for coarse, block in enumerate(figure.subfigures(2, 2, wspace=0.05, hspace=0.05).ravel()):
    rows = deeper.super_labels_ == coarse
    groups, sizes = np.unique(deeper.sub_labels_[rows], return_counts=True)
    block.suptitle(f"coarse group {coarse}: {rows.sum()} digits", fontsize=10)
    axes = block.subplots(2, 6).ravel()
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for ax, i in zip(axes, np.argsort(-sizes), strict=False):
        ax.imshow(X[deeper.sub_labels_ == groups[i]].mean(axis=0).reshape(8, 8), cmap="gray_r")
        ax.set_xlabel(sizes[i], fontsize=7, labelpad=1)

# %%
# The two terms of the loss jump where groups are recomputed and heads restarted. `similarity` is
# that between the groups and those of the previous round.
_ = LossCurveDisplay.from_estimator(deeper)
