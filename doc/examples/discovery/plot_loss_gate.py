"""
===================================
Wrong labels, found by their losses
===================================

Three in ten labels of the digits are wrong at random. A network learns the right ones first, so
the losses of wrong ones stay large: :func:`~skdeepcluster.loss_gate` finds the threshold between
them, and :class:`~skdeepcluster.LossGatedClusterer` trains on what is below it.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_digits

from skdeepcluster import LossGatedClusterer, loss_gate

X, y = load_digits(return_X_y=True)
X, y = X[:700] / 16, y[:700]
rng = np.random.default_rng(0)
labels = np.where(rng.random(700) < 0.3, (y + rng.integers(1, 10, 700)) % 10, y)
right = labels == y
params = {"n_rounds": 1, "hidden_layer_sizes": (256,), "max_epochs": 30, "random_state": 0}
plain = LossGatedClusterer(10, gate_start=1.0, **params).fit(X, pseudo_labels=labels)
gated = LossGatedClusterer(10, **params).fit(X, pseudo_labels=labels)

# %%
# Without a gate the network ends by learning wrong labels too, and both modes run together. With
# it, wrong labels are not learned, and the modes move apart.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
for ax, (name, model) in zip(axes, {"no gate": plain, "gate": gated}.items(), strict=True):
    losses = -np.log(model.predict_proba(X)[np.arange(700), labels])
    gate = loss_gate(losses, min_separation=0.0)
    logs = np.log(losses)
    bins = np.linspace(logs.min(), logs.max(), 50)
    ax.hist([logs[right], logs[~right]], bins, stacked=True, label=["right label", "wrong label"])
    grid = np.linspace(logs.min(), logs.max(), 400)
    for weight, mean, variance in zip(gate.weights, gate.means, gate.variances, strict=True):
        density = weight * norm.pdf(grid, mean, np.sqrt(variance))
        ax.plot(grid, 700 * (bins[1] - bins[0]) * density, color="0.3")
    ax.axvline(np.log(gate.threshold), color="0.4", linestyle="--")
    found = np.mean(model.labels_ == y)
    ax.set(title=f"{name}: {found:.1%} of the labels right", xlabel="logarithm of the loss")
axes[0].set_ylabel("rows")
_ = axes[0].legend()

# %%
# The rows whose label the network does not believe, and what it predicts instead.
rows = np.flatnonzero(~gated.reliable_)[:12]
figure, axes = plt.subplots(2, 6, figsize=(8, 3), layout="constrained")
for ax, row in zip(axes.flat, rows, strict=True):
    ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{labels[row]} → {gated.labels_[row]}", fontsize=10)
    ax.axis("off")
