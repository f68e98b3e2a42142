from itertools import permutations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepcluster.metrics import best_match, clustering_accuracy, purity


@st.composite
def labelings(draw, lowest_cluster=0):
    """Two labelings of the same samples with up to five labels each."""
    n = draw(st.integers(1, 40))
    classes = st.lists(st.integers(0, 4), min_size=n, max_size=n)
    clusters = st.lists(st.integers(lowest_cluster, 4), min_size=n, max_size=n)
    return np.array(draw(classes)), np.array(draw(clusters))


def brute_force_accuracy(y_true, y_pred):
    """Try every injective naming of the clusters by classes or by nothing."""
    clusters = np.unique(y_pred[y_pred != -1])
    names = [*np.unique(y_true), *[-2] * len(clusters)]
    return max(
        sum(np.sum((y_pred == k) & (y_true == c)) for k, c in zip(clusters, naming, strict=True))
        for naming in set(permutations(names, len(clusters)))
    ) / len(y_true)


@given(labelings(lowest_cluster=-1))
def test_accuracy_equals_brute_force(labels):
    y_true, y_pred = labels
    classes, clusters = np.unique(y_true)[:3], np.unique(y_pred)[:4]
    keep = np.isin(y_true, classes) & np.isin(y_pred, clusters)
    if keep.any():
        y_true, y_pred = y_true[keep], y_pred[keep]
        assert clustering_accuracy(y_true, y_pred) == brute_force_accuracy(y_true, y_pred)


@given(labelings(), st.permutations(range(5)), st.permutations(range(5)))
def test_scores_do_not_depend_on_names(labels, class_names, cluster_names):
    y_true, y_pred = labels
    renamed = np.array(class_names)[y_true], np.array(cluster_names)[y_pred]
    assert clustering_accuracy(*renamed) == clustering_accuracy(y_true, y_pred)
    assert purity(*renamed) == purity(y_true, y_pred)


@given(labelings())
def test_bounds(labels):
    y_true, y_pred = labels
    n_labels = max(len(np.unique(y_true)), len(np.unique(y_pred)))
    accuracy = clustering_accuracy(y_true, y_pred)
    assert 1 / n_labels - 1e-12 <= accuracy <= purity(y_true, y_pred) <= 1
    assert accuracy == clustering_accuracy(y_pred, y_true)


@given(labelings())
def test_identity_is_perfect(labels):
    y_true, _ = labels
    assert clustering_accuracy(y_true, y_true) == purity(y_true, y_true) == 1
    assert best_match(y_true, y_true) == {k: k for k in np.unique(y_true)}


@given(labelings(lowest_cluster=-1))
def test_match_is_injective_and_attains_the_accuracy(labels):
    y_true, y_pred = labels
    mapping = best_match(y_true, y_pred)
    assert set(mapping) == set(y_pred) - {-1}
    matched = [c for c in mapping.values() if c is not None]
    assert len(set(matched)) == len(matched) == min(len(set(y_true)), len(mapping))
    agree = np.mean([mapping.get(k) == c for c, k in zip(y_true, y_pred, strict=True)])
    assert agree == pytest.approx(clustering_accuracy(y_true, y_pred))


@given(labelings(lowest_cluster=-1))
def test_noise_is_wrong(labels):
    y_true, y_pred = labels
    kept = y_pred != -1
    for score in (clustering_accuracy, purity):
        expected = score(y_true[kept], y_pred[kept]) * kept.mean() if kept.any() else 0
        assert score(y_true, y_pred) == pytest.approx(expected)


def test_match_keeps_the_clusters_left_over():
    assert best_match(["b", "b", "b", "a"], [3, 3, 5, 9]) == {9: "a", 3: "b", 5: None}
    assert best_match([0, 1, 2, 2], [4, 4, 4, 4]) == {4: 2}
    assert best_match([0, 1], [-1, -1]) == {}


@pytest.mark.parametrize(
    "container",
    [
        list,
        np.array,
        lambda y: np.array(y, dtype=object),
        pd.Series,
        lambda y: pd.Series(y, dtype="category"),
        pl.Series,
    ],
)
def test_containers(container):
    y_true = container(["x", "y", "y", "z"])
    assert clustering_accuracy(y_true, container([2, 1, 1, 1])) == 0.75
    assert purity(y_true, container([2, 1, 1, 1])) == 0.75
    assert best_match(y_true, container([2, 1, 1, 1])) == {2: "x", 1: "y"}


@pytest.mark.parametrize("function", [best_match, clustering_accuracy, purity])
@pytest.mark.parametrize(
    "y_true, y_pred, error, message",
    [
        ([], [], ValueError, "0 sample"),
        ([0, 1], [0], ValueError, "inconsistent numbers of samples"),
        ([[0, 1]], [0], ValueError, "y_true must be one-dimensional"),
        ([0], [[0, 1]], ValueError, "y_pred must be one-dimensional"),
        ([0, 1], [0.2, 0.8], ValueError, "y_pred must hold discrete labels.*argmax"),
        ([0, 1], [0, np.nan], ValueError, "y_pred contains NaN"),
        ([0, 1], [None, "a"], TypeError, "y_pred mixes strings, numbers or None"),
        ([-1, np.nan], [0, 1], ValueError, "y_true has no known label.*ignore_label=-1"),
        ([0, 1, -1], [0, 1], ValueError, "inconsistent numbers of samples"),
        ([0.5, np.nan], [0, 1], ValueError, "y_true must hold discrete labels"),
    ],
)
def test_bad_labels(function, y_true, y_pred, error, message):
    with pytest.raises(error, match=message):
        function(y_true, y_pred)


UNKNOWN = [
    np.array([0, 0, 1, 1, -1, -1]),
    [0, 0, 1, 1, -1, np.nan],
    np.array([0, 0, 1, 1, np.nan, -1]),
    pd.Series([0, 0, 1, 1, None, -1], dtype="Int64"),
    ["a", "a", "b", "b", None, np.nan],
    pd.Series(["a", "a", "b", "b", None, None], dtype="category"),
    pd.Series(["a", "a", "b", "b", None, -1]),
    pl.Series(["a", "a", "b", "b", None, None]),
]


@pytest.mark.parametrize("y_true", UNKNOWN, ids=lambda y: f"{type(y).__name__}-{list(y)[2:]}")
def test_unknown_classes_are_left_out(y_true):
    y_pred = np.array([7, 7, 7, 2, 3, 2])
    assert clustering_accuracy(y_true, y_pred) == purity(y_true, y_pred) == 0.75
    mapping = best_match(y_true, y_pred)
    assert list(mapping) == [7, 2]
    assert list(mapping.values()) == [y_true[0], y_true[2]]


def test_another_label_may_stand_for_the_unknown():
    y_true, y_pred = ["a", "?", "b", "?"], [0, 0, 1, 2]
    assert clustering_accuracy(y_true, y_pred) == 0.75
    assert clustering_accuracy(y_true, y_pred, ignore_label="?") == 1
    assert clustering_accuracy([-1, -1, 1, 1], [0, 0, 1, 1], ignore_label=None) == 1
    with pytest.warns(UserWarning, match="All known labels of y_true are 1, .*ignore_label=None"):
        assert clustering_accuracy([-1, -1, 1, 1], [0, 1, 1, 1]) == 1
