"""
==========================================
Curved manifolds become linear subspaces
==========================================

:class:`~skdeepcluster.MLC` trains a network, by views of rows, until each cluster is a linear
subspace and clusters are orthogonal, while rows within a cluster stay different.
"""

# %%
# Two manifolds on a sphere: a curve, along which rows differ, and a place with noise around it.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import MLC

rng = np.random.default_rng(0)
angle = rng.uniform(-1.2, 1.2, 100)
curve = np.stack([np.cos(angle), np.sin(angle), 0.5 * np.sin(3 * angle) - 0.3], axis=1)
place = np.array([-0.3, 0.2, 0.9]) + 0.1 * rng.normal(size=(100, 3))
X = np.concatenate([curve, place])
X /= np.linalg.norm(X, axis=1, keepdims=True)

model = MLC(
    2, n_components=3, hidden_layer_sizes=(64, 64), batch_size=200, learning_rate=3e-3,
    pretrain_epochs=100, max_epochs=150, random_state=0,
).fit(X)  # fmt: skip

# %%
# In the embedding the place is one direction, and the curve lies in the plane that is orthogonal to
# it, its two halves nearly orthogonal to each other. Colors are the clusters that were found, lines
# the subspaces of both.
Z, cosines = model.transform(X), np.abs(model.transform(X) @ model.transform(X).T)
print(f"mean |cosine| within the place:  {cosines[100:, 100:].mean():.2f}")
print(f"mean |cosine| within the curve:  {cosines[:100, :100].mean():.2f}")
print(f"mean |cosine| between the two:   {cosines[:100, 100:].mean():.2f}")

figure = plt.figure(figsize=(9, 4.4), layout="constrained")
line, plane = sorted(model.subspaces_, key=len)
turn = np.linspace(0, 2 * np.pi, 100)
circle = np.stack([np.cos(turn), np.sin(turn)], axis=1) @ plane
for position, (rows, title) in enumerate([(X, "rows"), (Z, "embedding")]):
    ax = figure.add_subplot(1, 2, position + 1, projection="3d")
    ax.scatter(*rows.T, c=model.labels_, cmap="tab10", vmax=9, s=10, depthshade=False)
    ax.set(title=title, xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1))
    ax.set_box_aspect((1, 1, 1))
    if title == "embedding":
        ax.plot(*circle.T, color="0.6", linewidth=1)
        ax.plot(*np.concatenate([-line, line]).T, color="0.6", linewidth=1)
        # From where both are seen.
        x, y, z = line[0] + plane[0] + 0.3 * plane[-1]
        ax.view_init(np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x)))
