"""Sweeps over rows with pairs, against a slow reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepcluster._kernels._pair_sweeps import sweep


def graph(pairs, n):
    ends = np.array([*pairs, *((j, i) for i, j in pairs)], dtype=np.intp).reshape(-1, 2)
    index = np.tile(np.arange(len(pairs)), 2)
    order = np.argsort(ends[:, 0], kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(ends[:, 0], minlength=n))]).astype(np.intp)
    return indptr, ends[order, 1].copy(), index[order]


@given(st.integers(0, 10_000), st.booleans())
def test_one_row_after_the_other_takes_its_cheapest_cluster(seed, narrow):
    rng = np.random.default_rng(seed)
    n, k, m = 7, 3, 9
    costs = rng.normal(size=(n, k))
    pairs = [tuple(rng.choice(n, 2, replace=False)) for _ in range(m)]
    cannot = rng.integers(2, size=m).astype(np.uint8)
    prices = rng.random((m, 1 if narrow else k))
    indptr, partners, index = graph(pairs, n)
    labels = rng.integers(-1, k, n).astype(np.int32)
    expected = labels.copy()
    for i in range(n):
        total = costs[i].copy()
        for (a, b), separated, price in zip(
            pairs, cannot, np.broadcast_to(prices, (m, k)), strict=True
        ):
            other = {a: b, b: a}.get(i)
            if other is None or expected[other] < 0:
                continue
            h = expected[other]
            for j in range(k):
                if separated and j == h:
                    total[j] += price[j]
                if not separated and j != h:
                    total[j] += (price[j] + price[h]) / 2
        if expected[i] < 0 or total.min() < total[expected[i]] - 1e-12:
            expected[i] = total.argmin()
    order = np.arange(n, dtype=np.intp)
    sweep(costs, indptr, partners, cannot[index], prices[index], order, labels, 1)
    np.testing.assert_array_equal(labels, expected)


def test_what_is_forbidden_stays_open():
    indptr, partners, index = graph([(0, 1), (0, 2)], 3)
    labels = np.array([-1, 0, 1], dtype=np.int32)
    arguments = np.ones(4, dtype=np.uint8), np.full((4, 1), np.inf), np.array([0], dtype=np.intp)
    n_sweeps, n_stuck = sweep(np.zeros((3, 2)), indptr, partners, *arguments, labels, 5)
    assert (n_sweeps, n_stuck, labels[0]) == (1, 1, -1)


def test_indices_are_checked():
    indptr, partners, index = graph([(0, 1)], 2)
    one = np.ones(2, dtype=np.uint8), np.ones((2, 1)), np.arange(2, dtype=np.intp)
    labels = np.zeros(2, dtype=np.int32)
    with pytest.raises(ValueError, match=r"partners\[0\] is 2"):
        sweep(np.zeros((2, 2)), indptr, partners + 1, *one, labels, 1)
    with pytest.raises(ValueError, match=r"labels\[0\] is 2"):
        sweep(np.zeros((2, 2)), indptr, partners, *one, labels + 2, 1)
    with pytest.raises(ValueError, match="penalties has shape"):
        sweep(np.zeros((2, 2)), indptr, partners, one[0], np.ones((2, 3)), one[2], labels, 1)
