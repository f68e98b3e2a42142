"""
=====================================
Five kinds of pseudo-labels, compared
=====================================

The training targets of these methods differ more than their results: labels of groups that are
found once (:class:`~skdeepcluster.ClusterFit`), several of them for a row
(:class:`~skdeepcluster.MLCD`), labels found again in rounds (:class:`~skdeepcluster.DeepCluster`),
labels that follow the network step by step (:class:`~skdeepcluster.ODC`), or none, but no two rows
of a group in a batch (:class:`~skdeepcluster.GSimCLR`).
"""

# %%
# The same digits, seed and encoder for all, a smaller one than by default, and fewer epochs.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skdeepcluster import MLCD, ODC, ClusterFit, DeepCluster, GSimCLR
from skdeepcluster.displays import EmbeddingDisplay, LossCurveDisplay
from skdeepcluster.metrics import clustering_accuracy, knn_score

X, y = load_digits(return_X_y=True)
models = {
    method.__name__: method(10, hidden_layer_sizes=(256,), max_epochs=16, random_state=0).fit(X)
    for method in (ClusterFit, MLCD, DeepCluster, ODC, GSimCLR)
}
print("             accuracy  vote of neighbors  dimensions")
for name, model in models.items():
    accuracy = clustering_accuracy(y, model.labels_)
    vote = knn_score(model.transform(X), y)
    print(f"{name:12} {accuracy:8.3f} {vote:18.3f} {model.embedding_rank_:11.1f}")

# %%
# The losses. Where groups are found once they decrease smoothly; where they are recomputed, the
# head is restarted as well, and `similarity` is that between the groups and those of the previous
# round.
figure, axes = plt.subplots(1, 5, figsize=(14, 2.8), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    LossCurveDisplay.from_estimator(model, ax=ax)
    ax.legend(fontsize=7)
    ax.set(title=name, ylabel="")

# %%
# The embeddings in the plane of their leading principal components, colored by digit. The more
# dimensions an embedding uses, the less of it is visible in any plane: contrastive training spreads
# rows evenly over the sphere, and still a digit's neighbors are of its class.
figure, axes = plt.subplots(1, 5, figsize=(14, 3), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    EmbeddingDisplay.from_predictions(model.transform(X), y, ax=ax)
    ax.set(title=name, xlabel="", ylabel="", xticks=[], yticks=[])
