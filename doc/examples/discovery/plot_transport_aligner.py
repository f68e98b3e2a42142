"""
==============================
One labeled row for each class
==============================

A single row is a poor prototype of its class. :class:`~skdeepcluster.OptimalTransportAligner` moves
prototypes to the unlabeled rows that an optimal transport gives them.
"""

# %%
# Four classes of 60 rows, and of each one labeled row: the stars, some of which lie at the edge of
# their class.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import OptimalTransportAligner, SemiSupervisedKMeans

centers = np.array([[0, 0], [4, 0.5], [1, 4], [5, 4.5]])
stars = centers + [[2.0, 1.0], [1.5, -1.0], [1.5, 1.2], [0.3, 1.6]]


def rows_of(sizes, seed):
    """Rows of the classes, the labeled ones first; partial labels, and the truth."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(4), sizes)
    X = np.concatenate([stars, centers[y] + rng.normal(size=(len(y), 2))])
    return X, np.concatenate([np.arange(4), np.full(len(y), -1)]), np.concatenate([np.arange(4), y])


X, partial, y = rows_of([60] * 4, 0)
tracks = np.array(
    [OptimalTransportAligner(n_passes=n).fit(X, partial).cluster_centers_ for n in range(6)]
)
panels = {
    "prototypes alone": OptimalTransportAligner(n_passes=0).fit(X, partial),
    "aligned by 5 passes": OptimalTransportAligner().fit(X, partial),
}

# %%
# Colors are the labels, crosses the rows that are wrong, and lines the ways of the prototypes from
# the labeled rows on.
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (name, model) in zip(axes, panels.items(), strict=True):
    colors = np.array(["C0", "C1", "C2", "C4"])[model.labels_]
    right = model.labels_ == y
    ax.scatter(*X[right].T, s=12, c=colors[right], alpha=0.6)
    ax.scatter(*X[~right].T, s=25, c=colors[~right], marker="x")
    ways = tracks if model.n_iter_ else tracks[:1]
    for j, color in enumerate(["C0", "C1", "C2", "C4"]):
        ax.plot(*ways[:, j].T, "o-", color="k", markersize=3)
        ax.plot(*ways[0, j], "*", color=color, markersize=16, markeredgecolor="k")
    ax.set(title=f"{name}: {np.mean(right[4:]):.0%}", xticks=[], yticks=[], aspect="equal")

# %%
# Equal shares are what makes it work, and what makes it fail: where one class grows at the cost of
# the others, their prototypes move into it. :class:`~skdeepcluster.SemiSupervisedKMeans` asks for
# no sizes and holds out longest. Means over five draws of 240 rows.
largest = np.array([60, 90, 120, 150, 180, 210])
models = {
    "prototypes alone": OptimalTransportAligner(n_passes=0),
    "aligned": OptimalTransportAligner(),
    'aligned, balance="kl"': OptimalTransportAligner(balance="kl", reg=0.02, reg_cluster=0.005),
    "semi-supervised k-means": SemiSupervisedKMeans(4, n_init=1, random_state=0),
}
accuracies = {name: [] for name in models}
for size in largest:
    draws = [rows_of([size, *[(240 - size) // 3] * 3], seed) for seed in range(5)]
    for name, model in models.items():
        found = [np.mean((model.fit(X, p).labels_ == y)[4:]) for X, p, y in draws]
        accuracies[name].append(np.mean(found))
figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for name, values in accuracies.items():
    ax.plot(largest / 240, values, "o-", label=name)
ax.set(xlabel="share of the largest class", ylabel="accuracy")
_ = ax.legend()
