"""
=================================
Montages, and how they are sorted
=================================

:class:`~skdeepcluster.JigClu` cuts each image of a batch in four, with some overlap, and shuffles
the patches of all images into montages. A network that sees the montages alone has to tell which
patches are of one image, and where in it each one was.
"""

# %%
# Tiles of two photographs. Color and texture tell which patches belong together.
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits, load_sample_images

from skdeepcluster import JigClu

size, tiles, photographs = 32, [], load_sample_images().images
for photograph in photographs:
    height, width = (side // size for side in photograph.shape[:2])
    cut = photograph[: height * size, : width * size].reshape(height, size, width, size, 3)
    tiles.append(cut.transpose(0, 2, 4, 1, 3).reshape(-1, 3, size, size) / np.float32(255))
X = np.concatenate(tiles)
options = {"hidden_layer_sizes": (16, 32, 64), "batch_size": 32, "random_state": 0}
jigsaw = JigClu(6, max_epochs=12, **options).fit(X)


def standardized(images):
    rows = (images.reshape(len(images), -1) - jigsaw.mean_) * jigsaw.scale_
    return torch.tensor(rows, dtype=torch.float32).reshape(images.shape)


def shown(images):
    """From standardized images to colors."""
    mean = jigsaw.mean_.reshape(1, *X.shape[1:])[..., :1, :1]
    return (np.asarray(images) / jigsaw.scale_ + mean).clip(0, 1).transpose(0, 2, 3, 1)


# %%
# Six tiles, and the montages that their patches are shuffled into, as the network does it.
contrast = X.std(axis=(1, 2, 3))
chosen = np.random.RandomState(0).choice(np.argsort(-contrast)[:300], 6, replace=False)
batch, cells = standardized(X[chosen]), jigsaw.module_.cells
patches = torch.cat([cells.halved(corner, X.shape[1:]) for corner in cells.corners(batch, 0.2)])
order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
quarters = patches[order].unflatten(0, (4, 6))
above, below = torch.cat([*quarters[:2]], dim=3), torch.cat([*quarters[2:]], dim=3)
montages = torch.cat([above, below], dim=2)

figure, axes = plt.subplots(2, 6, figsize=(8, 2.9), layout="constrained")
for ax, image in zip(axes.ravel(), [*shown(batch), *shown(montages)], strict=True):
    ax.imshow(image)
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("tiles")
_ = axes[1, 0].set_ylabel("montages")

# %%
# In each row the four patches of one tile, each followed by the three that the network takes for
# the nearest, with a green frame where they are indeed of that tile.
with torch.no_grad():
    Z = jigsaw.module_.project(cells.together(quarters).flatten(0, 1))
Z = torch.nn.functional.normalize(Z, dim=1)
alike = (Z @ Z.T).fill_diagonal_(-1).topk(3).indices
tile = order % 6
right = tile[alike] == tile[:, None]
print(f"of the same tile: {right.float().mean():.0%}; by chance {3 / 23:.0%}")

images = shown(quarters.flatten(0, 1))
figure, axes = plt.subplots(
    6, 19, figsize=(9.5, 3.5), layout="constrained", width_ratios=[1, 1, 1, 1, 0.4] * 3 + [1] * 4
)
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
for number, row in enumerate(axes):
    for place, patch in enumerate(np.flatnonzero(tile == number)):
        for ax, i in zip(row[5 * place : 5 * place + 4], [patch, *alike[patch]], strict=True):
            ax.imshow(images[i])
            if i != patch:
                color = "tab:green" if tile[i] == number else "tab:red"
                ax.spines[:].set(visible=True, color=color, linewidth=2)

# %%
# Where a patch was can be told of things that have a top and a bottom. Texture has none: the loss
# of the places stays at that of a guess, log 4, and all there is to learn is which patches belong
# together. Digits, enlarged here, let both be told. Each loss has its weight in the sum,
# `clustering_weight` and `location_weight`.
digits = np.kron(load_digits().images, np.ones((2, 2)))
strokes = JigClu(10, max_epochs=8, **options).fit(digits)
figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for ax, term in zip(axes, ["clustering", "location"], strict=True):
    for name, model in [("tiles", jigsaw), ("digits", strokes)]:
        losses = model.history_["train"][term]
        ax.plot(np.arange(1, len(losses) + 1), losses, label=name)
    ax.set(xlabel="epoch", title=term)
axes[1].axhline(np.log(4), color="0.6", linestyle=":")
_ = axes[1].legend()
