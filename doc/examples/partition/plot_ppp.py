"""
===================================
Partitions that a mixture validates
===================================

K-means finds clusters in any rows. :class:`~skdeepcluster.PPP` keeps the rows on which a Gaussian
mixture agrees with it, and chooses the number of clusters by their share.
"""

# %%
# Four blobs of different widths. Rows between them are pale: the mixture is not sure of them, or
# has them in another cluster.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skdeepcluster import PPP

centers = [[0, 0], [5, 0], [0, 6], [7, 7]]
X, _ = make_blobs(600, centers=centers, cluster_std=[1, 1.5, 0.7, 1.2], random_state=0)
model = PPP(max_clusters=8).fit(X)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
opacity = np.where(model.core_mask_, 1.0, 0.25)
left.scatter(*X.T, c=model.labels_, cmap="tab10", vmax=9, s=10, alpha=opacity)
left.scatter(*model.cluster_centers_.T, marker="x", color="black")
left.set(title=f"{model.n_clusters_} clusters", aspect="equal")
numbers = model.scores_["n_clusters"]
for name in ("agreement", "stability", "score"):
    right.plot(numbers, model.scores_[name], marker=".", label=name)
right.axvline(model.n_clusters_, color="0.6", linestyle=":")
right.set(xlabel="Number of clusters", ylim=(0, 1.05))
_ = right.legend()
