"""
==================================
Digits with half the pixels hidden
==================================

:class:`~skdeepcluster.SIGMA` needs no views: it hides half of each row and predicts the prototype
to which another network assigns the whole row. What it has learned shows when pixels are missing.
"""

# %%
# Above, digits; in the middle, what the network sees of them, with hidden pixels in red; below, the
# prototype that it predicts, as the mean of the ten whole digits nearest to it. The columns on the
# right are digits of which three quarters are hidden, more than in training.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdeepcluster import SIGMA
from skdeepcluster.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
sigma = SIGMA(10, hidden_layer_sizes=(256, 256), max_epochs=40, random_state=0).fit(X)
print(f"accuracy {clustering_accuracy(y, sigma.labels_):.3f}")
rng = np.random.RandomState(0)


def hide(X, fraction):
    """Rows of which a fraction of the columns, drawn for each row, is NaN."""
    order = rng.random_sample(X.shape).argsort(axis=1)
    return np.where(order < fraction * X.shape[1], np.nan, X)


def filled(X):
    """Hidden columns have their mean over all rows, as in training."""
    return np.where(np.isnan(X), sigma.mean_, X)


rows = np.array([rng.choice(np.flatnonzero(y == digit)) for digit in (*range(10), *range(10))])
seen = np.vstack([hide(X[rows[:10]], 0.5), hide(X[rows[10:]], 0.75)])
cosine = sigma.transform(filled(seen)) @ sigma.prototypes_.T
whole = sigma.transform(X) @ sigma.prototypes_.T
nearest = np.argsort(-whole, axis=0)[:10, cosine.argmax(axis=1)]

figure, axes = plt.subplots(3, 20, figsize=(12, 2.2), layout="constrained")
colors = plt.get_cmap("gray_r").with_extremes(bad="#e8a09a")
pictures = [X[rows], seen, X[nearest].mean(axis=0)]
for line, shown, name in zip(axes, pictures, ["digit", "seen", "predicted"], strict=True):
    for ax, image in zip(line, shown, strict=True):
        ax.imshow(image.reshape(8, 8), cmap=colors, vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
_ = figure.suptitle("Half of the pixels hidden, and three quarters")

# %%
# Clusters of digits with hidden pixels, in which means stand. Of whole digits the cut of an
# untrained network can be as good; what training adds is that few pixels are enough.
models = {
    "SIGMA": sigma,
    "its network, untrained": SIGMA(
        10, hidden_layer_sizes=(256, 256), max_epochs=0, random_state=0
    ),
    "k-means": KMeans(10, n_init=10, random_state=0),
}
fractions = np.linspace(0, 0.9, 10)
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, model in models.items():
    model = model if model is sigma else model.fit(X)
    accuracies = [
        clustering_accuracy(y, model.predict(filled(hide(X, fraction)))) for fraction in fractions
    ]
    ax.plot(fractions, accuracies, marker="o", label=name)
ax.axvline(0.5, color="0.7", linewidth=1, zorder=0)
ax.annotate("in training", (0.5, 0.15), rotation=90, ha="right", color="0.5")
ax.set(xlabel="hidden pixels", ylabel="accuracy", ylim=(0, 1))
_ = ax.legend()
