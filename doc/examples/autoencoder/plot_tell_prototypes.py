"""
====================================
Prototypes as the weights of a layer
====================================

:class:`~skdeepcluster.TELL` writes k-means as a layer of a network: codes and centers have length
one, the weights of the layer are the centers, and the decoder maps each center to a row. The same
layer learns from a stream.
"""

# %%
# Centers are decoded in `decoded_centers_`. Beside each are the digits whose codes are nearest to
# the center, and the farthest ones of its cluster. The classes only order the rows.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import TELL
from skdeepcluster.metrics import best_match, clustering_accuracy

X, y = load_digits(return_X_y=True)
tell = TELL(10, hidden_layer_sizes=(256, 256), random_state=0).fit(X)
print(f"accuracy {clustering_accuracy(y, tell.labels_):.3f}")
cosine = (tell.transform(X) * tell.cluster_centers_[tell.labels_]).sum(axis=1)


def show(ax, image, **frame):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=bool(frame), **frame)


n_shown = 5
figure, axes = plt.subplots(10, 2 * n_shown + 1, figsize=(8, 7.5), layout="constrained")
clusters = list(best_match(y, tell.labels_))
for row, cluster in zip(axes, clusters, strict=True):
    members = np.flatnonzero(tell.labels_ == cluster)
    members = members[np.argsort(-cosine[members])]
    for ax, i in zip(row[1:], [*members[:n_shown], *members[-n_shown:]], strict=True):
        show(ax, X[i])
    show(row[0], tell.decoded_centers_[cluster], color="C1", linewidth=2)
axes[0, 0].set_title("prototype", color="C1", fontsize=9)
axes[0, 1 + n_shown // 2].set_title("nearest digits")
_ = axes[0, 1 + n_shown + n_shown // 2].set_title("farthest digits")

# %%
# A stream: the scanner has shifted, and from now on all digits arrive one pixel further down, 300
# at a time. `partial_fit` updates centers and network, and the prototypes follow.
slipped = np.roll(X.reshape(-1, 8, 8), 1, axis=1).reshape(-1, 64)
print(f"accuracy on slipped digits {clustering_accuracy(y, tell.predict(slipped)):.3f}")
frames = [tell.decoded_centers_[clusters].copy()]
stream = np.random.RandomState(0).permutation(len(X))
for step in range(30):
    rows = stream[300 * (step % 6) : 300 * (step % 6 + 1)]
    tell.partial_fit(slipped[rows])
    if step % 10 == 9:
        frames.append(tell.decoded_centers_[clusters].copy())

figure, axes = plt.subplots(len(frames), 10, figsize=(8, 3.4), layout="constrained")
for row, prototypes, after in zip(axes, frames, ["at first", 10, 20, 30], strict=True):
    for ax, prototype in zip(row, prototypes, strict=True):
        show(ax, prototype)
    row[0].set_ylabel(after)
figure.suptitle("prototypes after so many chunks of the stream")
print(f"after the stream {clustering_accuracy(y, tell.predict(slipped)):.3f}")
