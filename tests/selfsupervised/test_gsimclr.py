"""G-SimCLR."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster import GSimCLR
from skdeepcluster.selfsupervised.gsimclr import one_of_each
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=60), st.integers(1, 10), st.booleans(),
    st.integers(0, 1000),
)  # fmt: skip
def test_no_batch_has_two_rows_of_a_label(labels, batch_size, once, seed):
    labels = torch.tensor(labels)
    batches = one_of_each(labels, batch_size, torch_generator(seed), once=once)
    assert batches
    size = min(batch_size, len(labels.unique()))
    for batch in batches:
        assert len(labels[batch].unique()) == len(batch) <= size
    if once:
        rows = torch.cat(batches)
        assert len(rows.unique()) == len(rows)
    again = one_of_each(labels, batch_size, torch_generator(seed), once=once)
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


@pytest.mark.parametrize("coverage", ["uniform", "once"])
def test_guided_batches(coverage, X):
    model = brief(GSimCLR, 4, coverage=coverage, batch_size=16).fit(X)
    assert model.n_prototypes_ == 16
    assert len(np.unique(model.pseudo_labels_)) == 16
    assert set(model.history_) == {"guide", "train"}
