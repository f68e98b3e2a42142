"""Degenerate and bad input of HierarchicalKMeans."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skdeepcluster import HierarchicalKMeans
from tests.hierarchy._fits import DIGITS

# -------------------------------------------------------------------- bad input


def test_copies():
    X = np.repeat(np.eye(4), 10, axis=0)
    with pytest.warns(ConvergenceWarning, match="Level 0 has 4 clusters, fewer than the 6"):
        model = HierarchicalKMeans([6, 2], random_state=0).fit(X)
    assert model.inertia_per_level_[0] == 0
    assert len(np.unique(model.labels_per_level_[0])) == 4


def test_constant_rows():
    with pytest.warns(ConvergenceWarning, match="Level 0 has 1 clusters"):
        model = HierarchicalKMeans(3, random_state=0).fit(np.ones((20, 2)))
    assert_array_equal(model.labels_, 0)


@pytest.mark.parametrize("n", [1, 2, 50])
def test_as_many_clusters_as_rows(n):
    X = np.random.default_rng(0).normal(size=(n, 1))
    model = HierarchicalKMeans(n, random_state=0).fit(X)
    assert len(np.unique(model.labels_)) == n
    assert model.inertia_per_level_[0] == 0


@pytest.mark.parametrize(
    "params, message",
    [
        ({"n_clusters": [20, 20]}, "decrease from level to level"),
        ({"n_clusters": [5, 20]}, "decrease from level to level"),
        ({"n_clusters": [20, 0]}, "must be positive integers"),
        ({"n_clusters": [20.5]}, "must be positive integers"),
        ({"n_clusters": []}, "must be positive integers"),
        ({"n_clusters": 0}, "n_clusters"),
        ({"n_clusters": [2000, 5]}, "n_samples=1797 should be >= n_clusters=2000"),
        ({"n_clusters": [20, 5], "sample_size": [3]}, "each of the 2 levels"),
        ({"n_clusters": [20, 5], "sample_size": [3, 0]}, "one positive integer or None"),
        ({"n_clusters": 20, "init": DIGITS[:19]}, r"init has shape \(19, 64\)"),
        ({"n_clusters": 20, "init": "random", "tol": -1}, "tol"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        HierarchicalKMeans(**params).fit(DIGITS)


def test_bad_rows():
    X = DIGITS.copy()
    X[5, 5] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        HierarchicalKMeans(10).fit(X)
    model = HierarchicalKMeans(10, random_state=0)
    with pytest.raises(NotFittedError):
        model.balanced_sample(3)
    model.fit(DIGITS)
    with pytest.raises(ValueError, match="level=1 must be from 0 to 0"):
        model.predict(DIGITS, level=1)
    with pytest.raises(ValueError, match="method='best' must be"):
        model.predict(DIGITS, method="best")
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(X)
    with pytest.raises(ValueError, match="n_samples"):
        model.balanced_sample(0)
