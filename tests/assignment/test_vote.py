"""Votes of neighbors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster.assignment import neighbor_vote


@given(st.integers(0, 2**31 - 1), st.integers(1, 30))
@settings(max_examples=25)
def test_vote(seed, k):
    rng = np.random.default_rng(seed)
    distances = torch.as_tensor(rng.uniform(0.1, 1, size=(5, 20)))
    labels = torch.as_tensor(rng.integers(4, size=20))
    found = neighbor_vote(distances, labels, 4, k)
    for row, label in zip(distances.numpy(), found, strict=True):
        near = np.argsort(row)[:k]
        votes = np.bincount(labels[near], 1 / row[near], minlength=4)
        assert votes[label] == pytest.approx(votes.max())


def test_copies_of_a_row_outvote_all_others():
    distances = torch.tensor([[1e-9, 0.0, 1e-9, 1e-9], [0.0, 1.0, 0.0, 0.0]])
    labels = torch.tensor([0, 1, 0, 2])
    assert neighbor_vote(distances, labels, 3, 4).tolist() == [1, 0]
    assert neighbor_vote(distances[:1], labels, 3, 1).tolist() == [1]
