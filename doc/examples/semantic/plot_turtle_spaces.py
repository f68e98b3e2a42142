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
images, y = digits.images[:900] / 16, digits.target[:900]


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
# Each point is a head. Labels that are easy to learn tend to be the right ones: the head with the
# highest score, filled, is kept. It need not be the best: heads with nearly equal scores may have
# found different labels. Only scores of the same spaces can be compared.
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
for ax, (name, X) in zip(axes, spaces.items(), strict=True):
    model = TURTLE(10, n_heads=6, max_epochs=100, random_state=0).fit(X)
    kept, scores, accuracy = model.best_head_, -model.head_losses_, []
    for head in range(6):
        model.module_.best_head.fill_(head)
        accuracy.append(clustering_accuracy(y, model.predict(X)))
    ax.scatter(scores, accuracy, facecolors="none", edgecolors="C0")
    ax.scatter(scores[kept], accuracy[kept], color="C0")
    ax.set(title=name, xlabel="score of the labels in cross-validation")
_ = axes[0].set_ylabel("accuracy")
