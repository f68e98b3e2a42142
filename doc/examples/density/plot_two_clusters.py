"""
=================================
Which rows belong to two clusters
=================================

A label says nothing of the second choice. Soft memberships of :class:`~skdeepcluster.HDBSCAN` do,
and a column for noise makes them sum to one.
"""

# %%
# Two groups that touch, a third one, and noise.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay

rng = np.random.default_rng(0)
blobs, _ = make_blobs(
    [300, 300, 200], centers=[[0, 0], [4, 0], [1, 6]], cluster_std=0.8, random_state=1
)
X = np.vstack([blobs, rng.uniform([-3, -3], [7, 9], (100, 2))])
model = HDBSCAN(min_cluster_size=30, min_samples=10).fit(X)
soft = model.predict_proba(noise=True)
print("rows sum to", soft.sum(axis=1).min(), "to", soft.sum(axis=1).max())

# %%
# Rows whose two largest memberships are close are between two clusters. `top_k` keeps no more than
# these, in a sparse array: for thousands of clusters all would not fit in memory.
pairs = model.predict_proba(top_k=2).toarray()
first, second = -np.sort(-pairs, axis=1)[:, :2].T
ratio = np.divide(second, first, out=np.zeros(len(X)), where=first > 0)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
EmbeddingDisplay.from_predictions(X, model.labels_, ax=left)
left.set(title="Labels", aspect="equal")
points = right.scatter(*X.T, c=ratio, s=10, cmap="viridis", vmin=0, vmax=1)
figure.colorbar(points, label="second largest membership / largest")
_ = right.set(title="Between two clusters", aspect="equal")
