"""
======================================
Which probabilities can be relied on
======================================

Networks that learn their own labels become too certain. :class:`~skdeepcluster.CDC` has a second
head that learns the probabilities of the first one, averaged over similar rows.
"""

# %%
# Accuracy over confidence for both heads of one fit. Below the diagonal a head is too certain.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skdeepcluster import CDC
from skdeepcluster.displays import ReliabilityDisplay

X, y = load_digits(return_X_y=True)
X, y = X[:900], y[:900]
model = CDC(10, pretrain_epochs=30, max_epochs=60, learning_rate=3e-4, random_state=0).fit(X)

figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
ReliabilityDisplay.from_predictions(y, model.cluster_head_proba(X), name="clustering head", ax=ax)
_ = ReliabilityDisplay.from_predictions(y, model.predict_proba(X), name="calibrated head", ax=ax)
