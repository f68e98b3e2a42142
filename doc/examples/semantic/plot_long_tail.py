"""
==================================
Classes of very unequal size: P2OT
==================================

Transport that makes clusters equal divides large classes and joins small ones. Where equal sizes
are only encouraged, and the mass grows as training goes on, clusters get the sizes of the classes.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdeepcluster import P2OT
from skdeepcluster.displays import MatchedConfusionDisplay

# %%
# Images of ten digits, of the first 170 images of the first to 17 of the last.

SIZES = (170, 131, 101, 78, 61, 47, 36, 28, 21, 17)
images, digits = load_digits(return_X_y=True)
rows = np.concatenate([np.flatnonzero(digits == d)[:n] for d, n in enumerate(SIZES)])
X, y = images[rows].astype(np.float32) / 16, digits[rows]

labels = {
    "k-means": KMeans(10, n_init=10, random_state=0).fit_predict(X),
    "equal sizes": P2OT(10, balance="uniform", random_state=0).fit_predict(X),
    "sizes encouraged": P2OT(10, random_state=0).fit_predict(X),
}

# %%
# The shares of each digit in the clusters, each beside the digit that it matches: the diagonal is
# the recall of each digit.

figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for ax, (name, found) in zip(axes, labels.items(), strict=True):
    display = MatchedConfusionDisplay.from_predictions(
        y, found, normalize="true", ax=ax, include_values=False, colorbar=False
    )
    ax.set_title(f"{name}: mean recall {np.mean(np.diag(display.confusion_matrix)):.2f}")

# %%
# Sizes of the clusters, largest first, beside those of the digits.

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, found in labels.items():
    ax.plot(np.sort(np.bincount(found, minlength=10))[::-1], marker="o", label=name)
ax.plot(SIZES, color="black", linestyle="--", label="digits")
ax.set(xlabel="cluster, by size", ylabel="rows")
_ = ax.legend()
