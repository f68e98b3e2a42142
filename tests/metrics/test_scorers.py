import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_blobs
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import check_random_state, shuffle

from skdeepcluster import metrics
from skdeepcluster.metrics import (
    calinski_harabasz_scorer,
    clustering_accuracy,
    clustering_accuracy_scorer,
    davies_bouldin_scorer,
    make_unsupervised_scorer,
    silhouette_scorer,
)

UNSUPERVISED = [silhouette_scorer, calinski_harabasz_scorer, davies_bouldin_scorer]


class Labeler(ClusterMixin, BaseEstimator):
    """Clusters by the sign of the first feature; noise and an embedding on demand."""

    def __init__(self, scale=1.0, noise_above=np.inf):
        self.scale = scale
        self.noise_above = noise_above

    def fit(self, X, y=None):
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        first = np.asarray(X).reshape(len(X), -1)[:, 0]
        return np.where(first > self.noise_above, -1, first > 0)

    def transform(self, X):
        first = np.asarray(X).reshape(len(X), -1)[:, :1]
        return np.sign(first) + self.scale * first


@pytest.fixture
def blobs():
    return make_blobs(200, centers=4, cluster_std=0.5, random_state=0)


@pytest.mark.parametrize(
    "scorer, metric, sign",
    [
        (silhouette_scorer, silhouette_score, 1),
        (calinski_harabasz_scorer, calinski_harabasz_score, 1),
        (davies_bouldin_scorer, davies_bouldin_score, -1),
    ],
)
def test_equals_the_index_of_the_predictions(blobs, scorer, metric, sign):
    X, y = blobs
    kmeans = KMeans(4, random_state=0).fit(X[:100])
    score = scorer(kmeans, X[100:])
    assert score == pytest.approx(sign * metric(X[100:], kmeans.predict(X[100:])))
    assert score == scorer(kmeans, X[100:], y[100:]) == scorer(kmeans, pd.DataFrame(X[100:]))
    assert isinstance(score, float)


@pytest.mark.parametrize("scorer", UNSUPERVISED)
def test_grid_search_without_classes_in_processes(blobs, scorer):
    X, _ = blobs
    search = GridSearchCV(
        KMeans(random_state=0, n_init=3), {"n_clusters": [1, 2, 4, 9]}, scoring=scorer, n_jobs=2
    ).fit(X)
    assert search.best_params_ == {"n_clusters": 4}
    assert search.cv_results_["rank_test_score"][0] == 4
    assert np.isfinite(search.cv_results_["std_test_score"]).all()


def test_several_scorers_at_once(blobs):
    X, y = blobs
    scoring = {
        "silhouette": silhouette_scorer,
        "davies_bouldin": davies_bouldin_scorer,
        "accuracy": clustering_accuracy_scorer,
    }
    kmeans = KMeans(4, random_state=0)
    scores = cross_validate(kmeans, X, y, scoring=scoring, error_score="raise")
    with config_context(enable_metadata_routing=True):
        routed = cross_validate(kmeans, X, y, scoring=scoring, error_score="raise")
    for name in scoring:
        np.testing.assert_array_equal(scores[f"test_{name}"], routed[f"test_{name}"])


@pytest.mark.parametrize("scorer", UNSUPERVISED)
@pytest.mark.parametrize("n_clusters", [1, 20])
def test_undefined_index_is_worst(blobs, scorer, n_clusters):
    X = blobs[0][:20]
    worst = scorer(KMeans(n_clusters, random_state=0).fit(X), X)
    assert worst == scorer.worst_score
    assert worst <= scorer(KMeans(10, random_state=0).fit(X), X)


def test_pickle_and_repr(blobs):
    X, _ = blobs
    kmeans = KMeans(3, random_state=0).fit(X)
    for scorer in UNSUPERVISED:
        assert pickle.loads(pickle.dumps(scorer))(kmeans, X) == scorer(kmeans, X)
    assert repr(silhouette_scorer) == "make_unsupervised_scorer(silhouette_score, on='last_step')"
    cosine = make_unsupervised_scorer(partial(silhouette_score, metric="cosine"))
    assert "cosine" in repr(cosine)
    assert cosine(kmeans, X) == silhouette_score(X, kmeans.predict(X), metric="cosine")


