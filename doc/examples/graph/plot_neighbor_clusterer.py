"""
======================================================
NeighborClusterer on digits: many candidates, one kept
======================================================

:class:`~skdeepcluster.NeighborClusterer` reads clusters out of a graph of nearest neighbors in
several ways and runs, and keeps those that other runs confirm and that have a large modularity.
"""

# %%
# Each picture shows all digits in the same two dimensions, colored by the best run of a read-out.
# The title says its modularity and support, which need no labels, and its accuracy, which does.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skdeepcluster import NeighborClusterer, NeighborLayout
from skdeepcluster.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
model = NeighborClusterer(10, random_state=0).fit(X)
places = NeighborLayout(n_components=2, min_dist=0.1, random_state=0).fit_transform(X)

figure, axes = plt.subplots(2, 2, figsize=(8, 8), layout="constrained")
for ax, (name, runs) in zip(axes.flat, model.candidates_.items(), strict=True):
    best = (model.modularities_[name] * model.supports_[name]).argmax()
    ax.scatter(*places.T, c=runs[best], s=4, cmap="tab10")
    kept = ", kept" if name == model.read_out_ else ""
    ax.set_title(
        f"{name}{kept}: modularity {model.modularities_[name][best]:.3f},\n"
        f"support {model.supports_[name][best]:.3f}, "
        f"accuracy {clustering_accuracy(y, runs[best]):.3f}"
    )
    ax.set(xticks=[], yticks=[])

# %%
# `probabilities_` is the share of a row's edges that lead into its own cluster. Low values are
# where clusters touch, and where labels are wrong more often.
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
points = ax.scatter(*places.T, c=model.probabilities_, s=6, cmap="viridis")
figure.colorbar(points, label="share of edges within the cluster")
_ = ax.set(xticks=[], yticks=[])

# %%
# New rows ask their neighbors.
half = NeighborClusterer(10, random_state=0).fit(X[:1200])
accuracy = clustering_accuracy(y[1200:], half.predict(X[1200:]))
print(f"accuracy on 597 digits that were not in the fit: {accuracy:.3f}")
