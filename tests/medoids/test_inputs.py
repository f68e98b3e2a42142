"""What all clusterers around medoids take: any metric, size, type and form of rows."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist, squareform

from skdeepcluster import CLARA, CLARANS, DynMSC, FasterMSC, KMedoids
from skdeepcluster.validation import METRICS, SPARSE_METRICS
from tests.common import BOOLEAN

MODELS = {
    "KMedoids": lambda **params: KMedoids(3, random_state=0, **params),
    "KMedoids-unstored": lambda **params: KMedoids(
        3, store_distances=False, random_state=0, **params
    ),
    "alternate": lambda **params: KMedoids(
        3, method="alternate", init="lab", store_distances=False, random_state=0, **params
    ),
    "CLARA": lambda **params: CLARA(3, max_samples=30, random_state=0, **params),
    "CLARANS": lambda **params: CLARANS(3, max_neighbors=0.5, random_state=0, **params),
    "FasterMSC": lambda **params: FasterMSC(3, random_state=0, **params),
    "DynMSC": lambda **params: DynMSC(5, random_state=0, **params),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def groups(n_features=6, n=60, seed=0):
    """Three groups of positive values, some of them 0."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(0.5, 1.5, (3, n_features)) * (rng.random((3, n_features)) > 0.3)
    centers[:, 0] = 1
    return centers[np.arange(n) % 3] * rng.uniform(0.9, 1.1, (n, n_features))


def rows(metric):
    X = groups(2 if metric == "haversine" else 6)
    if metric == "mahalanobis":
        X += np.random.default_rng(1).normal(scale=0.1, size=X.shape)
    return (X > 0).astype(float) if metric in BOOLEAN else X


def largest(x, y):
    return abs(x - y).max()


@every_model
@pytest.mark.parametrize("metric", [*sorted(METRICS), largest])
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_every_metric_is_fitted_and_asked_again(model, metric):
    X = rows(metric)
    if metric in SPARSE_METRICS or callable(metric):
        forms = [X, sp.csr_array(X), sp.csr_matrix(X)]
    else:
        forms = [X]
        with pytest.raises(ValueError, match="dense rows only"):
            model(metric=metric).fit(sp.csr_array(X))
    expected = model(metric=metric).fit(X)
    D = expected.transform(X)
    for fitted in forms:
        found = model(metric=metric).fit(fitted)
        assert found.inertia_ == pytest.approx(expected.inertia_, abs=1e-6)
        found = pickle.loads(pickle.dumps(found))
        for form in (X, sp.csr_array(X), sp.csr_matrix(X), sp.coo_array(X)):
            found_D = found.transform(form)
            if (found.medoid_indices_ == expected.medoid_indices_).all():
                assert_allclose(found_D, D, atol=1e-6)
            # Rounding decides where copies of rows are.
            assert_allclose(
                found_D[np.arange(len(X)), found.predict(form)], found_D.min(axis=1), atol=1e-6
            )
            assert_allclose(found.score(form), found.score(X), atol=1e-5)


@every_model
@pytest.mark.parametrize("metric", ["seuclidean", "mahalanobis"])
def test_parameters_come_from_the_rows_of_fit(model, metric):
    X = rows("mahalanobis")
    D = pdist(X, metric)
    found = model(metric=metric).fit(X)
    expected = model(metric="precomputed").fit(D)
    assert_array_equal(found.medoid_indices_, expected.medoid_indices_)
    assert found.inertia_ == pytest.approx(expected.inertia_)
    # A few new rows have other variances.
    assert_array_equal(found.predict(X[:4]), found.labels_[:4])
    assert found.get_params()["metric_params"] is None


@every_model
@pytest.mark.parametrize(
    ("metric", "metric_params", "message"),
    [
        ("minkowski", {"p": 0.5}, "p >= 1"),
        ("minkowski", {"p": 0}, "p >= 1"),
        ("minkowski", {"p": np.nan}, "p >= 1"),
        ("haversine", None, "2 features"),
        ("wminkowski", None, "'metric' parameter"),
    ],
)
def test_metrics_that_cannot_be_computed(model, metric, metric_params, message):
    with pytest.raises(ValueError, match=message):
        model(metric=metric, metric_params=metric_params).fit(groups())


def undefined(value):
    def metric(x, y):
        # Far from the rows that are looked at first.
        return value if x[0] != y[0] and 1.001 in (x[0], y[0]) else abs(x - y).sum()

    return metric


@every_model
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_metrics_that_are_undefined_for_a_row(model, value):
    X = groups()
    X[37, 0] = 1.001
    with pytest.raises(ValueError, match=r"Distances by metric=.*Leave out rows"):
        model(metric=undefined(value)).fit(X)


