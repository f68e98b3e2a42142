"""
=========================================
HCHC: soft clusters of digits on a circle
=========================================

:class:`~skdeepcluster.HCHC` learns soft assignments and places its clusters on a circle, in the
order of a shortest cycle through them.
"""

# %%
# Images lie near the clusters that they belong to; beside each cluster is the mean of its images.
# The shorter the arc between two clusters, the more similar their assignments.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.datasets import load_digits

from skdeepcluster import HCHC
from skdeepcluster.displays import CircleMapDisplay

X, _ = load_digits(return_X_y=True)
model = HCHC(n_clusters=10, hidden_layer_sizes=(256, 256), random_state=0).fit(X)

display = CircleMapDisplay.from_estimator(model, X, text_kw={"color": "none"})
display.figure_.set_size_inches(6.5, 6.5)
ax = display.ax_
for cluster, anchor in enumerate(model.anchors_):
    mean = X[model.labels_ == cluster].mean(axis=0).reshape(8, 8)
    box = AnnotationBbox(OffsetImage(mean, zoom=4, cmap="gray_r"), 1.17 * anchor, frameon=False)
    ax.add_artist(box)
_ = ax.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))

# %%
# The images nearest to the middle belong to no cluster more than to others: they are unusual, or
# lie between opposite clusters. Below each is its largest membership.
proba = model.predict_proba(X)
chosen = np.argsort(np.square(model.embedding_).sum(axis=1))[:12]
figure, axes = plt.subplots(1, 12, figsize=(9, 1.3), layout="constrained")
for ax, row in zip(axes, chosen, strict=True):
    ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
    ax.set(xticks=[], yticks=[], xlabel=f"{proba[row].max():.2f}")
