"""
=======================================
A network that adapts to shifted digits
=======================================

A network learns the digits 0 to 5. New images have less contrast and noise, lack the digits 4 and
5, and show 6 to 9, which it does not know. :class:`~skdeepcluster.GlobalLocalAdapter` adapts it to
the new images without their labels.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import GlobalLocalAdapter

X, y = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
old = rng.random(len(y)) < 0.5
new = ~old & ~np.isin(y, [4, 5])
X = X / 16
X[new] = np.clip(0.7 * X[new] + 0.1 + rng.normal(0, 3 / 16, X[new].shape), 0, 1)
rows = (old & (y < 6)) | new
X, y, new = X[rows], y[rows], new[rows]
partial = np.where(new, -1, y)
before = GlobalLocalAdapter(8, max_epochs=0, random_state=0).fit(X, partial)
after = GlobalLocalAdapter(8, random_state=0).fit(X, partial)

# %%
# Rows with an entropy above the threshold are taken to be of no known class. Before, the noise
# makes the network unsure of many known digits. Adaptation moves them to the left, and with them
# some of the unknown ones.
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
for ax, (name, model) in zip(axes, {"before": before, "after": after}.items(), strict=True):
    entropy = model.unknown_score(X[new])
    known = y[new] < 6
    ax.hist([entropy[known], entropy[~known]], 20, range=(0, 1), label=["0 to 3", "6 to 9"])
    ax.axvline(model.entropy_threshold, color="0.4", linestyle="--")
    labels = model.labels_[new]
    right = np.mean(labels == np.where(known, y[new], -1))
    ax.set(title=f"{name}: {right:.0%} right", xlabel="entropy of the probabilities")
axes[0].set_ylabel("new rows")
_ = axes[0].legend(loc="upper left")
