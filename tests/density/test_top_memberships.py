"""The largest soft memberships, sparse, against all of them."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.metrics import pairwise_distances

from skdeepcluster import HDBSCAN
from skdeepcluster.density import _hierarchy
from tests.density._samples import fit, parameters, samples


@given(samples(min_size=8), parameters, st.integers(1, 6), st.booleans())
def test_are_the_largest(X, params, top_k, noise):
    model = fit(X, **params)
    whole = model.predict_proba(noise=noise)
    all_of_them = model.predict_proba(noise=noise, top_k=100)
    assert all_of_them.shape == whole.shape
    assert_allclose(all_of_them.toarray(), whole, rtol=1e-9, atol=1e-12)
    few = model.predict_proba(noise=noise, top_k=top_k)
    if model.n_clusters_ <= 2 * top_k:
        kept = whole[:, : model.n_clusters_].copy()
        least = np.argsort(-kept, axis=1, kind="stable")[:, top_k:]
        total = kept.sum(axis=1, keepdims=True)
        np.put_along_axis(kept, least, 0, axis=1)
        now = kept.sum(axis=1, keepdims=True)
        kept *= np.divide(total, now, out=np.zeros_like(now), where=now > 0)
        assert_allclose(few.toarray()[:, : model.n_clusters_], kept, rtol=1e-9, atol=1e-12)
    assert few.has_sorted_indices and np.diff(few.indptr).max() <= top_k + noise
    if noise:
        assert_allclose(few.sum(axis=1), 1)
    assert_array_equal(model.predict_proba(X, noise=noise, top_k=top_k).toarray(), few.toarray())


def many(n_clusters=40):
    X, _ = make_blobs(1200, centers=n_clusters, cluster_std=0.3, center_box=(-9, 9), random_state=0)
    return X


@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_many_clusters(method, monkeypatch):
    X = many()
    model = HDBSCAN(8, cluster_selection_method=method).fit(X)
    assert model.n_clusters_ > 20
    whole, few = model.predict_proba(), model.predict_proba(top_k=3)
    some = model.labels_ >= 0
    assert_array_equal(few.argmax(axis=1)[some], model.labels_[some])
    assert_allclose(few.sum(axis=1), whole.sum(axis=1), rtol=1e-6)
    # What is kept is nearly all of the largest ones.
    largest = -np.sort(-whole, axis=1)[:, :3].sum(axis=1)
    kept = np.where(few.toarray() > 0, whole, 0).sum(axis=1)
    assert (kept >= 0.9 * largest).mean() > 0.95
    monkeypatch.setattr(_hierarchy, "BATCH_ENTRIES", 500)
    assert_allclose(model.predict_proba(top_k=3).toarray(), few.toarray(), rtol=1e-9)


def test_other_distances_and_weights():
    X = many(12)
    D = pairwise_distances(X)
    models = [
        (HDBSCAN(8, metric="precomputed").fit(D), D),
        (HDBSCAN(8, metric="precomputed").fit(sp.csr_array(D)), sp.csr_array(D)),
        (HDBSCAN(8, algorithm="brute").fit(X), X),
        (HDBSCAN(8, metric="cosine").fit(X + 20), np.r_[X + 20, np.zeros((1, 2))]),
        (HDBSCAN(8).fit(X, sample_weight=np.arange(len(X)) % 3), X),
    ]
    for model, new in models:
        for rows in (None, new):
            whole, every = model.predict_proba(rows), model.predict_proba(rows, top_k=99)
            assert_allclose(every.toarray(), whole, rtol=1e-6, atol=1e-9)


def test_errors():
    with pytest.raises(ValueError, match="top_k"):
        fit(many(3)).predict_proba(top_k=0)
    # Without clusters nothing is stored.
    empty = fit(np.arange(5.0)[:, np.newaxis], min_cluster_size=5).predict_proba(top_k=2)
    assert empty.shape == (5, 0) and empty.nnz == 0
