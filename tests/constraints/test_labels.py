"""The rule of partial labels, their folds, and scores on labeled rows."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN, KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import cross_validate

from skdeepcluster.constraints import (
    IgnoredLabelsWarning,
    PartialLabelKFold,
    make_masked_scorer,
)
from skdeepcluster.constraints._labels import check_partial_labels


@pytest.mark.parametrize(
    "y",
    [
        [3, -1, 5, 3],
        np.array([3.0, -1.0, 5.0, 3.0]),
        np.array([3, -1, 5, 3], dtype=np.int8),
        pd.Series([3, -1, 5, 3]),
        pd.Series([3, -1, 5, 3], dtype="Int64"),
        np.array([[3], [-1], [5], [3]]),
    ],
)
def test_known_classes_are_clusters_in_their_order(y):
    labels, classes = check_partial_labels(y, 4)
    assert labels.tolist() == [0, -1, 1, 0]
    assert classes.tolist() == [3, 5]


@pytest.mark.parametrize("y", [[0, 1, 1], ["a", "b", "a"], [0.5, 1.5, 2.0], [True, False, True]])
def test_without_an_unknown_label_all_are_ignored(y):
    with pytest.warns(IgnoredLabelsWarning, match="no -1 and is ignored"):
        labels, classes = check_partial_labels(y, 3)
    assert labels is None
    assert not len(classes)


@pytest.mark.parametrize("y", [[3, 7, 3], np.array([-2.0, 5.0, -2.0]), pd.Series([3, 7, 3])])
def test_full_labels_may_be_asked_for(y):
    labels, classes = check_partial_labels(y, 3, full=True)
    assert labels.tolist() == [0, 1, 0]
    assert classes.tolist() == sorted(set(y))
    assert check_partial_labels([4, -1, 4], 3, full=True)[0].tolist() == [0, -1, 0]


@pytest.mark.parametrize(
    "y", [["a", "b", "a"], [0.5, 1.5, 2.0], [True, False, True], [0, np.inf, 1]]
)
def test_full_labels_that_are_wrong(y):
    with pytest.raises(ValueError, match="classes are integers"):
        check_partial_labels(y, 3, full=True)


def test_no_labels_at_all():
    assert check_partial_labels(None, 3)[0] is None
    labels, classes = check_partial_labels([-1, -1, -1], 3)
    assert (labels == -1).all()
    assert not len(classes)


@pytest.mark.parametrize(
    "y, what",
    [
        ([0, np.nan, -1], "missing values.*row 1.*Unknown labels of y are -1"),
        (pd.Series([0, None, -1], dtype="Int64"), "missing values.*row 1"),
        (np.array([0, None, "b"], dtype=object), "missing values.*row 1"),
        ([0, -2, -1], "label -2"),
        ([0.5, 1, -1], "label 0.5"),
        (np.array(["a", "b", -1], dtype=object), "label 'a'"),
        ([0, -1], r"shape \(2,\).*3 rows"),
        ([[0, 1], [0, 1], [0, 1]], r"shape \(3, 2\)"),
    ],
)
def test_labels_that_are_wrong(y, what):
    with pytest.raises(ValueError, match=what):
        check_partial_labels(y, 3)


def test_more_classes_than_clusters():
    with pytest.raises(ValueError, match="3 known classes, more than n_clusters=2"):
        check_partial_labels([0, 1, 2, -1], 4, 2)


partial = st.lists(st.integers(-1, 2), min_size=6, max_size=60).filter(
    lambda y: min(y) == -1 and all(y.count(c) >= 3 for c in {0, 1, 2})
)


@given(partial, st.sampled_from(["labels", "classes", "rows"]))
def test_folds_of_labels_hide_each_known_label_once(y, mode):
    y = np.array(y)
    found = list(PartialLabelKFold(3, mode=mode, random_state=0).split(y, y))
    assert len(found) == 3
    if mode == "rows":
        np.testing.assert_array_equal(np.sort(np.concatenate([b for _, b in found])), range(len(y)))
        for train, test in found:
            assert set(y[train]) >= {0, 1, 2} <= set(y[test])
        return
    for given_, hidden in found:
        np.testing.assert_array_equal(np.maximum(given_, hidden), y)
        assert ((given_ == -1) | (hidden == -1)).all()
        if mode == "classes":
            assert not set(given_) & set(hidden) - {-1}
        else:
            assert set(given_) - {-1} == set(hidden) - {-1} == {0, 1, 2}
    np.testing.assert_array_equal(sum((hidden != -1).astype(int) for _, hidden in found), y != -1)


def test_a_fold_without_labels_is_an_error():
    y = [0, 0, 0, 1, 1, -1]
    with pytest.raises(ValueError, match="Class 1 has 2 labeled rows, fewer than n_splits=3"):
        list(PartialLabelKFold(3).split(y, y))
    with pytest.raises(ValueError, match="more than the 2 known classes"):
        list(PartialLabelKFold(3, mode="classes").split(y, y))
    with pytest.raises(ValueError, match="no partial labels"):
        list(PartialLabelKFold(3).split(y, [-1] * 6))
    with pytest.raises(ValueError, match="mode='row'"):
        list(PartialLabelKFold(3, mode="row").split(y, y))


def test_scores_are_those_of_the_labeled_rows():
    X = np.repeat([[0.0], [10.0]], 4, axis=0) + np.linspace(0, 1, 8)[:, np.newaxis]
    y = np.array([0, 0, -1, -1, 1, 1, -1, -1])
    scorer = make_masked_scorer(adjusted_rand_score)
    labels = KMeans(2, random_state=0).fit(X)
    assert adjusted_rand_score(y, labels.labels_) < 0.2
    assert scorer(labels, X, y) == 1
    assert scorer(DBSCAN(eps=2, min_samples=2), X, y) == 1  # cannot predict
    worse = make_masked_scorer(adjusted_rand_score, greater_is_better=False)
    assert worse(labels, X, y) == -1
    with pytest.raises(ValueError, match="no row with a known label"):
        scorer(labels, X, np.full(8, -1))


def test_scorer_and_folds_of_rows_in_a_validation():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.normal(size=(60, 2)) + 10 * np.eye(3)[y][:, :2]
    y[rng.permutation(60)[:30]] = -1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cross_validate(
            KMeans(3, random_state=0),
            X,
            y,
            cv=PartialLabelKFold(3, random_state=0),
            scoring=make_masked_scorer(adjusted_rand_score),
        )
    assert (found["test_score"] == 1).all()
