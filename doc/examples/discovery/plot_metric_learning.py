"""
==========================================
A metric of known classes for further ones
==========================================

Twenty classes differ in five features, and 45 other features vary as much and mean nothing. From
the labels of ten classes :class:`~skdeepcluster.MetricLearningClusterer` learns which directions
count, and finds the ten classes that nobody has named.
"""

# %%
# Without training, rows are clustered in their principal axes. After it, in what the known classes
# differ in.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from skdeepcluster import MetricLearningClusterer
from skdeepcluster.metrics import clustering_accuracy

rng = np.random.default_rng(0)
y = np.repeat(np.arange(20), 30)
means = rng.normal(0, 4, (20, 5))
X = np.column_stack([means[y] + rng.normal(size=(600, 5)), rng.normal(0, 4, (600, 45))])
partial = np.where(y < 10, y, -1)
novel = partial < 0
models = {
    "principal axes": MetricLearningClusterer(10, max_epochs=0, random_state=0),
    "learned metric": MetricLearningClusterer(10, max_epochs=50, random_state=0),
}

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=False):
    labels = model.fit(X, partial).labels_
    accuracy = clustering_accuracy(y[novel], labels[novel])
    Z = PCA(2, random_state=0).fit_transform(model.transform(X[novel]))
    ax.scatter(*Z.T, c=y[novel], cmap="tab10", s=8)
    ax.set(title=f"{name}: {accuracy:.0%} right", xticks=[], yticks=[])

# The linear map, in units of the rows: how much each feature counts.
weight = models["learned metric"].module_.embedding.weight.detach().numpy()
axes[2].bar(np.arange(50), np.linalg.norm(weight, axis=0), color=["C0"] * 5 + ["0.6"] * 45)
_ = axes[2].set(title="what counts in the metric", xlabel="feature", ylabel="length of its column")
