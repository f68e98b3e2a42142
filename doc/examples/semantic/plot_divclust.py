"""
=======================================
Several clusterings that have to differ
=======================================

:class:`~skdeepcluster.DivClust` trains several clusterings at once, as diverse as wanted. What they
still have in common is what one can rely on.
"""

# %%
# Five clusterings of digits, without a wanted diversity and with one.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster import DivClust
from skdeepcluster.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]
params = {"hidden_layer_sizes": (128,), "batch_size": 60, "max_epochs": 60, "random_state": 0}
models = {wanted: DivClust(10, diversity=wanted, **params).fit(X) for wanted in (0.0, 0.3)}

# %%
# The similarity of each pair of clusterings, and how often the consensus is right for rows whose
# cluster is certain in all clusterings, and for others: probabilities are shares of the votes.
figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
for i, (wanted, model) in enumerate(models.items()):
    similarity = [
        [normalized_mutual_info_score(a, b) for a in model.head_labels_] for b in model.head_labels_
    ]
    image = axes[i].imshow(similarity, vmin=0.5, vmax=1)
    axes[i].set(title=f"wanted {wanted}, found {model.diversity_:.2f}", xticks=[], yticks=[])
    certainty = model.predict_proba(X).max(axis=1)
    order = np.argsort(-certainty, kind="stable")
    shares = np.linspace(0.2, 1, 17)
    right = [
        clustering_accuracy(y[order[:n]], model.labels_[order[:n]])
        for n in (shares * len(X)).astype(int)
    ]
    axes[2].plot(shares, right, label=f"wanted {wanted}")
figure.colorbar(image, ax=axes[:2], label="NMI")
axes[2].set(xlabel="share of the rows, most certain first", ylabel="accuracy")
_ = axes[2].legend()