def test_sample_is_repeatable_and_leaves_the_global_state(blobs):
    X, _ = blobs
    kmeans = KMeans(3, random_state=0).fit(X)
    before = check_random_state(None).get_state()[1].copy()
    whole = make_unsupervised_scorer(silhouette_score)(kmeans, X)
    scores = {
        make_unsupervised_scorer(silhouette_score, sample_size=60, random_state=seed)(kmeans, X)
        for seed in (0, 0, 1)
    }
    assert len(scores) == 2
    assert whole == pytest.approx(np.mean(list(scores)), abs=0.1)
    assert (
        make_unsupervised_scorer(silhouette_score, sample_size=200)(kmeans, X)
        == make_unsupervised_scorer(silhouette_score, sample_size=10**6)(kmeans, X)
        == whole
    )
    np.testing.assert_array_equal(before, check_random_state(None).get_state()[1])


@pytest.fixture
def customers(blobs):
    """Two measured columns with four clusters, one of text, one in a much larger unit."""
    X, y = blobs
    frame = pd.DataFrame(X, columns=["age", "visits"])
    frame["city"] = np.array(["Oslo", "Lima", "Rome", "Cork"])[y]
    frame["income"] = np.random.default_rng(0).choice([0, 9000], len(X)) + X[:, 0]
    return frame


@pytest.mark.parametrize("scorer", UNSUPERVISED)
def test_text_columns_are_scored_as_the_clusterer_receives_them(customers, scorer):
    columns = make_column_transformer(
        (StandardScaler(), ["age", "visits"]), (OneHotEncoder(), ["city"])
    )
    pipeline = make_pipeline(columns, KMeans(random_state=0, n_init=3))
    search = GridSearchCV(
        pipeline, {"kmeans__n_clusters": [2, 3, 4, 6]}, scoring=scorer, error_score="raise"
    ).fit(customers)
    assert search.best_params_ == {"kmeans__n_clusters": 4}
    rows = pipeline.fit(customers)[:-1].transform(customers)
    assert scorer(pipeline, customers) == scorer(pipeline[-1], rows)


@pytest.mark.parametrize("scorer", UNSUPERVISED)
def test_units_of_the_input_do_not_choose_the_candidate(customers, scorer):
    X = customers[["age", "visits", "income"]]
    pipeline = make_pipeline(StandardScaler(), KMeans(4, random_state=0)).fit(X)
    nested = make_pipeline(FrozenEstimator(pipeline[:-1]), make_pipeline(pipeline[-1])).fit(X)
    search = GridSearchCV(pipeline, {"kmeans__n_clusters": [4]}, cv=2).fit(X)
    expected = scorer(pipeline[-1], pipeline[:-1].transform(X))
    for estimator in (pipeline, nested, FrozenEstimator(pipeline), search):
        assert scorer(estimator, X) == pytest.approx(expected)
    on_input = make_unsupervised_scorer(
        scorer.metric, on="input", greater_is_better=scorer.greater_is_better
    )
    sign = 1 if scorer.greater_is_better else -1
    assert on_input(pipeline, X) == pytest.approx(sign * scorer.metric(X, pipeline.predict(X)))
    assert on_input(pipeline, X) != pytest.approx(expected, rel=0.1)


def test_rows_of_a_pipeline_without_predict_are_those_of_its_clone(blobs):
    X, _ = blobs
    pipeline = make_pipeline(StandardScaler(), DBSCAN(eps=0.2)).fit(10 * X[:50])
    scaled = StandardScaler().fit_transform(X)
    labels = DBSCAN(eps=0.2).fit_predict(scaled)
    kept = labels != -1
    assert silhouette_scorer(pipeline, X) == silhouette_score(scaled[kept], labels[kept])


def test_what_is_not_a_number_is_an_error_that_a_search_can_show(customers):
    pipeline = make_pipeline(
        make_column_transformer((StandardScaler(), ["age", "visits"])), KMeans(4, random_state=0)
    )
    on_input = make_unsupervised_scorer(silhouette_score, on="input")
    message = r"the rows given to the scorer, which are not numbers: .*Oslo.*on=\"last_step\""
    customers = customers.assign(city="Oslo")
    with pytest.raises(TypeError, match=message):
        on_input(pipeline.fit(customers), customers)
    search = GridSearchCV(pipeline, {"kmeans__n_clusters": [2, 4]}, scoring=on_input)
    with pytest.raises(TypeError, match=message):
        search.set_params(error_score="raise").fit(customers)
    # Its errors are the metric's own where rows are numbers.
    missing = make_unsupervised_scorer(silhouette_score)
    with pytest.raises(ValueError, match="NaN"):
        missing(Labeler(), np.array([[1.0], [np.nan], [-1.0], [2.0]]))


def test_a_metric_of_text_is_given_text(customers):
    def n_cities(X, labels):
        return len(set(X["city"]))

    labeler = Labeler()
    labeler.predict = lambda X: np.arange(len(X)) % 2
    assert make_unsupervised_scorer(n_cities)(labeler, customers) == 4


