"""
=================================
My rows have hundreds of features
=================================

In many dimensions the search for neighbors costs most. ``algorithm="approximate"`` finds most of
them by nearest-neighbor descent: :class:`~skdeepcluster.HDBSCAN` never chooses it by itself.
"""

# %%
# Rows of 100 features, more and more of them: with many the approximate search is the faster one.
# Times are of this machine; labels are compared by the adjusted Rand index.
import time

import matplotlib.pyplot as plt
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HDBSCAN

sizes = (1000, 2000, 4000, 8000)
seconds = {"auto": [], "approximate": []}
for n in sizes:
    X, _ = make_blobs(n, n_features=100, centers=20, cluster_std=3, random_state=0)
    labels = {}
    for algorithm, taken in seconds.items():
        start = time.perf_counter()
        model = HDBSCAN(min_cluster_size=20, min_samples=10, algorithm=algorithm)
        labels[algorithm] = model.fit_predict(X)
        taken.append(time.perf_counter() - start)
    agreement = adjusted_rand_score(labels["auto"], labels["approximate"])
    print(f"{n} rows: adjusted Rand index {agreement:.3f}")

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for algorithm, taken in seconds.items():
    ax.loglog(sizes, taken, "-o", label="exact" if algorithm == "auto" else algorithm)
ax.set(xlabel="rows of 100 features", ylabel="seconds", xticks=sizes, xticklabels=sizes)
ax.minorticks_off()
_ = ax.legend()
