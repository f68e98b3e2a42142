"""RareClusterSearch: planted groups are found, and no others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import RareClusterSearch
from skdeepcluster.density.rare_cluster_search import described


def planted(seed, n=5000, d=20, n_groups=3):
    """A mixture of 10 components, groups of 15 rows at 8 standard deviations, and 30 outliers."""
    rng = np.random.default_rng(seed)
    bulk = 3 * rng.normal(size=(10, d))[rng.integers(10, size=n)] + rng.normal(size=(n, d))
    directions = rng.normal(size=(n_groups + 30, d))
    directions *= 8 * bulk.std() * np.sqrt(d) / np.linalg.norm(directions, axis=1, keepdims=True)
    groups = np.repeat(directions[:n_groups], 15, axis=0)
    groups = groups + 0.1 * rng.normal(size=groups.shape)
    return np.concatenate([bulk, groups, directions[n_groups:]]), n


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_groups_and_no_outliers_are_found(seed):
    X, n = planted(seed)
    model = RareClusterSearch(random_state=0).fit(X)
    assert model.n_groups_ == 3
    expected = np.full(len(X), -1)
    expected[n : n + 45] = np.repeat(range(3), 15)
    found = {tuple(group["members"]) for group in model.groups_}
    assert found == {tuple(np.flatnonzero(expected == i)) for i in range(3)}
    scores = [group["score"] for group in model.groups_]
    assert scores == sorted(scores, reverse=True) and scores[-1] > model.null_scores_.max()
    assert all(group["p_value"] == 1 / 6 for group in model.groups_)
    members = model.labels_ >= 0
    assert (model.predict(X)[members] == model.labels_[members]).mean() > 0.9
    assert (model.predict(X)[:n] == -1).all()


def test_without_groups_there_are_none():
    X, n = planted(0, n=2000)
    with pytest.warns(ConvergenceWarning, match="all labels are -1"):
        model = RareClusterSearch(n_references=19, random_state=0).fit(X[:n])
    assert_array_equal(model.labels_, -1)
    assert model.predict(X).max() == -1
    assert_array_equal(model.score_samples(X[:3]), -np.inf)
    # The leaves of the hierarchy are there: it is the references that refuse them.
    assert RareClusterSearch(n_references=0, random_state=0).fit(X[:n]).n_groups_ > 0


def test_leaving_out_common_rows_leaves_the_groups():
    X, n = planted(1, n=12_000, d=8)
    kept = RareClusterSearch(random_state=0, max_samples=4000, n_references=2).fit(X)
    every = RareClusterSearch(random_state=0, n_references=2).fit(X)
    for model in (kept, every):
        for i in range(3):
            planted_rows = set(range(n + 15 * i, n + 15 * i + 15))
            # An outlier may be near a group in few dimensions.
            assert any(
                planted_rows <= set(group["members"]) and len(group["members"]) <= 18
                for group in model.groups_
            )


def test_copies_are_marked():
    X, _ = planted(0, n=1000, n_groups=1)
    X = np.concatenate([X, np.repeat(X[:1] + 40, 30, axis=0)])
    model = RareClusterSearch(max_size=50, n_references=1, random_state=0).fit(X)
    copies = [group for group in model.groups_ if group["copies"]]
    assert len(copies) == 1
    assert_array_equal(copies[0]["members"], np.arange(len(X) - 30, len(X)))


def test_rotated_digits_are_found_among_digits():
    X, y = load_digits(return_X_y=True)
    sevens = X[y == 4][:12].reshape(-1, 8, 8)
    turned = np.rot90(sevens, axes=(1, 2)).reshape(12, -1)
    # Copies of one row with noise: an unusual kind that varies little.
    rng = np.random.default_rng(0)
    turned = turned[:1] + rng.normal(0, 0.5, (12, 64)) * (X.std(axis=0) > 2)
    model = RareClusterSearch(random_state=0).fit(np.concatenate([X, turned]))
    top = [set(group["members"]) for group in model.groups_[:3]]
    assert set(range(len(X), len(X) + 12)) in top


@settings(max_examples=20)
@given(seed=st.integers(0, 100))
def test_scores_follow_their_definition(seed):
    rng = np.random.default_rng(seed)
    Z, members, reach = rng.normal(size=(60, 3)), np.arange(6), rng.uniform(0.5, 2, 60)
    found = described(Z, members, reach, 0.0, 1.0)
    center = Z[:6].mean(axis=0)
    away = np.linalg.norm(Z - center, axis=1)
    around = np.argsort(np.where(np.arange(60) < 6, np.inf, away))[:54]
    tight = np.median(reach[around]) / np.median(reach[:6])
    distinct = away[6:].min() / np.median(away[:6])
    assert_allclose(found["score"], np.log(tight * distinct))
    assert set(found["contrast"]).isdisjoint(members)


def test_groups_are_ordered_and_left_out():
    X, n = planted(0, n=1500)
    model = RareClusterSearch(random_state=0).fit(X)
    third = model.groups_[2]["members"]
    assert model.more_like(X[third[:1]])[0] == 2
    second = model.groups_[1]["members"]
    model.exclude([0, 2])
    assert model.n_groups_ == 1
    assert_array_equal(np.flatnonzero(model.labels_ == 0), second)
    with pytest.raises(ValueError, match="not all labels"):
        model.exclude(3)


def test_bad_input():
    X, _ = planted(0, n=100)
    with pytest.raises(ValueError, match="max_size=3 should be >= min_size=5"):
        RareClusterSearch(max_size=3).fit(X)
    with pytest.raises(ValueError, match="n_samples=8"):
        RareClusterSearch().fit(X[:8])
