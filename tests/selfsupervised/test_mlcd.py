"""MLCD."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster import MLCD
from skdeepcluster.selfsupervised.mlcd import _log_one_plus
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(0, 500))
def test_both_terms_of_mlcd_are_one_logarithm(k, seed):
    scores = torch.randn(5, k, generator=torch_generator(seed), dtype=torch.float64)
    positive = torch.rand(5, k, generator=torch_generator(seed + 1)) < 0.5
    negative = ~positive
    loss = _log_one_plus(-scores, positive) + _log_one_plus(scores, negative)
    sp = torch.where(positive, (-scores).exp(), 0).sum(dim=1)
    sn = torch.where(negative, scores.exp(), 0).sum(dim=1)
    expected = torch.log(1 + sn * sp + sn + sp).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    assert loss >= torch.log(1 + sn * sp).mean()


def test_large_scores_are_stable():
    scores = torch.tensor([[640.0, -640.0]])
    assert _log_one_plus(scores, torch.tensor([[True, True]])).item() == pytest.approx(640)


def test_positives_begin_with_the_nearest_center(X):
    model = brief(MLCD, 4, n_prototypes=40, n_positives=3).fit(X)
    assert model.pseudo_labels_.shape == (256, 3)
    assert all(len(set(row)) == 3 for row in model.pseudo_labels_)
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=1), 1, rtol=1e-5)
    rows = (X - model.mean_) * model.scale_
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    centers = model.teacher_centers_
    cosine = rows @ (centers / np.linalg.norm(centers, axis=1, keepdims=True)).T
    order = np.argsort(-cosine, axis=1)[:, :3]
    assert (order == model.pseudo_labels_).mean() > 0.99
