"""What may come in: one check for all estimators."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import squareform
from sklearn.base import BaseEstimator

from skdeepcluster.validation import (
    check_distance_matrix,
    check_distances,
    check_rows,
    in_range,
    scaled_to_range,
)


def distances(n=6, dtype=float):
    X = np.random.default_rng(0).normal(size=(n, 2))
    return np.linalg.norm(X[:, None] - X, axis=2).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csr_matrix])
def test_distances_are_accepted(dtype, form):
    check_distance_matrix(form(distances(dtype=dtype)))


@pytest.mark.parametrize(
    ("entry", "message"),
    [(np.nan, "negative or nan"), (-1.0, "negative or nan; found -1"), (np.inf, "infinite")],
)
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_entries_that_are_no_distances(entry, message, form):
    D = distances()
    D[1, 2] = D[2, 1] = entry
    for check in (check_distances, check_distance_matrix):
        with pytest.raises(ValueError, match=f"Lengths must not be {message}"):
            check(form(D), "Lengths")


def test_infinite_distances_may_be_allowed():
    D = distances()
    D[1, 2] = D[2, 1] = np.inf
    check_distances(D, infinite=True)
    check_distance_matrix(D, infinite=True)
    check_distance_matrix(sp.csr_array(D), infinite=True)


@pytest.mark.parametrize("n", [6, 1100])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_asymmetric_distances(form, n):
    D = distances(n)
    D[n - 1, n // 2] += 0.5
    with pytest.raises(ValueError, match=r"symmetric; entries .* differ by 0\.5"):
        check_distance_matrix(form(D))


def test_infinity_in_one_direction_only():
    D = distances()
    D[1, 2] = np.inf
    with pytest.raises(ValueError, match="differ by inf"):
        check_distance_matrix(D, infinite=True)


def test_distance_to_itself():
    with pytest.raises(ValueError, match="diagonal; found 1"):
        check_distance_matrix(distances() + np.eye(6))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 5, 64, 65, 200])
@pytest.mark.parametrize(
    "entry, problem", [(np.nan, "nan"), (np.inf, "infinite"), (-1.0, "negative"), (7.0, "differ")]
)
def test_any_bad_entry_is_found(dtype, n, entry, problem):
    rng = np.random.default_rng(n)
    D = squareform(rng.random(n * (n - 1) // 2)).astype(dtype) if n > 1 else np.zeros((1, 1), dtype)
    check_distance_matrix(D, "D", n_threads=2)
    check_distance_matrix(-D * 0, "D", n_threads=2)
    i, j = rng.integers(n, size=2)
    D[i, j] = entry
    problem = "diagonal" if i == j and entry == 7 else problem
    with pytest.raises(ValueError, match=f"D must .*{problem}"):
        check_distance_matrix(D, "D", n_threads=2)


def test_rounding_is_no_asymmetry():
    D = squareform(np.random.default_rng(0).random(4950)).astype(np.float32)
    D[np.triu_indices(100, 1)] *= 1 + 1e-6
    D[3, 3] = 1e-6
    check_distance_matrix(D)


def test_rectangle():
    with pytest.raises(ValueError, match=r"square; got shape \(2, 6\)"):
        check_distance_matrix(distances()[:2])


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float32, 1e-25), (np.float32, 1e25), (np.float64, 1e100)]
)
def test_squares_fit(dtype, scale):
    X = (np.random.default_rng(0).normal(size=(5, 3)) * scale).astype(dtype)
    squares = ((in_range(X) - in_range(X)[0]) ** 2).sum(axis=1)
    assert np.isfinite(squares).all()
    assert (squares[1:] > 0).all()


@pytest.mark.parametrize(("scale", "fault"), [(1e-200, "vanish"), (1e200, "overflow")])
def test_squares_that_fit_nowhere(scale, fault):
    with pytest.raises(ValueError, match=f"Squared distances {fault}: X has values up to"):
        in_range(np.full((2, 3), scale))


@given(st.sampled_from([np.float32, np.float64]), st.integers(-300, 300), st.integers(1, 5))
def test_scaling_is_exact_and_squares_fit(dtype, exponent, n_features):
    bits = np.finfo(dtype)
    exponent = np.clip(exponent, bits.minexp // 4, bits.maxexp - 3)
    X = np.random.default_rng(0).uniform(1, 2, (4, n_features)).astype(dtype)
    X = np.ldexp(X, exponent)
    scaled, factor = scaled_to_range(X)
    assert scaled.dtype == dtype
    np.testing.assert_array_equal(scaled.astype(np.float64) * factor, X.astype(np.float64))
    squares = (scaled[1:] - scaled[0]) ** 2
    assert np.isfinite(squares.sum(axis=1)).all()
    assert (squares > 0).all()


def test_sparse_rows_are_canonical_and_the_users_stay():
    X = sp.csr_array(np.eye(3))
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    checked = check_rows(BaseEstimator(), X, reset=True)
    assert checked.indices.dtype == checked.indptr.dtype == np.int32
    assert X.indices.dtype == np.int64
    twice = sp.csr_array((np.ones(3), [1, 0, 0], [0, 3]), shape=(1, 2))
    checked = check_rows(BaseEstimator(), twice, reset=True)
    assert checked.has_canonical_format
    np.testing.assert_array_equal(checked.toarray(), [[2, 1]])
    assert twice.nnz == 3


def test_what_scipy_found_of_indices_before_they_changed_is_not_trusted():
    X = sp.csr_array(np.arange(1.0, 13).reshape(3, 4))
    assert X.has_canonical_format
    X.indices[:2] = 1, 0
    found = check_rows(BaseEstimator(), X, reset=True)
    np.testing.assert_array_equal(found.indices, [0, 1, 2, 3] * 3)
    np.testing.assert_array_equal(found.data[:2], [2, 1])
    X.indices[5] = 4
    with pytest.raises(ValueError, match="not a valid sparse matrix: .*ind.* must be < 4"):
        check_rows(BaseEstimator(), X, reset=True)
    X.indices[5], X.indptr[1] = 1, 100
    with pytest.raises(ValueError, match="not a valid sparse matrix"):
        check_rows(BaseEstimator(), X, reset=True)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32"])
def test_tensors(dtype):
    torch = pytest.importorskip("torch")
    X = torch.arange(6).reshape(3, 2).to(getattr(torch, dtype))
    if X.is_floating_point():
        X.requires_grad_()
    checked = check_rows(BaseEstimator(), X, reset=True)
    np.testing.assert_array_equal(checked, np.arange(6).reshape(3, 2))


def test_new_rows_are_cast_to_the_fitted_type():
    estimator = BaseEstimator()
    check_rows(estimator, np.eye(2, dtype=np.float32), reset=True)
    assert check_rows(estimator, np.eye(2), reset=False, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="too large for dtype"):
        check_rows(estimator, np.full((1, 2), 1e300), reset=False, dtype=np.float32)
