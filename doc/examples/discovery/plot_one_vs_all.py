"""
=================================
An old classifier and new classes
=================================

A classifier knows four classes; a new collection has two more, and all of its rows are turned. In
:func:`~skdeepcluster.one_vs_all_labels` each known class has to win its rows against the clusters
of all others.
"""

# %%
# Six classes lie in different directions. The classifier has learned four of them from rows that
# were not turned.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from skdeepcluster import one_vs_all_labels

rng = np.random.default_rng(0)


def rows_of(y, turn):
    angle = np.deg2rad(np.array([0, 90, 180, 270, 45, 225])[y] + turn)
    angle += rng.normal(0, 0.11, len(y))
    lengths = rng.normal(1, 0.12, len(y))
    return lengths[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)])


old = np.repeat(np.arange(4), 100)
classifier = LogisticRegression(C=10).fit(rows_of(old, 0), old)
y = np.repeat(np.arange(6), 100)
Z = rows_of(y, 6)
proba = classifier.predict_proba(Z)
found = one_vs_all_labels(Z, proba, n_clusters=6, random_state=0)

# %%
# Gray rows belong to no known class. With a threshold on the entropy of the probabilities rows of
# known classes are lost, or unknown ones stay. Arrows are the prototypes of the known classes, and
# crosses the centers with which the first competes: those of all rows but its candidates.
labels = proba.argmax(axis=1)
panels = {
    "truth": np.where(y < 4, y, -1),
    "classifier": labels,
    "entropy below 0.3": np.where(found.entropy < 0.3, labels, -1),
    "one against all": found.labels,
}
truth = panels["truth"]
colors = ["C0", "C1", "C2", "C4", "0.7"]
figure, axes = plt.subplots(1, 4, figsize=(13, 3.7), layout="constrained")
for ax, (name, labels) in zip(axes, panels.items(), strict=True):
    ax.scatter(*Z.T, s=8, color=np.array(colors)[labels])
    ax.set(title=f"{name}: {np.mean(labels == truth):.0%}", xticks=[], yticks=[], aspect="equal")
for prototype, color in zip(found.prototypes, colors, strict=False):
    arrow = {"arrowstyle": "->", "color": color, "lw": 2}
    axes[3].annotate("", 0.75 * prototype, (0, 0), arrowprops=arrow)
_ = axes[3].plot(*found.negatives[0].T, "kx")

# %%
# How far may rows turn? The candidates of a class are the rows that the classifier is most sure of.
# As soon as some of them belong to an unknown class, rows of the known one are left over, form a
# cluster, and compete with its prototype. The best threshold, which cannot be known without labels,
# suffers less.
turns = np.arange(0, 19, 2)
names = ["one against all", "entropy below 0.3", "entropy below the best threshold"]
accuracies = {name: [] for name in names}
for turn in turns:
    Z = rows_of(y, turn)
    proba = classifier.predict_proba(Z)
    found = one_vs_all_labels(Z, proba, n_clusters=6, random_state=0)
    below = {
        t: np.mean(np.where(found.entropy < t, proba.argmax(axis=1), -1) == truth)
        for t in np.arange(1, 20) / 20
    }
    values = [np.mean(found.labels == truth), below[0.3], max(below.values())]
    for name, value in zip(names, values, strict=True):
        accuracies[name].append(value)
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for name, values in accuracies.items():
    ax.plot(turns, values, "o-", label=name)
ax.set(xlabel="degrees that rows are turned by", ylabel="accuracy")
_ = ax.legend()
