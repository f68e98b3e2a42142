"""
==================================
Prototypes of digits, and a stream
==================================

:class:`~skdeepcluster.SwAV` learns an embedding by prototypes, ten for each cluster: each batch is
assigned to them in equal proportions, and the assignment of one view of a row is predicted from
another.
"""

# %%
# Prototypes are directions in the embedding. Each is shown by the mean of the ten digits nearest to
# it, in the row of the cluster that it belongs to. A prototype represents a way to write a digit;
# the final clustering of the embedding joins them to clusters. The classes only order the rows.
import copy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import SwAV
from skdeepcluster.metrics import best_match, clustering_accuracy, knn_score, linear_probe_score

X, y = load_digits(return_X_y=True)
swav = SwAV(10, hidden_layer_sizes=(256, 256), max_epochs=60, random_state=0).fit(X)
Z = swav.transform(X)
print(f"accuracy {clustering_accuracy(y, swav.labels_):.3f}")
print(f"linear probe {linear_probe_score(Z, y):.3f}, pixels {linear_probe_score(X, y):.3f}")
print(f"neighbors {knn_score(Z, y):.3f}, pixels {knn_score(X, y):.3f}")


def show(ax, image, color):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    ax.spines[:].set(visible=True, color=color, linewidth=1.5)


cosine = swav.prototypes_ @ Z.T
nearest = np.argsort(-cosine, axis=1)[:, :10]
shares = np.array([np.bincount(swav.labels_[rows], minlength=10) for rows in nearest])
clusters = shares.argmax(axis=1)
n_shown = max(np.bincount(clusters))
figure, axes = plt.subplots(10, n_shown, figsize=(9, 7), layout="constrained")
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
for row, (cluster, digit) in zip(axes, best_match(y, swav.labels_).items(), strict=True):
    members = np.flatnonzero(clusters == cluster)
    # From the purest to those between clusters.
    members = members[np.argsort(-shares[members].max(axis=1), kind="stable")]
    for ax, prototype in zip(row, members, strict=False):
        pure = shares[prototype].max() == 10
        show(ax, X[nearest[prototype]].mean(axis=0), f"C{digit}" if pure else "black")
    row[0].set_ylabel(f"cluster\n{cluster}", rotation=0, ha="right", va="center", fontsize=8)
_ = figure.suptitle("Prototypes by cluster; in black, those between clusters")

# %%
# No rows are stored, so training can continue on a stream. The lamp of the scanner fades: from
# chunk to chunk of 300 digits the ink gets paler. `partial_fit` trains on each chunk, and clusters
# keep their numbers; the accuracy of the model without updates drops.
follows, stays = copy.deepcopy(swav), swav
stream = np.random.RandomState(0).permutation(len(X))
lamp = np.linspace(1, 0.2, 25)
accuracies = []
for step, light in enumerate(lamp):
    rows = stream[300 * (step % 6) : 300 * (step % 6 + 1)]
    follows.partial_fit(light * X[rows])
    accuracies.append([clustering_accuracy(y, m.predict(light * X)) for m in (follows, stays)])

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(lamp, accuracies, marker="o", label=["partial_fit with each chunk", "without updates"])
ax.set(xlabel="light of the lamp", ylabel="accuracy")
ax.invert_xaxis()
_ = ax.legend()
