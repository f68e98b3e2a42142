"""
===========================
Decoded centers of clusters
===========================

:class:`~skdeepcluster.IDEC` keeps training its decoder, so that centers in the embedding can be
decoded: here, to images of digits.
"""

# %%
# `inverse_transform` decodes the centers; `predict_proba` gives the confidence of each label.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import IDEC
from skdeepcluster.metrics import best_match

X, y = load_digits(return_X_y=True)
idec = IDEC(10, hidden_layer_sizes=(256, 256), random_state=0).fit(X)
centers = idec.inverse_transform(idec.cluster_centers_)
confidence = idec.predict_proba(X).max(axis=1)

# %%
# In each row a decoded center, the six digits of highest confidence, and the six of lowest. The
# classes only order the rows.
n_shown = 6
figure, axes = plt.subplots(10, 2 * n_shown + 1, figsize=(9, 7.5), layout="constrained")
clusters = list(best_match(y, idec.labels_))
for row, cluster in zip(axes, clusters, strict=True):
    members = np.flatnonzero(idec.labels_ == cluster)
    members = members[np.argsort(-confidence[members])]
    shown = [centers[cluster], *X[members[:n_shown]], *X[members[-n_shown:]]]
    for ax, image in zip(row, shown, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    row[0].spines[:].set(visible=True, color="C1", linewidth=2)
axes[0, 0].set_title("center", color="C1")
axes[0, 3].set_title("surest digits")
axes[0, 3 + n_shown].set_title("least sure digits")

# %%
# The embedding stays continuous: on the way from one center to another, digits change step by step.
start, end = idec.cluster_centers_[[clusters[4], clusters[6]]]
share = np.linspace(0, 1, 11)[:, None]
way = idec.inverse_transform((1 - share) * start + share * end)
figure, ax = plt.subplots(figsize=(9, 1.1), layout="constrained")
ax.imshow(np.hstack(way.reshape(-1, 8, 8)), cmap="gray_r")
_ = ax.set_axis_off()
