"""
================================
Structure within a labeled class
================================

Labels are coarse and long-tailed: class A has the digits 0 to 5, B 6 and 7, C and D one digit
each, and few images. :class:`~skdeepcluster.SubclassContrastive` sees these four labels only,
divides A and B into subclasses of the size of D while it trains, and keeps apart what the contrast
of classes alone draws together.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skdeepcluster import SubclassContrastive

X, digit = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(X))
X, digit = X[order], digit[order]
label = np.array(list("AAAAAABBCD"))[digit]
train, new = slice(0, 400), slice(400, None)
few = np.concatenate([np.flatnonzero(label[train] == c)[20:] for c in "CD"])
train = np.setdiff1d(np.arange(400), few)
options = {"hidden_layer_sizes": (64,), "batch_size": 100, "random_state": 0}
classes = SubclassContrastive(pretrain_epochs=50, max_epochs=0, **options)
levels = SubclassContrastive(pretrain_epochs=10, max_epochs=40, **options)
for model in (classes, levels):
    model.fit(X[train], label[train])

# %%
# New images of class A, in the two main axes of each embedding. The share is that of the variance
# within A that lies between its digits, which neither network knows.
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
rows = np.flatnonzero(label[new] == "A")
names = {"classes alone": classes, "classes and subclasses": levels}
for ax, (name, model) in zip(axes, names.items(), strict=True):
    Z, y = model.transform(X[new][rows]), digit[new][rows]
    Z = Z - Z.mean(axis=0)
    means = np.stack([Z[y == d].mean(axis=0) for d in range(6)])
    share = np.square(means[y]).sum() / np.square(Z).sum()
    points = PCA(2, random_state=0).fit_transform(Z)
    shown = ax.scatter(*points.T, c=y, s=12, cmap="tab10", vmin=-0.5, vmax=9.5)
    ax.set(title=f"{name}: {share:.0%}", xticks=[], yticks=[])
_ = figure.legend(*shown.legend_elements(), title="digit", loc="outside right center")

# %%
# The subclasses of A, by the means of their images; in each corner the share of its most frequent
# digit.
found = np.flatnonzero(levels.subclass_to_class_ == "A")
figure, axes = plt.subplots(2, -(-len(found) // 2), figsize=(9, 3.2), layout="constrained")
for ax in axes.flat:
    ax.axis("off")
for ax, j in zip(axes.flat, found, strict=False):
    rows = levels.labels_ == j
    share = np.bincount(digit[train][rows]).max() / rows.sum()
    ax.imshow(X[train][rows].mean(axis=0).reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{share:.0%}", fontsize=8)
