"""
=======================================
A network that learned HDBSCAN's labels
=======================================

:class:`~skdeepcluster.ClusterFit` clusters the features of a teacher by any clusterer and trains a
new network to predict the groups. Here it turns HDBSCAN, which leaves noise and has no label for
most of the plane, into a clusterer with a label and probabilities everywhere.
"""

# %%
# Two moons among noise. The student is trained on the rows that HDBSCAN has put into a cluster, and
# not on the noise, shown as gray crosses. `n_clusters` belongs to the student, and may be less than
# the number that the teacher found.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from skdeepcluster import HDBSCAN, ClusterFit

rng = np.random.RandomState(0)
moons, _ = make_moons(800, noise=0.07, random_state=0)
X = np.vstack([moons, rng.uniform([-1.6, -1.1], [2.6, 1.6], (120, 2))])

teacher = HDBSCAN(min_cluster_size=40)
student = ClusterFit(2, clusterer=teacher, normalize=False, random_state=0).fit(X)
noise = student.pseudo_labels_ == -1
print(f"clusters of the teacher: {student.n_prototypes_}, noise: {noise.sum()} rows")
print(f"pseudo-labels that the student predicts: {student.accuracy_:.1%}")

# %%
# Left, the labels of the teacher over the plane: white is noise. Right, those of the student; the
# paler, the lower its confidence. The border runs between the moons and continues beyond them.
x, y = np.linspace(-1.6, 2.6, 210), np.linspace(-1.1, 1.6, 135)
plane = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
teacher.fit(X)
said = teacher.predict(plane)
sure = student.predict_proba(plane)
# The numbers of the clusters of both are arbitrary: the student's take the teacher's.
swap = np.mean(student.labels_[~noise] == teacher.labels_[~noise]) < 0.5
share = sure[:, int(not swap)]

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
extent = (-1.6, 2.6, -1.1, 1.6)
options = {"origin": "lower", "extent": extent, "cmap": "coolwarm", "vmin": 0, "vmax": 1}
shown = np.ma.masked_less(said, 0).astype(float)
axes[0].imshow(shown.reshape(len(y), len(x)), alpha=0.45, **options)
axes[1].imshow(share.reshape(len(y), len(x)), alpha=0.6, **options)
axes[1].contour(x, y, share.reshape(len(y), len(x)), [0.5], colors="k", linewidths=1)
for ax, title in zip(axes, ["HDBSCAN.predict", "ClusterFit.predict_proba"], strict=True):
    ax.scatter(*X[noise].T, marker="x", s=12, color="0.5", linewidth=0.8)
    ax.scatter(*X[~noise].T, s=4, color="k")
    ax.set(title=title, xlim=extent[:2], ylim=extent[2:])
