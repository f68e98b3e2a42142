import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skdeepcluster.overview._effects import (
    effects_of_numbers,
    effects_of_shares,
    effects_of_table,
    effects_of_texts,
)


def cohens_d(inside, outside):
    """By the textbook: the pooled variance has n - 2 degrees of freedom."""
    squares = sum(np.sum((part - part.mean()) ** 2) for part in (inside, outside))
    pooled = np.sqrt(squares / (len(inside) + len(outside) - 2))
    return (inside.mean() - outside.mean()) / pooled


def drawn(seed, n=40, k=3):
    rng = np.random.default_rng(seed)
    member = rng.permutation(np.arange(n) % (k + 1)) - 1
    return rng.normal(size=(n, 4)) + member[:, np.newaxis], member


@given(st.integers(0, 2**31 - 1))
def test_numbers_have_cohens_d(seed):
    X, member = drawn(seed)
    effects = effects_of_numbers(X, member, 3, list("abcd"))
    for k in range(3):
        for j in range(4):
            inside, outside = X[member == k, j], X[member != k, j]
            assert effects.sizes[k, j] == pytest.approx(cohens_d(inside, outside))
            assert effects.inside[k, j] == pytest.approx(inside.mean())
            assert effects.outside[k, j] == pytest.approx(outside.mean())


@given(st.integers(0, 2**31 - 1), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_units_do_not_matter(seed, scale, shift):
    X, member = drawn(seed)
    there = effects_of_numbers(scale * X + shift, member, 3, list("abcd")).sizes
    tolerance = 1e-6 * (1 + abs(shift) / scale)  # digits that the shift costs
    here = effects_of_numbers(X, member, 3, list("abcd")).sizes
    np.testing.assert_allclose(there, here, atol=min(tolerance, 1) * 1e-3, rtol=1e-3)


def test_sparse_rows_are_dense_rows():
    X, member = drawn(0)
    X[np.abs(X) < 1] = 0
    dense = effects_of_numbers(X, member, 3, list("abcd"))
    sparse = effects_of_numbers(csr_array(X), member, 3, list("abcd"))
    np.testing.assert_allclose(sparse.sizes, dense.sizes)
    np.testing.assert_allclose(sparse.inside, dense.inside)


def test_missing_numbers_are_left_out():
    X, member = drawn(1)
    X[::5, 0] = np.nan
    known = ~np.isnan(X[:, 0])
    effects = effects_of_numbers(X, member, 3, list("abcd"))
    alone = effects_of_numbers(X[known][:, :1], member[known], 3, ["a"])
    np.testing.assert_allclose(effects.sizes[:, 0], alone.sizes[:, 0])


def test_without_spread_an_effect_is_none_or_infinite():
    member = np.array([0, 0, 1, 1])
    X = np.array([[1.0, 5.1], [1, 5.1], [2, 5.1], [2, 5.1]])
    effects = effects_of_numbers(X, member, 2, ["apart", "constant"])
    assert effects.sizes.tolist() == [[-np.inf, 0], [np.inf, 0]]
    assert effects.strongest(0).tolist() == [0]


def test_shares_have_cohens_h():
    has = np.array([[1], [1], [1], [0], [0], [1]])
    member = np.array([0, 0, 0, 1, 1, 1])
    effects = effects_of_shares(has, member, 2, ["yes"])
    h = 2 * np.arcsin(1) - 2 * np.arcsin(np.sqrt(1 / 3))
    np.testing.assert_allclose(effects.sizes[:, 0], [h, -h])
    assert effects.inside[:, 0].tolist() == [1, pytest.approx(1 / 3)]


def test_columns_are_numbers_shares_or_categories():
    columns = [
        np.array([1, None, 3, 4], dtype=object),
        np.array(["a", "b", None, "a"], dtype=object),
        np.array([True, True, False, False]),
    ]
    member = np.array([0, 0, 1, 1])
    effects = effects_of_table(columns, ["number", "kind", "flag"], member, 2)
    assert effects.names == ["number", "kind = a", "kind = b", "flag"]
    assert effects.columns == [0, 1, 1, 2]
    assert effects.kinds == ["mean", "share", "share", "share"]
    # A missing category belongs to neither share.
    assert effects.inside[:, 1].tolist() == [0.5, 1.0]
    assert effects.inside[:, 0].tolist() == [1.0, 3.5]


def test_words_of_texts():
    texts = ["red apple", "red cherry", "blue sky", "blue sea"] * 5
    effects = effects_of_texts(texts, np.array([0, 0, 1, 1] * 5), 2)
    assert {effects.names[j] for j in effects.strongest(0, 2)} == {"red", "blue"}
    assert effects_of_texts(["!", "?"], np.array([0, 1]), 2) is None
