"""
==========================================================
HCHC: soft clusters of digits and the circle they stand on
==========================================================

:class:`~skdeepcluster.HCHC` learns memberships that stay soft, and puts its clusters on a circle
along the shortest cycle through them.
"""

# %%
# Images are drawn to the clusters that they belong to; beside each cluster is the mean of its
# images. The shorter the arc between two clusters, the more alike are their memberships.
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
# The images nearest to the middle are of no cluster more than of others: they are strange, or stand
# between clusters that lie opposite. Below each is its largest membership.
proba = model.predict_proba(X)
chosen = np.argsort(np.square(model.embedding_).sum(axis=1))[:12]
figure, axes = plt.subplots(1, 12, figsize=(9, 1.3), layout="constrained")
for ax, row in zip(axes, chosen, strict=True):
    ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
    ax.set(xticks=[], yticks=[], xlabel=f"{proba[row].max():.2f}")
