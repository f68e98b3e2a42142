"""
====================================
A grid search, observed by callbacks
====================================

Deep clusterers are scikit-learn estimators: here :class:`~skdeepcluster.DEC` is the last step of a
pipeline, a grid search chooses the width of its embedding without labels, and scikit-learn's
:class:`~sklearn.callback.ScoringMonitor` scores every fit of the search epoch by epoch.
"""

# %%
# The search ranks by the silhouette *of the rows that enter DEC*, the default of
# :func:`~skdeepcluster.metrics.make_unsupervised_scorer`: indices of different embeddings are not
# comparable, since an embedding that collapses has a perfect one.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skdeepcluster import DEC
from skdeepcluster.constraints import IgnoredLabelsWarning
from skdeepcluster.metrics import clustering_accuracy_scorer, silhouette_scorer

X, y = load_digits(return_X_y=True)

monitor = ScoringMonitor(
    scoring={"silhouette": silhouette_scorer, "accuracy": clustering_accuracy_scorer}
)
dec = DEC(
    10, hidden_layer_sizes=(128, 128), pretrain_epochs=20, max_epochs=10, tol=0, random_state=0
)
pipeline = Pipeline([("drop_constant", VarianceThreshold()), ("dec", dec.set_callbacks(monitor))])
widths = [2, 5, 10]
search = GridSearchCV(pipeline, {"dec__n_components": widths}, scoring=silhouette_scorer, cv=2)

# %%
# `fit` gets the classes only for the monitor, which scores only where there is a `y`: neither DEC
# nor the scorer of the search uses them, of which DEC warns.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", IgnoredLabelsWarning)
    search.fit(X, y)
print(f"chosen: {search.best_params_}")
print(f"accuracy on all digits: {clustering_accuracy_scorer(search, X, y):.3f}")

# %%
# Each entry of the log belongs to a task, and its path locates the task: the search, all of its
# fits, one of them (the folds of a candidate follow each other), the step of the pipeline, the
# stage of DEC, the epoch. Self-training, of 10 epochs in each fit, is the last stage; the warm-up
# before ends where the labels of the start are learned.
curves = {width: [[] for _ in range(2)] for width in widths}
for entry in monitor.get_logs().data:
    match entry["task_id_path"]:
        case (0, 0, fit, _, 2, _):
            candidate, fold = divmod(fit, 2)
            curves[widths[candidate]][fold].append((entry["silhouette"], entry["accuracy"]))

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for width, folds in curves.items():
    silhouette, accuracy = np.mean(folds, axis=0).T
    epochs = np.arange(1, len(accuracy) + 1)
    left.plot(epochs, silhouette, marker="o", label=f"n_components={width}")
    right.plot(epochs, accuracy, marker="o")
left.set(title="What the search sees: silhouette", xlabel="Epoch of self-training")
right.set(title="What it does not see: accuracy", xlabel="Epoch of self-training")
_ = left.legend()

# %%
# The narrowest embedding has the lowest scores in both views, and loses in both as it trains. Of
# the wider ones each view prefers another: an index measures how compact clusters are in the space
# of its distances, not whether they are meaningful.
