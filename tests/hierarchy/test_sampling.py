"""Balanced samples of given hierarchies."""

from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skdeepcluster import balanced_sample
from skdeepcluster.hierarchy._sampling import water_filling


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=12),
    st.integers(0, 400),
    st.integers(0, 2**31 - 1),
)
def test_water_filling_is_as_even_as_can_be(sizes, target, seed):
    sizes = np.array(sizes)
    shares = water_filling(sizes, target, np.random.default_rng(seed))
    assert shares.sum() == min(target, sizes.sum())
    assert (0 <= shares).all() and (shares <= sizes).all()
    unsaturated = shares[shares < sizes]
    if len(unsaturated):
        assert shares.max() - unsaturated.min() <= 1
    # Without the spare units a larger child never gets less.
    level = shares[shares < sizes].min(initial=sizes.max())
    assert_array_equal(np.minimum(shares, level), np.minimum(sizes, level))


@pytest.mark.parametrize("sizes", list(combinations_with_replacement([0, 1, 2, 5], 4)))
def test_water_filling_equals_brute_force(sizes):
    for target in range(sum(sizes) + 2):
        shares = water_filling(np.array(sizes), target, np.random.default_rng(0))
        options = [
            option
            for option in product(*(range(size + 1) for size in sizes))
            if sum(option) == min(target, sum(sizes))
        ]
        # The most even of all: the least sum of squares.
        assert np.square(shares).sum() == min(np.square(option).sum() for option in options)


def test_spare_units_go_to_anyone():
    shares = [water_filling(np.full(3, 5), 4, np.random.default_rng(seed)) for seed in range(40)]
    assert {tuple(share) for share in shares} == {(2, 1, 1), (1, 2, 1), (1, 1, 2)}


@st.composite
def hierarchies(draw):
    n, n_levels = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**31 - 1)))
    labels = [rng.integers(0, draw(st.integers(1, n)), n)]
    for _ in range(n_levels - 1):
        parents = rng.integers(0, draw(st.integers(1, n)), labels[-1].max() + 1)
        labels.append(parents[labels[-1]])
    return np.array(labels)


@given(
    hierarchies(), st.integers(1, 150), st.integers(1, 3), st.sampled_from(["random", "closest"])
)
def test_shares_are_even_on_every_level(labels, n_samples, multiplier, strategy):
    n = labels.shape[1]
    distances = np.random.default_rng(0).random(n)
    rows = balanced_sample(
        labels, n_samples, multiplier=multiplier, strategy=strategy, distances=distances,
        random_state=0,
    )  # fmt: skip
    counts = np.bincount(rows, minlength=n)
    assert len(rows) == min(n_samples, n * multiplier)
    assert counts.max() <= multiplier
    assert (np.diff(rows) >= 0).all()
    for fine, coarse in zip([np.arange(n), *labels], [*labels, np.zeros(n, int)], strict=True):
        sizes = np.bincount(fine) * multiplier
        shares = np.bincount(fine, counts)
        for parent in np.unique(coarse):
            children = np.unique(fine[coarse == parent])
            unsaturated = shares[children][shares[children] < sizes[children]]
            if len(unsaturated):
                assert shares[children].max() - unsaturated.min() <= 1


@given(hierarchies())
def test_the_closest_rows_are_drawn(labels):
    distances = np.random.default_rng(0).permutation(labels.shape[1])
    rows = balanced_sample(
        labels,
        max(1, labels.shape[1] // 2),
        strategy="closest",
        distances=distances,
        random_state=0,
    )
    for leaf in np.unique(labels[0]):
        members = np.flatnonzero(labels[0] == leaf)
        drawn = np.isin(members, rows)
        if drawn.any() and not drawn.all():
            assert distances[members[drawn]].max() < distances[members[~drawn]].min()


def test_random_rows_depend_on_the_seed_alone():
    labels = np.arange(100) % 5
    first = balanced_sample(labels, 20, random_state=0)
    assert_array_equal(first, balanced_sample(labels, 20, random_state=0))
    assert not np.array_equal(first, balanced_sample(labels, 20, random_state=1))


def test_noise_is_never_drawn():
    labels = np.array([-1, 0, 0, -1, 3, 3, 3])
    assert_array_equal(balanced_sample(labels, 100), [1, 2, 4, 5, 6])
    assert len(balanced_sample([-1, -1], 3)) == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([0, 1], 0), "n_samples"),
        (([0.5, 1.5], 1), "labels must be integers"),
        (([[[0]]], 1), "labels must be integers"),
        (([[0, 0, 1], [0, 1, 1]], 1), "cluster of level 0 is divided in level 1"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        balanced_sample(*arguments)


def test_closest_needs_distances():
    with pytest.raises(ValueError, match="needs distances"):
        balanced_sample([0, 1], 1, strategy="closest")
    with pytest.raises(ValueError, match="inconsistent"):
        balanced_sample([0, 1], 1, strategy="closest", distances=[1.0])
