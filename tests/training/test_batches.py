"""What batches are made of."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skdeepcluster.training import (
    Batch,
    Items,
    Side,
    all_rows,
    balanced,
    edges_of,
    events_of,
    graph_tensor,
    pairs_of,
    pairs_tensor,
    ramp,
    rows_with_neighbors,
    sets_of,
)
from tests.common import torch_generator


def fit_with(side, batch_size=4, n_rows=10):
    generator = torch.Generator().manual_seed(0)
    return SimpleNamespace(
        side=side, batch_size=batch_size, generator=generator, samples=range(n_rows)
    )


def joined(batches):
    index = torch.cat([batch.index for batch in batches])
    known = {name: torch.cat([b.known[name] for b in batches]) for name in batches[0].known}
    return index, known


@given(st.integers(1, 30), st.integers(1, 9))
def test_each_pair_once_with_what_is_known_of_it(n_pairs, batch_size):
    pairs = torch.arange(2 * n_pairs).reshape(-1, 2)
    side = Side({}, {"pairs": pairs, "weight": torch.arange(n_pairs)})
    batches = pairs_of("pairs", "weight")(fit_with(side, batch_size))
    assert max(map(len, batches)) <= batch_size
    index, known = joined(batches)
    order = known["weight"].argsort()
    assert torch.equal(index[order], pairs)


def test_events_come_in_their_order():
    events = torch.randint(9, (11, 2), generator=torch.Generator().manual_seed(0))
    side = Side({}, {"events": events, "time": torch.arange(11)})
    index, known = joined(events_of("events", "time")(fit_with(side)))
    assert torch.equal(index, events)
    assert torch.equal(known["time"], torch.arange(11))


def test_each_edge_once_with_its_weight():
    rng = np.random.default_rng(0)
    graph = csr_array(rng.random((10, 10)) * (rng.random((10, 10)) < 0.3))
    side = Side({}, {"graph": graph_tensor(graph, 10)})
    index, known = joined(edges_of("graph")(fit_with(side)))
    restored = torch.zeros(10, 10)
    restored[index[:, 0], index[:, 1]] += known["weight"]
    assert torch.equal(restored, torch.as_tensor(graph.toarray(), dtype=torch.float32))
    assert len(index) == graph.nnz


def test_each_row_once_with_one_of_its_neighbors():
    neighbors = torch.randint(10, (10, 3), generator=torch.Generator().manual_seed(1))
    fit = fit_with(Side({"neighbors": neighbors}))
    seen = set()
    for _ in range(20):
        index, _ = joined(rows_with_neighbors("neighbors")(fit))
        assert sorted(index[:, 0].tolist()) == list(range(10))
        assert all(j in neighbors[i] for i, j in index)
        seen |= {(int(i), int(j)) for i, j in index}
    assert len(seen) == sum(len(row.unique()) for row in neighbors)


def test_sets_are_filled_up_and_rows_outside_left_out():
    sets = torch.tensor([0, 0, 0, 5, 5, -1, 2, -1, 5, 2])
    index, known = joined(sets_of("set")(fit_with(Side({"set": sets}), batch_size=2)))
    found = sorted(
        sorted(row[inside].tolist()) for row, inside in zip(index, known["inside"], strict=True)
    )
    assert found == [[0, 1, 2], [3, 4, 8], [6, 9]]
    assert index.shape == (3, 3)


def test_all_rows_at_once():
    (index,) = all_rows(fit_with(Side()))
    assert index.tolist() == list(range(10))


def test_a_part_of_the_items():
    items = Items(torch.arange(6).reshape(3, 2), {"weight": torch.arange(3)})
    part = items.take(torch.tensor([2, 0]))
    assert part.index.tolist() == [[4, 5], [0, 1]]
    assert part.known["weight"].tolist() == [2, 0]


def test_no_pairs_no_batches():
    side = Side(
        {}, {"pairs": pairs_tensor(None, 10), "graph": graph_tensor(np.zeros((10, 10)), 10)}
    )
    for batches in (pairs_of("pairs"), events_of("pairs"), edges_of("graph")):
        assert batches(fit_with(side)) == []


def test_one_row_of_each_item():
    batch = Batch(torch.arange(6).reshape(3, 2), torch.arange(12).reshape(3, 2, 2))
    second = batch.row(1)
    assert second.index.tolist() == [1, 3, 5]
    assert second.x.tolist() == [[2, 3], [6, 7], [10, 11]]


@pytest.mark.parametrize("shape", ["linear", "cosine", "sigmoid"])
def test_ramps(shape):
    factor = ramp(0.5, 2.0, until=0.4, shape=shape)
    values = [factor(share / 10) for share in range(11)]
    assert values == sorted(values)
    assert values[4:] == [2.0] * 7
    assert values[0] == pytest.approx(0.5, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(4, 30), st.integers(2, 9),
    st.integers(0, 500),
)  # fmt: skip
def test_balanced_batches(sizes, batch_size, n_per_label, seed):
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    labels = torch.cat([labels, torch.full((5,), 99)])
    # Rows that are not asked for come never.
    rows = torch.arange(len(labels) - 5)
    batches = balanced(labels, rows, batch_size, n_per_label, torch_generator(seed))
    kept = [c for c, size in enumerate(sizes) if size > 1]
    assert bool(batches) == bool(kept)
    if not kept:
        return
    per_batch = [labels[batch].bincount(minlength=len(sizes)) for batch in batches]
    for batch, counts in zip(batches, per_batch, strict=True):
        assert len(batch) <= max(batch_size, 4)
        assert len(batch.unique()) == len(batch)
        assert (counts > 0).sum() >= min(2, len(kept))
        assert (counts[counts > 0] >= 2).all()
    turns = sum((counts > 0).long() for counts in per_batch)[kept]
    assert turns.max() - turns.min() <= 1
    times = torch.cat(batches).bincount(minlength=len(rows))
    for c in kept:
        of_label = times[rows[labels[rows] == c]]
        assert of_label.max() - of_label.min() <= 1
    # No batch is more than what is left.
    assert len(torch.cat(batches[:-1] or [rows[:0]])) < sum(sizes[c] for c in kept)


def test_balanced_batches_are_random_and_reproducible():
    labels = torch.arange(60) % 3
    first, again, other = (
        balanced(labels, torch.arange(60), 12, 2, torch_generator(seed)) for seed in (0, 0, 1)
    )
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))
