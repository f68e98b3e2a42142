"""
================================
Labels on which clusterers agree
================================

Of the digits that k-means puts into the wrong group, most are put into another one by Ward linkage.
:class:`~skdeepcluster.VotingClustering` leaves these without a label.
"""

# %%
# Purity of the clusters of k-means alone, and of those that are left by the vote.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import VotingClustering
from skdeepcluster.metrics import purity

X, y = load_digits(return_X_y=True)
model = VotingClustering(n_clusters=10, n_components=20, random_state=0).fit(X)
sure = model.labels_ >= 0
print(f"k-means: {purity(y, model.estimators_[0].labels_):.3f}")
print(f"{model.coverage_:.0%} of the rows: {purity(y[sure], model.labels_[sure]):.3f}")

# %%
# Each row has digits of one cluster: those on which all agree, and, behind the line, others.
figure, axes = plt.subplots(10, 17, figsize=(8, 5))
for k, line in enumerate(axes):
    own = model.aligned_labels_[:, 0] == k
    agreed, other = np.flatnonzero(own & sure)[:8], np.flatnonzero(own & ~sure)[:8]
    for ax in line:
        ax.set_axis_off()
    for ax, i in zip(line[:8], agreed, strict=False):
        ax.imshow(X[i].reshape(8, 8), cmap="gray_r")
    line[8].axvline(0.5, color="black")
    for ax, i in zip(line[9:], other, strict=False):
        ax.imshow(X[i].reshape(8, 8), cmap="gray_r")
