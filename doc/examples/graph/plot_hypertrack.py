"""
====================================
Objects that no distance separates
====================================

:class:`~skdeepcluster.HyperTrack` learns from sets of points whose objects are known what belongs
together, and finds the objects of new sets.
"""

# %%
# Level tracks of eight points lie so close that the nearest other points of a point are often those
# of other tracks: no distance separates them. Ninety sets with known tracks show what a track is.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HyperTrack


def level_tracks(n_sets, seed):
    rng = np.random.default_rng(seed)
    n = 4 * n_sets
    X = np.empty((n, 8, 2))
    X[:, :, 0] = np.arange(8) + rng.uniform(0, 1, (n, 1))
    X[:, :, 1] = (np.arange(n) % 4)[:, None] * 0.5 + rng.uniform(0, 0.3, (n, 1))
    # No band of the plane is that of a track.
    X[:, :, 1] += np.repeat(rng.uniform(0, 0.5, n_sets), 4)[:, None]
    X += rng.normal(scale=0.02, size=X.shape)
    return X.reshape(-1, 2), np.repeat(np.arange(n), 8), np.repeat(np.arange(n_sets), 32)


X, y, groups = level_tracks(90, seed=0)
model = HyperTrack(
    n_components=16,
    n_layers=2,
    n_seeds=6,
    pretrain_epochs=2,
    max_epochs=9,
    batch_size=3,
    learning_rate=4e-3,
    random_state=0,
).fit(X, y, groups=groups)

# For DBSCAN the best of several radii, by the tracks that are to be found.
RADII = np.linspace(0.1, 1.5, 15)
X_new, y_new, groups_new = level_tracks(2, seed=1)
labels = model.predict(X_new, groups=groups_new)
figure, axes = plt.subplots(2, 2, figsize=(9, 4.5), layout="constrained")
for row, number in zip(axes, (0, 1), strict=True):
    rows = groups_new == number
    by_distance = max(
        (DBSCAN(radius, min_samples=1).fit_predict(X_new[rows]) for radius in RADII),
        key=lambda found: adjusted_rand_score(y_new[rows], found),
    )
    for ax, found, name in zip(
        row, (by_distance, labels[rows]), ("best DBSCAN", "HyperTrack"), strict=True
    ):
        agreement = adjusted_rand_score(y_new[rows], found)
        ax.scatter(*X_new[rows].T, c=np.unique(found, return_inverse=True)[1], s=18, cmap="tab10")
        ax.set(xticks=[], yticks=[], title=f"{name}, new set {number + 1}: ARI {agreement:.2f}")

# %%
# Cells in which linked points were seen say which points may be linked at all: those of one set in
# linked cells are the edges on which the network decides.
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
first, second = model.cell_pairs_.nonzero()
centers = model.cell_centers_ / model.scale_ + model.mean_
ax.plot(*np.stack([centers[first], centers[second]]).transpose(2, 0, 1), "-", color="0.8", lw=0.8)
ax.plot(*centers.T, "k.")
ax.set(xticks=[], yticks=[], title=f"{len(centers)} cells and which are linked")
plt.show()
