import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris, make_blobs
from sklearn.linear_model import LogisticRegression

from skdeepcluster.metrics import knn_score, linear_probe_score

X, y = load_iris(return_X_y=True)


def votes_of_the_nearest(Z, y, n_neighbors):
    """Leave-one-out accuracy by all distances; ties of votes go to the smallest class."""
    distances = np.linalg.norm(Z[:, None] - Z[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    return np.mean([np.bincount(y[row]).argmax() == c for row, c in zip(nearest, y, strict=True)])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(1, 7))
def test_knn_equals_a_search_by_hand(seed, n_neighbors):
    rng = np.random.RandomState(seed)
    Z, y = rng.normal(size=(40, 3)), rng.randint(3, size=40)
    expected = votes_of_the_nearest(Z, y, n_neighbors)
    assert knn_score(Z, y, n_neighbors=n_neighbors) == pytest.approx(expected)


def test_no_row_votes_on_itself():
    Z = np.arange(6.0)[:, None]
    # Neighbors are always of the other class.
    assert knn_score(Z, [0, 1, 0, 1, 0, 1], n_neighbors=1) == 0


def test_given_rows_are_what_is_judged():
    Z, Z_test = [[0.0], [1.0]], [[0.1], [0.9], [0.2], [0.8]]
    y, y_test = ["a", "b"], ["a", "b", "a", "a"]
    assert knn_score(Z, y, Z_test=Z_test, y_test=y_test, n_neighbors=1) == 0.75
    assert linear_probe_score(Z, y, Z_test=Z_test, y_test=y_test) == 0.75


def test_given_rows_agree_with_a_regression_on_standardized_rows():
    train = np.arange(len(X)) % 3 > 0
    mean, scale = X[train].mean(axis=0), X[train].std(axis=0)
    regression = LogisticRegression(C=0.3).fit((X[train] - mean) / scale, y[train])
    expected = regression.score((X[~train] - mean) / scale, y[~train])
    score = linear_probe_score(X[train], y[train], Z_test=X[~train], y_test=y[~train], C=0.3)
    assert score == pytest.approx(expected)


@pytest.mark.parametrize("score", [linear_probe_score, knn_score])
def test_scale_shift_and_order_do_not_matter(score):
    order = np.random.RandomState(0).permutation(4)
    assert score(1000 * X[:, order] - 50, y) == pytest.approx(score(X, y))


@pytest.mark.parametrize("score", [linear_probe_score, knn_score])
def test_separate_classes_are_told_and_noise_is_not(score):
    Z, y = make_blobs(300, n_features=6, centers=3, random_state=0)
    assert score(Z, y) == 1
    shuffled = np.random.RandomState(0).permutation(y)
    assert score(Z, shuffled) < 0.5


def test_a_regression_tells_what_neighbors_do_not():
    """One column tells the classes, and many larger ones hide who is near."""
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1], 100)
    Z = np.column_stack([y, 10 * rng.normal(size=(200, 20))])
    assert linear_probe_score(Z, y) > 0.95
    assert knn_score(Z, y) < 0.7


def test_folds_are_drawn_by_the_seed():
    noisy = X + np.random.RandomState(0).normal(size=X.shape)
    scores = {linear_probe_score(noisy, y, random_state=seed) for seed in [0, 1, 2, 3]}
    assert len(scores) > 1
    assert linear_probe_score(noisy, y) == linear_probe_score(noisy, y, random_state=0)


@pytest.mark.parametrize("score", [linear_probe_score, knn_score])
@pytest.mark.parametrize("container", [pd.DataFrame, csr_matrix, np.float32])
def test_containers(score, container):
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    found = score(container(X), pd.Series(names))
    assert isinstance(found, float)
    assert found == pytest.approx(score(X, y), abs=0.02)


@pytest.mark.parametrize("score", [linear_probe_score, knn_score])
@pytest.mark.parametrize(
    "given, message",
    [
        ({"Z_test": X}, "belong together; y_test is missing"),
        ({"y_test": y}, "belong together; Z_test is missing"),
        ({"Z_test": X[:, :2], "y_test": y}, "Z_test has 2 columns, but Z has 4"),
        ({"Z_test": X, "y_test": y[:9]}, "inconsistent numbers of samples"),
    ],
)
def test_bad_test_rows(score, given, message):
    with pytest.raises(ValueError, match=message):
        score(X, y, **given)


def test_bad_rows():
    with pytest.raises(ValueError, match="dim 3"):
        knn_score(np.zeros((9, 2, 2)), np.arange(9))
    with pytest.raises(ValueError, match="n_neighbors=6, but only 5 rows can vote"):
        knn_score(X[:6], y[:6], n_neighbors=6)
    with pytest.raises(ValueError, match="one class"):
        linear_probe_score(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="NaN"):
        linear_probe_score(np.full((9, 2), np.nan), np.arange(9))


@pytest.mark.parametrize("score", [linear_probe_score, knn_score])
@pytest.mark.parametrize("unknown", [-1, np.nan])
def test_rows_of_unknown_class_are_left_out(score, unknown):
    known = np.arange(len(y)) % 2 == 0
    partial = np.where(known, y, unknown)
    assert score(X, partial) == score(X[known], y[known])
    assert score(csr_matrix(X), partial) == score(csr_matrix(X[known]), y[known])
    assert score(X, y, Z_test=X, y_test=partial) == score(X, y, Z_test=X[known], y_test=y[known])
    with pytest.raises(ValueError, match="y_test has no known label"):
        score(X, y, Z_test=X, y_test=np.full(len(y), unknown))
