"""
==================================
New digits from a generative model
==================================

:class:`~skdeepcluster.VaDE` is a generative model: each cluster is a Gaussian of codes, and the
decoder maps draws from it to rows. It gives labels, new rows of a cluster, and a bound on the
likelihood of a row.
"""

# %%
# The model is fitted to the images alone. `best_match` assigns digits to clusters, to order the
# rows.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepcluster import VaDE
from skdeepcluster.metrics import best_match, clustering_accuracy

X, y = load_digits(return_X_y=True)
vade = VaDE(10, hidden_layer_sizes=(256, 256), random_state=0).fit(X)
print(f"accuracy {clustering_accuracy(y, vade.labels_):.3f}")


def show(ax, image):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


# %%
# In each row the decoded mean of a component, and ten rows drawn from it by `sample`.
n_drawn = 10
means = vade.inverse_transform(vade.cluster_centers_)
figure, axes = plt.subplots(10, n_drawn + 1, figsize=(8, 7.5), layout="constrained")
for row, cluster in zip(axes, best_match(y, vade.labels_), strict=True):
    drawn, _ = vade.sample(n_drawn, cluster=cluster)
    for ax, image in zip(row, [means[cluster], *drawn], strict=True):
        show(ax, image)
    row[0].spines[:].set(visible=True, color="C1", linewidth=2)
axes[0, 0].set_title("mean", color="C1")
_ = axes[0, 1 + n_drawn // 2].set_title("drawn from the component")

# %%
# The bound separates usual from unusual rows: the ten digits of highest bound above, the ten of
# lowest below; digits turned upside down have even lower ones.
bound = vade.score_samples(X)
turned = vade.score_samples(X.reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64))
order = np.argsort(-bound)
figure, axes = plt.subplots(2, 10, figsize=(8, 2), layout="constrained")
for ax, i in zip(axes.ravel(), [*order[:10], *order[-10:]], strict=True):
    show(ax, X[i])

figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
bins = np.linspace(np.percentile(turned, 1), bound.max(), 60)
ax.hist(bound, bins, alpha=0.7, label="as they are")
ax.hist(turned, bins, alpha=0.7, label="upside down")
ax.set(xlabel="evidence bound", ylabel="digits")
_ = ax.legend()
