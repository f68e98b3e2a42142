"""SeLa."""

import numpy as np
import pytest
import torch

from skdeepcluster import SeLa
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_labels_are_used_about_equally(X):
    model = brief(SeLa, 4, n_heads=2, n_prototypes=8, reg=0.02).fit(X)
    assert model.pseudo_labels_.shape == (2, 256)
    for labels in model.pseudo_labels_:
        counts = np.bincount(labels, minlength=8)
        assert counts.sum() == 256 and counts.max() < 2 * 32


def test_known_transport():
    """The row that is least attached is pushed to the label that none wants."""
    scores = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.9, 0.0]])
    found = SeLa(reg=0.05)._transport(-scores, np.zeros(2))
    assert found.labels.tolist() == [0, 0, 0, 1]


def test_first_labels_are_balanced_and_relabeling_is_frequent_at_first(X):
    model = brief(SeLa, 4, n_heads=1, n_prototypes=8, max_epochs=10).fit(X)
    transport = model.history_["train"]["transport"]
    assert len(transport) == 10 and transport[-1] < transport[0]
