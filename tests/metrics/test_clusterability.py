"""How much of a matrix is in blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.cluster import SpectralCoclustering

from skdeepcluster.metrics import clusterability_score


def example(seed, n=9, m=7, k=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, m)), rng.integers(0, k, n), rng.integers(0, k, m)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_it_is_what_its_definition_says(seed):
    W, rows, columns = example(seed)
    share = (W**2)[rows[:, None] == columns].sum() / (W**2).sum()
    assert clusterability_score(W, rows, columns) == pytest.approx(share)
    # Scale, sign, names of groups, order of rows, and how zeros are stored.
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    names = np.array(["c", "a", "b"])
    moved = clusterability_score(-1e200 * W[order], names[rows][order], names[columns])
    assert moved == pytest.approx(share)
    assert clusterability_score(csr_array(W), rows, columns) == pytest.approx(share)
    noise = rng.random(len(rows)) < 0.3
    inside = (W**2)[(rows[:, None] == columns) & ~noise[:, None]].sum() / (W**2).sum()
    assert clusterability_score(W, np.where(noise, -1, rows), columns) == pytest.approx(inside)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_names_do_not_matter_once_groups_are_aligned(seed):
    W, rows, columns = example(seed)
    aligned = clusterability_score(W, rows, columns, align=True)
    assert aligned >= clusterability_score(W, rows, columns) - 1e-12
    renamed = np.array([12, 10, 11])[columns]
    assert clusterability_score(W, rows, renamed, align=True) == pytest.approx(aligned)


def test_chance_is_the_mean_over_permuted_columns():
    W, rows, columns = example(0, 30, 20)
    rng = np.random.default_rng(0)
    scores = [
        clusterability_score(W, rows, rng.permutation(columns), adjusted=True) for _ in range(150)
    ]
    error = np.std(scores) / np.sqrt(len(scores))
    assert abs(np.mean(scores)) < 4 * error
    raw = np.mean([clusterability_score(W, rows, rng.permutation(columns)) for _ in range(40)])
    assert raw > 0.3


def test_hidden_blocks():
    """Two sides that are clustered separately score low until their groups are matched."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 16)
    rows, columns = rng.permutation(y), rng.permutation(y)
    W = (rows[:, None] == columns) * rng.normal(size=(64, 64))
    model = SpectralCoclustering(4, random_state=0).fit(np.abs(W) + 1e-9)
    found = model.row_labels_, model.column_labels_
    assert clusterability_score(W, *found) == pytest.approx(1)
    assert clusterability_score(W, *found, adjusted=True) == pytest.approx(1)
    shifted = found[0], (found[1] + 1) % 4
    assert clusterability_score(W, *shifted) == pytest.approx(0)
    assert clusterability_score(W, *shifted, align=True) == pytest.approx(1)


def test_edges_of_the_range():
    assert clusterability_score(np.zeros((2, 3)), [0, 1], [0, 1, 1]) == 0
    assert clusterability_score(np.ones((2, 3)), [0, 0], [0, 0, 0]) == 1
    assert clusterability_score(np.ones((2, 3)), [0, 0], [0, 0, 0], adjusted=True) == 0
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clusterability_score(np.ones((2, 3)), [0, 1, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="W contains NaN"):
        clusterability_score([[np.nan, 1.0]], [0], [0, 1])
