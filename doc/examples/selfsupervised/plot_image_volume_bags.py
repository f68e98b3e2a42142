"""
==========================
Bags of digits, and digits
==========================

:class:`~skdeepcluster.ImageVolumeClustering` clusters rows and the bags that they belong to at the
same time. Here a bag has 5 to 11 digits, most of them from one of three sets; neither the sets nor
the digits are known.
"""

# %%
# Three quarters of the digits of a bag are from the set of its kind, the others are any digits: a
# digit alone says little about its bag. `groups` says to which bag each row belongs.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import ImageVolumeClustering

X, y = load_digits(return_X_y=True)
rng = np.random.RandomState(0)
sets = [(0, 1, 2), (3, 4, 5), (6, 7, 8, 9)]
n_bags = 200
kinds, sizes = np.arange(n_bags) % 3, rng.randint(5, 12, n_bags)
rows = []
for kind, size in zip(kinds, sizes, strict=True):
    own = np.flatnonzero(np.isin(y, sets[kind]))
    n_own = round(0.75 * size)
    rows += [*rng.choice(own, n_own), *rng.choice(len(X), size - n_own)]
X, y = X[rows], y[rows]
groups = np.repeat(np.arange(n_bags), sizes)

params = {"n_part_clusters": 10, "hidden_layer_sizes": (128,), "max_epochs": 20, "random_state": 0}
model = ImageVolumeClustering(3, **params).fit(X, groups=groups)
means = np.stack([X[groups == bag].mean(axis=0) for bag in range(n_bags)])
baseline = KMeans(3, n_init=10, random_state=0).fit_predict(means)
print(f"bags: {adjusted_rand_score(kinds, model.bag_labels_):.2f}")
print(f"k-means of the mean digit of each bag: {adjusted_rand_score(kinds, baseline):.2f}")

# %%
# Some bags of each cluster, a bag to a line. The frame of a digit is colored by the digit's own
# cluster, the bar on the left by the cluster of the bag.
figure, axes = plt.subplots(12, 12, figsize=(7, 7.4), layout="constrained")
shown = np.concatenate([np.flatnonzero(model.bag_labels_ == c)[:4] for c in range(3)])
for line, bag in zip(axes, shown, strict=True):
    for ax in line:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    line[0].set_facecolor(f"C{model.bag_labels_[bag]}")
    for ax, row in zip(line[1:], np.flatnonzero(groups == bag), strict=False):
        ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
        color = plt.get_cmap("tab10")(model.part_labels_[row])
        ax.spines[:].set(visible=True, color=color, linewidth=2.5)
_ = figure.suptitle("Bags of three clusters, digits of ten")

# %%
# The same digits in other bags: without what belongs together there is nothing to find in bags,
# while the digits are found as before.
mixed = ImageVolumeClustering(3, **params).fit(X, groups=rng.permutation(groups))
figure, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
for place, fitted in ((-0.2, model), (0.2, mixed)):
    found = [
        adjusted_rand_score(kinds, fitted.bag_labels_),
        adjusted_rand_score(y, fitted.part_labels_),
    ]
    name = "bags as they are" if fitted is model else "digits exchanged between bags"
    ax.bar(np.arange(2) + place, found, 0.4, label=name)
ax.axhline(0, color="black", linewidth=0.8)
ax.set(xticks=[0, 1], xticklabels=["bags", "digits"], ylabel="adjusted Rand index", ylim=(-0.05, 1))
_ = ax.legend()
