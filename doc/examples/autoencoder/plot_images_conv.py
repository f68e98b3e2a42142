"""
=============================
Images and the "conv" encoder
=============================

Images are passed to a deep clusterer as arrays of shape (n, H, W) or (n, C, H, W), or as flat rows
together with `image_shape`, which pass through every scikit-learn transformer. A convolutional
encoder then uses which pixels are neighbors.
"""

# %%
# `hidden_layer_sizes` are the channels of the convolutions, each of which halves the image.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skdeepcluster import DEC
from skdeepcluster.displays import LossCurveDisplay
from skdeepcluster.metrics import clustering_accuracy

digits = load_digits()
images, y = digits.images.astype(np.float32), digits.target
print(images.shape)

dec = DEC(10, encoder="conv", hidden_layer_sizes=(16, 32), pretrain_epochs=30, random_state=0)
dec.fit(images)
print(f"{dec.image_shape_=}, accuracy {clustering_accuracy(y, dec.labels_):.2f}")

# %%
# The same digits as flat rows give the same clusters.
flat = clone(dec).set_params(image_shape=(8, 8))
print((flat.fit_predict(digits.data) == dec.labels_).all())

# %%
# Some of the digits at their positions in the embedding, in its two leading principal components.
# One digit is drawn in each cell of a fine grid, so that they do not overlap.
plane = PCA(2).fit_transform(dec.transform(images))
figure, ax = plt.subplots(figsize=(9, 8), layout="constrained")
ax.scatter(*plane.T, s=0)
# One digit in each cell of a fine grid, so that they do not hide one another.
cells = np.round([40, 32] * plane / np.ptp(plane, axis=0))
shown = np.unique(cells, axis=0, return_index=True)[1]
cluster_color = plt.get_cmap("tab10")(dec.labels_)[:, :3]
for i in shown:
    ink = images[i, :, :, None] / 16
    picture = np.concatenate([np.tile(cluster_color[i], (8, 8, 1)), ink], axis=2)
    ax.add_artist(AnnotationBbox(OffsetImage(picture, zoom=2), plane[i], frameon=False))
_ = ax.set(xticks=[], yticks=[], title="Digits in the embedding, colored by cluster")

# %%
# `history_` holds each term of the loss for every epoch of every stage.
_ = LossCurveDisplay.from_estimator(dec, log=True)
