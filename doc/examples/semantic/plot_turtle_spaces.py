"""
=======================================
Labels that two feature spaces agree on
=======================================

:class:`~skdeepcluster.TURTLE` searches for labels that linear classifiers learn best, in one or
several feature spaces. Heads with different starts are compared without labels, by how well a
classifier predicts the labels of rows that it has not seen.
"""

# %%
# Digits in two spaces: pixels, and histograms of gradients in overlapping cells.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import TURTLE
from skdeepcluster.metrics import clustering_accuracy

digits = load_digits()
images, y = digits.images / 16, digits.target


def gradient_histograms(images, n_directions=8):
    down, right = np.gradient(images, axis=(1, 2))
    length = np.hypot(down, right)
    direction = (np.arctan2(down, right) / (2 * np.pi) * n_directions).round() % n_directions
    bins = length[..., None] * (direction[..., None] == np.arange(n_directions))
    cells = [bins[:, i : i + 4, j : j + 4].sum(axis=(1, 2)) for i in (0, 2, 4) for j in (0, 2, 4)]
    histograms = np.concatenate(cells, axis=1)
    return histograms / np.linalg.norm(histograms, axis=1, keepdims=True)


spaces = {
    "pixels": [images.reshape(len(images), -1)],
    "gradients": [gradient_histograms(images)],
}
spaces["both"] = spaces["pixels"] + spaces["gradients"]

# %%
# Each point is a head, of a fit with one random state. Labels that are easy to learn are usually
# the right ones: the head with the highest score, filled, is kept. Only scores of the same spaces
# can be compared.
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
for ax, (name, X) in zip(axes, spaces.items(), strict=True):
    for seed in range(2):
        model = TURTLE(10, n_heads=6, max_epochs=250, random_state=seed).fit(X)
        accuracy = []
        for head in range(6):
            model.module_.best_head.fill_(head)
            accuracy.append(clustering_accuracy(y, model.predict(X)))
        scores = -model.head_losses_
        ax.scatter(scores, accuracy, facecolors="none", edgecolors=f"C{seed}")
        ax.scatter(scores.max(), accuracy[model.best_head_], color=f"C{seed}")
    ax.set(title=name, xlabel="score of the labels in cross-validation")
_ = axes[0].set_ylabel("accuracy")
