"""Rows of any form, precision and size."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import HDBSCAN
from tests.density._samples import two_blobs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(dtype):
    X = make_blobs(200, random_state=0)[0].astype(dtype)
    model = HDBSCAN(10, store_centers="both").fit(X)
    for value in (
        model.probabilities_,
        model.outlier_scores_,
        model.centroids_,
        model.medoids_,
        model.predict_proba(),
        model.predict(X, return_probabilities=True)[1],
    ):
        assert value.dtype == dtype


FORMS = {
    "float64": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "list": lambda X: X.tolist(),
    "Fortran": np.asfortranarray,
    "frame": lambda X: pytest.importorskip("pandas").DataFrame(X).to_numpy(),
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csc": sp.csc_array,
    "float32 csr": lambda X: sp.csr_array(X.astype(np.float32)),
    "csr of 64 bits": lambda X: wide(sp.csr_array(X)),
}


def wide(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("fitted", FORMS)
@pytest.mark.parametrize("asked", FORMS)
def test_rows_may_come_in_another_form_than_they_were_fitted_in(fitted, asked, metric):
    X = two_blobs(40).round(1)
    model = HDBSCAN(min_cluster_size=10, metric=metric).fit(FORMS[fitted](X))
    X = FORMS[asked](X)
    assert_array_equal(model.predict(X), model.labels_)
    soft = model.predict_proba(X)
    assert soft.dtype == (np.float32 if "float32" in fitted else np.float64)
    assert_allclose(soft, model.predict_proba(), rtol=1e-3, atol=1e-3)
    assert_allclose(model.score(X), model.probabilities_.mean(), rtol=1e-3)


def test_integers_are_placed_in_a_fit_of_float32():
    X = (two_blobs() * 10).astype(int)
    model = HDBSCAN(min_cluster_size=10).fit(X.astype(np.float32))
    assert_array_equal(model.predict(X), model.labels_)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "chebyshev", "canberra"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_far_away_belong_to_no_cluster(metric, dtype):
    X = two_blobs().astype(dtype)
    model = HDBSCAN(min_cluster_size=10, metric=metric).fit(X)
    far = np.array([[1e5, 0, 0], [-1e30, 1e30, 0], [1e200, 0, 1], [1e308, -1e308, 0], [0, 0, 0]])
    labels, probabilities = model.predict(far, return_probabilities=True)
    soft = model.predict_proba(far)
    assert np.isfinite(soft).all() and (soft >= 0).all()
    assert (soft.sum(axis=1) <= 1 + 1e-6).all()
    if metric not in ("cosine", "canberra"):
        assert (labels[:4] == -1).all() and (probabilities[:4] == 0).all()
        assert soft[:4].max() < 1e-4


@pytest.mark.parametrize(
    "metric, power",
    [("euclidean", 1), ("sqeuclidean", 2), ("manhattan", 1), ("chebyshev", 1), ("minkowski", 1)]
    + [("cosine", 0), ("nan_euclidean", 1), ("correlation", 0), ("seuclidean", 0)],
)
@pytest.mark.parametrize(
    "exponent, dtype",
    [(-83, np.float32), (100, np.float32), (-664, np.float64), (664, np.float64)],
)
def test_values_may_be_of_any_size(metric, power, exponent, dtype):
    params = {"metric": metric, "metric_params": {"p": 3} if metric == "minkowski" else None}
    X = two_blobs().astype(dtype)
    model = HDBSCAN(10, store_centers="medoid", **params).fit(X)
    other = HDBSCAN(10, store_centers="medoid", **params).fit(np.ldexp(X, exponent))
    # Roots other than square ones are not exact.
    same = assert_allclose if metric == "minkowski" else assert_array_equal
    for name in ("labels_", "probabilities_", "outlier_scores_", "cluster_persistence_"):
        same(getattr(other, name), getattr(model, name))
    assert_array_equal(other.medoids_, np.ldexp(model.medoids_, exponent))
    assert_array_equal(other.predict(np.ldexp(X, exponent)), model.labels_)
    same(other.predict_proba(np.ldexp(X, exponent)), model.predict_proba(X))
    # In units of X, as far as they are numbers.
    with np.errstate(over="ignore", under="ignore"):
        factor = np.ldexp(1.0, power * exponent)
    same(other.core_distances_, model.core_distances_ * factor)
    same(
        other.single_linkage_tree_.linkage[:, 2],
        model.single_linkage_tree_.linkage[:, 2] * factor,
    )
    if np.isfinite(factor) and factor > 0:
        same(other.condensed_tree_.death, model.condensed_tree_.death / factor)
        epsilon = 1.5
        assert_array_equal(
            other.reselect(cluster_selection_epsilon=epsilon * factor).labels,
            model.reselect(cluster_selection_epsilon=epsilon).labels,
        )


def test_tensors():
    torch = pytest.importorskip("torch")
    X = two_blobs().round(1)
    model = HDBSCAN(10).fit(torch.tensor(X, requires_grad=True))
    assert_array_equal(model.predict(torch.tensor(X)), model.labels_)
    assert model.predict(torch.tensor(X, dtype=torch.bfloat16)).shape == (300,)


def test_pipeline_of_float32_takes_lists():
    X = two_blobs().astype(np.float32)
    model = make_pipeline(StandardScaler(), HDBSCAN(10)).fit(X)
    assert_array_equal(model.predict(X.tolist()), model[-1].labels_)
