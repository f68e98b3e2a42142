"""
==============================================
Digits on a circle: which clusters are similar
==============================================

:class:`~skdeepcluster.HamiltonianCycleMap` takes the memberships that any model predicts. It places
the clusters on a circle, those that share samples next to each other, and the samples between them.
"""

# %%
# Images are clustered by :class:`~skdeepcluster.GraphDegreeLinkage`; the shares of the clusters
# among an image's nearest neighbors are its memberships.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from skdeepcluster import GraphDegreeLinkage, HamiltonianCycleMap
from skdeepcluster.displays import CircleMapDisplay

X, _ = load_digits(return_X_y=True)
labels = GraphDegreeLinkage(n_clusters=12).fit_predict(X)
proba = KNeighborsClassifier(100).fit(X, labels).predict_proba(X)

display = CircleMapDisplay.from_predictions(proba, text_kw={"color": "none"})
display.figure_.set_size_inches(6.5, 6.5)
ax = display.ax_
model = HamiltonianCycleMap().fit(proba)
for cluster, anchor in enumerate(model.anchors_):
    mean = X[labels == cluster].mean(axis=0).reshape(8, 8)
    box = AnnotationBbox(OffsetImage(mean, zoom=4, cmap="gray_r"), 1.17 * anchor, frameon=False)
    ax.add_artist(box)
_ = ax.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))

# %%
# A short arc means that memberships are correlated: these digits are confused. Images near the
# chord of two neighbors could be either. Here are some on the way from one cluster to the other,
# with their shares in the latter, for the neighbors that share most.
around = np.column_stack([model.order_, np.roll(model.order_, -1)])
shared = [np.minimum(*proba[:, pair].T).sum() for pair in around]
one, other = around[np.argmax(shared)]
both = proba[:, one] + proba[:, other]
between = np.flatnonzero(both > 0.7)
share = proba[between, other] / both[between]
chosen = [np.abs(share - s).argmin() for s in np.linspace(0, 1, 11)]
figure, axes = plt.subplots(1, 11, figsize=(9, 1.2), layout="constrained")
for ax, row in zip(axes, chosen, strict=True):
    ax.imshow(X[between[row]].reshape(8, 8), cmap="gray_r")
    ax.set(xticks=[], yticks=[], title=f"{share[row]:.1f}")
