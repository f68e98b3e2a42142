"""
=================================
Montages, and how they are sorted
=================================

:class:`~skdeepcluster.JigClu` cuts each image of a batch into four overlapping patches and shuffles
the patches of all images into montages. From the montages alone, a network predicts which patches
come from one image, and the position of each in it.
"""

# %%
# Crops of two photographs at half their size. Views must not mirror them, so that left stays left.
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_sample_images

from skdeepcluster import JigClu
from skdeepcluster.views import ImageViews

size, crops = 32, []
for photograph in load_sample_images().images:
    half = photograph[:426].reshape(213, 2, 320, 2, 3).mean(axis=(1, 3)) / 255
    windows = np.lib.stride_tricks.sliding_window_view(half, (size, size), axis=(0, 1))
    crops.append(windows[::16, ::16].reshape(-1, 3, size, size))
X = np.concatenate(crops).astype(np.float32)
print(f"{len(X)} crops")
jigsaw = JigClu(
    6, views=ImageViews(flip=False), hidden_layer_sizes=(16, 32, 64), batch_size=32, max_epochs=25,
    random_state=0,
).fit(X)  # fmt: skip


def standardized(images):
    rows = (images.reshape(len(images), -1) - jigsaw.mean_) * jigsaw.scale_
    return torch.tensor(rows, dtype=torch.float32).reshape(images.shape)


def shown(images):
    """From standardized images to colors."""
    mean = jigsaw.mean_.reshape(1, *X.shape[1:])[..., :1, :1]
    return (np.asarray(images) / jigsaw.scale_ + mean).clip(0, 1).transpose(0, 2, 3, 1)


# %%
# Six crops, and the montages that their patches are shuffled into, as the network does it.
contrast = X.std(axis=(2, 3)).mean(axis=1)
chosen = np.random.RandomState(0).choice(np.argsort(-contrast)[:300], 6, replace=False)
batch, cells = standardized(X[chosen]), jigsaw.module_.cells
patches = torch.cat([cells.halved(corner, X.shape[1:]) for corner in cells.corners(batch)])
order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
quarters = patches[order].unflatten(0, (4, 6))
above, below = torch.cat([*quarters[:2]], dim=3), torch.cat([*quarters[2:]], dim=3)
montages = torch.cat([above, below], dim=2)

figure, axes = plt.subplots(2, 6, figsize=(8, 2.9), layout="constrained")
for ax, image in zip(axes.ravel(), [*shown(batch), *shown(montages)], strict=True):
    ax.imshow(image)
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("crops")
_ = axes[1, 0].set_ylabel("montages")

# %%
# In each row the four patches of one crop, each followed by the three that are nearest in the
# embedding, with a green frame where they are from that crop.
with torch.no_grad():
    Z = jigsaw.module_.project(cells.mixed(quarters).flatten(0, 1))
Z = torch.nn.functional.normalize(Z, dim=1)
alike = (Z @ Z.T).fill_diagonal_(-1).topk(3).indices
crop = order % 6
right = crop[alike] == crop[:, None]
print(f"of the same crop: {right.float().mean():.0%}; by chance {3 / 23:.0%}")

images = shown(quarters.flatten(0, 1))
figure, axes = plt.subplots(
    6, 19, figsize=(9.5, 3.5), layout="constrained", width_ratios=[1, 1, 1, 1, 0.4] * 3 + [1] * 4
)
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
for number, row in enumerate(axes):
    for place, patch in enumerate(np.flatnonzero(crop == number)):
        for ax, i in zip(row[5 * place : 5 * place + 4], [patch, *alike[patch]], strict=True):
            ax.imshow(images[i])
            if i != patch:
                color = "tab:green" if crop[i] == number else "tab:red"
                ax.spines[:].set(visible=True, color=color, linewidth=2)

# %%
# The representation of patches applies to whole crops: eight of each cluster.
figure, axes = plt.subplots(6, 8, figsize=(6, 4.6), layout="constrained")
for row, cluster in zip(axes, range(6), strict=True):
    members = np.flatnonzero(jigsaw.labels_ == cluster)
    row[0].set_ylabel(cluster, rotation=0, ha="right", va="center")
    for ax, i in zip(row, np.random.RandomState(0).permutation(members), strict=False):
        ax.imshow(X[i].transpose(1, 2, 0))
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)

# %%
# The two losses. The position of a patch cannot be predicted in crops that begin anywhere in a
# photograph, and its loss stays at that of a random guess, the dotted line. That task is for images
# of one centered object. Each loss has its weight in the sum, `clustering_weight` and
# `location_weight`.
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
for ax, (term, losses) in zip(axes, jigsaw.history_["train"].items(), strict=True):
    ax.plot(np.arange(1, len(losses) + 1), losses)
    ax.set(xlabel="epoch", title=term)
axes[1].set_ylim(0, 2)
_ = axes[1].axhline(np.log(4), color="0.6", linestyle=":")
