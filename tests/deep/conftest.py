"""Data that the tests of deep clusterers share."""

import pytest
from sklearn.datasets import make_blobs


@pytest.fixture(scope="module")
def X():
    return make_blobs(100, n_features=6, centers=3, random_state=0)[0]
