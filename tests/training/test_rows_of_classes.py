"""Batches of several rows of several classes."""

from types import SimpleNamespace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster.training import rows_of_classes


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.integers(2, 5),
    st.integers(1, 40),
    st.integers(0, 99),
)
def test_classes_have_as_many_rows_as_each_other(sizes, rows_per_class, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    label = torch.cat([torch.full((size,), c) for c, size in enumerate([7, *sizes], -1)])
    label = label[torch.randperm(len(label), generator=generator)]
    fit = SimpleNamespace(
        side=SimpleNamespace(rows={"label": label}), generator=generator, batch_size=batch_size
    )
    batches = rows_of_classes("label", rows_per_class)(fit)
    rows = torch.cat(batches)
    assert (label[rows] >= 0).all()
    n_rounds = -(-sum(sizes) // (len(sizes) * rows_per_class))
    drawn = torch.bincount(label[rows], minlength=len(sizes))
    assert drawn.tolist() == [n_rounds * min(rows_per_class, size) for size in sizes]
    for c, size in enumerate(sizes):
        own = rows[label[rows] == c]
        # Each group is of different rows, and no row is drawn twice before all are once.
        for group in own.split(min(rows_per_class, size)):
            assert len(group.unique()) == len(group)
        counts = torch.bincount(own, minlength=len(label))[label == c]
        if rows_per_class <= size:
            assert counts.max() - counts.min() <= 1
        else:
            assert (counts == n_rounds).all()
    # Of about equal sizes, and of no more classes than there is room for.
    groups = [-(-len(batch) // rows_per_class) for batch in batches]
    assert max(groups) <= max(2, batch_size // rows_per_class)
    assert all(len(batch) > 0 for batch in batches)
