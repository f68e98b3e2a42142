"""
==================================================
An embedding of known classes, divided in learners
==================================================

:class:`~skdeepcluster.DynamicSubspaceEmbedding` learns the classes of 300 digits. Where the classes
of rows that are held out are not found better for some epochs, some units of the embedding begin
anew, as a learner of their own.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import train_test_split

from skdeepcluster import DynamicSubspaceEmbedding

X, new, y, y_new = train_test_split(*load_digits(return_X_y=True), train_size=300, random_state=0)
model = DynamicSubspaceEmbedding(hidden_layer_sizes=(128, 128), random_state=0).fit(X, y)

# %%
# The progress, and where units were split off. In the last epochs, which the curve leaves out, all
# units learn together.
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(model.validation_nmi_)
for epoch in model.split_epochs_:
    ax.axvline(epoch, color="0.4", linestyle="--")
_ = ax.set(xlabel="epoch", ylabel="NMI of rows held out")

# %%
# The embedding of new rows, sorted by their digits, and its units, sorted by their learners.
Z = model.transform(new)
rows = np.argsort(y_new, kind="stable")
units = np.argsort(model.learner_index_, kind="stable")
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
limit = np.quantile(np.abs(Z), 0.99)
ax.imshow(Z[rows][:, units], cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
for edge in np.cumsum(np.bincount(model.learner_index_))[:-1]:
    ax.axvline(edge - 0.5, color="black")
middles = [np.mean(np.flatnonzero(y_new[rows] == digit)) for digit in range(10)]
_ = ax.set(xlabel="unit, by learner", ylabel="new row, by digit", yticks=middles)
_ = ax.set_yticklabels(range(10))

# %%
# Clusters of the new rows: by k-means of the pixels, of the units of each learner, and of all.
parts = {"pixels": new}
for learner in range(model.n_learners_):
    parts[f"learner {learner + 1}"] = Z[:, model.learner_index_ == learner]
parts["all units"] = Z
scores = [
    normalized_mutual_info_score(y_new, KMeans(10, n_init=5, random_state=0).fit_predict(part))
    for part in parts.values()
]
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.bar(list(parts), scores)
_ = ax.set(ylabel="NMI with the digits", ylim=(0, 1))
