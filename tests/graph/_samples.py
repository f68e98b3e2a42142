"""Samples and marks that the tests of graphs share."""

import pytest
from sklearn.datasets import make_blobs

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


X, y = make_blobs(150, centers=6, cluster_std=1.5, random_state=1)
TOUCHING = make_blobs(150, centers=3, cluster_std=3.0, random_state=0)[0]
