"""Data that the tests of several methods share."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(256, n_features=8, centers=4, random_state=0)


@pytest.fixture(scope="module")
def X(blobs):
    return blobs[0].astype(np.float32)
