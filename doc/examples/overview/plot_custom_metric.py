"""
=======================================================
A metric of your own: hours of the day, and KMedoids
=======================================================

Half past eleven at night and half past midnight are an hour apart; as numbers they are 23 apart.
:class:`~skdeepcluster.KMedoids`, :class:`~skdeepcluster.CLARA` and
:class:`~skdeepcluster.HDBSCAN` take any function of two rows as their `metric`.
"""

# %%
# Calls of three kinds: at night, in the morning and in the afternoon, each with its length in
# minutes.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import HDBSCAN, KMedoids

rng = np.random.default_rng(0)
kind = rng.integers(3, size=300)
hour = (np.array([0.0, 9.0, 15.0])[kind] + rng.normal(0, 1.2, 300)) % 24
minutes = np.array([25.0, 12.0, 18.0])[kind] + rng.normal(0, 4, 300)
calls = np.column_stack([hour, minutes])


# %%
# The distance goes round the clock, and ten minutes count like two hours.
def around_the_clock(a, b):
    apart = abs(a[0] - b[0])
    return np.hypot(min(apart, 24 - apart), (a[1] - b[1]) / 5)


own = KMedoids(3, metric=around_the_clock, n_init=5, random_state=0).fit(calls)
plain = KMedoids(3, n_init=5, random_state=0).fit(calls / [1, 5])
density = HDBSCAN(metric=around_the_clock, min_cluster_size=30).fit(calls)
agreement = {
    name: adjusted_rand_score(kind, model.labels_)
    for name, model in {"own": own, "plain": plain, "HDBSCAN": density}.items()
}
print({name: round(value, 2) for name, value in agreement.items()})

# %%
# New calls are assigned by the same function.
print(own.predict([[23.8, 20.0], [0.2, 20.0]]))

# %%
# The night is one cluster by the clock, and two by the numbers.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
for ax, model, title in ((axes[0], own, "around the clock"), (axes[1], plain, "as numbers")):
    ax.scatter(*calls.T, c=model.labels_, cmap="viridis", s=12)
    ax.scatter(*calls[model.medoid_indices_].T, marker="*", s=150, c="red", edgecolor="white")
    ax.set(title=title, xlabel="hour", xticks=range(0, 25, 6))
axes[0].set_ylabel("minutes")
plt.show()
