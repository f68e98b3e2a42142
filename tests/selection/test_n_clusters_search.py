"""NClustersSearch: criteria against their definitions, structure, and the contract of searches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.datasets import load_iris, make_blobs, make_circles
from sklearn.metrics import adjusted_rand_score, pairwise_distances, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeepcluster import HDBSCAN, GraphDegreeLinkage, KMedoids, LandmarkSpectral, NClustersSearch
from skdeepcluster.displays import NClustersDisplay
from skdeepcluster.selection import _criteria
from skdeepcluster.selection._criteria import CRITERIA, OF_ROWS
from skdeepcluster.selection._fits import Problem, space_of

CENTERS = np.array([[0, 0], [10, 0], [0, 10], [10, 10], [20, 0]])


def blobs(k=3, n=150, seed=0, std=0.5):
    return make_blobs(n, centers=CENTERS[:k], cluster_std=std, random_state=seed)


def search(criterion="silhouette", **params):
    params = {"max_clusters": 6, "n_repeats": 4, "random_state": 0} | params
    return NClustersSearch(params.pop("estimator", None), criterion=criterion, **params)


@pytest.mark.parametrize("criterion", ["consensus", *CRITERIA])
def test_every_criterion_finds_separate_blobs(criterion):
    X, y = blobs()
    model = search(criterion).fit(X)
    assert model.n_clusters_ == 3 and model.has_structure_
    assert adjusted_rand_score(y, model.labels_) == 1
    assert_array_equal(model.predict(X), model.labels_)


@pytest.mark.parametrize("criterion", ["consensus", *CRITERIA])
@pytest.mark.parametrize("seed", [0, 1])
def test_uniform_rows_have_no_structure(criterion, seed):
    X = np.random.default_rng(seed).uniform(size=(200, 2))
    model = search(criterion, n_repeats=10).fit(X)
    assert model.n_clusters_ == 1 and not model.has_structure_
    assert_array_equal(model.labels_, 0)
    # Without the references, clusters would be found in them.
    if criterion in ("silhouette", "medoid_silhouette", "stability"):
        assert search(criterion, min_clusters=2).fit(X).n_clusters_ > 1


def test_scores_are_those_of_scikit_learn():
    X = load_iris().data
    model = search("silhouette").fit(X)
    expected = [
        silhouette_score(X, model.best_estimator_.set_params(n_clusters=k).fit_predict(X))
        for k in range(2, 7)
    ]
    assert_allclose(model.cv_results_["mean_test_score"][1:], expected)
    assert model.best_score_ == max(expected)


def test_gap_follows_its_definition(monkeypatch):
    """On references that are given, against a slow loop."""
    X, _ = blobs()
    rng = np.random.default_rng(0)
    boxes = [rng.uniform(X.min(axis=0), X.max(axis=0), X.shape) for _ in range(3)]
    draws = iter(boxes)
    monkeypatch.setattr(_criteria, "uniform_reference", lambda X, rng, principal: next(draws))
    kmeans = KMeans(n_init=2, random_state=0)
    model = search("gap", estimator=kmeans, n_repeats=3, max_clusters=5).fit(X)

    def log_dispersion(Z, k):
        labels = KMeans(k, n_init=2, random_state=0).fit_predict(Z)
        return np.log(sum(Z[labels == c].var(axis=0).sum() * sum(labels == c) for c in range(k)))

    of_data = np.array([log_dispersion(X, k) for k in range(1, 6)])
    of_boxes = np.array([[log_dispersion(Z, k) for k in range(1, 6)] for Z in boxes])
    gap = of_boxes.mean(axis=0) - of_data
    error = of_boxes.std(axis=0) * np.sqrt(1 + 1 / 3)
    assert_allclose(model.cv_results_["mean_test_gap"], gap, rtol=1e-6)
    assert_allclose(model.cv_results_["std_test_gap"], error, rtol=1e-6)
    first = next(k for k in range(1, 5) if gap[k - 1] >= gap[k] - error[k])
    assert model.n_clusters_ == first


@given(seed=st.integers(0, 500), k=st.integers(1, 4), n=st.integers(4, 20))
def test_prediction_strength_is_the_least_share_of_pairs(seed, k, n):
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(k, size=n), rng.integers(k, size=n)
    shares = []
    for c in np.unique(labels):
        members = predicted[labels == c]
        same = [a == b for i, a in enumerate(members) for j, b in enumerate(members) if i != j]
        shares.append(np.mean(same) if same else 0.0)
    assert _criteria._strength(predicted, labels) == pytest.approx(min(shares))


def test_medoid_silhouette_follows_its_definition():
    X, y = blobs(n=30)
    D = pairwise_distances(X)
    medoids = [min(np.flatnonzero(y == c), key=lambda i: D[i, y == c].sum()) for c in range(3)]
    near = np.sort(D[:, medoids], axis=1)
    found = _criteria._medoid_silhouettes(D, y)
    assert_allclose(found, 1 - near[:, 0] / near[:, 1])


@settings(max_examples=15)
@given(seed=st.integers(0, 100))
def test_eigenvalues_of_separate_groups_are_one(seed):
    X, _ = blobs(4, n=160, seed=seed)
    values = _criteria.spectrum(X, 6)
    assert_allclose(values[:4], 1)
    assert values[4] < 0.999


@pytest.mark.parametrize(
    "estimator, param",
    [
        (GaussianMixture(), "n_components"),
        (AgglomerativeClustering(), "n_clusters"),
        (GraphDegreeLinkage(), "n_clusters"),
        (KMedoids(), "n_clusters"),
        (LandmarkSpectral(), "n_clusters"),
        (make_pipeline(StandardScaler(), KMeans(n_init=3)), "kmeans__n_clusters"),
        (make_pipeline(StandardScaler(), AgglomerativeClustering()),
         "agglomerativeclustering__n_clusters"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("criterion", ["silhouette", "prediction_strength", "consensus"])
@pytest.mark.filterwarnings("ignore:3 clusters have no affinity")
def test_any_estimator(estimator, param, criterion):
    if isinstance(estimator, GraphDegreeLinkage) and criterion == "prediction_strength":
        pytest.skip("of separate components it also cuts single rows off, again and again")
    X, y = blobs()
    model = search(criterion, estimator=estimator, param=param).fit(X)
    assert model.best_params_ == {param: 3}
    assert adjusted_rand_score(y, model.labels_) == 1
    assert model.best_estimator_.get_params()[param] == 3
    assert_array_equal(model.cv_results_[f"param_{param}"], range(1, 7))


def test_clusters_of_any_shape():
    X, y = make_circles(300, factor=0.3, noise=0.02, random_state=0)
    single = AgglomerativeClustering(linkage="single")
    model = search("stability", estimator=single, min_clusters=2).fit(X)
    assert model.n_clusters_ == 2 and adjusted_rand_score(y, model.labels_) == 1


@pytest.mark.parametrize("linkage", ["average", "ward"])
def test_a_hierarchy_is_fitted_once(linkage, monkeypatch):
    X, _ = blobs()
    fits = []
    fit = AgglomerativeClustering.fit

    def counted(self, X, y=None):
        fits.append(len(X))
        return fit(self, X)

    monkeypatch.setattr(AgglomerativeClustering, "fit", counted)
    problem = Problem(
        AgglomerativeClustering(linkage=linkage), "n_clusters", (2, 3, 5, 9), X, {}, 0
    )
    labels = [labels for _, labels in problem.fits()]
    assert fits == [len(X)]
    for k, found in zip(problem.numbers, labels, strict=True):
        expected = AgglomerativeClustering(k, linkage=linkage).fit_predict(X)
        assert adjusted_rand_score(expected, found) == 1


def test_medoids_start_from_those_of_more_clusters():
    X, _ = blobs(5, n=300, std=2.0)
    kmedoids = KMedoids(n_init=1, random_state=0)
    problem = Problem(kmedoids, "n_clusters", tuple(range(2, 12)), X, {}, 0)
    swept = [model for model, _ in problem.fits()]
    cold = [problem.of_number(k).fit(X) for k in problem.numbers]
    assert [len(model.medoid_indices_) for model in swept] == list(problem.numbers)
    # All but the first are near their optimum from the beginning.
    assert sum(m.n_swaps_ for m in swept[:-1]) < sum(m.n_swaps_ for m in cold[:-1]) / 2
    losses = np.array([[a.inertia_, b.inertia_] for a, b in zip(swept, cold, strict=True)])
    assert (losses[:, 0] < 1.03 * losses[:, 1]).all()


def test_the_result_depends_neither_on_jobs_nor_on_global_state():
    X, _ = blobs(4, std=1.5)
    one = search("consensus").fit(X)
    two = search("consensus", n_jobs=2).fit(X)
    assert one.choices_ == two.choices_
    for name, values in one.cv_results_.items():
        assert_array_equal(two.cv_results_[name], values)
    assert_array_equal(one.labels_, two.labels_)


@pytest.mark.parametrize("criterion", sorted(set(CRITERIA) - OF_ROWS))
def test_distances_of_pairs(criterion):
    X, y = blobs()
    D = pairwise_distances(X)
    model = search(criterion, estimator=KMedoids(metric="precomputed")).fit(D)
    assert model.n_clusters_ == 3 and adjusted_rand_score(y, model.labels_) == 1
    with pytest.raises(ValueError, match="needs rows"):
        search("gap", estimator=KMedoids(metric="precomputed")).fit(D)
    with pytest.raises(ValueError, match="square"):
        search(criterion, estimator=KMedoids(metric="precomputed")).fit(D[:, :-1])


def test_weights_reach_the_estimator_and_are_resampled():
    X, _ = blobs()
    seen = []

    class Watched(KMeans):
        def fit(self, X, y=None, sample_weight=None):
            seen.append((len(X), None if sample_weight is None else len(sample_weight)))
            return super().fit(X, sample_weight=sample_weight)

    weights = np.arange(1.0, len(X) + 1)
    search("stability", estimator=Watched(n_init=1)).fit(X, sample_weight=weights)
    data = [(n, m) for n, m in seen if m is not None]
    assert all(n == m for n, m in data) and {n for n, _ in data} == {120, 150}
    seen.clear()
    with config_context(enable_metadata_routing=True):
        routed = Watched(n_init=1).set_fit_request(sample_weight=True)
        search("silhouette", estimator=routed).fit(X, sample_weight=weights)
        assert (150, 150) in seen
        request = search(estimator=routed).get_metadata_routing()
        assert request.consumes("fit", ["sample_weight"]) == {"sample_weight"}
        unrequested = search(estimator=Watched(n_init=1))
        with pytest.raises(ValueError, match="sample_weight"):
            unrequested.fit(X, sample_weight=weights)


def test_large_data_are_measured_on_a_sample():
    X, y = blobs(n=3000)
    model = search("consensus", max_samples=100).fit(X)
    assert model.n_clusters_ == 3 and len(model.labels_) == 3000


def test_noise_is_left_out():
    X, _ = blobs()
    grid = search("silhouette", estimator=HDBSCAN(), param="min_cluster_size").fit(X)
    found, results = 0, grid.cv_results_
    sizes = results["param_min_cluster_size"]
    for size, score in zip(sizes, results["mean_test_score"], strict=True):
        if size < 2:  # which HDBSCAN does not take
            continue
        labels = HDBSCAN(min_cluster_size=int(size)).fit_predict(X)
        kept = labels >= 0
        if len(set(labels[kept])) > 1:
            assert score == pytest.approx(silhouette_score(X[kept], labels[kept]), rel=1e-6)
            found += not kept.all()
    assert found


def test_numbers_are_limited_by_the_rows():
    X, _ = blobs(n=20)
    model = search(max_clusters=50).fit(X)
    assert model.cv_results_["param_n_clusters"].max() == 10
    with pytest.raises(ValueError, match="n_samples=5"):
        search().fit(X[:5])


def test_bad_parameters():
    X, _ = blobs()
    with pytest.raises(ValueError, match="no parameter param='k'"):
        search(param="k").fit(X)
    with pytest.raises(ValueError, match="max_clusters=3 should be >= min_clusters=4"):
        search(max_clusters=3, min_clusters=4).fit(X)
    with pytest.raises(TypeError, match="not numbers"):
        space_of(None, np.array([["a", "b"]], dtype=object))


def test_methods_are_those_of_the_estimator():
    assert hasattr(search(), "transform")
    assert not hasattr(search(estimator=AgglomerativeClustering()), "predict")
    assert not hasattr(search(estimator=KMedoids()), "predict_proba")
    X, _ = blobs()
    mixture = search("silhouette", estimator=GaussianMixture(), param="n_components").fit(X)
    assert mixture.predict_proba(X).shape == (len(X), 3)
    assert mixture.score(X) == mixture.best_estimator_.score(X)


@pytest.mark.parametrize("criterion", ["consensus", "gap"])
def test_display(criterion):
    X, _ = blobs()
    model = search(criterion).fit(X)
    display = NClustersDisplay.from_estimator(model)
    assert display.n_clusters == 3
    assert list(display.lines_) == list(model.choices_)
    for name, line in display.lines_.items():
        assert_array_equal(line.get_ydata(), model.cv_results_[f"mean_test_{name}"])
    with pytest.raises(TypeError, match="choices_"):
        NClustersDisplay.from_estimator(model.best_estimator_)


def test_a_search_is_the_last_step_where_rows_are_not_numbers():
    rng = np.random.default_rng(0)
    group = rng.integers(2, size=60)
    table = np.array(["ab"[g] for g in group], dtype=object)[:, np.newaxis]
    encoder = OneHotEncoder(sparse_output=False)
    around = NClustersSearch(
        make_pipeline(encoder, KMeans(n_init=1)), param="kmeans__n_clusters", max_clusters=2,
        n_repeats=2, criterion="silhouette", random_state=0,
    )  # fmt: skip
    with pytest.raises(TypeError, match="make NClustersSearch its last step"):
        around.fit(table)
    inside = NClustersSearch(
        KMeans(n_init=1), max_clusters=2, n_repeats=2, criterion="silhouette", random_state=0
    )
    labels = make_pipeline(encoder, inside).fit_predict(table)
    assert len(np.unique(labels)) == 2
