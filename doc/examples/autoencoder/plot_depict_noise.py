"""
===============================
Labels robust to missing pixels
===============================

:class:`~skdeepcluster.DEPICT` encodes each row twice, clean and with entries missing, and trains
the prediction for the noisy row to agree with that for the clean one. The effect shows when rows to
predict have missing entries.
"""

# %%
# Both methods are trained on complete digits.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.datasets import load_digits

from skdeepcluster import DEC, DEPICT
from skdeepcluster.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
network = {"hidden_layer_sizes": (256,), "pretrain_epochs": 40, "random_state": 0}
models = {"DEC": DEC(10, **network).fit(X), "DEPICT": DEPICT(10, **network).fit(X)}

# %%
# Then a growing share of the pixels is replaced by their means, as in the digit above the curves,
# which show the accuracy of the predicted labels. On complete digits DEC may be better; on damaged
# ones DEPICT is.
shares = np.linspace(0, 0.7, 8)
keys = np.random.RandomState(0).rand(*X.shape)
damaged = [np.where(keys < share, X.mean(axis=0), X) for share in shares]
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, model in models.items():
    accuracies = [clustering_accuracy(y, model.predict(rows)) for rows in damaged]
    ax.plot(shares, accuracies, marker="o", markersize=4, label=name)
for share, rows in zip(shares, damaged, strict=True):
    image = OffsetImage(rows[0].reshape(8, 8), zoom=4, cmap="gray_r")
    ax.add_artist(AnnotationBbox(image, (share, 1.12), frameon=False))
ax.set(xlabel="share of the pixels that is missing", ylabel="accuracy", ylim=(0, 1.25))
ax.set_yticks(np.linspace(0, 1, 6))
_ = ax.legend(loc="lower left")
