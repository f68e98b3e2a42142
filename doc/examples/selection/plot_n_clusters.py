"""
============================
How many clusters are there?
============================

Six blobs, two of which touch, and rows without any clusters. Each criterion of
:class:`~skdeepcluster.NClustersSearch` has its own answer; the default takes the median of five.
"""

# %%
# The dotted line is the number that is chosen, the circle that of each criterion.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skdeepcluster import NClustersSearch
from skdeepcluster.displays import NClustersDisplay

centers = [[0, 0], [2.6, 0], [8, 1], [1, 7], [7, 8], [13, 5]]
X, _ = make_blobs(400, centers=centers, cluster_std=0.8, random_state=0)
search = NClustersSearch(max_clusters=10, n_repeats=5, random_state=0).fit(X)
figure, axes = plt.subplots(1, 2, figsize=(9, 5.5), layout="constrained")
axes[0].scatter(*X.T, c=search.labels_, cmap="tab10", s=8)
axes[0].set(title=f"{search.n_clusters_} clusters", aspect="equal")
NClustersDisplay.from_estimator(search, ax=axes[1])
print(search.choices_)

# %%
# Uniform rows are cut by k-means as well as any others. Their silhouettes are those of other
# uniform rows, and so the answer is a single cluster.
uniform = np.random.default_rng(0).uniform(size=(400, 2))
search.fit(uniform)
print(search.n_clusters_, search.choices_)
