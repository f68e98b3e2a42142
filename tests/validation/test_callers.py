"""Warnings point at the code that called the package, however many methods are between."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import DEC, HDBSCAN, PBN, ConstrainedKMeans, VolMaxDCC
from skdeepcluster.constraints import IgnoredLabelsWarning

X, y = make_blobs(60, n_features=5, centers=3, random_state=0)
BRIEF = {"max_epochs": 1, "hidden_layer_sizes": (4,), "n_components": 4, "random_state": 0}


@pytest.mark.parametrize(
    "model",
    [
        ConstrainedKMeans(3),
        HDBSCAN(),
        DEC(3, pretrain_epochs=1, init_epochs=1, **BRIEF),
        VolMaxDCC(1, **BRIEF),
        PBN(3, **BRIEF),
        make_pipeline(StandardScaler(), DEC(3, pretrain_epochs=1, init_epochs=1, **BRIEF)),
    ],
    ids=["constrained", "density", "self-training", "pairs", "novel", "pipeline"],
)
def test_labels_that_are_ignored(model):
    with pytest.warns(IgnoredLabelsWarning) as found:
        model.fit(X, y)
    assert {warning.filename for warning in found} == {__file__}


def test_clusters_that_are_not_found():
    rows = np.repeat(X[:1], 20, axis=0)
    with pytest.warns(ConvergenceWarning, match="found 1 clusters") as found:
        DEC(3, pretrain_epochs=1, init_epochs=1, **BRIEF).fit(rows)
    assert {warning.filename for warning in found} == {__file__}
