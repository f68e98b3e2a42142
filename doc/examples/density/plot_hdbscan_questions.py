"""
=============================
Questions that HDBSCAN raises
=============================

Half of the rows are noise, there are too few clusters, some rows could belong to
two clusters: each question is answered by the tree of one fit of :class:`~skdeepcluster.HDBSCAN`.
"""

# %%
# Four groups, two of which touch, in uniform noise.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay

rng = np.random.default_rng(0)
centers = np.array([[0, 0], [3.2, 0], [-1, 6], [7, 4]])
blobs, y = make_blobs(
    [200, 200, 150, 150], centers=centers, cluster_std=[0.7, 0.7, 0.6, 1.2], random_state=0
)
X = np.vstack([blobs, rng.uniform([-4, -4], [11, 9], (450, 2))])
model = HDBSCAN(min_cluster_size=15, min_samples=15).fit(X)


def draw(panels):
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 3.8), layout="constrained")
    for ax, (title, labels) in zip(axes, panels.items(), strict=True):
        EmbeddingDisplay.from_predictions(X, labels, ax=ax)
        ax.set(title=title, aspect="equal")


# %%
# Half my rows are noise
# ----------------------
# A smaller `min_samples` smooths the density less, which finds smaller clusters too. Or noise joins
# clusters afterwards, each row with a confidence, below which it stays noise.
share = (model.labels_ < 0).mean()
labels, confidence = model.assign_noise("exemplar", threshold=0.3)
fewer = HDBSCAN(min_cluster_size=15, min_samples=5).fit(X).labels_
draw(
    {
        f"{share:.0%} noise": model.labels_,
        f"min_samples=5: {(fewer < 0).mean():.0%}": fewer,
        f"assign_noise: {(labels < 0).mean():.0%}": labels,
    }
)

# %%
# I want exactly so many clusters
# -------------------------------
# `reselect` takes the most stable ones of a number, and `layers` shows which numbers last over a
# range of `min_cluster_size`. Stability decides, and may divide another group than one would.
for layer in model.layers():
    print(f"{len(layer.cluster_persistence)} clusters persist for {layer.persistence:.2f}")

panels = {f"n_clusters={k}": model.reselect(n_clusters=k).labels for k in (2, 3, 4)}
draw(panels)

# %%
# Some labeled rows choose the level too: here the two groups that touch are two classes.
known = np.full(len(X), -1)
known[:40] = y[:40]
labeled = HDBSCAN(min_cluster_size=15, min_samples=15).fit(X, known)
print(labeled.n_clusters_, "clusters by 40 labeled rows")

# %%
# Which rows belong to two clusters
# ---------------------------------
# Those whose two largest soft memberships are close. `top_k` keeps no more than these.
soft = labeled.predict_proba(top_k=2).toarray()
first, second = -np.sort(-soft, axis=1)[:, :2].T
ratio = np.divide(second, first, out=np.zeros(len(X)), where=first > 0)

figure, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
points = ax.scatter(*X.T, c=ratio, s=10, cmap="viridis", vmin=0, vmax=1)
figure.colorbar(points, label="second largest membership / largest")
_ = ax.set_aspect("equal")
