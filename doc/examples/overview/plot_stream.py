"""
=====================================================
A stream: TELL takes rows in chunks, SwAV and ODC too
=====================================================

Rows that arrive day by day: the first day is `fit`, every other `partial_fit`. Clusters keep their
numbers.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import TELL

X, y = load_digits(n_class=5, return_X_y=True)
days = np.array_split(np.random.default_rng(0).permutation(len(X)), 4)
tell = TELL(5, hidden_layer_sizes=(64,), pretrain_epochs=10, max_epochs=5, random_state=0)
scores = []
for day in days:
    tell.partial_fit(X[day])
    scores.append(adjusted_rand_score(y, tell.predict(X)))
print([round(score, 2) for score in scores])

# %%
# The agreement with the digits of all days, after each of them.
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.plot(range(1, 5), scores, marker="o")
ax.set(xlabel="day", ylabel="adjusted Rand index", xticks=range(1, 5), ylim=(0, 1))
plt.show()
