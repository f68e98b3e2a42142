"""Bounds by leading directions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from skdeepcluster.algorithms.projections import cheapest_dimension, coordinates, leading_axes


@given(seed=st.integers(0, 2**32 - 1), n_dimensions=st.integers(1, 9))
def test_coordinates_never_stretch(seed, n_dimensions):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 10)) * rng.uniform(0, 10, 10)
    axes = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    Z = coordinates(X, axes, n_dimensions)
    assert Z.shape == (20, n_dimensions + 1)
    # Rests come from differences of squares; searches leave room for a part of the norms.
    room = 1e-7 * np.square(X).sum(axis=1).max()
    assert np.all(cdist(Z, Z, "sqeuclidean") <= cdist(X, X, "sqeuclidean") + room)
    assert_allclose(np.linalg.norm(Z, axis=1), np.linalg.norm(X, axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inner_products_are_bounded_in_spite_of_rounding(dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(300, 80)) * np.exp(-np.arange(80) / 4)).astype(dtype)
    axes = leading_axes(X)
    assert axes.shape == (32, 80) and axes.dtype == dtype
    assert_allclose(axes @ axes.T, np.eye(32), atol=1e-5)
    Z = coordinates(X, axes, 32, slack=96 * np.finfo(dtype).eps).astype(np.float64)
    X = X.astype(np.float64)
    room = 1e-4 if dtype == np.float32 else 1e-12
    assert (Z @ Z.T >= X @ X.T - room).all()
    assert np.abs(Z @ Z.T - X @ X.T).max() < 1e-2


def test_axes_only_where_they_can_save_much():
    assert leading_axes(np.ones((100, 32))).shape == (0, 32)
    assert leading_axes(np.ones((16, 100))).shape == (0, 100)
    assert leading_axes(np.zeros((100, 100))).shape == (48, 100)


def test_the_cheapest_dimension():
    axes = np.zeros((48, 100))
    assert cheapest_dimension(axes, lambda m: 0.0) == 16
    assert cheapest_dimension(axes, lambda m: 0.0 if m >= 32 else 1.0) == 32
    assert cheapest_dimension(axes, lambda m: 0.0 if m == 100 else 0.5) == 100
    assert cheapest_dimension(axes[:0], lambda m: 0.0) == 100
