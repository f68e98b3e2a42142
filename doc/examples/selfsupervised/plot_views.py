"""
========================================
Views: what a cluster must not depend on
========================================

Self-supervised methods learn from random views of each row. The embedding becomes invariant to what
views change, so the views define which rows are alike. For images they are made by
:class:`~skdeepcluster.views.ImageViews`, for tables by :class:`~skdeepcluster.views.TabularViews`.
"""

# %%
# Digits, and the input of the network: whole views, which are cropped, rotated, sheared, stretched,
# blurred and changed in brightness, and local views, which show a small crop. Views are made of
# standardized rows; here all images are shown in the same range.
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import rotate
from sklearn.datasets import load_digits

from skdeepcluster import SimCLR
from skdeepcluster.metrics import clustering_accuracy
from skdeepcluster.views import ImageViews, TabularViews

images, y = load_digits().images, load_digits().target
scale = images.std()
batch = torch.tensor((images[:7] - images.mean()) / scale, dtype=torch.float32)[:, None]


def show(ax, image, **frame):
    low, high = -images.mean() / scale, (16 - images.mean()) / scale
    ax.imshow(image, cmap="gray_r", vmin=low, vmax=high)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=bool(frame), **frame)


torch.manual_seed(0)
whole, local = ImageViews(), ImageViews().local()
columns = [batch, *[whole(batch) for _ in range(6)], *[local(batch) for _ in range(4)]]
figure, axes = plt.subplots(len(batch), len(columns), figsize=(9, 6), layout="constrained")
for column, views in zip(axes.T, columns, strict=True):
    for ax, view in zip(column, views[:, 0], strict=True):
        show(ax, view)
for ax in axes[:, 0]:
    ax.spines[:].set(visible=True, color="C1", linewidth=2)
axes[0, 0].set_title("row", color="C1")
axes[0, 3].set_title("whole views")
_ = axes[0, 8].set_title("local views")

# %%
# One parameter at a time, with all others off. Each parameter is a range; a view draws from it.
rest = {
    "scale": (1, 1), "ratio": 1, "rotation": 0, "shear": 0, "shift": 0,
    "blur": 0, "contrast": 0, "brightness": 0,
}  # fmt: skip
knobs = {
    "scale": (0.3, 1.2), "ratio": 2, "rotation": 45, "shear": 0.5, "shift": 0.15,
    "blur": 1, "contrast": 0.8, "brightness": 1,
}  # fmt: skip
figure, axes = plt.subplots(len(knobs), 10, figsize=(7.5, 6.2), layout="constrained")
three = batch[3:4].expand(10, -1, -1, -1)
for row, (knob, most) in zip(axes, knobs.items(), strict=True):
    views = ImageViews(**rest | {knob: most})(three)
    for ax, view in zip(row, views[:, 0], strict=True):
        show(ax, view)
    row[0].set_ylabel(f"{knob}={most}", rotation=0, ha="right", va="center")

# %%
# An embedding becomes invariant to what views change. Two are trained by `SimCLR`, one with the
# slight rotations that are the default, one with rotations by up to half a circle. Rotated digits
# move away from their position in the first, and stay there in the second; the dotted lines are at
# the cosine of any two digits. For digits this is the wrong invariance, as the accuracies show.
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
angles = range(0, 181, 15)
turn = partial(rotate, axes=(1, 2), reshape=False, order=1, mode="nearest")
for rotation, color in [(15, "C0"), (180, "C1")]:
    views, hidden = ImageViews(rotation=rotation), (16, 32, 64)
    simclr = SimCLR(10, views=views, hidden_layer_sizes=hidden, max_epochs=12, random_state=0)
    accuracy = clustering_accuracy(y, simclr.fit_predict(images))
    Z = simclr.transform(images)
    cosines = [(Z * simclr.transform(turn(images, angle))).sum(axis=1).mean() for angle in angles]
    label = f"rotation={rotation}: accuracy {accuracy:.2f}"
    ax.plot(angles, cosines, color, marker="o", label=label)
    ax.axhline(np.square(Z.mean(axis=0)).sum(), color=color, linestyle=":")
ax.set(xlabel="degrees that a digit is turned by", ylabel="cosine with the digit", ylim=(0, 1))
_ = ax.legend()

# %%
# Tables have no crops. There a view adds noise and swaps some of a row's entries for those of
# another row of the batch, the nearest of eight drawn at random: mostly one of the same group. Rows
# with one value each show where entries come from.
rows = torch.arange(12.0)[:, None].expand(12, 24)
figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained", sharey=True)
views = [rows, TabularViews()(rows), TabularViews().local()(rows)]
for ax, view, title in zip(axes, views, ["batch", "whole view", "local view"], strict=True):
    ax.imshow(view, cmap="viridis", vmin=0, vmax=11, aspect="auto")
    ax.set(title=title, xlabel="feature")
_ = axes[0].set_ylabel("row")
