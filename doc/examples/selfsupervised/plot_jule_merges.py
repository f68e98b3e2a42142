"""
==========================================
Clusters that merge while a network learns
==========================================

:class:`~skdeepcluster.JULE` begins with hundreds of small clusters of nearest neighbors. An encoder
learns to separate them, near ones merge in its embedding, and so on in rounds.
"""

# %%
# `round_labels_` has the clusters of each round, which are unions of those of the round before. By
# default `labels_` may be formed anew in the embedding that was learned; ``recluster=False`` keeps
# those of the last round.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from sklearn.datasets import load_digits

from skdeepcluster import JULE
from skdeepcluster.metrics import clustering_accuracy, purity

X, y = load_digits(return_X_y=True)
model = JULE(10, recluster=False, random_state=0).fit(X)
rounds = model.round_labels_
for labels in rounds:
    print(f"{labels.max() + 1:4d} clusters, purity {purity(y, labels):.3f}")
print(f"{clustering_accuracy(y, model.labels_):.3f} of the digits are in the cluster of their kind")

# %%
# From left to right, the clusters of each round, with lines to the clusters of the next one that
# contain them. A line is as wide as its cluster is large, and has the color of the cluster's most
# frequent digit. With the rows sorted by their last cluster, within it by the one before and so on,
# no lines cross. Where a color ends, classes have merged, and no later round separates them again.
# A small cluster that is never merged is as harmful: two classes then have to share another.
place = np.empty(len(X))
place[np.lexsort(rounds)] = np.arange(len(X))
figure, ax = plt.subplots(figsize=(9, 6), layout="constrained")
for step, (before, after) in enumerate(zip(rounds[:-1], rounds[1:], strict=True)):
    lines, widths, colors = [], [], []
    for cluster in range(before.max() + 1):
        rows = before == cluster
        target = after == after[rows][0]
        lines.append([(step, place[rows].mean()), (step + 1, place[target].mean())])
        widths.append(0.4 + 60 * rows.mean())
        colors.append(plt.cm.tab10(np.bincount(y[rows]).argmax()))
    ax.add_collection(LineCollection(lines, linewidths=widths, colors=colors, capstyle="round"))
for cluster in range(10):
    rows = rounds[-1] == cluster
    digit = np.bincount(y[rows]).argmax()
    label = f"  {digit}: {(y[rows] == digit).mean():.0%} of {rows.sum()}"
    ax.text(len(rounds) - 1, place[rows].mean(), label, va="center")
ax.set(xlim=(0, len(rounds) + 0.3), ylim=(0, len(X)), yticks=[], ylabel="rows")
ax.set(xticks=range(len(rounds)), xticklabels=rounds.max(axis=1) + 1, xlabel="clusters")
_ = ax.spines[["top", "right", "left"]].set_visible(False)
