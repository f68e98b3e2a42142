"""
=======================
"My series have holes"
=======================

Sixty curves of three kinds, each seen at 15 of 41 times. :class:`~skdeepcluster.MagmaClust` finds
the kinds, their mean curves and how a curve goes on that has only begun.
"""

# %%
# The kinds differ in phase; each curve has a level of its own, and noise.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import MagmaClust

rng = np.random.default_rng(0)
times = np.linspace(0, 10, 41)
kind = np.arange(60) % 3
complete = 2 * np.sin(times + 2 * kind[:, np.newaxis]) + rng.normal(0, 0.3, (60, 1))
complete += rng.normal(0, 0.1, complete.shape)
X = np.full_like(complete, np.nan)
for row, values in zip(X, complete, strict=True):
    seen = rng.permutation(41)[:15]
    row[seen] = values[seen]
model = MagmaClust(3, times=times, random_state=0).fit(X)

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for cluster, mean in enumerate(model.mean_processes_):
    color = f"C{cluster}"
    rows = model.labels_ == cluster
    ax.plot(np.tile(times, (rows.sum(), 1)).T, X[rows].T, ".", color=color, markersize=3)
    ax.plot(times, mean, color=color, linewidth=3)
_ = ax.set(title="Values seen, and mean curves", xlabel="time")

# %%
# A new curve of the first kind begins where the first two kinds cross. After one value both are
# possible, and the interval holds both; after six it is clear which one it is, and at which level.
new = 2 * np.sin(times) + 0.1 + rng.normal(0, 0.1, times.shape)
first = 2
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, n_seen in zip(axes, (1, 6), strict=True):
    seen = (np.arange(41) >= first) & (np.arange(41) < first + n_seen)
    begun = np.where(seen, new, np.nan)[np.newaxis]
    mean = model.forecast(begun)[0]
    low, high = model.forecast_interval(begun)[0].T
    shares = np.sort(model.predict_proba(begun)[0])[::-1]
    ax.fill_between(times, low, high, alpha=0.25, color="0.5", label="95 % interval")
    ax.plot(times, mean, color="black", label="forecast")
    ax.plot(times[~seen], new[~seen], "o", mfc="none", color="0.4", label="what comes")
    ax.plot(times[seen], new[seen], "o", color="C3", label="seen")
    title = ", ".join(f"{share:.0%}" for share in shares[:2])
    ax.set(title=f"{n_seen} seen; most probable kinds: {title}", xlabel="time")
_ = axes[0].legend(fontsize="small", loc="lower left")
