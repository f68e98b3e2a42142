"""
===================================================================
A long fit: DEC with a limit of time, resumed, saved and used again
===================================================================

A fit that takes hours dies with its machine, or has to stop for the night. With `checkpoint`,
:class:`~skdeepcluster.DEC` and every other deep method goes on where it was; the fitted model is a
file that another program reads.
"""

# %%
# `max_time` ends the training after so many seconds, here early, with a warning and a model that
# predicts. The epochs that were done are in the file.
import tempfile
import warnings
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import DEC
from skdeepcluster.displays import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X, X_new = X[:600], X[600:]
folder = Path(tempfile.mkdtemp())
settings = {
    "init": "k-means", "hidden_layer_sizes": (64,), "pretrain_epochs": 40, "init_epochs": 5,
    "max_epochs": 20, "tol": 0,
}  # fmt: skip
dec = DEC(10, checkpoint=folder / "dec.pt", max_time=0.1, random_state=0, **settings)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always", ConvergenceWarning)
    dec.fit(X)
print(said[0].message)


def epochs(model):
    """The number of epochs of each stage."""
    return {stage: max(map(len, terms.values())) for stage, terms in model.history_.items()}


print(epochs(dec))

# %%
# The same call without the limit goes on from the file, and ends with the labels of a fit that was
# never interrupted.
resumed = dec.set_params(max_time=None).fit(X)
print(epochs(resumed))
at_once = DEC(10, random_state=0, **settings).fit(X)
print("equal labels:", np.array_equal(resumed.labels_, at_once.labels_))

# %%
# Saved like any estimator of scikit-learn. The loaded one predicts what the saved one does, also on
# a machine without a GPU if it was trained on one.
joblib.dump(resumed, folder / "dec.joblib")
loaded = joblib.load(folder / "dec.joblib")
print("equal predictions:", np.array_equal(loaded.predict(X_new), resumed.predict(X_new)))

# %%
# All epochs are in the history, those before the break too.
LossCurveDisplay.from_estimator(loaded)
plt.show()
