"""
======================
Half my rows are noise
======================

:class:`~skdeepcluster.HDBSCAN` leaves out what is in no dense region. Two ways lead to less noise:
a smoother or rougher density, or noise that joins clusters afterwards.
"""

# %%
# Four groups in as many rows without any: nearly half of all are noise, as they should be.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import EmbeddingDisplay

rng = np.random.default_rng(0)
centers = [[0, 0], [3.4, 0], [-1, 6], [7, 4]]
blobs, _ = make_blobs(
    [200, 200, 150, 150], centers=centers, cluster_std=[0.7, 0.7, 0.6, 1.2], random_state=0
)
X = np.vstack([blobs, rng.uniform([-4, -4], [11, 9], (700, 2))])
model = HDBSCAN(min_cluster_size=30, min_samples=20).fit(X)


def draw(panels):
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 3.8), layout="constrained")
    for ax, (title, labels) in zip(axes, panels.items(), strict=True):
        EmbeddingDisplay.from_predictions(X, labels, ax=ax)
        ax.set(title=f"{title}: {(labels < 0).mean():.0%} noise", aspect="equal")


# %%
# A smaller `min_samples` smooths the density less: rows stay longer in their clusters, and chance
# makes clusters too.
draw(
    {
        f"min_samples={m}": HDBSCAN(min_cluster_size=30, min_samples=m).fit(X).labels_
        for m in (20, 10, 5)
    }
)

# %%
# Or the clusters are right and noise has to go somewhere. `assign_noise` gives each row of noise to
# a cluster with a confidence, below which it stays noise: by the nearest exemplar, by the largest
# soft membership, or by the way through the densest places.
panels = {}
for strategy in ("exemplar", "probability", "density_path"):
    labels, confidence = model.assign_noise(strategy, threshold=0.3)
    panels[strategy] = labels
draw(panels)
