"""
========================
How unusual is a new row
========================

A distance to all other rows calls sparse clusters unusual. :class:`~skdeepcluster.HDBSCAN` compares
a row with the densest place of the cluster that it is next to: 0 is there, near 1 is far from all.
"""

# %%
# A dense and a sparse cluster. Fitted rows have `outlier_scores_`, and ``-score_samples`` is the
# same for new ones: here for each place of the plane.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN

X, _ = make_blobs([300, 300], centers=[[0, 0], [8, 1]], cluster_std=[0.4, 1.6], random_state=0)
model = HDBSCAN(min_cluster_size=30, min_samples=10).fit(X)
x, y = np.linspace(-3, 14, 170), np.linspace(-5, 7, 120)
plane = np.stack(np.meshgrid(x, y), axis=-1)
scores = -model.score_samples(plane.reshape(-1, 2)).reshape(plane.shape[:2])

figure, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
image = ax.pcolormesh(x, y, scores, cmap="magma_r", vmin=0, vmax=1, shading="nearest")
ax.scatter(*X.T, s=4, color="0.3")
figure.colorbar(image, label="outlier score")
new = np.array([[2.0, 0.0], [10.5, 1.0], [4.0, 6.0]])
ax.scatter(*new.T, marker="*", s=120, color="white", edgecolor="black")
for place, score in zip(new, -model.score_samples(new), strict=True):
    ax.annotate(f"{score:.2f}", place, xytext=(6, 6), textcoords="offset points", color="white")
_ = ax.set_aspect("equal")
