"""
============================================
Clusters of given sizes by optimal transport
============================================

:func:`~skdeepcluster.assignment.transport_assign` labels rows jointly instead of one by one. Where
clusters have unequal sizes, as here, the constraints on their sizes decide the result.
"""

# %%
# Four groups of 400, 100, 60 and 40 points, and their centers by k-means from a good start. The
# costs are squared distances to the centers.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster.assignment import transport_assign

places = np.array([[0, 0], [5, 1.5], [2, 5.5], [-4, 4.5]])
X, y = make_blobs([400, 100, 60, 40], centers=places, cluster_std=1.1, random_state=0)
kmeans = KMeans(4, init=places, n_init=1).fit(X)
order = np.argsort(((kmeans.cluster_centers_[:, None] - places) ** 2).sum(axis=2).argmin(axis=1))
centers = kmeans.cluster_centers_[order]
cost = ((X[:, None] - centers) ** 2).sum(axis=2)
cost /= cost.mean()

# %%
# Balanced assignments, which many self-supervised methods use, cut the large group into pieces.
# Relaxed ones keep it together as long as the penalty on unequal sizes is not too strong. Known
# sizes can be prescribed. In the last picture only 60 % of the mass is assigned: the paler a point,
# the less of its mass. Points far from the centers or between groups get the least.
settings = {
    "balanced": {},
    "relaxed, strength 0.1": {"col": "kl", "reg_col": 0.1},
    "sizes known": {"col_mass": np.bincount(y) / len(y)},
    "relaxed and partial": {"col": "kl", "reg_col": 0.1, "virtual_mass": 0.4},
}
colors = np.array(["C0", "C1", "C2", "C3"])
figure, axes = plt.subplots(2, 2, figsize=(8, 6.6), layout="constrained")
for ax, (name, params) in zip(axes.flat, settings.items(), strict=True):
    result = transport_assign(cost, reg=0.02, **params)
    ax.scatter(*X.T, s=9, c=colors[result.labels], alpha=result.row_weight.clip(0.08, 1))
    ax.scatter(*centers.T, s=60, c="k", marker="x")
    sizes = np.bincount(result.labels, minlength=4)
    score = adjusted_rand_score(y, result.labels)
    ax.set(title=f"{name}: {', '.join(map(str, sizes))}\nadjusted Rand index {score:.2f}")
    ax.set(xticks=[], yticks=[], aspect="equal")

# %%
# The weight of the entropy: with a small one the plan is nearly a hard assignment, and each of its
# rows has one large entry; with a large one rows are divided among clusters, and the labels match
# the sizes less well. The solver takes more sweeps for small `reg`, and each is one pass over the
# costs.
regs = np.geomspace(0.5, 0.001, 12)
results = [transport_assign(cost, reg=reg, tol=1e-4) for reg in regs]
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
curves = {
    "mean largest share of a row": [(600 * r.plan).max(axis=1).mean() for r in results],
    "rows more than given": [
        np.maximum(np.bincount(r.labels, minlength=4) - 150, 0).sum() for r in results
    ],
    "sweeps": [r.n_iter for r in results],
}
for ax, (name, values) in zip(axes, curves.items(), strict=True):
    ax.semilogx(regs, values, ".-")
    ax.set(title=name, xlabel="reg", ylim=(0, None))
