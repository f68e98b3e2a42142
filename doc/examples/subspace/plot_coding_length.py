"""
======================================
Clusters become orthogonal subspaces
======================================

:class:`~skdeepcluster.CPP` refines features until rows of one cluster share few directions, and
clusters share none. Memberships are of pairs of rows: the number of clusters is chosen afterwards.
"""

# %%
# The memberships of all pairs of digits before training and after it, in the order of the classes,
# and the length of the code of the rows by so many clusters. The curve is flat around its minimum:
# it excludes few clusters, and does not decide among many.
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skdeepcluster import CPP
from skdeepcluster.displays import NClustersDisplay

X, y = load_digits(return_X_y=True)
X, y = X[:1000] / 16, y[:1000]
order = y.argsort(kind="stable")
with warnings.catch_warnings():
    # That the curve is flat is what the page shows.
    warnings.simplefilter("ignore", UserWarning)
    start = CPP(10, warmup_steps=0, max_epochs=0, random_state=0).fit(X)
    model = CPP(n_clusters=None, random_state=0).fit(X)

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
for ax, fitted, name in zip(axes, (start, model), ("before", "after"), strict=False):
    ax.imshow(fitted.pair_memberships(X[order]) ** 0.5, vmin=0, vmax=0.12, cmap="magma")
    ax.set(title=f"memberships {name} training", xticks=[], yticks=[])
_ = NClustersDisplay.from_estimator(model, ax=axes[2])
