"""
================================
My table has categories and gaps
================================

Ages, professions and missing values in one table: :class:`~skdeepcluster.GowerEncoder` makes rows
whose Manhattan distances are Gower's, for any clusterer that takes these.
"""

# %%
# Three groups, of which each column tells a little, and one value of ten is missing.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from skdeepcluster import GowerEncoder, KMedoids

rng = np.random.default_rng(0)
group = np.repeat(np.arange(3), 100)


def mostly(options, chance=0.75):
    usual = rng.random(len(group)) < chance
    return np.array(options, dtype=object)[np.where(usual, group, rng.integers(3, size=len(group)))]


frame = pd.DataFrame(
    {
        "age": np.array([25, 45, 70])[group] + rng.normal(0, 8, 300),
        "income": np.array([2000, 5000, 2500])[group] * rng.lognormal(0, 0.4, 300),
        "job": mostly(["student", "engineer", "retired"]),
        "home": mostly(["shared", "house", "flat"]),
        "school": mostly(["middle", "high", "low"]),
    }
).mask(rng.random((300, 5)) < 0.1)
print(frame.head())

# %%
# `school` has an order. The medoids are real rows of the table, so each cluster has a typical
# person.
encoder = GowerEncoder(ordinal={"school": ["low", "middle", "high"]})
model = make_pipeline(encoder, KMedoids(3, metric="manhattan", random_state=0)).fit(frame)
labels = model[-1].labels_
print(f"adjusted Rand index with the groups: {adjusted_rand_score(group, labels):.2f}")
print(frame.iloc[model[-1].medoid_indices_])

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
axes[0].scatter(frame["age"], frame["income"], c=labels, cmap="tab10", vmax=9, s=12)
axes[0].set(xlabel="age", ylabel="income", title="Clusters in two of five columns")
shares = pd.crosstab(labels, frame["job"], normalize="index")
shares.plot.bar(stacked=True, ax=axes[1], rot=0)
axes[1].legend(loc="lower left")
_ = axes[1].set(xlabel="cluster", title="Jobs")
