"""
==============================
Small groups far from all else
==============================

Two common populations, three small groups and single outliers.
:class:`~skdeepcluster.RareClusterSearch` finds the groups: it labels neither what is common nor
what is alone.
"""

# %%
# Groups are numbered by their scores; gray rows have no label.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import RareClusterSearch

rng = np.random.default_rng(0)
common = rng.normal(size=(2000, 2)) * [2, 1] + np.repeat([[0, 0], [7, 4]], 1000, axis=0)
places = np.array([[-4, 6], [9, -4], [14, 8]])
rare = np.repeat(places, 15, axis=0) + 0.12 * rng.normal(size=(45, 2))
alone = rng.uniform([-8, -8], [16, 12], size=(15, 2))
X = np.concatenate([common, rare, alone])
model = RareClusterSearch(random_state=0).fit(X)
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
ax.scatter(*X[model.labels_ == -1].T, s=4, color="0.7")
for i, group in enumerate(model.groups_):
    rows = X[group["members"]]
    ax.scatter(*rows.T, s=12)
    ax.annotate(f"{i}: score {group['score']:.1f}", rows.mean(axis=0) + 0.4)
_ = ax.set(aspect="equal", title=f"{model.n_groups_} groups")