def test_default_space_is_common_to_all_embeddings():
    X = np.random.default_rng(0).normal(size=(100, 5))
    on_embedding = make_unsupervised_scorer(silhouette_score, on="embedding")
    collapsed, honest = Labeler(scale=0.01).fit(X), Labeler(scale=1).fit(X)
    assert on_embedding(collapsed, X) > 0.95
    assert on_embedding(collapsed, X) > on_embedding(honest, X)
    assert silhouette_scorer(collapsed, X) == silhouette_scorer(honest, X) < 0.3
    assert on_embedding(collapsed, X) == silhouette_score(
        collapsed.transform(X), collapsed.predict(X)
    )


def test_distances_to_centers_are_no_embedding(blobs):
    X, _ = blobs
    on_embedding = make_unsupervised_scorer(silhouette_score, on="embedding")
    kmeans = KMeans(3, random_state=0).fit(X)
    assert on_embedding(kmeans, X) == silhouette_score(X, kmeans.labels_)
    pipeline = make_pipeline(StandardScaler(), PCA(1), KMeans(3, random_state=0)).fit(X)
    assert on_embedding(pipeline, X) == silhouette_score(
        pipeline[:-1].transform(X), pipeline.predict(X)
    )
    search = GridSearchCV(pipeline, {"kmeans__n_clusters": [3]}).fit(X)
    assert on_embedding(search, X) == pytest.approx(on_embedding(pipeline, X))


def test_noise_is_left_out():
    X = np.random.default_rng(0).normal(size=(100, 2))
    labeler = Labeler(noise_above=1).fit(X)
    kept = labeler.labels_ != -1
    assert not kept.all()
    assert silhouette_scorer(labeler, X) == silhouette_score(X[kept], labeler.labels_[kept])
    assert silhouette_scorer(Labeler(noise_above=-10).fit(X), X) == -1


def test_transductive_estimators_cluster_the_scored_rows(blobs):
    X, _ = blobs
    dbscan = DBSCAN(eps=0.5)
    score = silhouette_scorer(dbscan.fit(X[:100]), X[100:])
    labels = DBSCAN(eps=0.5).fit_predict(X[100:])
    assert score == silhouette_score(X[100:][labels != -1], labels[labels != -1])
    assert len(dbscan.labels_) == 100


def test_images_and_sparse_rows(blobs):
    X, _ = blobs
    images = np.random.default_rng(0).normal(size=(50, 1, 4, 4))
    labeler = Labeler().fit(images)
    assert silhouette_scorer(labeler, images) == silhouette_score(
        images.reshape(50, -1), labeler.labels_
    )
    kmeans = KMeans(4, random_state=0).fit(X)
    assert silhouette_scorer(kmeans, csr_array(X)) == pytest.approx(silhouette_scorer(kmeans, X))


def test_accuracy_scorer():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    kmeans = KMeans(3, random_state=0).fit(X)
    expected = clustering_accuracy(y, kmeans.labels_)
    assert clustering_accuracy_scorer(kmeans, X, names) == expected > 0.85
    search = GridSearchCV(
        KMeans(random_state=0), {"n_clusters": [2, 3, 8]}, scoring=clustering_accuracy_scorer
    )
    assert search.fit(X, names).best_params_ == {"n_clusters": 3}


@pytest.mark.parametrize("unknown", [-1, np.nan])
def test_accuracy_of_a_search_is_that_of_the_known_classes(unknown):
    X, y = shuffle(*load_iris(return_X_y=True), random_state=0)
    known = np.arange(len(y)) % 2 == 0
    y = np.where(known, y, unknown)
    search = GridSearchCV(
        KMeans(random_state=0), {"n_clusters": [2, 3, 8]}, scoring=clustering_accuracy_scorer
    )
    assert search.fit(X, y).best_params_ == {"n_clusters": 3}
    assert clustering_accuracy_scorer(search, X, y) == clustering_accuracy(
        y[known], search.predict(X[known])
    )
    with pytest.raises(ValueError, match="y_true has no known label"):
        search.set_params(error_score="raise").fit(X, np.full(len(y), unknown))


@pytest.mark.parametrize(
    "arguments",
    [
        {"metric": "silhouette"},
        {"on": "latent"},
        {"sample_size": 1},
        {"random_state": "seed"},
        {"worst_score": -np.inf},
    ],
)
def test_bad_parameters(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        make_unsupervised_scorer(**{"metric": silhouette_score} | arguments)


def test_import_is_light_and_all_is_complete():
    program = (
        "import sys; from skdeepcluster.metrics import *;"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert metrics.__all__ == sorted(metrics.__all__)
