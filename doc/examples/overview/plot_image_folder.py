"""
=============================================
A folder of images: ImageFolder and DEC
=============================================

Files on a disk are clustered without loading them first: :class:`~skdeepcluster.views.ImageFolder`
reads them when they are needed, and any deep estimator takes it as its rows.
"""

# %%
# A folder with 300 files, here made of scikit-learn's digits.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from skdeepcluster import DEC, report
from skdeepcluster.views import ImageFolder

root = Path(tempfile.mkdtemp())
digits = load_digits(n_class=4)
for i, pixels in enumerate(digits.images[:300]):
    Image.fromarray((pixels * 15).astype(np.uint8)).save(root / f"{i:04}.png")

# %%
# Gray images of one size; `size` would bring them to one.
folder = ImageFolder(root, mode="L")
print(len(folder), "images of shape", folder[0].shape)
dec = DEC(n_clusters=4, hidden_layer_sizes=(64,), pretrain_epochs=20, max_epochs=5, random_state=0)
labels = dec.fit_predict(folder)

# %%
# The images nearest to the mean of each cluster in the embedding, and those between two clusters,
# are what :func:`~skdeepcluster.report` shows. Here they are drawn by hand.
page = report(dec, folder, n_prototypes=8)
figure, axes = plt.subplots(5, 8, figsize=(7, 5), layout="constrained")
lines = [*page.prototypes, page.uncertain[:8]]
names = [f"cluster {k}" for k in page.clusters] + ["uncertain"]
for line, rows, name in zip(axes, lines, names, strict=True):
    for ax, row in zip(line, rows, strict=True):
        ax.imshow(folder[row][0], cmap="gray_r")
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()

# %%
# New files later: another folder, the same model.
print(dec.predict(ImageFolder(root, mode="L"))[:10])