@every_model
def test_constant_rows_have_no_correlation(model):
    X = groups()
    X[[7, 37]] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="Distances by metric='correlation' must not be neg"):
            model(metric="correlation").fit(X)
        found = model(metric="correlation").fit(np.delete(X, [7, 37], axis=0))
        for ask in (found.predict, found.transform, found.score):
            with pytest.raises(ValueError, match="metric='correlation' must not be negative"):
                ask(X)


@every_model
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("exponent", [-120, 100, -900, 1000])
def test_the_size_of_values_changes_nothing_but_distances(model, dtype, metric, exponent):
    if dtype == np.float32 and abs(exponent) > 120:
        pytest.skip("no such float32")
    X = groups().astype(dtype)
    expected = model(metric=metric).fit(X)
    found = model(metric=metric).fit(np.ldexp(X, exponent))
    assert_array_equal(found.medoid_indices_, expected.medoid_indices_)
    assert_array_equal(found.labels_, expected.labels_)
    assert_array_equal(found.predict(np.ldexp(X, exponent)), expected.labels_)
    D = found.transform(np.ldexp(X, exponent))
    assert D.dtype == dtype
    assert_allclose(np.ldexp(D, -exponent), expected.transform(X), rtol=1e-5)
    assert found.inertia_ == pytest.approx(np.ldexp(expected.inertia_, exponent), rel=1e-5, abs=0)


@every_model
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("exponent", [-110, 100])
def test_squares_that_do_not_fit_float32(model, form, exponent):
    X = groups().astype(np.float32)
    for metric in ("euclidean", "sqeuclidean", "cosine"):
        expected = model(metric=metric).fit(form(X))
        scaled = form(np.ldexp(X, exponent))
        found = model(metric=metric).fit(scaled)
        assert_array_equal(found.labels_, expected.labels_)
        assert_array_equal(found.predict(scaled), expected.labels_)
        power = {"euclidean": 1, "sqeuclidean": 2, "cosine": 0}[metric]
        assert_allclose(
            np.ldexp(found.transform(scaled), -power * exponent),
            expected.transform(form(X)),
            rtol=1e-4,
            atol=1e-5,
        )


@every_model
@pytest.mark.parametrize(("scale", "fault"), [(1e-200, "vanish"), (1e200, "overflow")])
@pytest.mark.parametrize("metric", ["sqeuclidean", "correlation", "minkowski", "nan_euclidean"])
def test_squares_that_fit_nowhere(model, metric, scale, fault):
    with pytest.raises(ValueError, match=f"Squared distances {fault}.*Scale X"):
        model(metric=metric).fit(groups() * scale)


def test_new_rows_of_another_size():
    X = groups()
    model = KMedoids(3, random_state=0).fit(X * 1e-200)
    assert_allclose(
        model.transform(X[:2] * 1e-100),
        np.linalg.norm(X[:2] * 1e-100, axis=1)[:, None] * np.ones(3),
    )
    with pytest.raises(ValueError, match="overflow"):
        model.predict(X)
    model = KMedoids(3, random_state=0).fit(X)
    assert_allclose(
        model.transform(X[:2] * 1e-200),
        np.ones((2, 1)) * np.linalg.norm(model.cluster_centers_, axis=1),
    )


@every_model
@pytest.mark.parametrize("metric", ["manhattan", "euclidean", "sqeuclidean", "cosine"])
def test_indices_of_64_bits(model, metric):
    X = sp.csr_array(groups())
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    found = model(metric=metric).fit(X)
    assert_array_equal(found.labels_, found.predict(X))
    assert X.indices.dtype == np.int64


@every_model
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_tensors(model, dtype):
    torch = pytest.importorskip("torch")
    X = torch.from_numpy(groups()).to(getattr(torch, dtype)).requires_grad_()
    weights = torch.ones(len(X), dtype=torch.bfloat16, requires_grad=True)
    values = X.detach().float().numpy() if dtype != "float64" else X.detach().numpy()
    found = model().fit(X, sample_weight=weights)
    assert_array_equal(found.labels_, model().fit(values).labels_)
    assert_array_equal(found.predict(X), found.labels_)
    assert_array_equal(found.transform(X), found.transform(values))
    assert found.score(X, sample_weight=weights) == found.score(values)
    D = torch.from_numpy(squareform(pdist(values))).to(X.dtype).requires_grad_()
    found = model(metric="precomputed").fit(D)
    assert_array_equal(found.predict(D), found.labels_)


@every_model
def test_precomputed_distances_to_new_rows_are_checked(model):
    X = groups()
    D = np.abs(X[:, :1] - X[:, 0])
    found = model(metric="precomputed").fit(D)
    for ask in (found.predict, found.transform, found.score):
        with pytest.raises(ValueError, match="Precomputed distances must not be negative"):
            ask(-D)
