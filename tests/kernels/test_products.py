"""Products of matrices: digits, and bits that depend on nothing but a row and a column."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepcluster._kernels._products import add_products

sizes = st.integers(1, 70)


def product(a, b, n_threads=1):
    out = np.zeros((*a.shape[:2], b.shape[2]), a.dtype)
    add_products(a, b, out, n_threads)
    return out


def factors(n, n_rows, depth, n_columns, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, n_rows, depth)).astype(dtype),
        rng.normal(size=(n, depth, n_columns)).astype(dtype),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    n=st.integers(1, 3),
    n_rows=sizes,
    depth=st.sampled_from([1, 2, 17, 255, 256, 257, 600]),
    n_columns=sizes,
    n_threads=st.integers(1, 3),
)
def test_products_are_added_with_all_their_digits(dtype, n, n_rows, depth, n_columns, n_threads):
    a, b = factors(n, n_rows, depth, n_columns, dtype)
    out = np.ones((n, n_rows, n_columns), dtype)
    add_products(a, b, out, n_threads)
    exact = 1 + np.matmul(a.astype(np.longdouble), b.astype(np.longdouble))
    room = 1 + np.matmul(np.abs(a), np.abs(b))
    assert (np.abs(out - exact) <= 8 * np.sqrt(depth) * np.finfo(dtype).eps * room).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(rows=st.lists(st.integers(0, 299), min_size=1, max_size=40), n_threads=st.integers(1, 5))
def test_an_entry_depends_on_its_row_and_its_column_alone(dtype, rows, n_threads):
    a, b = factors(1, 300, 601, 300, dtype)
    whole = product(a, b)
    columns = rows[::-1]
    np.testing.assert_array_equal(product(a[:, rows], b, n_threads), whole[:, rows])
    part = np.ascontiguousarray(b[:, :, columns])
    np.testing.assert_array_equal(product(a, part, n_threads), whole[:, :, columns])


@pytest.mark.parametrize("n_threads", [2, 3, 16])
@pytest.mark.parametrize("shape", [(1, 1000, 300, 10), (1, 30, 300, 700), (9, 20, 40, 20)])
def test_threads_change_no_bit(shape, n_threads):
    a, b = factors(*shape, np.float32)
    np.testing.assert_array_equal(product(a, b, n_threads), product(a, b))


def test_the_second_factor_may_have_any_strides():
    a, b = factors(2, 50, 300, 40, np.float32)
    expected = product(a, b)
    turned = np.ascontiguousarray(b.transpose(0, 2, 1)).transpose(0, 2, 1)
    thinned = np.repeat(b, 2, axis=2)[:, :, ::2]
    backward = np.ascontiguousarray(b[:, ::-1, ::-1])[:, ::-1, ::-1]
    shared = np.broadcast_to(b[:1], b.shape)
    for same in (turned, thinned, backward):
        np.testing.assert_array_equal(product(a, same), expected)
    np.testing.assert_array_equal(product(a, shared)[0], expected[0])


def test_what_is_not_finite_stays_in_its_row_and_column():
    a, b = factors(1, 20, 30, 20, np.float32)
    expected = product(a, b)
    a[0, 3, 7], b[0, 2, 19] = np.nan, np.inf
    found = product(a, b)
    assert np.isnan(found[0, 3]).all()
    others = np.delete(found[0], 3, axis=0)
    assert not np.isfinite(others[:, 19]).any()
    np.testing.assert_array_equal(others[:, :19], np.delete(expected[0], 3, axis=0)[:, :19])


def test_empty_products_add_nothing():
    for shape in [(0, 2, 3, 4), (1, 0, 3, 4), (1, 2, 0, 4), (1, 2, 3, 0)]:
        a, b = factors(*shape, np.float32)
        out = np.ones((shape[0], shape[1], shape[3]), np.float32)
        add_products(a, b, out, 2)
        assert (out == 1).all()


def test_shapes_have_to_match():
    a, b = factors(1, 2, 3, 4, np.float32)
    for wrong in [(2, 2, 4), (1, 3, 4), (1, 2, 3)]:
        with pytest.raises(ValueError, match="do not match"):
            add_products(a, b, np.zeros(wrong, np.float32), 1)
    with pytest.raises(ValueError, match="do not match"):
        add_products(a, b[:, :2], np.zeros((1, 2, 4), np.float32), 1)
    with pytest.raises(ValueError, match="n_threads must be at least 1, got 0"):
        add_products(a, b, np.zeros((1, 2, 4), np.float32), 0)
