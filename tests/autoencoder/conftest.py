"""Data that the tests of several methods share."""

import pytest
from sklearn.datasets import make_blobs


@pytest.fixture(scope="module")
def X():
    return make_blobs(260, n_features=12, centers=3, center_box=(-9, 9), random_state=0)[0]


@pytest.fixture(scope="module")
def blobs():
    # Small integers, which every type holds exactly.
    X, y = make_blobs(260, n_features=12, centers=3, center_box=(-9, 9), random_state=0)
    return X.round().clip(-15, 15), y
