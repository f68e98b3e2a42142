"""Neighbors by any metric, of rows of any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.neighbors import NearestNeighbors

from skdeepcluster import GraphDegreeLinkage
from skdeepcluster.algorithms.neighbors import nearest_by_blocks, nearest_neighbors
from skdeepcluster.validation import METRICS, SPARSE_METRICS
from tests.common import BOOLEAN
from tests.graph._samples import TOUCHING, X, quiet


@given(st.integers(0, 2**32), st.integers(2, 300), st.integers(1, 12), st.booleans())
def test_nearest_neighbors(seed, n, d, copies):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    if copies:
        X = X[rng.integers(0, max(n // 4, 1), n)]
    k = min(n - 1, 7)
    for metric in ("euclidean", "manhattan", "chebyshev"):
        search = NearestNeighbors(n_neighbors=k, algorithm="kd_tree", metric=metric).fit(X)
        D = cdist(X, X, metric.replace("manhattan", "cityblock"))
        for distances, indices in [
            nearest_neighbors(X, k, 2, metric),
            nearest_by_blocks(D.__getitem__, n, k),
        ]:
            assert_allclose(distances, search.kneighbors()[0], atol=1e-12)
            assert_allclose(distances, np.take_along_axis(D, indices, axis=1), atol=1e-12)
            assert (indices != np.arange(n)[:, None]).all()
            assert all(len(set(row)) == k for row in indices.tolist())


@pytest.mark.parametrize(("dtype", "exponent"), [(np.float32, 120), (np.float64, 1000)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_neighbors_of_rows_of_any_size(dtype, exponent, sign):
    X = np.random.default_rng(0).normal(size=(200, 3)).astype(dtype)
    expected = nearest_neighbors(X, 5)
    distances, indices = nearest_neighbors(np.ldexp(X, sign * exponent), 5)
    assert_array_equal(indices, expected[1])
    assert_array_equal(distances, np.ldexp(expected[0], sign * exponent))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_functions_that_give_no_distances_are_refused(value):
    few = np.sort(X[:, 0])[10]  # fewer than there are to be neighbors

    def metric(a, b):
        return value if (a[0] < few) != (b[0] < few) else abs(a[0] - b[0])

    with pytest.raises(ValueError, match=r"Distances by metric=.* must not be .* Leave out rows"):
        GraphDegreeLinkage(2, metric=metric).fit(X)


@quiet
@pytest.mark.parametrize("metric", [*sorted(METRICS), lambda a, b: abs(a - b).max()])
def test_every_metric_agrees_with_its_matrix(metric):
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=(60, 2 if metric == "haversine" else 8)))
    if metric in BOOLEAN:
        rows = rows > 0.5
    D = pairwise_distances(rows, metric=metric)
    rows = rows.astype(float)
    if metric in {"seuclidean", "mahalanobis"}:
        D = squareform(pdist(rows, metric))
    if metric == "cosine":
        # Of rows of length one.
        D = np.sqrt(2 * D)
    distances = GraphDegreeLinkage(3, affinity="precomputed_nearest_neighbors")
    expected = distances.fit(np.where(D < 1e-12, 0, D))
    model = GraphDegreeLinkage(3, metric=metric)
    assert_array_equal(model.fit(rows).labels_, expected.labels_)
    assert_allclose(model.distances_, expected.distances_, atol=1e-7)
    if metric not in SPARSE_METRICS and not callable(metric):
        with pytest.raises(ValueError, match="dense rows only"):
            model.fit(csr_array(rows))
        return
    wide = csr_array(rows)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    for form in (csr_array(rows), csr_matrix(rows), wide):
        assert_array_equal(model.fit(form).labels_, expected.labels_)


@pytest.mark.parametrize("metric", ["seuclidean", "mahalanobis"])
def test_constant_features_have_no_variance(metric):
    with pytest.raises(ValueError, match=f"metric='{metric}'.*Leave"):
        GraphDegreeLinkage(2, metric=metric).fit(np.column_stack([X, np.ones(len(X))]))


def test_metrics_that_cannot_be_computed():
    with pytest.raises(ValueError, match="metric for p >= 1 only"):
        GraphDegreeLinkage(2, metric="minkowski", metric_params={"p": 0.5}).fit(X)
    with pytest.raises(ValueError, match="2 features"):
        GraphDegreeLinkage(2, metric="haversine").fit(np.ones((5, 3)))


@quiet
def test_missing_values():
    rows, labels = make_blobs(60, n_features=6, random_state=0)
    rows[np.arange(60), np.arange(60) % 6] = np.nan
    model = GraphDegreeLinkage(3, metric="nan_euclidean").fit(rows)
    assert adjusted_rand_score(model.labels_, labels) == 1
    with pytest.raises(ValueError, match="NaN"):
        GraphDegreeLinkage(3).fit(rows)


@quiet
@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float32, 120), (np.float64, 660), (np.float64, 1000)]
)
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_rows_of_any_size(dtype, size, metric, form):
    if metric == "chebyshev" and form is csr_array:
        return
    # Components without edges between them too.
    rows = np.concatenate([TOUCHING, TOUCHING[:40] + 80]).astype(dtype)
    expected = GraphDegreeLinkage(4, n_neighbors=10, metric=metric).fit(form(rows))
    for exponent in (-size, size):
        model = GraphDegreeLinkage(4, n_neighbors=10, metric=metric)
        model.fit(form(np.ldexp(rows, exponent)))
        assert_array_equal(model.labels_, expected.labels_)
        assert_array_equal(model.children_, expected.children_)
        assert_allclose(np.ldexp(model.distances_, -exponent), expected.distances_, rtol=1e-5)
