"""Samples, parameters and fits for the tests of HDBSCAN."""

import numpy as np
from hypothesis import strategies as st

from skdeepcluster import HDBSCAN


@st.composite
def samples(draw, min_size=2, max_size=120):
    n = draw(st.integers(min_size, max_size))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    centers = rng.normal(scale=4, size=(draw(st.integers(1, 5)), draw(st.integers(1, 3))))
    X = centers[rng.integers(0, len(centers), n)] + rng.normal(size=(n, centers.shape[1]))
    return X.round(1) if draw(st.booleans()) else X


parameters = st.fixed_dictionaries(
    {
        "min_cluster_size": st.integers(2, 12),
        "cluster_selection_method": st.sampled_from(["eom", "leaf"]),
        "cluster_selection_epsilon": st.sampled_from([0.0, 0.0, 0.4, 1.0, 3.0]),
        "allow_single_cluster": st.booleans(),
    }
)


def fit(X, **params):
    return HDBSCAN(min_samples=min(4, len(X)), **params).fit(X)


def clusters_of(labels):
    """The flat clusters as sets of rows, whatever their numbers."""
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in range(labels.max() + 1)}


def two_blobs(n=150, d=3):
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(0, 1, (n, d)), rng.normal(9, 1, (n, d))]
