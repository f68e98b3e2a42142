"""
====================================================
LandmarkSpectral: clusters of any shape in many rows
====================================================

:class:`~skdeepcluster.LandmarkSpectral` clusters a few hundred landmarks by the edges between
neighbors, and rows by their landmarks. So clusters may have any shape, and the rows may be many.
"""

# %%
# Rings, moons and a spiral within a ring, of 20,000 rows each. K-means, above, cuts through them;
# the normalized cut of the landmarks' graph, below, keeps together what edges connect. The
# landmarks of one draw are black, with the edges between nearest ones.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.datasets import load_digits, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import LandmarkSpectral
from skdeepcluster.algorithms.neighbors import connectivity_graph
from skdeepcluster.metrics import clustering_accuracy

COLORS = np.array(["tab:blue", "tab:orange"])


def spiral_in_ring(n, random_state):
    random = np.random.default_rng(random_state)
    t = 3 * np.pi * np.sqrt(random.random(n // 2)) + 0.5
    angle = 2 * np.pi * random.random(n // 2)
    X = np.vstack(
        [
            0.08 * t[:, None] * np.column_stack([np.cos(t), np.sin(t)]),
            1.25 * np.column_stack([np.cos(angle), np.sin(angle)]),
        ]
    )
    return X + random.normal(scale=0.02, size=X.shape), np.repeat([0, 1], n // 2)


n = 20_000
sets = {
    "rings": make_circles(n, factor=0.5, noise=0.04, random_state=0),
    "moons": make_moons(n, noise=0.06, random_state=0),
    "spiral in a ring": spiral_in_ring(n, 0),
}
figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for (above, below), (name, (X, y)) in zip(axes.T, sets.items(), strict=True):
    found = KMeans(2, random_state=0).fit_predict(X)
    model = LandmarkSpectral(2, max_landmarks=300, n_graphs=4, random_state=0).fit(X)
    landmarks = model.landmarks_[0]
    edges = connectivity_graph(landmarks, model.n_neighbors).tocoo()
    below.add_collection(
        LineCollection(landmarks[np.column_stack([edges.row, edges.col])], color="0.2", lw=0.4)
    )
    below.scatter(*landmarks.T, s=3, color="0.1", zorder=3)
    for ax, labels in ((above, found), (below, model.labels_)):
        ax.scatter(*X.T, c=COLORS[labels], s=1, zorder=0)
        ax.set_title(f"{name}: ARI {adjusted_rand_score(y, labels):.2f}")
        ax.set(xticks=[], yticks=[], aspect="equal")
axes[0, 0].set_ylabel("k-means")
_ = axes[1, 0].set_ylabel("LandmarkSpectral")

# %%
# `transform` gives the spectral coordinates of rows, those of each draw side by side. In them
# clusters are compact, whatever their shape was, so that k-means finds them: here the rows of the
# rings in the coordinates of one draw, which lie on the unit circle.
X, y = sets["rings"]
model = LandmarkSpectral(2, max_landmarks=300, n_graphs=4, random_state=0).fit(X)
Z = model.transform(X)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
left.scatter(*X.T, c=COLORS[y], s=1)
left.set_title("rows")
right.add_patch(plt.Circle((0, 0), 1, fill=False, color="0.8"))
right.scatter(*Z[:, :2].T, c=COLORS[y], s=8)
right.set_title("spectral coordinates")
for ax in (left, right):
    ax.set(aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))

# %%
# New rows have the coordinates of the landmarks that they are nearest to, and so a cluster.
X_new, y_new = make_circles(1000, factor=0.5, noise=0.04, random_state=1)
names = [model.labels_[y == ring][0] for ring in (0, 1)]
print(f"of 1000 new rows {np.sum(model.predict(X_new) == np.take(names, y_new))} are in their ring")

# %%
# Handwritten digits, which are few enough for a graph of all rows.
X, y = load_digits(return_X_y=True)
for clusterer in (
    KMeans(10, n_init=10, random_state=0),
    SpectralClustering(10, affinity="nearest_neighbors", random_state=0),
    LandmarkSpectral(10, random_state=0),
):
    accuracy = clustering_accuracy(y, clusterer.fit_predict(X))
    print(f"{type(clusterer).__name__}: accuracy {accuracy:.3f}")
